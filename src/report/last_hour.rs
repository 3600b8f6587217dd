//! What happened in the last hour, minute by minute, and to each source since the start: for the operators' page. It is counted where
//! metrics are, has a fixed size for each source of the configuration, and nothing runs for it.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::routing::{UnixMillis, rfc3339};

const MINUTES: usize = 60;
/// One minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// Each power of two has so many buckets: a duration is known to an eighth.
const FINE: usize = 8;
/// Durations up to 2^22 ms, which is more than an hour; longer ones count as that.
const BUCKETS: usize = FINE * 20;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Events stored.
    pub events: u64,
    pub refused_signatures: u64,
    pub unknown: u64,
    pub unreadable: u64,
    pub expired: u64,
    pub dead: u64,
}

/// What is known of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SourceActivity {
    /// When its last authentic event came.
    #[serde(with = "rfc3339::optional")]
    pub last_event_at: Option<UnixMillis>,
    pub last_hour: Counts,
    pub since_start: Counts,
}

/// The last sixty minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Activity {
    /// Events stored in all.
    pub events: u64,
    /// From webhook to call, of first calls of events.
    #[serde(flatten)]
    pub calls: Calls,
    /// Oldest first; the last one goes on.
    pub minutes: Vec<MinuteActivity>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MinuteActivity {
    #[serde(with = "rfc3339")]
    pub at: UnixMillis,
    pub events: u64,
    #[serde(flatten)]
    pub calls: Calls,
}

/// How many events were carried to ServiceNow, and how long that took from the webhook on: at most so many milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Calls {
    pub calls: u64,
    pub p50_ms: Option<u64>,
    pub p99_ms: Option<u64>,
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

    /// What is known of a source.
    pub(crate) fn of(&self, source: &str, now: UnixMillis) -> SourceActivity {
        let state = self.state();
        let Some(source) = state.sources.get(source) else { return SourceActivity::default() };
        let last_hour = source.minutes.of_hour(now).fold(Counts::default(), |mut sum, (_, one)| {
            if let Some(one) = one {
                sum.add_all(one);
            }
            sum
        });
        let (last_event_at, since_start) = (source.last_event_at, source.since_start);
        SourceActivity { last_event_at, last_hour, since_start }
    }

    /// The last sixty minutes of all sources.
    pub(crate) fn activity(&self, now: UnixMillis) -> Activity {
        let state = self.state();
        let mut all = Histogram::default();
        let minutes = state.calls.of_hour(now).map(|(at, calls)| {
            let stored = state.sources.values().filter_map(|source| source.minutes.known(at));
            if let Some(calls) = calls {
                all.add_all(calls);
            }
            MinuteActivity {
                at,
                events: stored.map(|counts| counts.events).sum(),
                calls: calls.map(Histogram::summary).unwrap_or_default(),
            }
        });
        let minutes: Vec<_> = minutes.collect();
        let events = minutes.iter().map(|minute| minute.events).sum();
        Activity { events, calls: all.summary(), minutes }
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

    fn add_all(&mut self, other: &Self) {
        let Self { events, refused_signatures, unknown, unreadable, expired, dead } = other;
        self.events += events;
        self.refused_signatures += refused_signatures;
        self.unknown += unknown;
        self.unreadable += unreadable;
        self.expired += expired;
        self.dead += dead;
    }
}

/// Durations in buckets that grow with them.
struct Histogram(Box<[u32; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Histogram {
    fn record(&mut self, ms: u64) {
        let bucket = &mut self.0[bucket_of(ms)];
        *bucket = bucket.saturating_add(1);
    }

    fn add_all(&mut self, other: &Self) {
        for (bucket, more) in self.0.iter_mut().zip(other.0.iter()) {
            *bucket = bucket.saturating_add(*more);
        }
    }

    fn summary(&self) -> Calls {
        let calls = self.0.iter().map(|bucket| u64::from(*bucket)).sum();
        Calls { calls, p50_ms: self.quantile(calls, 50), p99_ms: self.quantile(calls, 99) }
    }

    /// What so many of a hundred did not exceed.
    fn quantile(&self, calls: u64, of_hundred: u64) -> Option<u64> {
        let wanted = (calls * of_hundred).div_ceil(100);
        let mut seen = 0;
        let within = self.0.iter().position(|bucket| {
            seen += u64::from(*bucket);
            seen >= wanted
        });
        within.filter(|_| calls > 0).map(longest_in)
    }
}

/// Up to 15 ms each has its own bucket.
fn bucket_of(ms: u64) -> usize {
    let Some(octave) = ms.checked_ilog2().and_then(|log| log.checked_sub(FINE.ilog2())) else {
        return usize::try_from(ms).unwrap_or_default();
    };
    let fine = usize::try_from(ms >> octave).unwrap_or_default();
    (octave as usize * FINE + fine).min(BUCKETS - 1)
}

/// The longest duration of a bucket, in milliseconds.
fn longest_in(bucket: usize) -> u64 {
    let octave = (bucket / FINE).saturating_sub(1);
    let fine = (bucket - octave * FINE) as u64;
    ((fine + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_000_000 * MINUTE);

    #[test]
    fn a_duration_is_known_to_an_eighth() {
        for ms in (0..5_000).chain([60_000, 599_999, 3_600_000]) {
            let shown = longest_in(bucket_of(ms));
            assert!(shown >= ms && shown <= ms + ms / 8, "{ms}: {shown}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_hour_has_its_quantiles_and_each_minute_its_own() {
        let hour = LastHour::default();
        for ms in 1..=100 {
            hour.call(ms, NOON);
        }
        hour.call(10_000, NOON.plus(MINUTE as u64));
        let activity = hour.activity(NOON.plus(MINUTE as u64));
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
        let of = |after: u64| hour.of("phone", NOON.plus(after * MINUTE as u64));
        assert_eq!((of(59).last_hour.events, of(60).last_hour.events), (1, 0));
        hour.count("phone", Happening::Stored, NOON.plus(60 * MINUTE as u64));
        assert_eq!((of(60).last_hour.events, of(60).last_hour.refused_signatures), (1, 0));
        assert_eq!((of(60).since_start.events, of(60).since_start.refused_signatures), (2, 1));
        assert_eq!(of(60).last_event_at, Some(NOON));
        assert_eq!(hour.of("other", NOON), SourceActivity::default());
    }

    #[test]
    fn a_clock_that_is_set_back_spoils_nothing() {
        let hour = LastHour::default();
        hour.count("phone", Happening::Stored, NOON.plus(30 * MINUTE as u64));
        hour.count("phone", Happening::Stored, NOON);
        assert_eq!(hour.activity(NOON).events, 1);
        assert_eq!(hour.activity(NOON.plus(30 * MINUTE as u64)).events, 2);
    }
}
