//! What the store keeps in memory: ids it has seen, what is not settled, what is dead. Numbers and times, no contents.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::layout::IdHash;
use super::request::Counts;
use super::shelf::Shelves;
use crate::routing::{ContactCenter, LaneKey, UnixMillis};

/// Rebuilt at open, changed by the writer only, read by anyone.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: HashMap<IdHash, u64>,
    /// Where conversations lie.
    pub(super) shelves: Shelves,
    live: BTreeMap<u64, Live>,
    by_age: BTreeSet<(UnixMillis, u64)>,
    parked: BTreeSet<u64>,
    /// What of `live` is whose.
    sources: HashMap<Arc<str>, Owed>,
    /// How much of `live` is in which lane.
    lanes: HashMap<Arc<LaneKey>, usize>,
    dead: BTreeSet<u64>,
    /// Settled, and yet with an entry that watches the card.
    watched: HashSet<u64>,
    contact_centers: BTreeSet<ContactCenter>,
    damaged_rows: u64,
}

/// An unsettled entry.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) lane: Arc<LaneKey>,
    pub(super) source: Arc<str>,
    pub(super) received_at: UnixMillis,
    pub(super) parked: bool,
}

/// How many unsettled entries a source has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) pending: usize,
    pub(super) parked: usize,
}

impl Owed {
    const fn of(&mut self, parked: bool) -> &mut usize {
        if parked { &mut self.parked } else { &mut self.pending }
    }
}

impl Ledger {
    /// The entry under which an event id is known.
    pub(super) fn seq_of(&self, hash: &IdHash) -> Option<u64> {
        self.known.get(hash).copied()
    }

    pub(super) fn learn(&mut self, hash: IdHash, seq: u64) {
        self.known.insert(hash, seq);
    }

    /// Forgets an id, if it still stands for that entry.
    pub(super) fn forget(&mut self, hash: &IdHash, seq: u64) {
        if self.known.get(hash) == Some(&seq) {
            self.known.remove(hash);
        }
    }

    pub(super) fn see_contact_center(&mut self, name: &ContactCenter) {
        if !self.contact_centers.contains(name) {
            self.contact_centers.insert(name.clone());
        }
    }

    pub(super) fn contact_centers(&self) -> impl Iterator<Item = &ContactCenter> {
        self.contact_centers.iter()
    }

    /// Notes that an entry is not settled, or what has become of it.
    pub(super) fn set_live(&mut self, seq: u64, live: Live) {
        self.drop_live(seq);
        self.unwatch(seq);
        self.by_age.insert((live.received_at, seq));
        if live.parked {
            self.parked.insert(seq);
        }
        *self.sources.entry(Arc::clone(&live.source)).or_default().of(live.parked) += 1;
        *self.lanes.entry(Arc::clone(&live.lane)).or_default() += 1;
        self.live.insert(seq, live);
    }

    /// Notes whether an unsettled entry is parked.
    pub(super) fn set_parked(&mut self, seq: u64, parked: bool) {
        if let Some(live) = self.live.get_mut(&seq)
            && live.parked != parked
        {
            live.parked = parked;
            if let Some(owed) = self.sources.get_mut(&live.source) {
                *owed.of(!parked) -= 1;
                *owed.of(parked) += 1;
            }
            if parked {
                self.parked.insert(seq)
            } else {
                self.parked.remove(&seq)
            };
        }
    }

    pub(super) fn drop_live(&mut self, seq: u64) {
        if let Some(live) = self.live.remove(&seq) {
            self.by_age.remove(&(live.received_at, seq));
            self.parked.remove(&seq);
            if let Some(owed) = self.sources.get_mut(&live.source) {
                *owed.of(live.parked) -= 1;
            }
            if let Entry::Occupied(mut owed) = self.lanes.entry(live.lane) {
                *owed.get_mut() -= 1;
                if *owed.get() == 0 {
                    owed.remove();
                }
            }
        }
    }

    /// Notes that the entry of a settled event stays for a while.
    pub(super) fn watch(&mut self, seq: u64) {
        self.watched.insert(seq);
    }

    pub(super) fn unwatch(&mut self, seq: u64) {
        self.watched.remove(&seq);
    }

    /// Whether an event has an entry in a lane, settled or not.
    pub(super) fn has_entry(&self, seq: u64) -> bool {
        self.is_live(seq) || self.watched.contains(&seq)
    }

    pub(super) fn is_live(&self, seq: u64) -> bool {
        self.live.contains_key(&seq)
    }

    pub(super) fn is_dead(&self, seq: u64) -> bool {
        self.dead.contains(&seq)
    }

    pub(super) fn bury(&mut self, seq: u64) {
        self.dead.insert(seq);
    }

    pub(super) fn unbury(&mut self, seq: u64) -> bool {
        self.dead.remove(&seq)
    }

    pub(super) fn lane_of(&self, seq: u64) -> Option<Arc<LaneKey>> {
        self.live.get(&seq).map(|live| Arc::clone(&live.lane))
    }

    /// Unsettled and not parked.
    pub(super) fn pending(&self) -> usize {
        self.live.len() - self.parked.len()
    }

    /// What is owed to a source.
    pub(super) fn owed_to(&self, source: &str) -> Owed {
        self.sources.get(source).copied().unwrap_or_default()
    }

    /// How much is owed in a lane.
    pub(super) fn owed_in(&self, lane: &LaneKey) -> usize {
        self.lanes.get(lane).copied().unwrap_or_default()
    }

    /// The name of a source, held once.
    pub(super) fn source_named(&self, name: &str) -> Arc<str> {
        self.sources.get_key_value(name).map_or_else(|| name.into(), |(name, _)| Arc::clone(name))
    }

    /// Unsettled entries before `before` that are parked, or are not, newest first.
    pub(super) fn live_before(
        &self,
        before: u64,
        parked: bool,
    ) -> Box<dyn Iterator<Item = u64> + '_> {
        if parked {
            return Box::new(self.parked.range(..before).rev().copied());
        }
        let live = self.live.range(..before).rev().filter(|(_, live)| !live.parked);
        Box::new(live.map(|(seq, _)| *seq))
    }

    /// Dead letters before `before`, newest first.
    pub(super) fn dead_before(&self, before: u64) -> impl Iterator<Item = u64> {
        self.dead.range(..before).rev().copied()
    }

    /// The lanes with something parked, each once.
    pub(super) fn parked_lanes(&self) -> Vec<Arc<LaneKey>> {
        let parked = self.parked.iter().filter_map(|seq| self.live.get(seq));
        let lanes: BTreeSet<_> = parked.map(|live| Arc::clone(&live.lane)).collect();
        lanes.into_iter().collect()
    }

    /// The unsettled entries of a lane, in order of arrival. Walks them all.
    pub(super) fn live_of(&self, lane: &LaneKey) -> Vec<u64> {
        self.live.iter().filter(|(_, live)| *live.lane == *lane).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn note_damage(&mut self) {
        self.damaged_rows += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            pending: self.pending(),
            parked: self.parked.len(),
            dead: self.dead.len(),
            remembered: self.known.len(),
            oldest_received_at: self.by_age.first().map(|(at, _)| *at),
            damaged_rows: self.damaged_rows,
        }
    }
}
