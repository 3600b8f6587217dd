//! What a group may look at: what was read for it. What it asks for beyond that is noted, and read before it is decided again.

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
pub(super) struct Wanted {
    pub(super) ids: BTreeSet<Hash>,
    pub(super) lanes: BTreeMap<Hash, Arc<LaneKey>>,
    pub(super) documents: BTreeSet<Hash>,
    pub(super) events: BTreeSet<u64>,
    pub(super) latest: BTreeSet<u64>,
    pub(super) registers: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
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
pub(super) struct ReadLane {
    pub(super) lane: Arc<Lane>,
    /// None where it has no row.
    pub(super) version: Option<i64>,
    /// Its events that cannot be read.
    pub(super) lost: Vec<Lost>,
    /// Its own row cannot be read.
    pub(super) damaged: bool,
}

/// What was read for a group.
#[derive(Default)]
pub(super) struct Read {
    pub(super) ids: HashMap<Hash, Option<u64>>,
    pub(super) lanes: HashMap<Hash, ReadLane>,
    pub(super) documents: HashMap<Hash, Option<LaneKey>>,
    pub(super) events: HashMap<u64, Option<EventRow>>,
    pub(super) latest: HashMap<u64, Vec<(u64, IndexRow)>>,
    pub(super) registers: HashMap<String, Option<RegisterRow>>,
    pub(super) counts: Counts,
    pub(super) owed: HashMap<Arc<str>, Owed>,
    pub(super) wanted: RefCell<Wanted>,
    incomplete: Cell<bool>,
}

impl Read {
    /// Takes what has to be read before the group is decided again.
    pub(super) fn take_wanted(&mut self) -> Wanted {
        self.incomplete.set(false);
        self.wanted.take()
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
        let ReadLane { lane, lost, damaged, .. } = read;
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
        Ok(self.row(number).cloned())
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
            Some(row) => Ok(row.clone()),
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
