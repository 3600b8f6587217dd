//! What a group may ask of what is committed.

use std::sync::Arc;

use crate::routing::{ContactCenter, DocumentRef, LaneKey};
use crate::store::index::Owed;
use crate::store::lane::Lane;
use crate::store::records::{EventRow, Hash, IndexRow, RegisterRow};
use crate::store::request::Failed;

/// What is committed.
pub(in crate::store) trait View {
    /// The number under which an id is known.
    fn number_of(&self, id: &Hash) -> Option<u64>;
    /// Whether an event has an entry, and in which lane.
    fn lane_of(&self, number: u64) -> Option<Arc<LaneKey>>;
    /// Whether an event is not settled.
    fn is_unsettled(&self, number: u64) -> bool;
    /// A lane; an empty one where nothing is known of it.
    fn lane(&mut self, key: &Arc<LaneKey>) -> Result<Found, Failed>;
    /// The lane that carries out the events of a document.
    fn lane_of_document(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<LaneKey>, Failed>;
    /// One event.
    fn event(&self, number: u64) -> Result<Option<EventRow>, Failed>;
    /// The index of the latest events of a conversation.
    fn latest_of(&self, conversation: &LaneKey) -> Result<Vec<(u64, IndexRow)>, Failed>;
    /// A register, if it was ever written.
    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed>;
    /// What is owed in all, and to a source.
    fn owed(&self, source: &str) -> (usize, Owed);
    /// Whether all that was asked for is known. What is decided otherwise is not written, but decided again.
    fn is_complete(&self) -> bool {
        true
    }
}

/// A lane as it was read.
pub(in crate::store) struct Found {
    pub(in crate::store) lane: Arc<Lane>,
    /// Its events that cannot go on.
    pub(in crate::store) lost: Vec<Lost>,
    /// Its own row was damaged.
    pub(in crate::store) damaged: bool,
}

/// An event that cannot go on because of a damaged row.
#[derive(Clone)]
pub(in crate::store) struct Lost {
    pub(in crate::store) number: u64,
    pub(in crate::store) index: Option<IndexRow>,
    /// Its own row, if that is not the one.
    pub(in crate::store) row: Option<Box<EventRow>>,
    pub(in crate::store) why: String,
}
