//! Requests of the last hour, counted by the minute.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::awa::RateLimit;
use crate::routing::{UnixMillis, Urgency};

const MINUTE: i64 = 60_000;
/// The running minute and the sixty before it, so that no hour is counted short.
const MINUTES: i64 = 61;

/// How many requests left in which minute, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    minutes: VecDeque<(i64, u32)>,
}

impl Budget {
    pub(super) fn charge(&mut self, requests: u32, now: UnixMillis) {
        if requests == 0 {
            return;
        }
        let minute = now.0.div_euclid(MINUTE);
        self.minutes.retain(|(old, _)| (0..MINUTES).contains(&minute.saturating_sub(*old)));
        match self.minutes.back_mut() {
            Some((last, count)) if *last == minute => *count = count.saturating_add(requests),
            Some(_) | None => self.minutes.push_back((minute, requests)),
        }
    }

    /// Gives one request back that was charged at that moment and did not leave.
    pub(super) fn give_back(&mut self, at: UnixMillis) {
        let minute = at.0.div_euclid(MINUTE);
        if let Some((_, count)) = self.minutes.iter_mut().rfind(|(charged, _)| *charged == minute) {
            *count = count.saturating_sub(1);
        }
    }

    /// Requests that still count.
    pub(super) fn used(&self, now: UnixMillis) -> u32 {
        self.counting(now).map(|(_, count)| count).fold(0, u32::saturating_add)
    }

    /// When the next request fits below `allowed`; none if it fits now or there is no budget.
    pub(super) fn full_until(&self, allowed: Option<u32>, now: UnixMillis) -> Option<UnixMillis> {
        let allowed = allowed?;
        let mut used = self.used(now);
        if used < allowed {
            return None;
        }
        for (minute, count) in self.counting(now) {
            used = used.saturating_sub(count);
            if used < allowed {
                return Some(UnixMillis(minute.saturating_add(MINUTES).saturating_mul(MINUTE)));
            }
        }
        // Nothing is allowed at all: ask again in a minute.
        Some(now.plus(60_000))
    }

    fn counting(&self, now: UnixMillis) -> impl Iterator<Item = (i64, u32)> + '_ {
        let minute = now.0.div_euclid(MINUTE);
        self.minutes
            .iter()
            .copied()
            .filter(move |(old, _)| (0..MINUTES).contains(&minute.saturating_sub(*old)))
    }
}

/// Requests in an hour that a call of this urgency may fill up to; none = no budget.
pub(super) fn allowed(limit: RateLimit, urgency: Urgency) -> Option<u32> {
    let whole = (limit.per_hour > 0).then_some(limit.per_hour)?;
    match urgency {
        Urgency::Live(_) => Some(whole),
        Urgency::Offer(_) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a u32"
            )]
            let kept = (f64::from(whole) * limit.reserve.clamp(0.0, 1.0)).ceil() as u32;
            Some(whole.saturating_sub(kept))
        }
    }
}
