//! The cap on lines that come again and again, also where whoever sends chooses what they say.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::counter;

use crate::metrics::LOG_LINES_HELD_BACK;
use crate::routing::UnixMillis;

/// At most one line a cause in this many milliseconds.
const PAUSE: u64 = 10_000;

/// How many causes of one source are told apart; all others are one cause together.
const CAUSES: usize = 100;

/// A cause that has not come for so many milliseconds makes room for another.
const FORGOTTEN: u64 = 600_000;

/// How many lines about one source are written in [`MINUTE`].
const LINES: usize = 30;
const MINUTE: u64 = 60_000;

/// What causes past [`CAUSES`] are known by; no cause of a program's own is empty.
const OTHERS: &str = "";

/// Caps lines that come again and again: one a cause in ten seconds, which then says how many it stands for, and 30 a
/// minute for each source.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    groups: Mutex<HashMap<String, Group>>,
}

/// What is told of one source.
#[derive(Debug, Default)]
struct Group {
    causes: HashMap<String, Capped>,
    /// When the minute began, and how many lines were said in it.
    share: Option<(UnixMillis, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Capped {
    /// None: not yet.
    said_at: Option<UnixMillis>,
    came_at: UnixMillis,
    unsaid: u64,
    total: u64,
}

impl Repeats {
    /// Whether the cause may be said now, and how often it came unsaid since it was said last, if it did. For causes
    /// that the program itself knows.
    #[must_use]
    pub(crate) fn may_say(&self, cause: &str, now: UnixMillis) -> Option<Option<u64>> {
        let mut groups = self.groups();
        groups.entry(String::new()).or_default().may_say(cause, now, usize::MAX)
    }

    /// The same for a source, which may name as many causes as it likes: it has its share of lines, and what is held
    /// back is counted.
    #[must_use]
    pub(crate) fn may_say_of(
        &self,
        source: &str,
        cause: &str,
        now: UnixMillis,
    ) -> Option<Option<u64>> {
        let mut groups = self.groups();
        let said = match groups.get_mut(source) {
            Some(group) => group.may_say(cause, now, LINES),
            None => groups.entry(source.to_owned()).or_default().may_say(cause, now, LINES),
        };
        drop(groups);
        if said.is_none() {
            counter!(LOG_LINES_HELD_BACK, "source" => source.to_owned()).increment(1);
        }
        said
    }

    /// Forgets everything once no cause has come for ten seconds; how often all came in all.
    #[must_use]
    pub(crate) fn healed(&self, now: UnixMillis) -> Option<u64> {
        let mut groups = self.groups();
        let mut all = groups.values().flat_map(|group| group.causes.values());
        if all.any(|capped| is_within(capped.came_at, now, PAUSE)) {
            return None;
        }
        let all = groups.drain().flat_map(|(_, group)| group.causes.into_values());
        let total = all.map(|capped| capped.total).sum();
        (total > 0).then_some(total)
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn may_say(&mut self, cause: &str, now: UnixMillis, lines: usize) -> Option<Option<u64>> {
        let cause = self.known(cause, now);
        let fresh = Capped { said_at: None, came_at: now, unsaid: 0, total: 0 };
        if !self.causes.contains_key(cause) {
            self.causes.insert(cause.to_owned(), fresh);
        }
        let share = match self.share {
            Some((since, said)) if is_within(since, now, MINUTE) => (since, said),
            Some(_) | None => (now, 0),
        };
        let capped = self.causes.get_mut(cause)?;
        capped.total += 1;
        capped.came_at = now;
        if capped.said_at.is_some_and(|at| is_within(at, now, PAUSE)) || share.1 >= lines {
            capped.unsaid += 1;
            return None;
        }
        self.share = Some((share.0, share.1 + 1));
        capped.said_at = Some(now);
        let unsaid = std::mem::take(&mut capped.unsaid);
        Some((unsaid > 0).then_some(unsaid))
    }

    /// The cause itself, if it is known or there is room for it.
    fn known<'a>(&mut self, cause: &'a str, now: UnixMillis) -> &'a str {
        if self.causes.contains_key(cause) || self.causes.len() < CAUSES {
            return cause;
        }
        let others = self.causes.get(OTHERS).copied();
        // Looked through once for many that come: only when the others are to be said.
        if others.is_none_or(|others| !others.said_at.is_some_and(|at| is_within(at, now, PAUSE))) {
            self.causes.retain(|_, capped| is_within(capped.came_at, now, FORGOTTEN));
        }
        if self.causes.len() < CAUSES { cause } else { OTHERS }
    }
}

/// A wall clock that was set back must not silence anything.
fn is_within(at: UnixMillis, now: UnixMillis, ms: u64) -> bool {
    at <= now && now.since(at) < ms
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

    #[test]
    fn causes_that_the_sender_makes_up_cost_neither_memory_nor_lines() {
        let repeats = Repeats::default();
        let mut said = 0;
        for number in 0..20_000 {
            let cause = format!("unknown {number}");
            said += usize::from(repeats.may_say_of("a", &cause, UnixMillis(number)).is_some());
        }
        assert!(said <= LINES + 2, "{said} lines in 20 s");
        let groups = repeats.groups.lock().unwrap();
        assert!(groups["a"].causes.len() <= CAUSES + 1, "{}", groups["a"].causes.len());
        drop(groups);
        let other = repeats.may_say_of("b", "unknown 1", UnixMillis(20_000));
        assert_eq!(other, Some(None), "another source has its own share");
        assert!(repeats.may_say_of("a", "unknown", UnixMillis(120_000)).is_some(), "a new minute");
    }

    #[test]
    fn past_a_hundred_causes_the_others_are_one() {
        let repeats = Repeats::default();
        let mut now = UnixMillis(0);
        for number in 0..CAUSES {
            now = now.plus(1);
            assert!(repeats.may_say(&number.to_string(), now).is_some());
        }
        assert_eq!(repeats.may_say("one more", now), Some(None));
        assert_eq!(repeats.may_say("and another", now), None);
        assert_eq!(repeats.may_say("a third", now.plus(PAUSE)), Some(Some(1)));
        assert_eq!(repeats.may_say("99", now.plus(PAUSE)), Some(None), "known ones are kept apart");
        assert_eq!(repeats.may_say("new", now.plus(FORGOTTEN + PAUSE)), Some(None), "in time");
    }
}
