//! What operators are told of the model's database. Left out, since the contract does not ask for it: groups of what
//! needs an operator, the search, and what nodes count (all answered in SQL, and tried in `tests/it`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::*;
use super::database::Database;
use crate::routing::{ConversationRecord, Page};
use crate::store::engine::Reader;
use crate::store::record;
use crate::store::records::EventRow;

/// How many events are looked at for one page, and how many bytes of rows are read for one, but for the last row.
const LOOKED_AT: usize = 2_000;
const READ: usize = 4 * 1024 * 1024;
/// How many events of a conversation are shown with it.
const HISTORY: usize = 100;

pub(in crate::store::tests) struct MemoryReader {
    pub(super) database: Arc<Mutex<Database>>,
    pub(super) closed: Arc<AtomicBool>,
}

impl MemoryReader {
    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap()
    }

    fn open(&self) -> Result<MutexGuard<'_, Database>, Failed> {
        if self.closed.load(Ordering::Relaxed) { Err(Failed::Closed) } else { Ok(self.database()) }
    }
}

impl Database {
    fn row(&self, source: &str, id: &str) -> Option<&EventRow> {
        let (number, _) = self.known.get(&hashes::of_event(source, id))?;
        self.events.get(number)
    }
}

impl Reader for MemoryReader {
    fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
        Ok(self.open()?.row(source, id).cloned().map(record::event))
    }

    fn body(&self, source: &str, id: &str) -> Result<Option<Bytes>, Failed> {
        let database = self.open()?;
        let number = database.row(source, id).and_then(|row| row.origin.body);
        let body = number.and_then(|number| database.listed.bodies.get(&number));
        Ok(body.map(|body| body.bytes.clone()))
    }

    fn events(&self, filter: &Filter) -> Result<Page, Failed> {
        let database = self.open()?;
        let before = filter.cursor.as_deref().map_or(Some(u64::MAX), |text| text.parse().ok());
        let mut page = Page { events: Vec::new(), next_cursor: None };
        let Some(mut before) = before else { return Ok(page) };
        let (mut looked_at, mut read) = (0, 0);
        for (number, row) in database.events.range(..before).rev() {
            let is_enough = looked_at == LOOKED_AT || read >= READ;
            if page.events.len() == filter.page_size() || is_enough {
                page.next_cursor = Some(before.to_string());
                break;
            }
            before = *number;
            looked_at += 1;
            read += serde_json::to_vec(row).unwrap().len();
            page.events.extend(Some(record::event(row.clone())).filter(|it| filter.takes(it)));
        }
        Ok(page)
    }

    fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed> {
        let database = self.open()?;
        let Ok(conversation) = ConversationId::parse(conversation) else { return Ok(None) };
        let own = LaneKey { contact_center: contact_center.into(), conversation };
        let lane_of = |key: &LaneKey| {
            let record = database.lanes.get(&hashes::of_lane(key))?;
            Some(record.lane.to_row(key))
        };
        let Some(mut row) = lane_of(&own) else { return Ok(None) };
        let named = row.named.clone();
        while let Some(conversation) = row.moved_to.clone() {
            let contact_center = own.contact_center.clone();
            let Some(found) = lane_of(&LaneKey { contact_center, conversation }) else { break };
            row = found;
        }
        let names = [&own.conversation, &row.key.conversation].map(hashes::of_conversation);
        let numbers = names.iter().flat_map(|name| database.listed.of(*name));
        let numbers: std::collections::BTreeSet<u64> = numbers.collect();
        let latest = numbers.iter().rev().take(HISTORY).collect::<Vec<_>>().into_iter().rev();
        let rows = latest.filter_map(|number| database.events.get(number));
        let rows = rows.filter(|event| event.contact_center == own.contact_center);
        let events = rows.cloned().map(record::event).collect();
        row.named = named;
        Ok(Some(record::conversation(&own, row, events)))
    }

    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed> {
        Ok(self.open()?.listed.registers.get(name).cloned())
    }

    fn changes(&self, after: Option<Cursor>, limit: usize) -> Result<Changes, Failed> {
        let database = self.open()?;
        let listed = &database.listed;
        let Some(after) = after else {
            let last = listed.places.last_key_value().map(|(place, _)| *place);
            return Ok(Changes::none(last.unwrap_or_default().max(listed.forgotten)));
        };
        let begins = after == Cursor::default();
        let (mut events, mut cursor, mut gone) = (Vec::new(), after, Cursor::default());
        let later = listed.places.iter().filter(|(place, _)| **place > after);
        for (place, number) in later.take(limit) {
            match database.events.get(number).cloned().map(record::event) {
                Some(_) if gone != Cursor::default() => break,
                Some(event) if event.settled_at.is_some() => events.push((*place, event)),
                Some(_) => {}
                // What comes before it is told first.
                None if !begins && !events.is_empty() => break,
                None if !begins => gone = *place,
                None => {}
            }
            cursor = *place;
        }
        let oldest = listed.forgotten.max(gone);
        let is_foreign = after.is_of_one_writer() || after.place() > listed.commits;
        if !begins && (after < oldest || is_foreign) {
            return Ok(Changes::Forgotten { oldest });
        }
        Ok(Changes::Told { events, cursor })
    }

    fn counts(&self) -> Counts {
        self.database().counted().0
    }

    fn owed_to(&self, source: &str) -> Owed {
        self.database().counted().1.get(source).copied().unwrap_or_default()
    }

    fn todo(&self) -> Result<Todo, Failed> {
        Err(left_out())
    }

    fn of_group(&self, _: &Group, _: u64, _: usize) -> Result<Vec<Member>, Failed> {
        Err(left_out())
    }

    fn search(&self, _: &Search) -> Result<Found, Failed> {
        Err(left_out())
    }

    fn claim_of(&self, number: u64) -> Option<ClaimId> {
        let database = self.database();
        let entry = database.events.get(&number)?.entry.as_ref();
        entry.and_then(|entry| entry.story.claim)
    }

    fn rows(&self, kind: u8) -> usize {
        let database = self.database();
        match kind {
            b'e' => database.events.len(),
            b'i' => database.known.len(),
            b'b' => database.listed.bodies.len(),
            b'l' => database.lanes.len(),
            b'c' => database.listed.places.len(),
            _ => database.documents.len(),
        }
    }

    fn open_in(&self, lane: &LaneKey) -> usize {
        let database = self.database();
        let rows = database.events.values().filter(|row| row.entry.is_some());
        rows.filter(|row| row.lane().as_ref() == Some(lane)).count()
    }
}

fn left_out() -> Failed {
    Failed::Unreachable("the model has no rows for this question".to_owned())
}
