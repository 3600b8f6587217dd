//! Writing what a group has come to, all tables in one statement.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::lanes::{CallOwner, calls, lanes};
use super::parts::{Part, value};
use super::rows::{BYTES, NUMBERS, Rows, TEXTS, bytes_of, index_of, signed, text_of};
use super::settled::settled_part;
use super::trouble::Trouble;
use super::view::Read;
use crate::routing::{LaneKey, Stage, UnixMillis};
use crate::store::changes::Change;
use crate::store::group::Outcomes;
use crate::store::hashes;
use crate::store::records::{BodyRow, Class, EntryRow, EventRow, Hash, IndexRow, RegisterRow};

impl Rows<'_> {
    /// Writes what a group has come to, and commits it: all in one round trip. A statement that fails ends the
    /// transaction, so that the COMMIT behind it commits nothing.
    pub(super) async fn commit(
        &self,
        read: &Read,
        outcomes: &Outcomes,
        call: &CallOwner<'_>,
        now: UnixMillis,
    ) -> Result<(), Trouble> {
        let commit = self.run("COMMIT");
        tokio::try_join!(biased; self.keep(read, outcomes, call, now), commit).map(|_| ())
    }

    /// Writes what a group has come to.
    pub(super) async fn keep(
        &self,
        read: &Read,
        outcomes: &Outcomes,
        call: &CallOwner<'_>,
        now: UnixMillis,
    ) -> Result<(), Trouble> {
        let sorted = Sorted::of(&outcomes.changes, outcomes.first_number);
        let parts = [
            known(&sorted.known),
            events(read, &sorted.events, call.written),
            bodies(&sorted.bodies),
        ];
        let parts = parts.into_iter().flatten();
        let parts = parts.chain(lanes(read, &outcomes.lanes, call.written, now));
        let parts = parts.chain(calls(read, &outcomes.lanes, call));
        let parts = parts.chain(documents(read, &sorted.documents));
        let parts = parts.chain(registers(read, &sorted.registers, call.written));
        let parts = parts.chain(settled_part(&sorted.settled, self.schema.is_plain));
        // Sent one after the other without waiting for answers, which come in the same order.
        tokio::try_join!(
            biased;
            self.move_events(&sorted.moved),
            self.write_parts(parts.collect()),
        )?;
        Ok(())
    }

    /// Lists events with the lane that their conversation has moved into.
    async fn move_events(&self, moved: &[(u64, &IndexRow)]) -> Result<(), Trouble> {
        if moved.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = moved.iter().map(|(number, _)| signed(*number)).collect();
        let lane = |row: &IndexRow| row.conversations.map(|[_, lane]| lane.cast_signed());
        let lanes: Vec<Option<i64>> = moved.iter().map(|(_, row)| lane(row)).collect();
        let values = [(&numbers as _, NUMBERS), (&lanes as _, NUMBERS)];
        self.write(
            "UPDATE @.event SET lane_conversation = moved.lane FROM unnest($1::int8[], $2::int8[]) AS moved (number, lane)
             WHERE event.number = moved.number",
            &values,
        )
        .await?;
        Ok(())
    }
}

fn known<'a>(known: &[(u64, &'a IndexRow)]) -> Option<Part<'a>> {
    let mut known = known.to_vec();
    known.sort_unstable_by_key(|(_, row)| row.id);
    let hashes: Vec<&[u8]> = known.iter().map(|(_, row)| row.id.as_slice()).collect();
    let numbers: Vec<i64> = known.iter().map(|(number, _)| signed(*number)).collect();
    let received: Vec<i64> = known.iter().map(|(_, row)| row.received_at.0).collect();
    let values = vec![value(hashes, BYTES), value(numbers, NUMBERS), value(received, NUMBERS)];
    (!known.is_empty()).then(|| Part::new(INSERT_KNOWN, values).all(known.len()))
}

const INSERT_KNOWN: &str = "INSERT INTO @.known SELECT * FROM unnest($1::bytea[], $2::int8[], $3::int8[]) ON CONFLICT DO NOTHING";

fn events<'a>(read: &Read, events: &BTreeMap<u64, PutEvent<'a>>, written: i16) -> Option<Part<'a>> {
    if events.is_empty() {
        return None;
    }
    let numbers: Vec<i64> = events.keys().map(|number| signed(*number)).collect();
    let versions: Vec<i16> =
        events.keys().map(|number| read.version_of(*number, written)).collect();
    let (mut sources, mut received, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut owns, mut of_lanes, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut whys, mut contents) = (Vec::new(), Vec::new());
    for PutEvent { row, index } in events.values() {
        let conversations = match index {
            Some(index) => index.conversations,
            None => index_of(row).conversations,
        };
        sources.push(&*row.origin.source);
        received.push(row.origin.received_at.0);
        states.push(state_of(row));
        owns.push(conversations.map(|[own, _]| own.cast_signed()));
        of_lanes.push(conversations.map(|[_, lane]| lane.cast_signed()));
        let lane = row.entry.as_ref().and_then(|_| row.lane());
        lanes.push(lane.map(|lane| hashes::of_lane(&lane).to_vec()));
        whys.push(why_of(row));
        contents.push(bytes_of(row));
    }
    let values = vec![
        value(numbers, NUMBERS),
        value(sources, TEXTS),
        value(received, NUMBERS),
        value(states, Type::INT2_ARRAY),
        value(owns, NUMBERS),
        value(of_lanes, NUMBERS),
        value(lanes, BYTES),
        value(whys, TEXTS),
        value(contents, BYTES),
        value(versions, Type::INT2_ARRAY),
    ];
    Some(Part::new(PUT_EVENTS, values))
}

const PUT_EVENTS: &str = "INSERT INTO @.event SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::int2[], $5::int8[],
    $6::int8[], $7::bytea[], $8::text[], $9::bytea[], $10::int2[])
    ON CONFLICT (number) DO UPDATE SET state = EXCLUDED.state, lane = EXCLUDED.lane, why = EXCLUDED.why, content = EXCLUDED.content,
    row_version = EXCLUDED.row_version, lane_conversation = coalesce(EXCLUDED.lane_conversation, event.lane_conversation)";

fn bodies<'a>(bodies: &[(u64, &'a BodyRow)]) -> Option<Part<'a>> {
    let numbers: Vec<i64> = bodies.iter().map(|(number, _)| signed(*number)).collect();
    let received: Vec<i64> = bodies.iter().map(|(_, row)| row.received_at.0).collect();
    let events: Vec<i32> =
        bodies.iter().map(|(_, row)| i32::try_from(row.events).unwrap_or(i32::MAX)).collect();
    let contents: Vec<&[u8]> = bodies.iter().map(|(_, row)| &*row.bytes).collect();
    let values = vec![
        value(numbers, NUMBERS),
        value(received, NUMBERS),
        value(events, Type::INT4_ARRAY),
        value(contents, BYTES),
    ];
    (!bodies.is_empty()).then(|| Part::new(INSERT_BODIES, values))
}

const INSERT_BODIES: &str =
    "INSERT INTO @.body SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::bytea[])";

/// A document whose lane was not the one that the group has read is in the way: two lanes would each take it for
/// theirs.
fn documents<'a>(
    read: &Read,
    documents: &[(Hash, Option<&'a LaneKey>)],
) -> impl Iterator<Item = Part<'a>> {
    // Each as the group has left it.
    let documents: BTreeMap<Hash, Option<&LaneKey>> = documents.iter().copied().collect();
    let (mut ids, mut gone) = (Vec::new(), Vec::new());
    let (mut lanes, mut names, mut befores) = (Vec::new(), Vec::new(), Vec::new());
    for (hash, lane) in &documents {
        let Some(lane) = lane else {
            gone.push(hash.to_vec());
            continue;
        };
        let before = read.documents.get(hash).and_then(Option::as_ref);
        ids.push(hash.to_vec());
        lanes.push(hashes::of_lane(lane).to_vec());
        names.push(text_of(lane));
        befores.push(before.map(|lane| hashes::of_lane(lane).to_vec()));
    }
    let (count, is_gone) = (ids.len(), !gone.is_empty());
    let values =
        vec![value(ids, BYTES), value(lanes, BYTES), value(names, TEXTS), value(befores, BYTES)];
    let put = (count > 0).then(|| Part::new(PUT_DOCUMENTS, values).all(count));
    let end = is_gone.then(|| Part::new(END_DOCUMENTS, vec![value(gone, BYTES)]).second());
    put.into_iter().chain(end)
}

/// In the order of their hashes, be they new or another lane's: two transactions may take the same ones for new.
const PUT_DOCUMENTS: &str = "INSERT INTO @.document AS old SELECT hash, lane, name
    FROM unnest($1::bytea[], $2::bytea[], $3::text[]) AS new (hash, lane, name)
    ON CONFLICT (hash) DO UPDATE SET lane = EXCLUDED.lane, name = EXCLUDED.name
    WHERE old.lane = ($4::bytea[])[array_position($1::bytea[], old.hash)]";

const END_DOCUMENTS: &str = "DELETE FROM @.document WHERE hash = ANY($1)";

fn registers<'a>(
    read: &Read,
    registers: &[(&'a str, &'a RegisterRow)],
    written: i16,
) -> Option<Part<'a>> {
    // Each as the group has left it, over what it was read as.
    let registers: BTreeMap<&str, &RegisterRow> = registers.iter().copied().collect();
    let (mut names, mut versions, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut row_versions, mut seen) = (Vec::new(), Vec::new());
    for (name, row) in registers {
        let before = read.registers.get(name).and_then(Option::as_ref);
        names.push(name);
        versions.push(signed(row.version));
        texts.push(text_of(&row.value));
        row_versions.push(before.map_or(written, |(_, before)| written.max(*before)));
        seen.push(before.map(|(before, _)| signed(before.version)));
    }
    let count = names.len();
    let values = vec![
        value(names, TEXTS),
        value(versions, NUMBERS),
        value(texts, TEXTS),
        value(row_versions, Type::INT2_ARRAY),
        value(seen, NUMBERS),
    ];
    (count > 0).then(|| Part::new(PUT_REGISTERS, values).all(count))
}

const PUT_REGISTERS: &str = "INSERT INTO @.register AS before SELECT name, version, value, row_version
    FROM unnest($1::text[], $2::int8[], $3::text[], $4::int2[]) AS new (name, version, value, row_version)
    ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, value = EXCLUDED.value, row_version = EXCLUDED.row_version
    WHERE before.version = ($5::int8[])[array_position($1::text[], before.name)]";

struct PutEvent<'a> {
    row: &'a EventRow,
    index: Option<&'a IndexRow>,
}

/// The changes of a group, by table.
#[derive(Default)]
struct Sorted<'a> {
    known: Vec<(u64, &'a IndexRow)>,
    events: BTreeMap<u64, PutEvent<'a>>,
    /// Lines of the index of events that do not change otherwise.
    moved: Vec<(u64, &'a IndexRow)>,
    bodies: Vec<(u64, &'a BodyRow)>,
    documents: Vec<(Hash, Option<&'a LaneKey>)>,
    registers: Vec<(&'a str, &'a RegisterRow)>,
    /// Events in the order of their settling.
    settled: Vec<u64>,
}

impl<'a> Sorted<'a> {
    fn of(changes: &'a [Change], first: u64) -> Self {
        let mut sorted = Self::default();
        let mut indexes: BTreeMap<u64, &IndexRow> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Event(number, row) => {
                    sorted.events.insert(*number, PutEvent { row, index: None });
                }
                Change::Index(number, row) => drop(indexes.insert(*number, row)),
                Change::Body(number, Some(row)) => sorted.bodies.push((*number, row)),
                Change::Document(contact_center, document, lane) => {
                    let hash = hashes::of_document(contact_center, document);
                    sorted.documents.push((hash, lane.as_ref()));
                }
                Change::Register(name, row) => sorted.registers.push((name, row)),
                Change::Settled(_, event) => sorted.settled.extend(*event),
                // Lanes are written as the group has them; a group forgets nothing.
                Change::Lane(..) | Change::Body(_, None) | Change::Forget(..) => {}
            }
        }
        for (number, index) in indexes {
            if number >= first {
                sorted.known.push((number, index));
            }
            match sorted.events.get_mut(&number) {
                Some(event) => event.index = Some(index),
                None if index.class == Class::Request => {}
                None => sorted.moved.push((number, index)),
            }
        }
        sorted
    }
}

/// What groups it with others that need an operator.
fn why_of(row: &EventRow) -> Option<String> {
    if let Some(EntryRow { stage: Stage::Parked { missing }, ended: None, .. }) = &row.entry {
        return Some(text_of(&(&row.contact_center, missing)));
    }
    let end = row.origin.end.as_ref().filter(|_| row.class() == Class::Dead)?;
    Some(end.reason.code.to_string())
}

/// Where an event stands, as its row has it.
fn state_of(row: &EventRow) -> i16 {
    match (&row.entry, row.class()) {
        (Some(entry), _) if entry.ended.is_some() => 2,
        (Some(entry), _) => i16::from(matches!(entry.stage, Stage::Parked { .. })),
        (None, Class::Dead) => 3,
        (None, Class::Open | Class::Ended | Class::Request) => 4,
    }
}
