//! ServiceNow's clock as seen from ours, measured from the `Date` headers of its answers.
//!
//! A header of one second's resolution says only that the offset lies in an interval; the intersection of many is
//! narrow. The interval widens with age, and one that contradicts it (a stepped clock) replaces it.

use crate::routing::UnixMillis;

/// How far a held moment stays behind ServiceNow's clock, in milliseconds.
const MARGIN: u64 = 250;
/// The same after ServiceNow has refused a moment as ahead of its clock.
const CORRECTED_MARGIN: u64 = 500;
/// The same where nothing is known of ServiceNow's clock.
const UNKNOWN_MARGIN: u64 = 2_000;
/// One millisecond of widening for so many milliseconds of age: 500 ppm.
const DRIFT: u64 = 2_000;
/// By less than this our clock is not said to have been set back, in milliseconds.
const SET_BACK: u64 = 1_000;

/// ServiceNow's clock less ours, as an interval in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Offset {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    low: i64,
    high: i64,
    at: UnixMillis,
}

impl Offset {
    /// Takes in a `Date` header of an answer whose request left at `start` and whose head came at `end`.
    pub(super) fn measure(&mut self, date: UnixMillis, start: UnixMillis, end: UnixMillis) {
        if end < start {
            return;
        }
        let low = date.0.saturating_sub(end.0);
        let high = date.0.saturating_add(999).saturating_sub(start.0);
        let fresh = Known { low, high, at: end };
        let narrowed = self.known.map(|known| known.aged(end)).and_then(|known| {
            let (low, high) = (known.low.max(fresh.low), known.high.min(fresh.high));
            (low <= high).then_some(Known { low, high, at: end })
        });
        self.known = Some(narrowed.unwrap_or(fresh));
    }

    /// What is known at `now`. A measurement from the future says that our clock was set back since: it tells nothing then.
    fn at(&self, now: UnixMillis) -> Option<Known> {
        let known = self.known.filter(|known| known.at.since(now) < SET_BACK)?;
        Some(known.aged(now))
    }

    /// The likeliest offset in milliseconds, ServiceNow's clock less ours; none before the first answer.
    pub(super) fn likely(&self, now: UnixMillis) -> Option<i64> {
        self.at(now).map(|known| known.low.midpoint(known.high))
    }

    /// What to write in place of a moment that surely lies ahead of ServiceNow's clock; none where it may not, or
    /// nothing is known of that clock: an honest moment must not be bent for a clock that is known to the second.
    pub(super) fn hold(&self, moment: UnixMillis, now: UnixMillis) -> Option<UnixMillis> {
        let ahead = moment.0 > now.0.saturating_add(self.at(now)?.high);
        ahead.then(|| self.surely_past(now).minus(MARGIN))
    }

    /// A moment well in ServiceNow's past, for the repeat of a call refused for its clock.
    pub(super) fn corrected(&self, now: UnixMillis) -> UnixMillis {
        let margin = if self.at(now).is_some() { CORRECTED_MARGIN } else { UNKNOWN_MARGIN };
        self.surely_past(now).minus(margin)
    }

    /// A moment of ours on ServiceNow's clock, by the likeliest offset.
    pub(super) fn on_their_clock(&self, moment: UnixMillis, now: UnixMillis) -> UnixMillis {
        UnixMillis(moment.0.saturating_add(self.likely(now).unwrap_or(0)))
    }

    fn surely_past(&self, now: UnixMillis) -> UnixMillis {
        let low = self.at(now).map_or(0, |known| known.low);
        UnixMillis(now.0.saturating_add(low))
    }
}

impl Known {
    fn aged(self, now: UnixMillis) -> Self {
        let widening = i64::try_from(now.since(self.at) / DRIFT).unwrap_or(i64::MAX / 4);
        let (low, high) = (self.low.saturating_sub(widening), self.high.saturating_add(widening));
        Self { low, high, at: self.at }
    }
}

#[cfg(test)]
mod tests;
