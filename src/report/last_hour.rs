//! What happened in the last hour, minute by minute, and to each source since the start: for the operators' page. It is
//! counted where metrics are, has a fixed size for each source of the configuration, and nothing runs for it.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

pub(crate) use super::histogram::Calls;
use super::histogram::Histogram;
use super::nodes::{Minute, Others, Sums, minute_of};
use crate::routing::{UnixMillis, rfc3339};

const MINUTES: usize = 60;
/// One minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// The one of this process, like its metrics.
pub(crate) fn last_hour() -> &'static LastHour {
    static OF_THE_PROCESS: LazyLock<LastHour> = LazyLock::new(LastHour::default);
    &OF_THE_PROCESS
}

/// Counts of the last sixty minutes.
#[derive(Default)]
pub(crate) struct LastHour {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Ring<Histogram>,
    sources: BTreeMap<String, Source>,
}

#[derive(Default)]
struct Source {
    last_event_at: Option<UnixMillis>,
    since_start: Counts,
    minutes: Ring<Counts>,
}

/// What happened to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An event was stored.
    Stored,
    /// A request whose signature is not right.
    Unverified,
    /// Something that the profile knows nothing about.
    Unknown,
    /// Something that the profile could not read.
    Unreadable,
    Expired,
    /// A dead letter.
    Dead,
}

/// How often each happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    /// Events stored.
    pub(crate) events: u64,
    pub(crate) refused_signatures: u64,
    pub(crate) unknown: u64,
    pub(crate) unreadable: u64,
    pub(crate) expired: u64,
    pub(crate) dead: u64,
}

/// What is known of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SourceActivity {
    /// When its last authentic event came.
    #[serde(with = "rfc3339::optional")]
    pub(crate) last_event_at: Option<UnixMillis>,
    pub(crate) last_hour: Counts,
    pub(crate) since_start: Counts,
}

/// The last sixty minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Activity {
    /// Events stored in all.
    pub(crate) events: u64,
    /// From webhook to call, of first calls of events.
    #[serde(flatten)]
    pub(crate) calls: Calls,
    /// Oldest first; the last one goes on.
    pub(crate) minutes: Vec<MinuteActivity>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MinuteActivity {
    #[serde(with = "rfc3339")]
    pub(crate) at: UnixMillis,
    pub(crate) events: u64,
    #[serde(flatten)]
    pub(crate) calls: Calls,
}

impl LastHour {
    /// Counts what happened to a source.
    pub(crate) fn count(&self, source: &str, what: Happening, now: UnixMillis) {
        let mut state = self.state();
        let source = state.source(source);
        source.since_start.add(what);
        source.minutes.at(now).add(what);
    }

    /// Takes note of an authentic event of a source.
    pub(crate) fn heard(&self, source: &str, at: UnixMillis) {
        let mut state = self.state();
        let source = state.source(source);
        source.last_event_at = source.last_event_at.max(Some(at));
    }

    /// Takes note of an event's first call, which left so many milliseconds after the webhook.
    pub(crate) fn call(&self, ms: u64, now: UnixMillis) {
        self.state().calls.at(now).record(ms);
    }

    /// What is known of a source, here and on other nodes.
    pub(crate) fn of(&self, name: &str, now: UnixMillis, others: &Others) -> SourceActivity {
        let state = self.state();
        let mut known = SourceActivity::default();
        if let Some(source) = state.sources.get(name) {
            let own = source.minutes.of_hour(now).filter_map(|(_, one)| one);
            own.for_each(|one| known.last_hour.add_all(one));
            (known.last_event_at, known.since_start) = (source.last_event_at, source.since_start);
        }
        let others_of_hour = others.minutes.iter().filter(|(minute, _)| is_of_hour(*minute, now));
        let theirs = others_of_hour.filter_map(|(_, counts)| counts.sources.get(name));
        theirs.for_each(|one| known.last_hour.add_all(one));
        if let Some(sums) = others.sums.get(name) {
            known.since_start.add_all(&sums.counts);
            known.last_event_at = known.last_event_at.max(sums.last_event_at);
        }
        known
    }

    /// The last sixty minutes of all sources, here and on other nodes.
    pub(crate) fn activity(&self, now: UnixMillis, others: &Others) -> Activity {
        let state = self.state();
        let mut all = Histogram::default();
        let minutes = state.calls.of_hour(now).map(|(at, own)| {
            let stored = state.sources.values().filter_map(|source| source.minutes.known(at));
            let mut events = stored.map(|counts| counts.events).sum::<u64>();
            let mut calls = Histogram::default();
            own.into_iter().for_each(|own| calls.add_all(own));
            for (_, counts) in others.minutes.iter().filter(|(minute, _)| *minute == minute_of(at))
            {
                events += counts.sources.values().map(|counts| counts.events).sum::<u64>();
                calls.add_counted(&counts.calls);
            }
            all.add_all(&calls);
            MinuteActivity { at, events, calls: calls.summary() }
        });
        let minutes: Vec<_> = minutes.collect();
        let events = minutes.iter().map(|minute| minute.events).sum();
        Activity { events, calls: all.summary(), minutes }
    }

    /// The minutes of the last hour in which something was counted, from one on, and the sums of each source.
    pub(super) fn counted(
        &self,
        since: i64,
        now: UnixMillis,
    ) -> (Vec<(i64, Minute)>, BTreeMap<String, Sums>) {
        let state = self.state();
        let minutes = state.calls.of_hour(now).filter(|(at, _)| minute_of(*at) >= since);
        let minutes = minutes.map(|(at, calls)| {
            let calls = calls.map(Histogram::counted).unwrap_or_default();
            let of = |(name, source): (&String, &Source)| {
                Some((name.clone(), *source.minutes.known(at)?))
            };
            (
                minute_of(at),
                Minute { calls, sources: state.sources.iter().filter_map(of).collect() },
            )
        });
        let minutes = minutes.filter(|(_, counts)| *counts != Minute::default()).collect();
        let sums = state.sources.iter().map(|(name, source)| {
            let (last_event_at, counts) = (source.last_event_at, source.since_start);
            (name.clone(), Sums { last_event_at, counts })
        });
        (minutes, sums.collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn source(&mut self, name: &str) -> &mut Source {
        if !self.sources.contains_key(name) {
            self.sources.insert(name.to_owned(), Source::default());
        }
        self.sources.entry(name.to_owned()).or_default()
    }
}

/// Sixty minutes, each in the place of the one an hour before.
struct Ring<T>(Box<[(i64, T)]>);

impl<T: Default> Default for Ring<T> {
    fn default() -> Self {
        Self((0..MINUTES).map(|_| (i64::MIN, T::default())).collect())
    }
}

impl<T: Default> Ring<T> {
    fn at(&mut self, now: UnixMillis) -> &mut T {
        let minute = now.0.div_euclid(MINUTE);
        let place = &mut self.0[place(minute)];
        if place.0 != minute {
            *place = (minute, T::default());
        }
        &mut place.1
    }

    fn known(&self, at: UnixMillis) -> Option<&T> {
        let minute = at.0.div_euclid(MINUTE);
        let (of, found) = &self.0[place(minute)];
        (*of == minute).then_some(found)
    }

    /// The minutes until now, oldest first.
    fn of_hour(&self, now: UnixMillis) -> impl Iterator<Item = (UnixMillis, Option<&T>)> {
        let last = now.0.div_euclid(MINUTE);
        (0..MINUTES as i64).rev().map(move |ago| {
            let at = UnixMillis((last - ago) * MINUTE);
            (at, self.known(at))
        })
    }
}

const fn is_of_hour(minute: i64, now: UnixMillis) -> bool {
    let last = minute_of(now);
    minute <= last && minute > last - MINUTES as i64
}

#[expect(clippy::cast_possible_truncation, reason = "below sixty")]
const fn place(minute: i64) -> usize {
    minute.rem_euclid(MINUTES as i64) as usize
}

impl Counts {
    fn add(&mut self, what: Happening) {
        *match what {
            Happening::Stored => &mut self.events,
            Happening::Unverified => &mut self.refused_signatures,
            Happening::Unknown => &mut self.unknown,
            Happening::Unreadable => &mut self.unreadable,
            Happening::Expired => &mut self.expired,
            Happening::Dead => &mut self.dead,
        } += 1;
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        let Self { events, refused_signatures, unknown, unreadable, expired, dead } = other;
        self.events += events;
        self.refused_signatures += refused_signatures;
        self.unknown += unknown;
        self.unreadable += unreadable;
        self.expired += expired;
        self.dead += dead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_000_000 * MINUTE);

    #[test]
    fn the_hour_has_its_quantiles_and_each_minute_its_own() {
        let hour = LastHour::default();
        for ms in 1..=100 {
            hour.call(ms, NOON);
        }
        hour.call(10_000, NOON.plus(MINUTE as u64));
        let activity = hour.activity(NOON.plus(MINUTE as u64), &Others::default());
        assert_eq!(activity.minutes.len(), 60);
        let [.., before, last] = activity.minutes.as_slice() else { panic!("sixty minutes") };
        let calls = Calls { calls: 100, p50_ms: Some(51), p99_ms: Some(103) };
        assert_eq!((before.at, before.calls), (NOON, calls));
        assert_eq!((last.calls.calls, last.calls.p50_ms), (1, last.calls.p99_ms));
        assert_eq!((activity.calls.calls, activity.calls.p50_ms), (101, Some(51)));
    }

    #[test]
    fn what_is_an_hour_old_is_gone_and_the_sum_since_the_start_stays() {
        let hour = LastHour::default();
        hour.count("phone", Happening::Stored, NOON);
        hour.count("phone", Happening::Unverified, NOON);
        hour.heard("phone", NOON);
        let of =
            |after: u64| hour.of("phone", NOON.plus(after * MINUTE as u64), &Others::default());
        assert_eq!((of(59).last_hour.events, of(60).last_hour.events), (1, 0));
        hour.count("phone", Happening::Stored, NOON.plus(60 * MINUTE as u64));
        assert_eq!((of(60).last_hour.events, of(60).last_hour.refused_signatures), (1, 0));
        assert_eq!((of(60).since_start.events, of(60).since_start.refused_signatures), (2, 1));
        assert_eq!(of(60).last_event_at, Some(NOON));
        assert_eq!(hour.of("other", NOON, &Others::default()), SourceActivity::default());
    }

    #[test]
    fn a_clock_that_is_set_back_spoils_nothing() {
        let hour = LastHour::default();
        hour.count("phone", Happening::Stored, NOON.plus(30 * MINUTE as u64));
        hour.count("phone", Happening::Stored, NOON);
        assert_eq!(hour.activity(NOON, &Others::default()).events, 1);
        assert_eq!(hour.activity(NOON.plus(30 * MINUTE as u64), &Others::default()).events, 2);
    }
}
