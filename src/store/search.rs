//! Which conversation a word belongs to: an event's id, a conversation, a document or an agent.
//!
//! Ids of events, conversations and documents are looked up. Agents, and documents of other tables, are looked for among the latest
//! events: a bounded number for each question, and the answer says how many and where to go on.

use serde::Serialize;

use super::Store;
use super::request::Failed;
use crate::routing::{ContactCenter, UnixMillis, rfc3339};

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub text: String,
    /// The names of all sources.
    pub sources: Vec<String>,
    pub contact_centers: Vec<ContactCenter>,
    /// From an earlier answer.
    pub cursor: Option<u64>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub hits: Vec<Hit>,
    /// How many of the latest events were looked at, and when the oldest of them came in.
    pub searched: usize,
    pub searched_since: Option<UnixMillis>,
    /// Where to go on; none where all were looked at.
    pub next: Option<u64>,
}

/// A conversation, or an event that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hit {
    /// What the word is: `event`, `conversation`, `document` or `agent`.
    pub is: &'static str,
    pub source: String,
    pub contact_center: ContactCenter,
    pub conversation: Option<String>,
    /// An event of it.
    pub event: String,
    #[serde(with = "rfc3339")]
    pub received_at: UnixMillis,
}

impl Store {
    /// Looks a word up, and for it among the latest events.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn search(&self, search: Search) -> Result<Found, Failed> {
        self.read(move |reader| reader.search(&search)).await
    }
}
