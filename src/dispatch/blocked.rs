//! Why the loop could not send, and when: so that the log can say where an entry's time went.

use std::collections::VecDeque;

use crate::awa::pace::Why;
use crate::routing::{UnixMillis, Waited};

/// How many stretches are remembered; of an entry that waited longer the rest counts as time of its lane.
const KEPT: usize = 1_024;

/// Stretches of time in which nothing could be sent, each with its cause.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    past: VecDeque<(UnixMillis, UnixMillis, Why)>,
    current: Option<(UnixMillis, Why)>,
}

impl Blocked {
    /// From now on nothing can be sent, for this cause; whether that is new.
    pub(super) fn begins(&mut self, why: Why, now: UnixMillis) -> bool {
        let new = self.current.is_none_or(|(_, current)| current != why);
        if new {
            self.ends(now);
            self.current = Some((now, why));
        }
        new
    }

    /// From now on it could.
    pub(super) fn ends(&mut self, now: UnixMillis) {
        if let Some((since, why)) = self.current.take() {
            if self.past.len() == KEPT {
                self.past.pop_front();
            }
            self.past.push_back((since, now, why));
        }
    }

    /// How much of the time from `from` to `to` was blocked, by cause.
    pub(super) fn during(&self, from: UnixMillis, to: UnixMillis) -> Waited {
        let current = self.current.map(|(since, why)| (since, to, why));
        let mut waited = Waited::default();
        for (since, until, why) in self.past.iter().copied().chain(current) {
            let ms = until.min(to).since(since.max(from));
            match why {
                Why::RateLimit | Why::Budget => {
                    waited.rate_limit = waited.rate_limit.saturating_add(ms)
                }
                Why::RetryAfter => waited.retry_after = waited.retry_after.saturating_add(ms),
                Why::Breaker | Why::Unauthorised => {
                    waited.breaker = waited.breaker.saturating_add(ms)
                }
                Why::Concurrency => waited.lane = waited.lane.saturating_add(ms),
            }
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_split_over_the_stretches_that_it_crossed() {
        let mut blocked = Blocked::default();
        assert!(blocked.begins(Why::RateLimit, UnixMillis(100)));
        assert!(!blocked.begins(Why::RateLimit, UnixMillis(150)));
        assert!(blocked.begins(Why::Breaker, UnixMillis(200)));
        blocked.ends(UnixMillis(260));
        assert!(blocked.begins(Why::RetryAfter, UnixMillis(300)));
        let waited = blocked.during(UnixMillis(150), UnixMillis(320));
        let expected = Waited { rate_limit: 50, breaker: 60, retry_after: 20, ..Waited::default() };
        assert_eq!(waited, expected);
    }

    #[test]
    fn time_before_an_entry_was_due_is_not_its_own() {
        let mut blocked = Blocked::default();
        assert!(blocked.begins(Why::RateLimit, UnixMillis(0)));
        blocked.ends(UnixMillis(100));
        assert_eq!(blocked.during(UnixMillis(100), UnixMillis(200)), Waited::default());
    }
}
