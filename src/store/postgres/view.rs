//! What a group may look at: what was read for it. What it asks for beyond that is noted, and read before it is decided
//! again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::routing::{ContactCenter, DocumentRef, LaneKey};
use crate::store::group::{Found, Lost, View};
use crate::store::hashes;
use crate::store::index::Owed;
use crate::store::lane::Lane;
use crate::store::records::{EventRow, Hash, IndexRow, RegisterRow};
use crate::store::request::{Counts, Failed};

/// What was asked for and is not read yet.
#[derive(Debug, Default)]
pub(in crate::store) struct Wanted {
    pub(in crate::store) ids: BTreeSet<Hash>,
    pub(in crate::store) lanes: BTreeMap<Hash, Arc<LaneKey>>,
    pub(in crate::store) documents: BTreeSet<Hash>,
    pub(in crate::store) events: BTreeSet<u64>,
    pub(in crate::store) latest: BTreeSet<u64>,
    pub(in crate::store) registers: BTreeSet<String>,
}

impl Wanted {
    /// Wants the lanes as well that the group has come to want in an earlier transaction, and notes all for a later
    /// one.
    pub(super) fn with_lanes(&mut self, lanes: &mut BTreeMap<Hash, Arc<LaneKey>>) {
        self.lanes.append(lanes);
        lanes.clone_from(&self.lanes);
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        let Self { ids, lanes, documents, events, latest, registers } = self;
        ids.is_empty()
            && lanes.is_empty()
            && documents.is_empty()
            && events.is_empty()
            && latest.is_empty()
            && registers.is_empty()
    }
}

/// A lane as it was read.
pub(in crate::store) struct ReadLane {
    /// In which version its row is written.
    pub(in crate::store) row_version: i16,
    /// A newer program has written something of it: it stays as it is.
    pub(in crate::store) is_newer: bool,
    pub(in crate::store) lane: Arc<Lane>,
    /// None where it has no row.
    pub(in crate::store) version: Option<i64>,
    /// Its events that cannot be read.
    pub(in crate::store) lost: Vec<Lost>,
    /// Its own row cannot be read.
    pub(in crate::store) damaged: bool,
}

/// What was read for a group.
#[derive(Default)]
pub(in crate::store) struct Read {
    /// The newest version of rows that is read.
    pub(in crate::store) rows_up_to: i16,
    /// In which versions events were written.
    pub(in crate::store) row_versions: HashMap<u64, i16>,
    pub(in crate::store) ids: HashMap<Hash, Option<u64>>,
    pub(in crate::store) lanes: HashMap<Hash, ReadLane>,
    pub(in crate::store) documents: HashMap<Hash, Option<LaneKey>>,
    /// None of one that a newer program has written, too: see `row_versions`.
    pub(in crate::store) events: HashMap<u64, Option<EventRow>>,
    pub(in crate::store) latest: HashMap<u64, Vec<(u64, IndexRow)>>,
    pub(in crate::store) registers: HashMap<String, Option<(RegisterRow, i16)>>,
    pub(in crate::store) counts: Counts,
    pub(in crate::store) owed: HashMap<Arc<str>, Owed>,
    pub(in crate::store) wanted: RefCell<Wanted>,
    pub(in crate::store) incomplete: Cell<bool>,
}

impl Read {
    /// Takes what has to be read before the group is decided again.
    pub(in crate::store) fn take_wanted(&mut self) -> Wanted {
        self.incomplete.set(false);
        self.wanted.take()
    }

    /// The version in which an event is to be written, where `written` is that of new rows: never an older one than it
    /// has.
    pub(super) fn version_of(&self, event: u64, written: i16) -> i16 {
        self.row_versions.get(&event).copied().unwrap_or_default().max(written)
    }

    /// The same of a lane: that of the newest row in it.
    pub(super) fn version_of_lane(&self, hash: &Hash, lane: &Lane, written: i16) -> i16 {
        let own = self.lanes.get(hash).map_or(written, |read| read.row_version.max(written));
        let entries = lane.conversation.entries();
        entries.fold(own, |version, entry| self.version_of(entry.id.0, version))
    }

    fn want(&self, note: impl FnOnce(&mut Wanted)) {
        note(&mut self.wanted.borrow_mut());
        self.incomplete.set(true);
    }
}

impl View for Read {
    fn number_of(&self, id: &Hash) -> Option<u64> {
        let found = self.ids.get(id).copied();
        found.unwrap_or_else(|| {
            self.want(|wanted| _ = wanted.ids.insert(*id));
            None
        })
    }

    fn lane_of(&self, number: u64) -> Option<Arc<LaneKey>> {
        let row = self.row(number)?;
        row.entry.as_ref().and_then(|_| row.lane()).map(Arc::new)
    }

    fn is_unsettled(&self, number: u64) -> bool {
        let row = self.row(number);
        row.is_some_and(|row| row.entry.as_ref().is_some_and(|entry| entry.ended.is_none()))
    }

    fn lane(&mut self, key: &Arc<LaneKey>) -> Result<Found, Failed> {
        let hash = hashes::of_lane(key);
        let Some(read) = self.lanes.get(&hash) else {
            self.want(|wanted| _ = wanted.lanes.insert(hash, Arc::clone(key)));
            return Ok(Found { lane: Arc::default(), lost: Vec::new(), damaged: false });
        };
        let ReadLane { lane, lost, damaged, is_newer, .. } = read;
        if *is_newer {
            return Err(Failed::Newer);
        }
        Ok(Found { lane: Arc::clone(lane), lost: lost.clone(), damaged: *damaged })
    }

    fn lane_of_document(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<LaneKey>, Failed> {
        let hash = hashes::of_document(contact_center, document);
        match self.documents.get(&hash) {
            Some(lane) => Ok(lane.clone()),
            None => {
                self.want(|wanted| _ = wanted.documents.insert(hash));
                Ok(None)
            }
        }
    }

    fn event(&self, number: u64) -> Result<Option<EventRow>, Failed> {
        let row = self.row(number).cloned();
        let version = self.row_versions.get(&number);
        if version.is_some_and(|version| *version > self.rows_up_to) {
            return Err(Failed::Newer);
        }
        Ok(row)
    }

    fn latest_of(&self, conversation: &LaneKey) -> Result<Vec<(u64, IndexRow)>, Failed> {
        let hash = hashes::of_conversation(&conversation.conversation);
        match self.latest.get(&hash) {
            Some(latest) => Ok(latest.clone()),
            None => {
                self.want(|wanted| _ = wanted.latest.insert(hash));
                Ok(Vec::new())
            }
        }
    }

    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed> {
        match self.registers.get(name) {
            Some(Some((_, version))) if *version > self.rows_up_to => Err(Failed::Newer),
            Some(row) => Ok(row.clone().map(|(row, _)| row)),
            None => {
                self.want(|wanted| _ = wanted.registers.insert(name.to_owned()));
                Ok(None)
            }
        }
    }

    fn owed(&self, source: &str) -> (usize, Owed) {
        (self.counts.pending, self.owed.get(source).copied().unwrap_or_default())
    }

    fn is_complete(&self) -> bool {
        !self.incomplete.get()
    }
}

impl Read {
    fn row(&self, number: u64) -> Option<&EventRow> {
        match self.events.get(&number) {
            Some(row) => row.as_ref(),
            None => {
                self.want(|wanted| _ = wanted.events.insert(number));
                None
            }
        }
    }
}
