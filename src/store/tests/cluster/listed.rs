//! Rows of the model's database that no decision of its histories needs: bodies, registers, the order of settling,
//! which conversations list an event; and how all is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::database::Database;
use crate::routing::{LaneKey, Stage, UnixMillis};
use crate::store::changes::Change;
use crate::store::group::Outcomes;
use crate::store::hashes;
use crate::store::index::Owed;
use crate::store::lane::Lane;
use crate::store::records::{
    BodyRow, Class, ConversationHash, EventRow, Hash, IndexRow, RegisterRow,
};
use crate::store::request::Counts;
use crate::store::settled::Cursor;

/// How many events of a conversation are listed with the lane that it moves into.
const MOVED: usize = 100;

#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) bodies: BTreeMap<u64, BodyRow>,
    pub(super) registers: HashMap<String, RegisterRow>,
    /// An event's own conversation, and that of the lane which carries it out.
    conversations: BTreeMap<u64, [ConversationHash; 2]>,
    /// Places in the order of settling, each with its event.
    pub(super) places: BTreeMap<Cursor, u64>,
    /// The last place that is forgotten.
    pub(super) forgotten: Cursor,
    /// How many commits there were.
    pub(super) commits: u64,
}

impl Listed {
    /// Takes in what a commit changes.
    pub(super) fn commit(&mut self, outcomes: &Outcomes) {
        self.commits += 1;
        for change in &outcomes.changes {
            match change {
                Change::Event(number, row) => {
                    let lane = row.lane().map(|lane| lane.conversation);
                    if let Some((own, lane)) = row.content.conversation().zip(lane) {
                        let named = [own, lane].map(|name| hashes::of_conversation(&name));
                        self.list(*number, named);
                    }
                }
                Change::Body(number, Some(row)) => drop(self.bodies.insert(*number, row.clone())),
                Change::Register(name, row) => {
                    self.registers.insert((*name).to_owned(), row.clone());
                }
                Change::Settled(place, Some(event)) => {
                    self.places.insert(Cursor::new(self.commits, *place), *event);
                }
                // Lanes are written as the group has them; a group forgets nothing.
                _ => {}
            }
        }
        // What is said of a line of the index holds over what a row says.
        for change in &outcomes.changes {
            if let Change::Index(number, IndexRow { conversations: Some(named), class, .. }) =
                change
                && *class != Class::Request
            {
                self.list(*number, *named);
            }
        }
    }

    fn list(&mut self, number: u64, [own, lane]: [ConversationHash; 2]) {
        self.conversations.entry(number).or_insert([own, lane])[1] = lane;
    }

    /// The events that a conversation lists, oldest first.
    pub(super) fn of(&self, conversation: ConversationHash) -> impl Iterator<Item = u64> {
        let lists = move |(_, names): &(&u64, &[_; 2])| names.contains(&conversation);
        self.conversations.iter().filter(lists).map(|(number, _)| *number)
    }

    fn names(&self, conversation: ConversationHash) -> bool {
        self.of(conversation).next().is_some()
    }
}

impl Database {
    /// The index of the latest events of a conversation.
    pub(super) fn latest_of(&self, conversation: ConversationHash) -> Vec<(u64, IndexRow)> {
        let mut numbers: Vec<_> = self.listed.of(conversation).collect();
        numbers.reverse();
        numbers.truncate(MOVED);
        let index = |number: u64| {
            let row = self.events.get(&number)?;
            // The id is known already.
            let (id, class) = (Hash::default(), row.class());
            let conversations = self.listed.conversations.get(&number).copied();
            let received_at = row.origin.received_at;
            Some((number, IndexRow { id, received_at, class, conversations }))
        };
        numbers.into_iter().filter_map(index).collect()
    }

    /// How much there is, in all and of each source.
    pub(super) fn counted(&self) -> (Counts, HashMap<Arc<str>, Owed>) {
        let remembered = self.known.len();
        let (mut counts, mut owed) =
            (Counts { remembered, ..Counts::default() }, HashMap::<_, Owed>::new());
        for row in self.events.values() {
            let of_source = match &row.entry {
                None => {
                    counts.dead += usize::from(row.class() == Class::Dead);
                    continue;
                }
                Some(entry) if entry.ended.is_some() => continue,
                Some(_) => owed.entry(Arc::clone(&row.origin.source)).or_default(),
            };
            if is_parked(row) {
                (counts.parked, of_source.parked) = (counts.parked + 1, of_source.parked + 1);
            } else {
                (counts.pending, of_source.pending) = (counts.pending + 1, of_source.pending + 1);
            }
            let oldest = counts.oldest_received_at.unwrap_or(UnixMillis::MAX);
            counts.oldest_received_at = Some(oldest.min(row.origin.received_at));
        }
        (counts, owed)
    }

    /// The lanes with something parked, each once.
    pub(super) fn parked_lanes(&self) -> Vec<Arc<LaneKey>> {
        let parked = self.events.values().filter(|row| is_parked(row));
        let lanes: BTreeSet<_> = parked.filter_map(EventRow::lane).map(Arc::new).collect();
        lanes.into_iter().collect()
    }

    /// As it is found by a program that starts: lanes are made of their rows, and rows of what is written of them.
    pub(super) fn read_anew(&mut self) {
        for row in self.events.values_mut() {
            let written = serde_json::to_vec(row).unwrap();
            *row = serde_json::from_slice(&written).unwrap();
        }
        for record in self.lanes.values_mut() {
            let written = serde_json::to_vec(&record.lane.to_row(&record.key)).unwrap();
            let row = serde_json::from_slice(&written).unwrap();
            let own =
                |row: &EventRow| row.entry.is_some() && row.lane().as_ref() == Some(&*record.key);
            let own = self.events.iter().filter(|(_, row)| own(row));
            let entries = own.map(|(number, row)| row.clone().into_entry(*number).unwrap());
            record.lane = Arc::new(Lane::restore(Some(row), entries.collect()));
        }
    }

    /// Forgets what is over: events and ids that came in before one moment, bodies before another.
    pub(super) fn forget(&mut self, events: UnixMillis, bodies: UnixMillis) {
        let Self { events: rows, known, listed, lanes, documents, calls, .. } = self;
        let is_wanted = |row: &EventRow| match &row.entry {
            Some(entry) => entry.ended.is_none(),
            None => row.class() == Class::Dead,
        };
        listed.bodies.retain(|first, body| {
            let mut brought = rows.range(*first..*first + u64::from(body.events));
            body.received_at >= bodies || brought.any(|(_, row)| is_wanted(row))
        });
        let mut named = BTreeSet::new();
        rows.retain(|number, row| {
            let stays = row.origin.received_at >= events || row.entry.is_some();
            if !stays {
                named.extend(listed.conversations.remove(number).into_iter().flatten());
            }
            stays
        });
        known.retain(|_, (number, at)| *at >= events || rows.contains_key(number));
        lanes.retain(|_, record| {
            let conversation = hashes::of_conversation(&record.key.conversation);
            let stays = !named.contains(&conversation)
                || record.due.is_some()
                || listed.names(conversation)
                || calls.values().any(|call| call.lane == record.key);
            if !stays {
                documents.retain(|_, lane| *lane != *record.key);
            }
            stays
        });
        while let Some(oldest) = listed.places.first_entry() {
            if rows.contains_key(oldest.get()) {
                break;
            }
            listed.forgotten = oldest.remove_entry().0;
        }
    }
}

fn is_parked(row: &EventRow) -> bool {
    let entry = row.entry.as_ref().filter(|entry| entry.ended.is_none());
    entry.is_some_and(|entry| matches!(entry.stage, Stage::Parked { .. }))
}
