//! What is written of a lane's entries: an entry costs a row only where it has changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Change, Class, EventRow, IndexRow, Lane, Origin};
use crate::routing::{Entry, EntryId, LaneKey};
use crate::store::hashes;

/// The rows of the entries that a lane did not have so before. Beyond a walk over both lists, it costs what has
/// changed.
pub(super) fn changed_entries(key: &LaneKey, before: &Lane, now: &Lane, changes: &mut Vec<Change>) {
    let (were, are) = (&before.conversation.entries, &now.conversation.entries);
    let alike = |(was, is): &(&Arc<Entry>, &Arc<Entry>)| Arc::ptr_eq(was, is);
    let first = were.iter().zip(are).take_while(alike).count();
    let rest = were.len().min(are.len()) - first;
    let last = were.iter().rev().zip(are.iter().rev()).take(rest).take_while(alike).count();
    let known: HashMap<_, _> =
        were[first..were.len() - last].iter().map(|entry| (entry.id, entry)).collect();
    let told = changed_origins(before, now);
    for (place, entry) in are.iter().enumerate() {
        let untouched = place < first || place >= are.len() - last;
        let was = if untouched { Some(entry) } else { known.get(&entry.id).copied() };
        let same = was.is_some_and(|was| Arc::ptr_eq(was, entry));
        if same && (told.is_empty() || told.binary_search(&entry.id).is_err()) {
            continue;
        }
        let Some(origin) = now.origins.get(&entry.id) else { continue };
        if was.is_none() {
            let index = index_of(key, entry, origin, Class::Open);
            changes.push(Change::Index(entry.id.0, index));
        }
        let row = EventRow::of_entry(key, entry, origin);
        changes.push(Change::Event(entry.id.0, Box::new(row)));
    }
}

/// The entries whose origins a lane did not have so before, by their ids.
fn changed_origins(before: &Lane, now: &Lane) -> Vec<EntryId> {
    let mut were = before.origins.iter().peekable();
    let mut changed = Vec::new();
    for (id, origin) in &now.origins {
        while were.next_if(|(was, _)| *was < id).is_some() {}
        let was = were.next_if(|(was, _)| *was == id);
        if !was.is_some_and(|(_, was)| Arc::ptr_eq(was, origin)) {
            changed.push(*id);
        }
    }
    changed
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{
        ConversationId, EventJson, Input, RoutingEvent, Rules, UnixMillis, decide,
    };

    fn with_accepts(mut lane: Lane, numbers: std::ops::RangeInclusive<u64>) -> Lane {
        for number in numbers {
            let json = EventJson {
                id: Some(format!("e{number}")),
                kind: Some("accept".to_owned()),
                conversation: Some("c".to_owned()),
                agent: Some("a".to_owned()),
                ..EventJson::default()
            };
            let (entry, at) = (EntryId(number), UnixMillis(1_000));
            let event = RoutingEvent::parse(json, at).unwrap();
            let input = Input::Event { entry, event, at };
            lane.conversation =
                decide(Some(lane.conversation), input, &Rules::default()).conversation;
            lane.origins.insert(entry, Arc::default());
        }
        lane
    }

    fn written(before: &Lane, now: &Lane) -> Vec<String> {
        let conversation = ConversationId::parse("c").unwrap();
        let key = LaneKey { contact_center: "connect".into(), conversation };
        let mut changes = Vec::new();
        changed_entries(&key, before, now, &mut changes);
        let name = |change: &Change| match change {
            Change::Index(number, _) => format!("index {number}"),
            Change::Event(number, _) => format!("event {number}"),
            other => panic!("{other:?}"),
        };
        changes.iter().map(name).collect()
    }

    fn touch(lane: &mut Lane, place: usize) {
        Arc::make_mut(&mut lane.conversation.entries[place]).due = UnixMillis(2_000);
    }

    #[test]
    fn an_entry_costs_rows_only_where_it_or_what_the_store_knows_of_it_has_changed() {
        let before = with_accepts(Lane::default(), 1..=6);
        let after = |change: fn(&mut Lane)| {
            let mut now = before.clone();
            change(&mut now);
            written(&before, &now)
        };
        assert!(after(|_| {}).is_empty());
        assert_eq!(after(|lane| touch(lane, 0)), ["event 1"]);
        assert_eq!(after(|lane| touch(lane, 5)), ["event 6"]);
        let origin = |lane: &mut Lane| lane.origin_mut(EntryId(4)).unwrap().order = 9;
        assert_eq!(after(origin), ["event 4"]);
        assert!(after(|lane| drop(lane.conversation.entries.remove(2))).is_empty());
        let several = |lane: &mut Lane| {
            lane.conversation.entries.remove(2);
            touch(lane, 1);
            touch(lane, 3);
            lane.origin_mut(EntryId(6)).unwrap().order = 9;
            *lane = with_accepts(std::mem::take(lane), 7..=8);
        };
        let rows = ["event 2", "event 5", "event 6", "index 7", "event 7", "index 8", "event 8"];
        assert_eq!(after(several), rows);
        let again = |lane: &mut Lane| {
            let first = lane.conversation.entries.remove(0);
            lane.conversation.entries.push(first);
        };
        assert!(after(again).is_empty(), "the order stands in the origins");
        assert_eq!(
            written(&Lane::default(), &with_accepts(Lane::default(), 1..=1)),
            ["index 1", "event 1"]
        );
    }
}
