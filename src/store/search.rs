//! Which conversation a word belongs to: an event's id, a conversation, a document or an agent.
//!
//! Ids of events, conversations and documents are looked up. Agents, and documents of other tables, are looked for
//! among the latest events: a bounded number for each question, and the answer says how many and where to go on.

use std::collections::BTreeSet;

use serde::Serialize;

use super::records::EventRow;
use super::request::Failed;
use super::{Store, record};
use crate::routing::{
    ContactCenter, DocumentRef, EventRecord, SysId, TableName, UnixMillis, rfc3339,
};

/// How many events are looked at for one question, and how many bytes of rows, but for the last row.
pub(super) const LOOKED_AT: usize = 2_000;
pub(super) const READ: usize = 4 * 1024 * 1024;
/// How many conversations are given at once.
pub(super) const HITS: usize = 50;
/// How many events of a conversation's name are looked at for its contact centres.
pub(super) const OF_NAME: usize = 20;

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) text: String,
    /// The names of all sources.
    pub(crate) sources: Vec<String>,
    pub(crate) contact_centers: Vec<ContactCenter>,
    /// From an earlier answer.
    pub(crate) cursor: Option<u64>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    /// How many of the latest events were looked at, and when the oldest of them came in.
    pub(crate) searched: usize,
    pub(crate) searched_since: Option<UnixMillis>,
    /// Where to go on; none where all were looked at.
    pub(crate) next: Option<u64>,
}

/// A conversation, or an event that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hit {
    /// What the word is: `event`, `conversation`, `document` or `agent`.
    pub(crate) is: &'static str,
    pub(crate) source: String,
    pub(crate) contact_center: ContactCenter,
    pub(crate) conversation: Option<String>,
    /// An event of it.
    pub(crate) event: String,
    #[serde(with = "rfc3339")]
    pub(crate) received_at: UnixMillis,
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

impl Search {
    /// The document that the word may be.
    pub(super) fn document(&self) -> Option<DocumentRef> {
        let text = self.text.as_str();
        let (table, sys_id) = parted(text).unwrap_or(("interaction", text));
        Some(DocumentRef {
            table: TableName::parse(table).ok()?,
            sys_id: SysId::parse(sys_id).ok()?,
        })
    }
}

/// What the word is in an event: its agent or its document.
pub(super) fn tells_of(event: &EventRecord, text: &str) -> Option<&'static str> {
    let said = event.event.as_ref()?;
    let target = said.transfer.as_ref().and_then(|transfer| transfer.target.as_ref());
    let agents = [said.agent.as_deref(), target.and_then(|target| target.agent.as_deref())];
    if agents.contains(&Some(text)) {
        return Some("agent");
    }
    let document = said.document.as_ref()?;
    let (table, sys_id) = (document.table.as_deref(), document.sys_id.as_deref()?);
    let is_named =
        sys_id == text || parted(text).is_some_and(|(of, id)| id == sys_id && Some(of) == table);
    is_named.then_some("document")
}

/// `interaction:59616…` and `interaction 59616…`.
fn parted(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', ' ']).map(|(table, sys_id)| (table, sys_id.trim()))
}

/// Each conversation once.
#[derive(Default)]
pub(super) struct Hits {
    pub(super) all: Vec<Hit>,
    seen: BTreeSet<(ContactCenter, String)>,
}

impl Hits {
    pub(super) fn add(
        &mut self,
        row: EventRow,
        what: impl Fn(&EventRecord) -> Option<&'static str>,
    ) {
        let event = record::event(row);
        let Some(is) = what(&event) else { return };
        let EventRecord { source, id, conversation, contact_center, received_at, .. } = event;
        let name = conversation.clone().unwrap_or_else(|| format!("{source}/{id}"));
        if self.seen.insert((contact_center.clone(), name)) {
            self.all.push(Hit { is, source, contact_center, conversation, event: id, received_at });
        }
    }
}
