//! ServiceNow's clock as seen from ours, measured from the `Date` headers of its answers.
//!
//! A header of one second's resolution says only that the offset lies in an interval; the intersection of many is
//! narrow. The interval widens with age, and one that contradicts it (a stepped clock) replaces it.

use crate::routing::{ClockOffset, UnixMillis};

/// One millisecond of widening for so many milliseconds of age: 500 ppm.
const DRIFT: u64 = 2_000;
/// By less than this our clock is not said to have been set back, in milliseconds.
const SET_BACK: u64 = 1_000;
/// No clock that keeps time is further off than this, in milliseconds: such a header says nothing of ServiceNow's
/// clock.
const FARTHEST: i64 = 86_400_000;

/// ServiceNow's clock less ours, as an interval in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Offset {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    bounds: ClockOffset,
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
        if low > FARTHEST || high < -FARTHEST {
            return;
        }
        let known = self.known.map_or(ClockOffset { low, high }, |known| known.aged(end));
        let narrowed = ClockOffset { low: known.low.max(low), high: known.high.min(high) };
        let contradicted = narrowed.low > narrowed.high;
        let bounds = if contradicted { ClockOffset { low, high } } else { narrowed };
        self.known = Some(Known { bounds, at: end });
    }

    /// What is known at `now`; none before the first answer. A measurement from the future says that our clock was set
    /// back since: then nothing is known.
    pub(super) fn at(&self, now: UnixMillis) -> Option<ClockOffset> {
        let known = self.known.filter(|known| known.at.since(now) < SET_BACK)?;
        Some(known.aged(now))
    }

    /// A moment of ours on ServiceNow's clock, by the likeliest offset.
    pub(super) fn on_their_clock(&self, moment: UnixMillis, now: UnixMillis) -> UnixMillis {
        UnixMillis(moment.0.saturating_add(self.at(now).map_or(0, ClockOffset::likely)))
    }
}

impl Known {
    fn aged(self, now: UnixMillis) -> ClockOffset {
        let widening = i64::try_from(now.since(self.at) / DRIFT).unwrap_or(i64::MAX / 4);
        let ClockOffset { low, high } = self.bounds;
        ClockOffset { low: low.saturating_sub(widening), high: high.saturating_add(widening) }
    }
}

#[cfg(test)]
mod tests;
