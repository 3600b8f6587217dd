//! What an operator has to look at, in groups: dead letters by source and reason, parked events by what the tables
//! lack.

use super::Store;
use super::index::Owed;
use super::request::Failed;
use crate::routing::{ContactCenter, EventRecord, Missing, UnixMillis};

/// How many events of a group are given at once.
const PAGE: usize = 100;

/// Dead letters of one source that have one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadGroup {
    pub(crate) source: String,
    /// The reason's word.
    pub(crate) reason: String,
}

/// Events that wait for the same row of a contact centre's tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ParkedGroup {
    pub(crate) contact_center: ContactCenter,
    pub(crate) missing: Missing,
}

/// A group of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Group {
    Dead(DeadGroup),
    Parked(ParkedGroup),
}

/// All groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Todo {
    pub(crate) dead: Vec<Grouped<DeadGroup>>,
    pub(crate) parked: Vec<Grouped<ParkedGroup>>,
    /// Dead letters in all, those included that are in no group yet.
    pub(crate) all_dead: usize,
    pub(crate) all_parked: usize,
}

/// A group and how many events it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grouped<G> {
    pub(crate) group: G,
    pub(crate) events: usize,
    /// When the first of them came in, and the last.
    pub(crate) since: UnixMillis,
    pub(crate) latest: UnixMillis,
}

/// An event of a group, under the number by which the next ones are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) number: u64,
    pub(crate) event: EventRecord,
}

impl Store {
    /// The groups, those with most events first.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn todo(&self) -> Result<Todo, Failed> {
        self.read(|reader| reader.todo()).await
    }

    /// Events of a group, oldest first, after the one of that number; a hundred at most.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn of_group(
        &self,
        group: Group,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Member>, Failed> {
        self.read(move |reader| reader.of_group(&group, after, limit.min(PAGE))).await
    }

    /// How many events are pending and parked of a source; from memory.
    #[must_use]
    pub(crate) fn owed_to(&self, source: &str) -> Owed {
        self.inner.reader.owed_to(source)
    }
}
