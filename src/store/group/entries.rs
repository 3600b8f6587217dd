//! What is written of a lane's entries: an entry costs a row only where it has changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Change, Class, EventRow, IndexRow, Lane, Origin};
use crate::routing::{Entry, LaneKey};
use crate::store::hashes;

/// The rows of the entries that a lane did not have so before.
pub(super) fn changed_entries(key: &LaneKey, before: &Lane, now: &Lane, changes: &mut Vec<Change>) {
    let known: HashMap<_, _> =
        before.conversation.entries.iter().map(|entry| (entry.id, entry)).collect();
    for entry in &now.conversation.entries {
        let (was, origin) = (known.get(&entry.id), now.origins.get(&entry.id));
        let same_origin = || match (before.origins.get(&entry.id), origin) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if was.is_some_and(|was| Arc::ptr_eq(was, entry)) && same_origin() {
            continue;
        }
        let Some(origin) = origin else { continue };
        if was.is_none() {
            let index = index_of(key, entry, origin, Class::Open);
            changes.push(Change::Index(entry.id.0, index));
        }
        let row = EventRow::of_entry(key, entry, origin);
        changes.push(Change::Event(entry.id.0, Box::new(row)));
    }
}

/// The line of the index of an event in a lane.
pub(super) fn index_of(lane: &LaneKey, entry: &Entry, origin: &Origin, class: Class) -> IndexRow {
    IndexRow {
        id: hashes::of_event(&origin.source, entry.event.id.as_str()),
        received_at: origin.received_at,
        class,
        conversations: Some([
            hashes::of_conversation(&entry.event.conversation),
            hashes::of_conversation(&lane.conversation),
        ]),
    }
}
