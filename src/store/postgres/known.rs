//! What the writer and the readers share in memory: how much there is, and how far the database's clock is ahead of
//! ours.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::view::Read;
use crate::routing::{Stage, UnixMillis};
use crate::store::changes::Change;
use crate::store::database::DatabaseStanding;
use crate::store::group::Outcomes;
use crate::store::hashes;
use crate::store::index::Owed;
use crate::store::lane::Lane;
use crate::store::records::{Class, EventRow};
use crate::store::request::Counts;

/// What the writer, the readers and the counters share.
#[derive(Debug, Default)]
pub(in crate::store) struct Known {
    counts: Mutex<(Counts, HashMap<Arc<str>, Owed>)>,
    standing: Mutex<Option<DatabaseStanding>>,
    /// The database's clock less ours, in milliseconds.
    ahead_ms: AtomicI64,
    pub(super) closed: AtomicBool,
}

impl Known {
    /// How the database stood last.
    pub(super) fn standing(&self) -> Option<DatabaseStanding> {
        let clock_ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        standing.map(|standing| DatabaseStanding { clock_ahead_ms, ..standing })
    }

    pub(super) fn set_standing(&self, standing: DatabaseStanding) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    /// How far the database's clock is ahead of ours, in milliseconds.
    pub(super) fn ahead_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Relaxed)
    }

    /// A moment of ours on the database's clock.
    pub(in crate::store) fn moment(&self, ours: UnixMillis) -> UnixMillis {
        UnixMillis(ours.0.saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    /// Takes in what the database's clock said between two moments of ours; returns how far it is ahead. What is known
    /// already stays as long as it may be true: an exchange tells no more than its own length.
    pub(in crate::store) fn measure(
        &self,
        theirs: i64,
        began: UnixMillis,
        ended: UnixMillis,
    ) -> i64 {
        let (low, high) = (theirs - ended.0.max(began.0), theirs - began.0);
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed).clamp(low, high);
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        ahead_ms
    }

    /// Takes in what a group has changed, until all is counted again.
    pub(super) fn count(&self, read: &Read, outcomes: &Outcomes) {
        let mut counted = self.counts();
        let (counts, owed) = &mut *counted;
        let dead = |row: &EventRow| usize::from(row.class() == Class::Dead);
        for change in &outcomes.changes {
            match change {
                Change::Index(number, _) if *number >= outcomes.first_number => {
                    counts.remembered += 1
                }
                Change::Event(number, row) => {
                    let was = read.events.get(number).and_then(Option::as_ref).map_or(0, dead);
                    counts.dead = (counts.dead + dead(row)).saturating_sub(was);
                    if row.entry.is_some() {
                        let oldest = counts.oldest_received_at.unwrap_or(UnixMillis::MAX);
                        counts.oldest_received_at = Some(oldest.min(row.origin.received_at));
                    }
                }
                _ => {}
            }
        }
        for (key, lane) in &outcomes.lanes {
            let before = read.lanes.get(&hashes::of_lane(key));
            let was = before.map(|before| owed_in(&before.lane)).unwrap_or_default();
            for (source, (pending, parked)) in was {
                let owed = owed.entry(source).or_default();
                owed.pending = owed.pending.saturating_sub(pending);
                owed.parked = owed.parked.saturating_sub(parked);
                counts.pending = counts.pending.saturating_sub(pending);
                counts.parked = counts.parked.saturating_sub(parked);
            }
            for (source, (pending, parked)) in owed_in(lane) {
                let owed = owed.entry(source).or_default();
                (owed.pending, owed.parked) = (owed.pending + pending, owed.parked + parked);
                (counts.pending, counts.parked) =
                    (counts.pending + pending, counts.parked + parked);
            }
        }
        if counts.pending + counts.parked == 0 {
            counts.oldest_received_at = None;
        }
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, (Counts, HashMap<Arc<str>, Owed>)> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many entries of a lane are pending and parked, by source.
fn owed_in(lane: &Lane) -> HashMap<Arc<str>, (usize, usize)> {
    let mut owed = HashMap::<_, (usize, usize)>::new();
    for entry in lane.conversation.entries().filter(|entry| entry.ended.is_none()) {
        let Some(origin) = lane.origins.get(&entry.id) else { continue };
        let (pending, parked) = owed.entry(Arc::clone(&origin.source)).or_default();
        *if matches!(entry.stage, Stage::Parked { .. }) { parked } else { pending } += 1;
    }
    owed
}
