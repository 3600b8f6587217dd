//! Looks a word up in the index, and for it among the latest rows.

use super::Rows;
use super::kept::Kept;
use super::retention::readable;
use crate::routing::{ConversationId, EventRecord};
use crate::store::hashes;
use crate::store::request::Failed;
use crate::store::search::{Found, HITS, Hits, LOOKED_AT, OF_NAME, READ, Search, tells_of};

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

/// The events by which the word is known, each with what it is.
fn known_by_name(
    kept: &Kept,
    rows: &Rows,
    search: &Search,
) -> Result<Vec<(u64, &'static str)>, Failed> {
    let text = search.text.as_str();
    let mut conversations = Vec::from_iter(ConversationId::parse(text).ok());
    let mut known = Vec::new();
    if let Some(document) = search.document() {
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
