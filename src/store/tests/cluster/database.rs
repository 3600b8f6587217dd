//! The database of the model: what is committed, and what PostgreSQL promises of it. A group is kept whole or not at
//! all; a lane, a document or an id that another group has changed meanwhile is in its way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::faults::Fault;
use super::listed::Listed;
use crate::routing::{
    ClaimId, Due, Entry, EntryId, Kind, LaneKey, RoutingEvent, Stage, UnixMillis,
};
use crate::store::changes::Change;
use crate::store::group::Outcomes;
use crate::store::hashes;
use crate::store::lane::Lane;
use crate::store::postgres::{Read, ReadLane, Wanted};
use crate::store::records::{Content, EntryRow, EventRow, Hash, ROWS};

/// A claim's calls land at most so long after they should have left: `request_timeout` and the last bytes.
pub(super) const FLIGHT: u64 = 14_000;
/// A process that has ended leaves bytes behind that may arrive for so long.
pub(super) const LAST_BYTES: i64 = 4_000;
/// How long a node is taken to live after it has said so.
pub(super) const LEASE: i64 = 5_000;
/// How long a transaction may stand still before its locks are gone.
pub(super) const IDLE: i64 = 2_000;

/// Which run of which node.
pub(super) type Incarnation = u32;

#[derive(Clone)]
pub(super) struct LaneRecord {
    pub(super) key: Arc<LaneKey>,
    pub(super) lane: Arc<Lane>,
    pub(super) version: i64,
    pub(super) due: Option<Due>,
}

#[derive(Debug, Clone)]
pub(super) struct CallInFlight {
    pub(super) lane: Arc<LaneKey>,
    pub(super) claim: Option<ClaimId>,
    pub(super) node: Incarnation,
    pub(super) leave_by: i64,
    pub(super) lapses_at: i64,
}

#[derive(Clone)]
pub(super) struct Database {
    /// The true time.
    pub(super) now: i64,
    pub(super) fault: Option<Fault>,
    /// Whether lanes are locked when they are read; otherwise only their versions keep groups apart.
    pub(super) locks: bool,
    locked: HashMap<Hash, (Incarnation, i64)>,
    pub(super) lanes: BTreeMap<Hash, LaneRecord>,
    pub(super) events: BTreeMap<u64, EventRow>,
    /// The ids that are remembered, each with its number and when it came in.
    pub(super) known: HashMap<Hash, (u64, UnixMillis)>,
    pub(super) documents: HashMap<Hash, LaneKey>,
    pub(super) listed: Listed,
    pub(super) calls: BTreeMap<u64, CallInFlight>,
    /// All calls that were ever claimed, by entry and claim.
    pub(super) claimed: HashMap<(u64, Option<ClaimId>), CallInFlight>,
    /// Nodes by run: their names, and until when they are taken to live.
    pub(super) nodes: BTreeMap<Incarnation, (usize, i64)>,
    next_number: u64,
    /// How often the primary was lost, with all connections.
    pub(super) failovers: u32,
    /// How often each event has settled.
    pub(super) settled: HashMap<u64, usize>,
    /// A person holds all calls.
    pub(super) held: bool,
    /// Others have gone on in the midst of a transaction, since the last step began.
    pub(super) interrupted: bool,
    pub(super) breach: Option<String>,
}

impl Database {
    pub(super) fn new(now: UnixMillis, locks: bool, fault: Option<Fault>) -> Self {
        Self {
            now: now.0,
            fault,
            locks,
            locked: HashMap::new(),
            lanes: BTreeMap::new(),
            events: BTreeMap::new(),
            known: HashMap::new(),
            documents: HashMap::new(),
            listed: Listed::default(),
            calls: BTreeMap::new(),
            claimed: HashMap::new(),
            nodes: BTreeMap::new(),
            next_number: 1,
            failovers: 0,
            settled: HashMap::new(),
            held: false,
            interrupted: false,
            breach: None,
        }
    }

    /// Reads what a group wants, and locks its lanes; false where another group stands in the way.
    pub(super) fn load(&mut self, wanted: &Wanted, read: &mut Read, node: Incarnation) -> bool {
        let until = self.now - IDLE;
        let is_others =
            |hash| self.locked.get(hash).is_some_and(|(by, since)| *by != node && *since > until);
        if self.locks && wanted.lanes.keys().any(is_others) {
            return false;
        }
        for hash in wanted.lanes.keys() {
            let record = self.lanes.get(hash);
            if record.is_some() {
                self.locked.insert(*hash, (node, self.now));
            }
            let read_lane = ReadLane {
                row_version: 1,
                is_newer: false,
                lane: record.map(|record| Arc::clone(&record.lane)).unwrap_or_default(),
                version: record.map(|record| record.version),
                lost: Vec::new(),
                damaged: false,
            };
            read.lanes.insert(*hash, read_lane);
        }
        for hash in &wanted.documents {
            read.documents.insert(*hash, self.documents.get(hash).cloned());
        }
        for id in &wanted.ids {
            read.ids.insert(*id, self.known.get(id).map(|(number, _)| *number));
        }
        for number in &wanted.events {
            read.events.insert(*number, self.events.get(number).cloned());
        }
        for conversation in &wanted.latest {
            read.latest.insert(*conversation, self.latest_of(*conversation));
        }
        for name in &wanted.registers {
            let row = self.listed.registers.get(name).cloned();
            read.registers.insert(name.clone(), row.map(|row| (row, ROWS)));
        }
        true
    }

    pub(super) fn unlock(&mut self, node: Incarnation) {
        self.locked.retain(|_, (by, _)| *by != node);
    }

    /// The first of the numbers of a group, which rise within a lane.
    pub(super) fn draw(&mut self) -> u64 {
        let first = self.next_number;
        self.next_number += 1_000;
        first
    }

    /// Writes all of a group, if nothing of what it has read was changed meanwhile.
    pub(super) fn commit(
        &mut self,
        read: &Read,
        outcomes: &Outcomes,
        node: Incarnation,
        flight: u64,
    ) -> bool {
        let mut ids = BTreeMap::new();
        let mut documents = BTreeMap::new();
        let mut registers = BTreeSet::new();
        for change in &outcomes.changes {
            match change {
                Change::Index(number, row) if *number >= outcomes.first_number => {
                    ids.insert(row.id, (*number, row.received_at));
                }
                Change::Register(name, _) => drop(registers.insert(*name)),
                Change::Document(contact_center, document, lane) => {
                    documents.insert(hashes::of_document(contact_center, document), lane.clone());
                }
                _ => {}
            }
        }
        let mut lanes = Vec::new();
        for (key, lane) in &outcomes.lanes {
            let hash = hashes::of_lane(key);
            let before = &read.lanes[&hash];
            let same = before.lane.has_same_row(lane)
                && before.lane.conversation.entries == lane.conversation.entries;
            if !same {
                lanes.push((hash, before.version, key, lane));
            }
        }
        let version = |hash| self.lanes.get(hash).map(|record| record.version);
        let lanes_stand = lanes.iter().all(|(hash, before, ..)| version(hash) == *before);
        let documents_stand =
            documents.iter().filter(|(_, lane)| lane.is_some()).all(|(hash, _)| {
                let before = read.documents.get(hash).and_then(Option::as_ref);
                self.documents.get(hash) == before
            });
        let registers_stand = registers.into_iter().all(|name| {
            let before = read.registers.get(name).and_then(Option::as_ref).map(|(row, _)| row);
            self.listed.registers.get(name) == before
        });
        if !lanes_stand && self.fault != Some(Fault::NoVersions)
            || !documents_stand && self.fault != Some(Fault::NoGuardOfDocuments)
            || ids.keys().any(|id| self.known.contains_key(id))
            || !registers_stand
        {
            return false;
        }
        for (hash, before, key, lane) in lanes {
            let (key, lane) = (Arc::clone(key), Arc::clone(lane));
            let (version, due) = (before.unwrap_or_default() + 1, lane.conversation.next_due());
            self.lanes.insert(hash, LaneRecord { key, lane, version, due });
        }
        self.known.extend(ids);
        for (hash, lane) in documents {
            match lane {
                Some(lane) => drop(self.documents.insert(hash, lane)),
                None => drop(self.documents.remove(&hash)),
            }
        }
        for change in &outcomes.changes {
            match change {
                Change::Event(number, row) => {
                    self.events.insert(*number, EventRow::clone(row));
                }
                Change::Settled(_, Some(event)) => {
                    *self.settled.entry(*event).or_default() += 1;
                }
                _ => {}
            }
        }
        self.listed.commit(outcomes);
        self.put_calls(outcomes, node, flight);
        self.rows_are_those_of_lanes();
        true
    }

    /// What is read again is what was decided: a lane's entries are those whose rows say so.
    pub(super) fn rows_are_those_of_lanes(&mut self) {
        let lanes = self.lanes.values().flat_map(|record| record.lane.conversation.entries());
        let in_lanes: BTreeSet<u64> = lanes.map(|entry| entry.id.0).collect();
        let rows = self.events.iter().filter(|(_, row)| row.entry.is_some());
        let in_rows: BTreeSet<u64> = rows.map(|(number, _)| *number).collect();
        if let Some(number) = in_lanes.symmetric_difference(&in_rows).next() {
            let id = self.events.get(number).map(|row| row.content.id().to_owned());
            self.breach(format!("the lane of {id:?} and its row differ"));
        }
    }

    fn put_calls(&mut self, outcomes: &Outcomes, node: Incarnation, flight: u64) {
        for (key, lane) in &outcomes.lanes {
            let entries = lane.conversation.entries();
            let calling: Vec<_> = entries.filter(|entry| entry.stage.is_in_flight()).collect();
            let in_flight: BTreeSet<u64> = calling.iter().map(|entry| entry.id.0).collect();
            self.calls.retain(|entry, call| call.lane != *key || in_flight.contains(entry));
            for entry in calling {
                let claim = entry.story.claim;
                let leave_by = entry.story.leave_by.unwrap_or_default();
                let before = self.calls.get(&entry.id.0).filter(|call| call.claim == claim);
                let call = CallInFlight {
                    lane: Arc::clone(key),
                    claim,
                    node: before.map_or(node, |call| call.node),
                    leave_by: leave_by.0,
                    lapses_at: leave_by.plus(flight).0,
                };
                let first = self.claimed.insert((entry.id.0, claim), call.clone()).is_none();
                self.calls.insert(entry.id.0, call);
                if first {
                    self.keeps_order(entry);
                }
            }
        }
    }

    /// Notes a call that is found in flight.
    pub(super) fn notes_call(&mut self, number: u64, call: CallInFlight) {
        let entry = self.entry(EntryId(number)).cloned();
        let first = self.claimed.insert((number, call.claim), call).is_none();
        if let Some(entry) = entry.filter(|_| first) {
            self.keeps_order(&entry);
        }
    }

    /// Calls about a document leave one at a time, and those that nothing keeps in the order of acceptance.
    fn keeps_order(&mut self, claimed: &Entry) {
        let (id, event) = (claimed.id, &claimed.event);
        let about = |other: &RoutingEvent| {
            other.conversation == event.conversation
                || other.document.is_some() && other.document == event.document
        };
        // What is held lets others pass.
        let is_fresh = |entry: &EntryRow| {
            entry.ended.is_none() && entry.story.attempts == 0 && entry.stage == Stage::Waiting
        };
        let offers = |event: &RoutingEvent| event.kind() == Kind::Offer;
        let was_replayed = |row: &EventRow| !row.origin.earlier.is_empty();
        let first = claimed.story.attempts == 1 && claimed.stage == Stage::Sending;
        let first = first && !self.events.get(&id.0).is_some_and(was_replayed);
        let mut breach = None;
        for (number, row) in self.events.iter().filter(|(number, _)| **number != id.0) {
            let (Content::Event(other), Some(entry)) = (&row.content, &row.entry) else { continue };
            if !about(other) {
                continue;
            }
            let same = other.document.is_some() && other.document == event.document;
            if entry.stage.is_in_flight() && same {
                breach = Some(format!("{} is called for beside {}", event.id, other.id));
            }
            let waits = *number < id.0 && offers(other) && is_fresh(entry) && !was_replayed(row);
            if first && waits && entry.deadline.0 > self.now {
                breach = Some(format!("{} is called for before {}", event.id, other.id));
            }
        }
        self.breach = self.breach.take().or(breach);
    }

    /// Makes a run of a node known; its earlier runs are over.
    pub(super) fn introduce(&mut self, node: Incarnation, name: usize) {
        let earlier = |(_, (other, _)): &(&Incarnation, &(usize, i64))| *other == name;
        let earlier: Vec<_> = self.nodes.iter().filter(earlier).map(|(run, _)| *run).collect();
        let soon = self.now + LAST_BYTES;
        for call in self.calls.values_mut().filter(|call| earlier.contains(&call.node)) {
            let at_once = self.fault == Some(Fault::NothingOfEarlierRunsLands);
            call.lapses_at = if at_once { 0 } else { call.lapses_at.min(soon) };
        }
        self.nodes.retain(|run, _| !earlier.contains(run));
        self.nodes.insert(node, (name, self.now + LEASE));
    }

    /// An entry, while it is in a lane.
    fn entry(&self, entry: EntryId) -> Option<&Entry> {
        self.lanes.values().find_map(|record| record.lane.conversation.entry(entry))
    }

    /// The claim of an entry whose call or look-up is in flight.
    pub(super) fn claim_of(&self, entry: EntryId) -> Option<ClaimId> {
        let entry = self.entry(entry).filter(|entry| entry.stage.is_in_flight());
        entry.and_then(|entry| entry.story.claim)
    }

    /// What is kept of an entry.
    pub(super) fn rows_of(&self, entry: EntryId) -> (Option<Entry>, Option<EventRow>) {
        (self.entry(entry).cloned(), self.events.get(&entry.0).cloned())
    }

    /// Notes the first promise that is broken.
    pub(super) fn breach(&mut self, breach: String) {
        self.breach.get_or_insert(breach);
    }

    /// How many events are not settled.
    pub(super) fn owed(&self) -> usize {
        let open = |row: &&EventRow| row.entry.as_ref().is_some_and(|entry| entry.ended.is_none());
        self.events.values().filter(open).count()
    }

    /// The next moment at which something is to be done.
    pub(super) fn next_at(&self) -> i64 {
        let of_lane = |record: &LaneRecord| record.due.map(|due| due.at.0.min(due.expires.1.0));
        let due = self.lanes.values().filter_map(of_lane);
        let lapses = self.calls.values().map(|call| call.lapses_at + 1);
        due.chain(lapses).min().unwrap_or(self.now)
    }
}
