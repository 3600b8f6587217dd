//! What is asked of an engine: the writer has it decide and keep, everyone else has it read.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::counted::CountedRow;
use super::database::DatabaseStanding;
use super::group::{self, Outcomes, Terms};
use super::index::Owed;
use super::record::Filter;
use super::records::RegisterRow;
use super::register::Reading;
use super::request::{Counts, Failed};
use super::search::{Found, Search};
use super::settled::{Changes, Cursor};
use super::todo::{Group, Member, Todo};
use crate::clock;
use crate::routing::{
    ClaimId, ConversationRecord, Due, EntryId, EventRecord, LaneKey, Page, UnixMillis,
};

/// Decides a group. It may be asked more than once for the same group, and has to come to the same again.
pub(super) type Decide<'a> = dyn FnMut(&mut group::Group<'_>) -> Result<(), Failed> + 'a;

/// What writes. Only the writer uses it.
pub(super) trait Engine: Send {
    /// Has a group decided on what is committed, and writes all that it changes or nothing: when it returns, that is on
    /// the disk.
    ///
    /// # Errors
    /// Nothing of the group is written.
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed>;

    /// The lanes with something parked, each once.
    ///
    /// # Errors
    /// They cannot be read.
    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed>;

    /// A piece of what has to be done now and then, such as forgetting what is over.
    ///
    /// # Errors
    /// It cannot read or write.
    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed>;

    /// Why it cannot work at the moment, if that is so.
    fn trouble(&self) -> Option<Failed> {
        None
    }

    /// Notes that everything is written, and closes the database.
    fn close(self: Box<Self>);
}

/// What came of a piece of upkeep.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// There is more of it.
    pub(super) more: bool,
    /// Lanes that others have left with something due.
    pub(super) due: Vec<(Arc<LaneKey>, Option<Due>)>,
    /// Calls that their nodes do not answer for any more.
    pub(super) lapsed: Vec<Lapsed>,
    /// How far the moments of `due` are ahead of this machine's own clock, in milliseconds.
    pub(super) ahead_ms: i64,
}

/// A call in flight whose node is gone, or that was in flight for too long.
#[derive(Debug)]
pub(super) struct Lapsed {
    /// Until then it may still land.
    pub(super) doubt_until: Option<UnixMillis>,
    pub(super) lane: Arc<LaneKey>,
    pub(super) entry: EntryId,
    /// None in a row without one.
    pub(super) claim: Option<ClaimId>,
}

/// What answers operators, from any thread that may wait for a disk or a network.
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
    /// What settled after a place in the order of settling, at most so many events; without a place the end of that
    /// order.
    fn changes(&self, after: Option<Cursor>, limit: usize) -> Result<Changes, Failed>;
    /// A register, and when it was read.
    fn register_now(&self, name: &str) -> Result<Reading, Failed> {
        Ok(Reading { row: self.register(name)?, at: clock::now() })
    }
    /// Writes a register of that version beside the writer, where nodes share it; false where it was not written.
    fn swap_now(&self, _name: &str, _seen: u64, _value: &Value) -> Result<bool, Failed> {
        Ok(false)
    }
    /// Writes what a node has counted, where others read it.
    fn write_counted(&self, _node: &str, _rows: &[(i64, String)]) -> Result<(), Failed> {
        Ok(())
    }
    /// What the other nodes have counted since a minute.
    fn counted_by_others(&self, _node: &str, _since: i64) -> Result<Vec<CountedRow>, Failed> {
        Ok(Vec::new())
    }
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
    /// How a database that several nodes share stands; from memory.
    fn database(&self) -> Option<DatabaseStanding> {
        None
    }
    /// The clock of the store's moments less ours, in milliseconds; from memory.
    fn clock_ahead_ms(&self) -> i64 {
        0
    }
    /// The last claim of an entry.
    #[cfg(test)]
    fn claim_of(&self, number: u64) -> Option<ClaimId>;
    /// How many rows there are: `e`vents, `i`ds, `b`odies, `l`anes, documents' `r`ows.
    #[cfg(test)]
    fn rows(&self, kind: u8) -> usize;
    /// How many events have an entry in a lane.
    #[cfg(test)]
    fn open_in(&self, lane: &LaneKey) -> usize;
}
