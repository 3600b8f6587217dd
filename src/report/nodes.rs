//! What the nodes of one database have counted: each writes its minutes and its sums into rows of its own, every few
//! seconds, and whoever is asked adds those of the others to its own. Minutes in rows are on the store's clock, which
//! all nodes share; each node counts and shows by its own.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::last_hour::{Counts, last_hour};
use crate::clock;
use crate::routing::UnixMillis;
use crate::store::{CountedRow, Failed, Store};

/// How often a node writes what it has counted.
const WRITE: Duration = Duration::from_secs(5);
/// Who has not written for so long does not run any more.
const SILENT_MS: u64 = 30_000;
/// The row with the sums since the start; others have their minute since 1970.
const SUMS: i64 = 0;
const MINUTES: i64 = 60;

/// What one node has counted in one minute.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Minute {
    /// First calls of events, by the bucket of the time from the webhook on.
    #[serde(default)]
    pub(super) calls: Vec<(usize, u32)>,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Counts>,
}

/// What one node knows of a source since its start.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    #[serde(default)]
    pub(super) last_event_at: Option<UnixMillis>,
    #[serde(default)]
    pub(super) counts: Counts,
}

/// What other nodes have counted.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(super) minutes: Vec<(i64, Minute)>,
    pub(super) sums: BTreeMap<String, Sums>,
    running: usize,
}

/// Of which nodes an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Nodes {
    /// How many of those that run are counted, with the one that answers.
    pub(crate) counted: usize,
    /// Whether the others' counts could be read.
    pub(crate) complete: bool,
}

/// The name of this process among the rows.
fn own_name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| format!("{:016x}", rand::random::<u64>()));
    &NAME
}

/// Writes what this node has counted for the others to read; runs until it is dropped.
pub(crate) async fn share(store: Store) {
    if !store.has_nodes() {
        return std::future::pending().await;
    }
    let (mut since, mut minutes_ahead) = (i64::MIN, 0);
    loop {
        tokio::time::sleep(WRITE).await;
        let (now, ahead_ms) = (clock::now(), store.clock_ahead_ms());
        minutes_ahead = kept(minutes_ahead, ahead_ms);
        // A clock that was set back counts its minutes anew.
        let (minutes, mut sums) = last_hour().counted(since.min(minute_of(now) - 1), now);
        let minutes =
            minutes.into_iter().map(|(minute, counts)| (minute + minutes_ahead, text(&counts)));
        sums.values_mut().for_each(|sums| sums.moved(ahead_ms));
        let rows = minutes.chain([(SUMS, text(&sums))]).collect();
        match store.write_counted(own_name(), rows).await {
            // The minute that goes on, and the one before it, may have changed since.
            Ok(()) => since = minute_of(now) - 1,
            Err(Failed::Closed) => return,
            Err(failed) => tracing::debug!(error = %failed, "what was counted is written later"),
        }
    }
}

/// What the other nodes have counted, and of which nodes that is; over files there are none.
pub(crate) async fn others(store: &Store, now: UnixMillis) -> (Others, Option<Nodes>) {
    if !store.has_nodes() {
        return (Others::default(), None);
    }
    let ahead_ms = store.clock_ahead_ms();
    let minutes_ahead = kept(0, ahead_ms);
    let since = minute_of(now) + minutes_ahead - MINUTES;
    match store.counted_by_others(own_name(), since).await {
        Ok(rows) => {
            let mut others = Others::of(rows);
            others.minutes.iter_mut().for_each(|(minute, _)| *minute -= minutes_ahead);
            others.sums.values_mut().for_each(|sums| sums.moved(ahead_ms.saturating_neg()));
            let nodes = Nodes { counted: others.running + 1, complete: true };
            (others, Some(nodes))
        }
        Err(_) => (Others::default(), Some(Nodes { counted: 1, complete: false })),
    }
}

impl Others {
    /// What cannot be read is another version's, and is left out. Sums are of those that run; the last event is of all.
    fn of(rows: Vec<CountedRow>) -> Self {
        let mut others = Self::default();
        for row in rows {
            let CountedRow { minute, content, age_ms } = row;
            if minute != SUMS {
                others.minutes.extend(read(&content).map(|counts| (minute, counts)));
                continue;
            }
            let runs = age_ms < SILENT_MS;
            others.running += usize::from(runs);
            let sums: BTreeMap<String, Sums> = read(&content).unwrap_or_default();
            for (source, one) in sums {
                let all = others.sums.entry(source).or_default();
                all.last_event_at = all.last_event_at.max(one.last_event_at);
                if runs {
                    all.counts.add_all(&one.counts);
                }
            }
        }
        others
    }
}

impl Sums {
    /// With its moment on a clock that is so many milliseconds ahead.
    fn moved(&mut self, ms: i64) {
        self.last_event_at = self.last_event_at.map(|at| UnixMillis(at.0.saturating_add(ms)));
    }
}

/// How many minutes the store's clock is ahead: as many as were taken to be, unless it is clearly otherwise. A minute
/// that is written as now this and now that would count twice.
fn kept(minutes: i64, ahead_ms: i64) -> i64 {
    const MINUTE: i64 = 60_000;
    if ahead_ms.saturating_sub(minutes * MINUTE).saturating_abs() <= MINUTE * 3 / 4 {
        return minutes;
    }
    ahead_ms.saturating_add(MINUTE / 2).div_euclid(MINUTE)
}

pub(super) const fn minute_of(at: UnixMillis) -> i64 {
    at.0.div_euclid(60_000)
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::super::last_hour::{Happening, LastHour};
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_000_000 * 60_000);

    /// A node's rows as the others read them.
    fn rows(hour: &LastHour, age_ms: u64) -> Vec<CountedRow> {
        let (minutes, sums) = hour.counted(i64::MIN, NOON);
        let minutes = minutes.into_iter().map(|(minute, counts)| (minute, text(&counts)));
        let rows = minutes.chain([(SUMS, text(&sums))]);
        rows.map(|(minute, content)| CountedRow { minute, content, age_ms }).collect()
    }

    #[test]
    fn the_quantiles_of_two_nodes_are_those_of_all_their_calls() {
        let (one, two, both) = (LastHour::default(), LastHour::default(), LastHour::default());
        for ms in 0..1_000 {
            // One is fast, the other slow: no mean of their quantiles is right.
            let (node, took) = if ms < 900 { (&one, 5 + ms % 7) } else { (&two, 2_000 + ms) };
            for hour in [node, &both] {
                hour.call(took, NOON);
                hour.count("phone", Happening::Stored, NOON);
            }
        }
        let alone = both.activity(NOON, &Others::default());
        assert_eq!(one.activity(NOON, &Others::of(rows(&two, 0))), alone);
        assert_eq!(two.activity(NOON, &Others::of(rows(&one, 0))), alone);
        assert_eq!((alone.events, alone.calls.calls), (1_000, 1_000));
        assert!(alone.calls.p99_ms.is_some_and(|p99| p99 > 2_000), "{:?}", alone.calls);
    }

    #[test]
    fn a_node_that_is_gone_counts_in_the_hour_and_not_in_the_sum_of_those_that_run() {
        let (own, other) = (LastHour::default(), LastHour::default());
        own.count("phone", Happening::Unverified, NOON);
        other.count("phone", Happening::Unverified, NOON);
        other.heard("phone", NOON);
        for (age_ms, running, sum) in [(0, 1, 2), (SILENT_MS, 0, 1)] {
            let others = Others::of(rows(&other, age_ms));
            assert_eq!(others.running, running);
            let of = own.of("phone", NOON, &others);
            assert_eq!(of.last_hour.refused_signatures, 2);
            assert_eq!((of.since_start.refused_signatures, of.last_event_at), (sum, Some(NOON)));
        }
    }

    #[test]
    fn clocks_that_are_apart_by_minutes_are_brought_together_and_small_steps_change_nothing() {
        for (before, ahead_ms, after) in [
            (0, 0, 0),
            (0, 44_000, 0),
            (0, 46_000, 1),
            (1, 46_000, 1),
            (1, 20_000, 1),
            (1, 14_000, 0),
            (0, 3_600_000, 60),
            (0, -3_600_100, -60),
            (-60, 0, 0),
            (0, -44_000, 0),
            (0, -46_000, -1),
        ] {
            assert_eq!(kept(before, ahead_ms), after, "{before} minutes, {ahead_ms} ms");
        }
    }

    #[test]
    fn what_another_version_has_written_is_left_out() {
        let row =
            |minute, content: &str| CountedRow { minute, content: content.to_owned(), age_ms: 0 };
        let noon = minute_of(NOON);
        let odd = [
            row(noon, "[]"),
            row(noon, "{\"calls\":[[99999,7],[3,2]],\"more\":1}"),
            row(SUMS, "{\"phone\":{\"counts\":{\"events\":4}}}"),
            row(SUMS, "no"),
        ];
        let others = Others::of(odd.into());
        let activity = LastHour::default().activity(NOON, &others);
        assert_eq!(activity.calls.calls, 2);
        assert_eq!(LastHour::default().of("phone", NOON, &others).since_start.events, 4);
    }
}
