//! What is held in memory of every event: which ids are known, what is not settled, what is dead. Numbers and times, no
//! contents.
//!
//! It follows from the rows: whatever a commit changes is applied here after it, and the same is done at open with what
//! is found.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::changes::Change;
use super::records::{Class, ConversationHash, EventRow, Hash, IndexRow};
use super::request::Counts;
use crate::routing::{LaneKey, Stage, UnixMillis};

/// Changed by the writer only, read by anyone.
#[derive(Debug, Default)]
pub(super) struct Index {
    numbers: HashMap<Hash, u64>,
    by_conversation: BTreeSet<(ConversationHash, u64)>,
    open: BTreeMap<u64, Open>,
    by_age: BTreeSet<(UnixMillis, u64)>,
    /// Each with its version.
    parked: BTreeMap<u64, Version>,
    /// How much of `open` each source has.
    sources: HashMap<Arc<str>, Owed>,
    /// What of `open` is in which lane.
    lanes: HashMap<Arc<LaneKey>, Vec<u64>>,
    dead: BTreeMap<u64, Version>,
    version: Version,
    damaged_rows: u64,
}

/// Grows with each change of a parked event and with each new dead letter: one number in one version is one content.
pub(super) type Version = u64;

/// An event that has an entry in a lane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    lane: Arc<LaneKey>,
    source: Arc<str>,
    received_at: UnixMillis,
    state: OpenState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenState {
    Pending,
    Parked,
    /// Settled, and yet with an entry that watches the card.
    Watched,
}

/// How many unsettled events a source has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) pending: usize,
    pub(crate) parked: usize,
}

impl Open {
    /// None where the event has no entry.
    pub(super) fn of(row: &EventRow) -> Option<Self> {
        row.entry.as_ref().zip(row.lane()).map(|(entry, lane)| Self {
            lane: Arc::new(lane),
            source: Arc::clone(&row.origin.source),
            received_at: entry.received_at,
            state: match entry.stage {
                _ if entry.ended.is_some() => OpenState::Watched,
                Stage::Parked { .. } => OpenState::Parked,
                Stage::Waiting
                | Stage::Held
                | Stage::Sending
                | Stage::InDoubt
                | Stage::LookingUp => OpenState::Pending,
            },
        })
    }

    pub(super) const fn lane(&self) -> &Arc<LaneKey> {
        &self.lane
    }
}

impl Index {
    /// Applies what a commit has changed.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Event(number, row) => self.set_event(*number, row),
            Change::Index(number, row) => {
                self.learn(*number, row);
                for conversation in row.conversations.into_iter().flatten() {
                    self.by_conversation.insert((conversation, *number));
                }
            }
            Change::Forget(number, row) => {
                if self.numbers.get(&row.id) == Some(number) {
                    self.numbers.remove(&row.id);
                }
                for conversation in row.conversations.into_iter().flatten() {
                    self.by_conversation.remove(&(conversation, *number));
                }
                self.dead.remove(number);
                self.close(*number);
            }
            Change::Body(..)
            | Change::Lane(..)
            | Change::Document(..)
            | Change::Register(..)
            | Change::Settled(..) => {}
        }
    }

    /// Learns a line of the index, but for the conversations that it names.
    pub(super) fn learn(&mut self, number: u64, row: &IndexRow) {
        self.numbers.insert(row.id, number);
        if row.class == Class::Dead {
            self.version += 1;
            self.dead.insert(number, self.version);
        } else {
            self.dead.remove(&number);
        }
    }

    /// Learns all conversations at once: that takes less time and memory than one after the other.
    pub(super) fn learn_conversations(&mut self, named: Vec<(ConversationHash, u64)>) {
        self.by_conversation = named.into_iter().collect();
    }

    /// Replaces what is known of an event.
    pub(super) fn set_event(&mut self, number: u64, row: &EventRow) {
        self.set_open(number, Open::of(row));
    }

    /// The same of an event whose entry was looked at before.
    pub(super) fn set_open(&mut self, number: u64, open: Option<Open>) {
        if self.open.get(&number) == open.as_ref() {
            if let Some(version) = self.parked.get_mut(&number) {
                self.version += 1;
                *version = self.version;
            }
            return;
        }
        self.close(number);
        if let Some(open) = open {
            self.add(number, open);
        }
    }

    fn add(&mut self, number: u64, mut open: Open) {
        if let Some((source, _)) = self.sources.get_key_value(&open.source) {
            open.source = Arc::clone(source);
        }
        if let Some((lane, _)) = self.lanes.get_key_value(&open.lane) {
            open.lane = Arc::clone(lane);
        }
        self.lanes.entry(Arc::clone(&open.lane)).or_default().push(number);
        let owed = self.sources.entry(Arc::clone(&open.source)).or_default();
        match open.state {
            OpenState::Pending => owed.pending += 1,
            OpenState::Parked => {
                owed.parked += 1;
                self.version += 1;
                self.parked.insert(number, self.version);
            }
            OpenState::Watched => {}
        }
        if open.state != OpenState::Watched {
            self.by_age.insert((open.received_at, number));
        }
        self.open.insert(number, open);
    }

    fn close(&mut self, number: u64) {
        let Some(open) = self.open.remove(&number) else { return };
        self.by_age.remove(&(open.received_at, number));
        self.parked.remove(&number);
        if let Some(owed) = self.sources.get_mut(&open.source) {
            match open.state {
                OpenState::Pending => owed.pending -= 1,
                OpenState::Parked => owed.parked -= 1,
                OpenState::Watched => {}
            }
        }
        if let Entry::Occupied(mut lane) = self.lanes.entry(open.lane) {
            lane.get_mut().retain(|open| *open != number);
            if lane.get().is_empty() {
                lane.remove();
            }
        }
    }

    /// The number under which an event's id is known.
    pub(super) fn number_of(&self, id: &Hash) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    /// Whether an event has an entry in a lane, settled or not.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    /// Whether an event is not settled.
    pub(super) fn is_unsettled(&self, number: u64) -> bool {
        self.open.get(&number).is_some_and(|open| open.state != OpenState::Watched)
    }

    pub(super) fn is_dead(&self, number: u64) -> bool {
        self.dead.contains_key(&number)
    }

    /// The lane of an event that has an entry.
    pub(super) fn lane_of(&self, number: u64) -> Option<Arc<LaneKey>> {
        self.open.get(&number).map(|open| Arc::clone(&open.lane))
    }

    /// The key of a lane as it is held already, where one of its events has an entry.
    pub(super) fn same_lane(&self, key: Arc<LaneKey>) -> Arc<LaneKey> {
        self.lanes.get_key_value(&key).map_or(key, |(same, _)| Arc::clone(same))
    }

    /// The events that have an entry in a lane.
    pub(super) fn open_in(&self, lane: &LaneKey) -> Vec<u64> {
        self.lanes.get(lane).cloned().unwrap_or_default()
    }

    /// The lanes with something parked, each once.
    pub(super) fn parked_lanes(&self) -> Vec<Arc<LaneKey>> {
        let parked = self.parked.keys().filter_map(|number| self.lane_of(*number));
        parked.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Unsettled and not parked.
    pub(super) fn pending(&self) -> usize {
        self.by_age.len() - self.parked.len()
    }

    /// What is owed to a source.
    pub(super) fn owed_to(&self, source: &str) -> Owed {
        self.sources.get(source).copied().unwrap_or_default()
    }

    /// Unsettled events before `before` that are parked, or are not, newest first.
    pub(super) fn unsettled_before(
        &self,
        before: u64,
        parked: bool,
    ) -> Box<dyn Iterator<Item = u64> + '_> {
        if parked {
            return Box::new(self.parked.range(..before).rev().map(|(number, _)| *number));
        }
        let open = self.open.range(..before).rev();
        let pending = open.filter(|(_, open)| open.state == OpenState::Pending);
        Box::new(pending.map(|(number, _)| *number))
    }

    /// Dead letters before `before`, newest first.
    pub(super) fn dead_before(&self, before: u64) -> impl Iterator<Item = u64> {
        self.dead.range(..before).rev().map(|(number, _)| *number)
    }

    /// The newest dead letters with their versions, at most so many, newest first.
    pub(super) fn newest_dead(&self, most: usize) -> Vec<(u64, Version)> {
        self.dead.iter().rev().take(most).map(|(number, version)| (*number, *version)).collect()
    }

    /// The same of what is parked.
    pub(super) fn newest_parked(&self, most: usize) -> Vec<(u64, Version)> {
        self.parked.iter().rev().take(most).map(|(number, version)| (*number, *version)).collect()
    }

    /// Events of a conversation, and those that its lane carries out, before `before`, newest first.
    pub(super) fn of_conversation(
        &self,
        conversation: ConversationHash,
        before: u64,
    ) -> impl Iterator<Item = u64> {
        let range = self.by_conversation.range((conversation, 0)..(conversation, before));
        range.rev().map(|(_, number)| *number)
    }

    pub(super) fn note_damage(&mut self) {
        self.damaged_rows += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            pending: self.pending(),
            parked: self.parked.len(),
            dead: self.dead.len(),
            remembered: self.numbers.len(),
            oldest_received_at: self.by_age.first().map(|(at, _)| *at),
            damaged_rows: self.damaged_rows,
        }
    }
}
