//! Moments in a request, as texts and as numbers, moved all alike by whole seconds.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value};

use crate::routing::UnixMillis;

/// What lies further from the receipt, in seconds, is no moment of the call.
const NEAR: i64 = 30 * DAY;
const DAY: i64 = 86_400;
/// In parts of a second: numbers count seconds, milliseconds or microseconds.
const UNITS: [i64; 3] = [1, 1_000, 1_000_000];
/// `yyyy-MM-ddTHH:mm:ss`.
const LENGTH: usize = 19;

/// How far moments are moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    /// In seconds since 1970.
    received: i64,
    shift: i64,
}

/// A moment as a text writes it.
struct Written<'a> {
    /// In seconds since 1970, and what its zone adds.
    at: i64,
    zone: i64,
    separator: &'a str,
    /// Fraction and zone.
    rest: &'a str,
}

impl Moments {
    /// Moves what came at one moment so that it comes less than a second before the other.
    pub(super) fn new(received_at: UnixMillis, shown_at: UnixMillis) -> Self {
        let shift = shown_at.0.saturating_sub(received_at.0).div_euclid(1_000);
        Self { received: received_at.0.div_euclid(1_000), shift }
    }

    /// Whether the text is a moment near the receipt.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let number = text.parse::<i64>().ok().and_then(|number| self.moved(number));
        number.is_some() || written(text).is_some_and(|written| self.is_near(written.at))
    }

    /// The text with its moment moved, in the same form; one that is far from the receipt becomes that of the receipt.
    /// None where it is none.
    pub(super) fn moved_text(&self, text: &str) -> Option<String> {
        if let Some(moved) = text.parse::<i64>().ok().and_then(|number| self.moved(number)) {
            return Some(moved.to_string());
        }
        if is_date(text) {
            return Some(text.chars().map(|c| if c.is_ascii_digit() { '1' } else { c }).collect());
        }
        let Written { at, zone, separator, rest } = written(text)?;
        // How some senders write that there is none.
        if (0..DAY).contains(&at) {
            return Some(text.to_owned());
        }
        let at = if self.is_near(at) { at } else { self.received };
        let moved = Timestamp::from_second(at.checked_add(self.shift)?.checked_add(zone)?).ok()?;
        Some(format!(
            "{}{separator}{}{rest}",
            moved.strftime("%Y-%m-%d"),
            moved.strftime("%H:%M:%S")
        ))
    }

    /// The number with its moment moved; none where it is none near the receipt.
    pub(super) fn moved_number(&self, number: &Number) -> Option<Value> {
        if let Some(whole) = number.as_i64() {
            return self.moved(whole).map(Value::from);
        }
        let float = number.as_f64()?;
        let near = (float - self.received as f64).abs() <= NEAR as f64;
        let moved = near.then(|| Number::from_f64(float + self.shift as f64))??;
        Some(Value::Number(moved))
    }

    fn moved(&self, number: i64) -> Option<i64> {
        let near = |unit: &i64| self.is_near(number.div_euclid(*unit));
        let unit = UNITS.into_iter().find(near)?;
        number.checked_add(self.shift.checked_mul(unit)?)
    }

    fn is_near(&self, second: i64) -> bool {
        second.abs_diff(self.received) <= NEAR.unsigned_abs()
    }
}

/// A date alone, which is more often one of birth than one of the call.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '.', '/']).collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    parts.iter().all(digits) && matches!(lengths.as_slice(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
}

/// Reads `yyyy-MM-ddTHH:mm:ss` with a blank or a `T`, a fraction or none, a zone or none.
fn written(text: &str) -> Option<Written<'_>> {
    let (front, rest) = (text.get(..LENGTH)?, text.get(LENGTH..)?);
    let separator = front.get(10..11).filter(|separator| ["T", "t", " "].contains(separator))?;
    let civil = front.replacen(separator, "T", 1);
    let civil = DateTime::strptime("%Y-%m-%dT%H:%M:%S", civil).ok()?;
    let fraction = rest
        .strip_prefix(['.', ','])
        .map_or(0, |digits| 1 + digits.bytes().take_while(u8::is_ascii_digit).count());
    let zone = zone(rest.get(fraction..)?.trim())?;
    let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let at = at.checked_sub(SignedDuration::from_secs(zone)).ok()?.as_second();
    Some(Written { at, zone, separator, rest })
}

/// What a zone adds, in seconds.
fn zone(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let minutes = match digits.len() {
        2 => 0,
        4 => number(2..4)?,
        _ => return None,
    };
    Some(sign * (number(0..2)? * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_moved_in_their_own_form() {
        let received = UnixMillis::from_rfc3339("2026-11-30T12:00:00.400Z").unwrap();
        let shown = UnixMillis::from_rfc3339("2026-11-21T17:00:01Z").unwrap();
        let moments = Moments::new(received, shown);
        for (text, moved) in [
            ("2026-11-30T12:00:00.400Z", Some("2026-11-21T17:00:00.400Z")),
            ("2026-11-30T13:59:59.1234567+02:00", Some("2026-11-21T18:59:59.1234567+02:00")),
            ("2026-11-30 12:00:00", Some("2026-11-21 17:00:00")),
            ("2026-11-30T12:00:00+0000", Some("2026-11-21T17:00:00+0000")),
            ("1980-05-01T00:00:00Z", Some("2026-11-21T17:00:00Z")),
            ("1970-01-01T00:00:00.001Z", Some("1970-01-01T00:00:00.001Z")),
            ("1980-05-01", Some("1111-11-11")),
            ("1.5.1980", Some("1.1.1111")),
            ("1796040000400", Some("1795280400400")),
            ("1796040000", Some("1795280400")),
            ("4915112345678", None),
            ("2026-11-30Q12:00:00", None),
            ("1.2.3", None),
        ] {
            assert_eq!(moments.moved_text(text).as_deref(), moved, "{text}");
        }
        let number = |text: &str| moments.moved_number(&serde_json::from_str(text).unwrap());
        assert_eq!(number("1796040000400"), Some(1_795_280_400_400_i64.into()));
        assert_eq!(number("1796040000.5"), Some(serde_json::json!(1_795_280_400.5)));
        assert_eq!(number("5000000000000000"), None);
    }
}
