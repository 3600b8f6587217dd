//! Rows that hold several small things which came in one commit: a record costs sled about the same whether it is large or
//! small, so that events and bodies share records up to the size of one chunk.
//!
//! A pack of events lies under its first event's number and holds consecutive ones: `u32` length and JSON of each. A pack of
//! bodies lies under bucket and number of its first and names each: number:`u64` events:`u32` length:`u32` and the bytes.

use std::ops::Range;

use super::layout::{self, Key, Prefix};
use super::row::{CHUNK, Changes, HEADER, Row, RowError, Rows};
use super::rows::{BodyPlace, EventRow, decode, encode};

/// What fits into one chunk.
const ROOM: usize = CHUNK - HEADER;

/// The events that the commit in the making brings, as far as they are not in its changes.
#[derive(Debug, Default)]
pub(super) struct EventPack {
    first: u64,
    next: u64,
    bytes: Vec<u8>,
}

impl EventPack {
    /// Adds an event; each number at most once, in rising order.
    pub(super) fn add(&mut self, seq: u64, row: &EventRow, changes: &mut Changes) {
        let json = encode(row);
        if seq != self.next || self.bytes.len() + 4 + json.len() > ROOM {
            self.save(changes);
        }
        if self.bytes.is_empty() {
            self.first = seq;
        }
        self.bytes.extend(length(json.len()));
        self.bytes.extend(json);
        self.next = seq + 1;
    }

    /// Writes what was added. To be called before a commit.
    pub(super) fn save(&mut self, changes: &mut Changes) {
        if !self.bytes.is_empty() {
            changes.put(&layout::event(self.first), &self.bytes);
            self.bytes.clear();
        }
    }
}

/// A pack of events as found: its key, how many chunks it takes, its events by number.
pub(super) struct Events {
    pub(super) key: Key,
    pub(super) chunks: u16,
    pub(super) rows: Vec<(u64, EventRow)>,
}

/// A pack of events, for reading some of them.
pub(super) struct Pack {
    key: Key,
    first: u64,
    content: Vec<u8>,
    jsons: Vec<Range<usize>>,
}

impl Pack {
    /// The pack that an event is in, if it is in one.
    pub(super) fn around(rows: &Rows, seq: u64) -> Result<Option<Self>, RowError> {
        let Some((key, row)) = events_row(rows, seq)? else { return Ok(None) };
        let Some(first) = layout::seq_in(&key) else { return Ok(None) };
        let jsons = places(&key, &row.content)?;
        let pack = Self { key, first, content: row.content, jsons };
        Ok(pack.holds(seq).then_some(pack))
    }

    pub(super) fn holds(&self, seq: u64) -> bool {
        self.place_of(seq).is_some()
    }

    /// How much was read.
    pub(super) fn bytes(&self) -> usize {
        self.content.len()
    }

    /// Reads one event.
    pub(super) fn event(&self, seq: u64) -> Result<Option<EventRow>, RowError> {
        let json = self.place_of(seq).and_then(|place| self.content.get(place));
        json.map(|json| decode(&self.key, json)).transpose()
    }

    fn place_of(&self, seq: u64) -> Option<Range<usize>> {
        let place = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.jsons.get(place).cloned()
    }
}

/// Reads one event.
pub(super) fn event(rows: &Rows, seq: u64) -> Result<Option<EventRow>, RowError> {
    Pack::around(rows, seq)?.map_or(Ok(None), |pack| pack.event(seq))
}

/// Reads the whole pack that an event is in, if it is in one.
pub(super) fn events_around(rows: &Rows, seq: u64) -> Result<Option<Events>, RowError> {
    let Some((key, row)) = events_row(rows, seq)? else { return Ok(None) };
    let Some(first) = layout::seq_in(&key) else { return Ok(None) };
    let mut rows = Vec::new();
    for (seq, place) in (first..).zip(places(&key, &row.content)?) {
        rows.push((seq, decode(&key, &row.content[place])?));
    }
    let holds = rows.last().is_some_and(|(last, _)| *last >= seq);
    Ok(holds.then_some(Events { key, chunks: row.chunks, rows }))
}

/// The numbers of the events in a pack.
pub(super) fn seqs(key: &[u8], content: &[u8]) -> Result<Range<u64>, RowError> {
    let first = layout::seq_in(key).ok_or_else(|| corrupt(key))?;
    let count = u64::try_from(places(key, content)?.len()).unwrap_or(u64::MAX);
    Ok(first..first.saturating_add(count))
}

fn events_row(rows: &Rows, seq: u64) -> Result<Option<(Key, Row)>, RowError> {
    let (from, before) = (layout::event(0), layout::event(seq.saturating_add(1)));
    rows.range_back(&from, &before).next().transpose()
}

/// Where the JSON of each event lies.
fn places(key: &[u8], content: &[u8]) -> Result<Vec<Range<usize>>, RowError> {
    let (mut places, mut rest) = (Vec::new(), content);
    while !rest.is_empty() {
        let json;
        (json, rest) = piece(key, rest)?;
        let end = content.len() - rest.len();
        places.push(end - json.len()..end);
    }
    Ok(places)
}

/// A vendor's body in a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// The first event that came with it; the others follow it.
    pub(super) seq: u64,
    pub(super) events: u32,
    pub(super) bytes: Vec<u8>,
}

/// The bodies that the commit in the making brings, as far as they are not in its changes.
#[derive(Debug, Default)]
pub(super) struct BodyPack {
    bucket: u32,
    first: u64,
    bytes: Vec<u8>,
}

impl BodyPack {
    /// Adds a body; numbers rise.
    pub(super) fn add(
        &mut self,
        place: BodyPlace,
        events: u32,
        body: &[u8],
        changes: &mut Changes,
    ) {
        if place.bucket != self.bucket || self.bytes.len() + 16 + body.len() > ROOM {
            self.save(changes);
        }
        if self.bytes.is_empty() {
            (self.bucket, self.first) = (place.bucket, place.seq);
        }
        put_body(&mut self.bytes, place.seq, events, body);
    }

    /// Writes what was added. To be called before a commit.
    pub(super) fn save(&mut self, changes: &mut Changes) {
        if !self.bytes.is_empty() {
            changes.put(&layout::body(self.bucket, self.first), &self.bytes);
            self.bytes.clear();
        }
    }
}

/// The pack that may hold the body of that place.
pub(super) fn bodies_around(rows: &Rows, place: BodyPlace) -> Result<Option<(Key, Row)>, RowError> {
    let from = layout::bucket_start(Prefix::Body, place.bucket);
    let before = layout::body(place.bucket, place.seq.saturating_add(1));
    rows.range_back(&from, &before).next().transpose()
}

/// Reads one body.
pub(super) fn body(rows: &Rows, place: BodyPlace) -> Result<Option<Body>, RowError> {
    let Some((key, row)) = bodies_around(rows, place)? else { return Ok(None) };
    let bodies = bodies(&key, &row.content)?;
    Ok(bodies.into_iter().find(|body| body.seq == place.seq))
}

/// The bodies of a pack.
pub(super) fn bodies(key: &[u8], mut content: &[u8]) -> Result<Vec<Body>, RowError> {
    let mut bodies = Vec::new();
    while !content.is_empty() {
        let (seq, rest) = content.split_first_chunk().ok_or_else(|| corrupt(key))?;
        let (events, rest) = rest.split_first_chunk().ok_or_else(|| corrupt(key))?;
        let (bytes, rest) = piece(key, rest)?;
        let (seq, events) = (u64::from_be_bytes(*seq), u32::from_be_bytes(*events));
        bodies.push(Body { seq, events, bytes: bytes.to_vec() });
        content = rest;
    }
    Ok(bodies)
}

/// The bytes of a pack of these bodies.
pub(super) fn encode_bodies(bodies: &[Body]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        put_body(&mut bytes, body.seq, body.events, &body.bytes);
    }
    bytes
}

fn put_body(bytes: &mut Vec<u8>, seq: u64, events: u32, body: &[u8]) {
    bytes.extend(seq.to_be_bytes());
    bytes.extend(events.to_be_bytes());
    bytes.extend(length(body.len()));
    bytes.extend(body);
}

/// A length and so many bytes, and what follows.
fn piece<'a>(key: &[u8], content: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), RowError> {
    let (length, rest) = content.split_first_chunk().ok_or_else(|| corrupt(key))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    rest.split_at_checked(length).ok_or_else(|| corrupt(key))
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

fn corrupt(key: &[u8]) -> RowError {
    RowError::Corrupt(key.escape_ascii().to_string())
}

#[cfg(test)]
mod tests;
