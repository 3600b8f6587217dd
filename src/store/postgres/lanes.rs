//! The rows of lanes, with what each owes next, and of the calls that are in flight.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::parts::{Part, value};
use super::rows::{BYTES, NUMBERS, TEXTS, bytes_of, json, signed, text_of, unsigned};
use super::trouble::Trouble;
use super::view::Read;
use crate::routing::{ClaimId, Due, Entry, EntryId, LaneKey, UnixMillis, Urgency};
use crate::store::hashes;
use crate::store::lane::Lane;
use crate::store::records::Hash;

/// Who writes a group and makes its calls.
pub(super) struct CallOwner<'a> {
    /// The version in which it writes new rows.
    pub(super) written: i16,
    pub(super) incarnation: &'a [u8],
    /// From the moment by which a call leaves until it cannot land any more, in milliseconds.
    pub(super) flight_ms: u64,
}

/// Writes the lanes that a group had before it. One that another transaction has made meanwhile is in the way.
pub(super) fn lanes<'a>(
    read: &Read,
    lanes: &[(Arc<LaneKey>, Arc<Lane>)],
    written: i16,
    now: UnixMillis,
) -> impl Iterator<Item = Part<'a>> {
    let mut news = LaneColumns::default();
    let mut known = LaneColumns::default();
    for (hash, key, lane) in in_order(lanes) {
        let before = read.lanes.get(&hash);
        let version = before.and_then(|before| before.version);
        if before.is_some_and(|before| !before.damaged && is_same(&before.lane, lane)) {
            continue;
        }
        let columns = if version.is_some() { &mut known } else { &mut news };
        columns.push(&hash, key, lane, version);
        columns.row_versions.push(read.version_of_lane(&hash, lane, written));
    }
    let known = known.part(PUT_LANES, now).map(Part::second);
    news.part(INSERT_LANES, now).into_iter().chain(known)
}

/// The calls in flight of the lanes that a group had before it.
pub(super) fn calls<'a>(
    read: &Read,
    lanes: &[(Arc<LaneKey>, Arc<Lane>)],
    owner: &CallOwner<'a>,
) -> impl Iterator<Item = Part<'a>> {
    let (mut touched, mut calls) = (Vec::new(), Vec::new());
    for (hash, _, lane) in in_order(lanes) {
        let entries = lane.conversation.entries().filter(|entry| entry.stage.is_in_flight());
        calls.extend(entries.map(|entry| (entry, hash)));
        // A lane that begins here has had no call.
        if read.lanes.get(&hash).is_none_or(|before| before.version.is_some()) {
            touched.push(hash.to_vec());
        }
    }
    calls.sort_unstable_by_key(|(entry, _)| entry.id);
    let calling: Vec<Vec<u8>> = calls.iter().map(|(_, lane)| lane.to_vec()).collect();
    let entries: Vec<i64> = calls.iter().map(|(entry, _)| signed(entry.id.0)).collect();
    let claim = |entry: &Entry| signed(ClaimId::number(entry.story.claim));
    let claims: Vec<i64> = calls.iter().map(|(entry, _)| claim(entry)).collect();
    let leave_by = |entry: &Entry| entry.story.leave_by.unwrap_or_default();
    let leave: Vec<i64> = calls.iter().map(|(entry, _)| leave_by(entry).0).collect();
    let lapses = |entry: &Entry| leave_by(entry).plus(owner.flight_ms).0;
    let lapse: Vec<i64> = calls.iter().map(|(entry, _)| lapses(entry)).collect();
    let (calls, touches) = (!calls.is_empty(), !touched.is_empty());
    let left = vec![value(touched, BYTES), value(entries.clone(), NUMBERS)];
    let put = vec![
        value(calling, BYTES),
        value(entries, NUMBERS),
        value(claims, NUMBERS),
        value(owner.incarnation, Type::BYTEA),
        value(leave, NUMBERS),
        value(lapse, NUMBERS),
    ];
    let end = touches.then(|| Part::new(END_CALLS, left).second());
    calls.then(|| Part::new(PUT_CALLS, put)).into_iter().chain(end)
}

/// A call that is in flight already stays its maker's.
const PUT_CALLS: &str = "INSERT INTO @.call SELECT entry, lane, claim, $4, leave_by, lapses_at
    FROM unnest($1::bytea[], $2::int8[], $3::int8[], $5::int8[], $6::int8[])
    AS call (lane, entry, claim, leave_by, lapses_at)
    ON CONFLICT (entry) DO UPDATE SET lane = EXCLUDED.lane, claim = EXCLUDED.claim,
    node = CASE WHEN call.claim = EXCLUDED.claim THEN call.node ELSE EXCLUDED.node END,
    leave_by = EXCLUDED.leave_by, lapses_at = EXCLUDED.lapses_at";

const END_CALLS: &str = "DELETE FROM @.call WHERE lane = ANY($1) AND entry <> ALL($2)";

const INSERT_LANES: &str = "INSERT INTO @.lane SELECT hash, name, 1, conversation, content, $13, due_at, live, urgent_at, entry,
    expires_at, expires_entry, calls, row_version FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::int8[], $5::bytea[],
    $6::int8[], $7::bool[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::bool[], $14::int2[]) AS lane (hash, name,
    version, conversation, content, due_at, live, urgent_at, entry, expires_at, expires_entry, calls, row_version)
    ON CONFLICT DO NOTHING";

/// They are there, of that version; taken in their order, also where they were not locked when they were read.
const PUT_LANES: &str = "INSERT INTO @.lane SELECT hash, name, version + 1, conversation, content, $13, due_at, live, urgent_at, entry,
    expires_at, expires_entry, calls, row_version FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::int8[], $5::bytea[],
    $6::int8[], $7::bool[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::bool[], $14::int2[]) AS new (hash, name,
    version, conversation, content, due_at, live, urgent_at, entry, expires_at, expires_entry, calls, row_version)
    ON CONFLICT (hash) DO UPDATE SET version = EXCLUDED.version, content = EXCLUDED.content, touched_at = EXCLUDED.touched_at,
    due_at = EXCLUDED.due_at, live = EXCLUDED.live, urgent_at = EXCLUDED.urgent_at, entry = EXCLUDED.entry,
    expires_at = EXCLUDED.expires_at, expires_entry = EXCLUDED.expires_entry, calls = EXCLUDED.calls,
    row_version = EXCLUDED.row_version WHERE lane.version = EXCLUDED.version - 1";

#[derive(Default)]
struct LaneColumns {
    hashes: Vec<Vec<u8>>,
    names: Vec<String>,
    versions: Vec<i64>,
    conversations: Vec<i64>,
    contents: Vec<Vec<u8>>,
    due: Vec<Option<i64>>,
    live: Vec<Option<bool>>,
    urgent: Vec<Option<i64>>,
    entries: Vec<Option<i64>>,
    expires: Vec<Option<i64>>,
    expires_entries: Vec<Option<i64>>,
    calls: Vec<Option<bool>>,
    row_versions: Vec<i16>,
}

impl LaneColumns {
    fn push(&mut self, hash: &Hash, key: &LaneKey, lane: &Lane, version: Option<i64>) {
        let due = lane.conversation.next_due();
        let urgency = due.map(|due| match due.urgency {
            Urgency::Live(at) => (true, at.0),
            Urgency::Offer(at) => (false, at.0),
        });
        self.hashes.push(hash.to_vec());
        self.names.push(text_of(key));
        self.versions.push(version.unwrap_or_default());
        self.conversations.push(hashes::of_conversation(&key.conversation).cast_signed());
        self.contents.push(bytes_of(&lane.to_row(key)));
        self.due.push(due.map(|due| due.at.0));
        self.live.push(urgency.map(|(live, _)| live));
        self.urgent.push(urgency.map(|(_, at)| at));
        self.entries.push(due.map(|due| signed(due.entry.0)));
        self.expires.push(due.map(|due| due.expires.1.0));
        self.expires_entries.push(due.map(|due| signed(due.expires.0.0)));
        self.calls.push(due.map(|due| due.calls));
    }

    fn part<'a>(self, sql: &'static str, now: UnixMillis) -> Option<Part<'a>> {
        let count = self.hashes.len();
        let values = vec![
            value(self.hashes, BYTES),
            value(self.names, TEXTS),
            value(self.versions, NUMBERS),
            value(self.conversations, NUMBERS),
            value(self.contents, BYTES),
            value(self.due, NUMBERS),
            value(self.live, Type::BOOL_ARRAY),
            value(self.urgent, NUMBERS),
            value(self.entries, NUMBERS),
            value(self.expires, NUMBERS),
            value(self.expires_entries, NUMBERS),
            value(self.calls, Type::BOOL_ARRAY),
            value(now.0, Type::INT8),
            value(self.row_versions, Type::INT2_ARRAY),
        ];
        (count > 0).then(|| Part::new(sql, values).all(count))
    }
}

/// A lane that owes something, from the columns
/// `name, due_at, live, urgent_at, entry, expires_at, expires_entry, calls`.
pub(super) fn due_at(row: &Row) -> Result<(Arc<LaneKey>, Due), Trouble> {
    let name: &str = row.try_get(0)?;
    let moment = |at: usize| row.try_get(at).map(UnixMillis);
    let urgent = moment(3)?;
    let urgency = if row.try_get(2)? { Urgency::Live(urgent) } else { Urgency::Offer(urgent) };
    let due = Due {
        entry: EntryId(unsigned(row.try_get(4)?)),
        at: moment(1)?,
        expires: (EntryId(unsigned(row.try_get(6)?)), moment(5)?),
        urgency,
        calls: row.try_get(7)?,
    };
    Ok((Arc::new(json(name.as_bytes())?), due))
}

/// Lanes in the order in which all transactions take them.
fn in_order(lanes: &[(Arc<LaneKey>, Arc<Lane>)]) -> Vec<(Hash, &LaneKey, &Lane)> {
    let hashed = lanes.iter().map(|(key, lane)| (hashes::of_lane(key), &**key, &**lane));
    let mut hashed: Vec<_> = hashed.collect();
    hashed.sort_unstable_by_key(|(hash, ..)| *hash);
    hashed
}

/// Whether a lane is as it was, entries too.
fn is_same(before: &Lane, now: &Lane) -> bool {
    before.has_same_row(now) && before.conversation.entries == now.conversation.entries
}
