//! One log line and one count per state that an event reaches, called by whoever committed the decision; and the cap on
//! lines that an outage would repeat without end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use metrics::counter;
use tracing::field::display;
use tracing::{error, info};

use crate::metrics as names;
use crate::routing::{Outcome, UnixMillis};
use crate::store::Settled;

/// Reasons of a dead letter that a person has to act on: nothing heals them by itself.
const ACT_ON: [&str; 5] = ["misconfigured", "unreadable", "in_doubt", "clock_skew", "damaged_row"];

/// Says how events ended.
pub fn settled(all: &[Settled]) {
    for one in all {
        let Settled { meta, outcome, reason, attempts, waited, received_at: _ } = one;
        let (source, kind, state) = (meta.source.to_string(), meta.kind, outcome.as_str());
        counter!(names::EVENTS, "source" => source.clone(), "kind" => kind, "state" => state)
            .increment(1);
        if *outcome == Outcome::Expired {
            counter!(names::EXPIRED, "source" => source.clone()).increment(1);
        }
        if reason.code == "logical_duplicate" {
            counter!(names::LOGICAL_DUPLICATES, "source" => source.clone()).increment(1);
        }
        let (event_id, conversation) = (meta.id.as_str(), meta.conversation.as_str());
        let what = if kind == "unknown" { "event" } else { kind };
        let detail = reason.detail.as_deref();
        let (reason, waited_ms) = (reason.code.as_str(), waited.total());
        let waited = (waited_ms > 0).then(|| display(waited));
        if *outcome == Outcome::Dead && ACT_ON.contains(&reason) {
            error!(
                source,
                event_id,
                kind,
                conversation,
                state,
                reason,
                detail,
                attempts,
                waited_ms,
                waited,
                "The {what} is given up and wants a person: `awa-bridge events show {source}/{event_id}`"
            );
        } else {
            info!(
                source,
                event_id,
                kind,
                conversation,
                state,
                reason,
                detail,
                attempts,
                waited_ms,
                waited,
                "The {what} is {state}"
            );
        }
    }
}

/// At most one line a cause in this many milliseconds.
const PAUSE: u64 = 10_000;

/// Caps lines that come again and again: one a cause in ten seconds, which then says how many it stands for.
#[derive(Debug, Default)]
pub struct Repeats {
    causes: Mutex<HashMap<String, Capped>>,
}

#[derive(Debug, Clone, Copy)]
struct Capped {
    said_at: UnixMillis,
    came_at: UnixMillis,
    unsaid: u64,
    total: u64,
}

impl Repeats {
    /// Whether the cause may be said now, and how often it came unsaid since it was said last, if it did.
    #[must_use]
    pub fn may_say(&self, cause: &str, now: UnixMillis) -> Option<Option<u64>> {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(capped) = causes.get_mut(cause) else {
            causes.insert(
                cause.to_owned(),
                Capped { said_at: now, came_at: now, unsaid: 0, total: 1 },
            );
            return Some(None);
        };
        capped.total += 1;
        capped.came_at = now;
        if is_recent(capped.said_at, now) {
            capped.unsaid += 1;
            return None;
        }
        capped.said_at = now;
        let unsaid = std::mem::take(&mut capped.unsaid);
        Some((unsaid > 0).then_some(unsaid))
    }

    /// Forgets everything once no cause has come for ten seconds; how often all came in all.
    #[must_use]
    pub fn healed(&self, now: UnixMillis) -> Option<u64> {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        if causes.values().any(|capped| is_recent(capped.came_at, now)) {
            return None;
        }
        let total = causes.drain().map(|(_, capped)| capped.total).sum();
        (total > 0).then_some(total)
    }
}

/// A wall clock that was set back must not silence anything.
fn is_recent(at: UnixMillis, now: UnixMillis) -> bool {
    at <= now && now.since(at) < PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_in_ten_seconds_and_then_with_its_count() {
        let repeats = Repeats::default();
        assert_eq!(repeats.may_say("busy", UnixMillis(0)), Some(None));
        assert_eq!(repeats.may_say("busy", UnixMillis(1)), None);
        assert_eq!(repeats.may_say("busy", UnixMillis(9_999)), None);
        assert_eq!(repeats.may_say("other", UnixMillis(9_999)), Some(None));
        assert_eq!(repeats.may_say("busy", UnixMillis(10_000)), Some(Some(2)));
        assert_eq!(repeats.healed(UnixMillis(19_999)), None);
        assert_eq!(repeats.healed(UnixMillis(20_000)), Some(5));
        assert_eq!(repeats.healed(UnixMillis(20_000)), None);
        assert_eq!(repeats.may_say("busy", UnixMillis(20_001)), Some(None));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let repeats = Repeats::default();
        assert_eq!(repeats.may_say("busy", UnixMillis(3_600_000)), Some(None));
        assert_eq!(repeats.may_say("busy", UnixMillis(3_600_001)), None);
        assert_eq!(repeats.may_say("busy", UnixMillis(5)), Some(Some(1)));
        assert_eq!(repeats.may_say("busy", UnixMillis(6)), None);
        assert_eq!(repeats.may_say("once", UnixMillis(3_600_000)), Some(None));
        assert_eq!(repeats.healed(UnixMillis(20_000)), Some(5));
    }
}
