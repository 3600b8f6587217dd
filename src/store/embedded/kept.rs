//! What the engine's writer and all readers share: the rows, and the index of them in memory.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;

use super::todo::Known;
use super::{Rows, read, search, settled, todo};
use crate::routing::{ConversationRecord, EventRecord, Page};
use crate::store::engine::Reader;
use crate::store::index::{Index, Owed};
use crate::store::record::Filter;
use crate::store::records::RegisterRow;
use crate::store::request::{Counts, Failed};
use crate::store::search::{Found, Search};
use crate::store::settled::{Changes, Cursor};
use crate::store::todo::{Group, Member, Todo};

pub(in crate::store) struct Kept {
    index: Mutex<Index>,
    /// None once the store is closed.
    rows: RwLock<Option<Rows>>,
    /// What operators have had read of dead letters and parked events.
    known: Mutex<Known>,
}

impl Kept {
    pub(super) fn new(index: Index, rows: Rows) -> Self {
        Self { index: Mutex::new(index), rows: RwLock::new(Some(rows)), known: Mutex::default() }
    }

    /// Locks the index; to be held for moments only, and never over a read of rows.
    pub(in crate::store) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::store) fn rows(&self) -> Result<Rows, Failed> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Failed::Closed)
    }

    /// Locks what was read for groups, also over reads of rows: operators alone wait for each other.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the database; reads fail from now on.
    pub(super) fn close(&self) {
        self.rows.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Reader for Kept {
    fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
        read::event(self, source, id)
    }

    fn body(&self, source: &str, id: &str) -> Result<Option<Bytes>, Failed> {
        read::body(self, source, id)
    }

    fn events(&self, filter: &Filter) -> Result<Page, Failed> {
        read::events(self, filter)
    }

    fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed> {
        read::conversation(self, contact_center, conversation)
    }

    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed> {
        Ok(self.rows()?.register(name)?)
    }

    fn changes(&self, after: Option<Cursor>, limit: usize) -> Result<Changes, Failed> {
        settled::changes(self, after, limit)
    }

    fn counts(&self) -> Counts {
        self.index().counts()
    }

    fn owed_to(&self, source: &str) -> Owed {
        self.index().owed_to(source)
    }

    fn todo(&self) -> Result<Todo, Failed> {
        todo::todo(self)
    }

    fn of_group(&self, group: &Group, after: u64, limit: usize) -> Result<Vec<Member>, Failed> {
        todo::of_group(self, group, after, limit)
    }

    fn search(&self, search: &Search) -> Result<Found, Failed> {
        search::find(self, search)
    }

    #[cfg(test)]
    fn claim_of(&self, number: u64) -> Option<crate::routing::ClaimId> {
        let row = self.rows().ok()?.event(number).ok()??;
        row.entry.and_then(|entry| entry.story.claim)
    }

    #[cfg(test)]
    fn rows(&self, kind: u8) -> usize {
        Self::rows(self).map_or(0, |rows| rows.count(kind))
    }

    #[cfg(test)]
    fn open_in(&self, lane: &crate::routing::LaneKey) -> usize {
        self.index().open_in(lane).len()
    }
}
