//! The one grammar of durations, in the configuration and in profiles.

use std::time::Duration;

/// Reads a whole number and its unit: `250ms`, `10s`, `10m`, `72h`, `3d`. None for everything else.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(count.checked_mul(millis)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_and_a_unit_are_a_duration() {
        for (text, ms) in
            [("250ms", 250), ("0s", 0), ("10m", 600_000), ("72h", 259_200_000), ("3d", 259_200_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "10S", "3w", "99999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
