//! ServiceNow's clock as far as it is known, and the `offered_on` that is written by it.

use super::UnixMillis;

/// How far a moment that is moved stays behind ServiceNow's clock, in milliseconds.
const MARGIN: u64 = 250;
/// The same after ServiceNow has refused a moment as ahead of its clock.
const CORRECTED_MARGIN: u64 = 500;
/// The same where nothing is known of ServiceNow's clock.
const UNKNOWN_MARGIN: u64 = 2_000;

/// ServiceNow's clock less ours in milliseconds: it lies between these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl ClockOffset {
    /// The likeliest offset, in milliseconds.
    #[must_use]
    pub(crate) const fn likely(self) -> i64 {
        self.low.midpoint(self.high)
    }
}

/// The `offered_on` of an offer that the vendor made at `moment`: that moment, but for one that surely lies ahead of
/// ServiceNow's clock. Where nothing is known of that clock, an honest moment is not bent.
pub(super) fn offered_on(
    moment: UnixMillis,
    offset: Option<ClockOffset>,
    now: UnixMillis,
) -> UnixMillis {
    match offset {
        Some(ClockOffset { low, high }) if moment.0 > now.0.saturating_add(high) => {
            UnixMillis(now.0.saturating_add(low)).minus(MARGIN).min(moment)
        }
        Some(_) | None => moment,
    }
}

/// The same after ServiceNow has refused a moment as ahead of its clock: one well in its past.
pub(super) fn corrected_offered_on(
    moment: UnixMillis,
    offset: Option<ClockOffset>,
    now: UnixMillis,
) -> UnixMillis {
    let (low, margin) = offset.map_or((0, UNKNOWN_MARGIN), |known| (known.low, CORRECTED_MARGIN));
    UnixMillis(now.0.saturating_add(low)).minus(margin).min(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn known(low: i64, high: i64) -> Option<ClockOffset> {
        Some(ClockOffset { low, high })
    }

    #[test]
    fn a_moment_in_servicenows_past_stays_and_one_ahead_is_put_behind_its_clock() {
        let behind = known(-5_080, -4_920);
        assert_eq!(offered_on(NOW.minus(6_000), behind, NOW), NOW.minus(6_000));
        assert_eq!(offered_on(NOW.minus(1_000), behind, NOW), NOW.minus(5_080 + MARGIN));
        assert_eq!(offered_on(NOW.plus(60_000), None, NOW), NOW.plus(60_000), "nothing is known");
        let a_second_wide = known(-999, 0);
        assert_eq!(offered_on(NOW.minus(1), a_second_wide, NOW), NOW.minus(1), "an honest moment");
    }

    #[test]
    fn a_corrected_moment_is_surely_past() {
        assert_eq!(corrected_offered_on(NOW, None, NOW), NOW.minus(UNKNOWN_MARGIN));
        let ahead = known(720, 880);
        assert_eq!(corrected_offered_on(NOW.plus(5_000), ahead, NOW), NOW.plus(220));
        assert_eq!(corrected_offered_on(NOW.minus(9_000), ahead, NOW), NOW.minus(9_000));
    }
}
