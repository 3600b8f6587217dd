//! Looks a word up in the index, and for it among the latest rows.

use std::collections::BTreeSet;

use super::Rows;
use super::kept::Kept;
use super::retention::readable;
use crate::routing::{ContactCenter, ConversationId, DocumentRef, EventRecord, SysId, TableName};
use crate::store::records::EventRow;
use crate::store::request::Failed;
use crate::store::search::{Found, Hit, Search};
use crate::store::{hashes, record};

/// How many events are looked at for one question, and how many bytes of rows, but for the last row.
const LOOKED_AT: usize = 2_000;
const READ: usize = 4 * 1024 * 1024;
/// How many conversations are given at once.
const HITS: usize = 50;
/// How many events of a conversation's name are looked at for its contact centres.
const OF_NAME: usize = 20;

pub(super) fn find(kept: &Kept, search: &Search) -> Result<Found, Failed> {
    let rows = kept.rows()?;
    let mut hits = Hits::default();
    if search.cursor.is_none() {
        for (number, is) in known_by_name(kept, &rows, search)? {
            if let Some((row, _)) = readable(rows.event_and_length(number))?.flatten() {
                // Two conversations may share a hash, and a lane may be another's.
                let is_it = |event: &EventRecord| {
                    is != "conversation" || event.conversation.as_deref() == Some(&search.text)
                };
                hits.add(row, |event| is_it(event).then_some(is));
            }
        }
    }
    let mut found = Found::default();
    let mut read = 0;
    for number in rows.numbers_before(search.cursor.unwrap_or(u64::MAX)) {
        let number = number?;
        if found.searched == LOOKED_AT || read >= READ || hits.all.len() >= HITS {
            found.next = Some(number.saturating_add(1));
            break;
        }
        found.searched += 1;
        let Some((row, length)) = readable(rows.event_and_length(number))?.flatten() else {
            continue;
        };
        read += length;
        found.searched_since = Some(row.origin.received_at);
        hits.add(row, |event| tells_of(event, &search.text));
    }
    found.hits = hits.all;
    Ok(found)
}

/// What the word is in an event: its agent or its document.
fn tells_of(event: &EventRecord, text: &str) -> Option<&'static str> {
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

/// The events by which the word is known, each with what it is.
fn known_by_name(
    kept: &Kept,
    rows: &Rows,
    search: &Search,
) -> Result<Vec<(u64, &'static str)>, Failed> {
    let text = search.text.as_str();
    let mut conversations = Vec::from_iter(ConversationId::parse(text).ok());
    let mut known = Vec::new();
    let (table, sys_id) = parted(text).unwrap_or(("interaction", text));
    if let (Ok(table), Ok(sys_id)) = (TableName::parse(table), SysId::parse(sys_id)) {
        let document = DocumentRef { table, sys_id };
        for contact_center in &search.contact_centers {
            let lane = readable(rows.lane_of_document(contact_center, &document))?.flatten();
            conversations.extend(lane.map(|lane| lane.conversation));
        }
    }
    let index = kept.index();
    for source in &search.sources {
        let number = index.number_of(&hashes::of_event(source, text));
        known.extend(number.map(|number| (number, "event")));
    }
    for conversation in conversations {
        let is = if conversation.as_str() == text { "conversation" } else { "document" };
        let of_name = index.of_conversation(hashes::of_conversation(&conversation), u64::MAX);
        known.extend(of_name.take(OF_NAME).map(|number| (number, is)));
    }
    Ok(known)
}

/// `interaction:59616…` and `interaction 59616…`.
fn parted(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', ' ']).map(|(table, sys_id)| (table, sys_id.trim()))
}

/// Each conversation once.
#[derive(Default)]
struct Hits {
    all: Vec<Hit>,
    seen: BTreeSet<(ContactCenter, String)>,
}

impl Hits {
    fn add(&mut self, row: EventRow, what: impl Fn(&EventRecord) -> Option<&'static str>) {
        let event = record::event(row);
        let Some(is) = what(&event) else { return };
        let EventRecord { source, id, conversation, contact_center, received_at, .. } = event;
        let name = conversation.clone().unwrap_or_else(|| format!("{source}/{id}"));
        if self.seen.insert((contact_center.clone(), name)) {
            self.all.push(Hit { is, source, contact_center, conversation, event: id, received_at });
        }
    }
}
