//! What is asked of an engine: the writer has it decide and keep, everyone else has it read.

use std::sync::Arc;

use bytes::Bytes;

use super::group::{self, Outcomes, Terms};
use super::index::Owed;
use super::record::Filter;
use super::records::RegisterRow;
use super::request::{Counts, Failed};
use super::search::{Found, Search};
use super::todo::{Group, Member, Todo};
use crate::routing::{ConversationRecord, EventRecord, LaneKey, Page, UnixMillis};

/// Decides a group. It may be asked more than once for the same group, and has to come to the same again.
pub(super) type Decide<'a> = dyn FnMut(&mut group::Group<'_>) -> Result<(), Failed> + 'a;

/// What writes. Only the writer uses it.
pub(super) trait Engine: Send {
    /// Has a group decided on what is committed, and writes all that it changes or nothing: when it returns, that is on the disk.
    ///
    /// # Errors
    /// Nothing of the group is written.
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed>;

    /// The lanes with something parked, each once.
    ///
    /// # Errors
    /// They cannot be read.
    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed>;

    /// A piece of what has to be done now and then, such as forgetting what is over; whether there is more of it.
    ///
    /// # Errors
    /// It cannot read or write.
    fn upkeep(&mut self, now: UnixMillis) -> Result<bool, Failed>;

    /// Notes that everything is written, and closes the database.
    fn close(self: Box<Self>);
}

/// What answers operators' questions, on any thread that may wait for a disk or a network.
pub(super) trait Reader: Send + Sync {
    /// One event.
    fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed>;
    /// The vendor's body that brought an event, while it is kept.
    fn body(&self, source: &str, id: &str) -> Result<Option<Bytes>, Failed>;
    /// Events, newest first.
    fn events(&self, filter: &Filter) -> Result<Page, Failed>;
    /// One conversation with its latest events.
    fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed>;
    /// A register; none where it was never written.
    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed>;
    /// How much there is; from memory.
    fn counts(&self) -> Counts;
    /// How much a source has that is not settled; from memory.
    fn owed_to(&self, source: &str) -> Owed;
    /// Groups of dead letters and parked events, those with most events first.
    fn todo(&self) -> Result<Todo, Failed>;
    /// Events of a group, oldest first, after the one of that number.
    fn of_group(&self, group: &Group, after: u64, limit: usize) -> Result<Vec<Member>, Failed>;
    /// Looks a word up, and for it among the latest events.
    fn search(&self, search: &Search) -> Result<Found, Failed>;
}
