//! What one commit changes: an engine writes all of it or nothing.

use super::records::{BodyRow, EventRow, IndexRow, LaneRow, RegisterRow};
use crate::routing::{ContactCenter, DocumentRef, LaneKey};

/// One row that gets a new content, or goes where there is none. Of two changes of a row the later holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Event(u64, Box<EventRow>),
    Index(u64, IndexRow),
    /// Removes an event with its line of the index.
    Forget(u64, IndexRow),
    Body(u64, Option<BodyRow>),
    Lane(LaneKey, Option<Box<LaneRow>>),
    /// The lane that carries out the events of a document of a contact centre.
    Document(ContactCenter, DocumentRef, Option<LaneKey>),
    Register(&'static str, RegisterRow),
    /// The event that settled under that number of the order of settling; none: no longer told.
    Settled(u64, Option<u64>),
}
