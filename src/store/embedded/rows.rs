//! Reading rows from sled; from any thread. A row that a commit changes meanwhile is read whole, as it was before or
//! after it.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads, and readers beside the runtime"
)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sled::IVec;

use super::layout::{self, Key, Kind};
use super::value::{self, RowError, chunk_key, readable};
use crate::problem::in_plain_words;
use crate::routing::{ContactCenter, DocumentRef, LaneKey};
use crate::store::hashes;
use crate::store::records::{BodyRow, EventRow, IndexRow, LaneRow, RegisterRow};

/// How often a row of several chunks is read again because a commit changes it meanwhile, and after what pause.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(1);

/// The rows; clones are the same.
#[derive(Debug, Clone)]
pub(in crate::store) struct Rows {
    pub(super) tree: sled::Db,
    /// Rows of more than one chunk, and how many: what overwrites one has to remove the rest of it.
    pub(super) long: Arc<Mutex<HashMap<Key, u16>>>,
}

impl Rows {
    pub(super) fn new(tree: sled::Db) -> Self {
        Self { tree, long: Arc::default() }
    }

    pub(in crate::store) fn event(&self, number: u64) -> Result<Option<EventRow>, RowError> {
        self.json(&layout::numbered(Kind::Event, number))
    }

    /// An event, and how many bytes its row has.
    pub(in crate::store) fn event_and_length(
        &self,
        number: u64,
    ) -> Result<Option<(EventRow, usize)>, RowError> {
        let key = layout::numbered(Kind::Event, number);
        let Some(bytes) = self.get(&key)? else { return Ok(None) };
        Ok(Some((decoded(&key, &bytes)?, bytes.len())))
    }

    pub(in crate::store) fn index(&self, number: u64) -> Result<Option<IndexRow>, RowError> {
        let key = layout::numbered(Kind::Index, number);
        let Some(bytes) = self.get(&key)? else { return Ok(None) };
        index_row(|| key, &bytes).map(Some)
    }

    pub(in crate::store) fn body(&self, number: u64) -> Result<Option<BodyRow>, RowError> {
        let key = layout::numbered(Kind::Body, number);
        let Some(bytes) = self.get(&key)? else { return Ok(None) };
        layout::decode_body(bytes).ok_or_else(|| RowError::Corrupt(readable(&key))).map(Some)
    }

    pub(in crate::store) fn lane(&self, lane: &LaneKey) -> Result<Option<LaneRow>, RowError> {
        let row: Option<LaneRow> = self.json(&layout::lane(&hashes::of_lane(lane)))?;
        Ok(row.filter(|row| row.key == *lane))
    }

    pub(in crate::store) fn lane_of_document(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<LaneKey>, RowError> {
        let key = layout::document(&hashes::of_document(contact_center, document));
        let lane: Option<LaneKey> = self.json(&key)?;
        Ok(lane.filter(|lane| lane.contact_center == *contact_center))
    }

    pub(in crate::store) fn register(&self, name: &str) -> Result<Option<RegisterRow>, RowError> {
        self.json(&layout::register(name))
    }

    /// The index of some numbers, oldest first.
    pub(in crate::store) fn indexes(
        &self,
        numbers: Range<u64>,
    ) -> impl Iterator<Item = Result<(u64, IndexRow), (u64, RowError)>> + use<> {
        self.numbered(Kind::Index, numbers).map(|(number, found)| {
            let key = || layout::numbered(Kind::Index, number);
            match found.and_then(|bytes| index_row(key, &bytes)) {
                Ok(row) => Ok((number, row)),
                Err(error) => Err((number, error)),
            }
        })
    }

    /// From the first number of the index to after the last.
    pub(super) fn index_bounds(&self) -> Result<Range<u64>, RowError> {
        let all = || self.tree.range(bounds(Kind::Index, 0..u64::MAX));
        let number = |found: Option<sled::Result<(IVec, IVec)>>| {
            let found = found.transpose().map_err(|error| RowError::Read(error.to_string()))?;
            Ok(found.and_then(|(key, _)| layout::number_in(&key)))
        };
        let (first, last) = (number(all().next())?, number(all().next_back())?);
        Ok(first.zip(last).map_or(0..0, |(first, last)| first..last.saturating_add(1)))
    }

    /// The bodies from a number on, oldest first.
    pub(in crate::store) fn bodies(
        &self,
        from: u64,
    ) -> impl Iterator<Item = (u64, Result<BodyRow, RowError>)> + use<> {
        self.numbered(Kind::Body, from..u64::MAX).map(|(number, found)| {
            let row = found.and_then(|bytes| {
                let key = || layout::numbered(Kind::Body, number);
                layout::decode_body(bytes).ok_or_else(|| RowError::Corrupt(readable(&key())))
            });
            (number, row)
        })
    }

    /// All lanes.
    pub(super) fn lanes(&self) -> impl Iterator<Item = Result<LaneRow, RowError>> + use<> {
        let rows = self.clone();
        self.tree.scan_prefix([layout::LANE]).keys().filter_map(move |key| match key {
            Err(error) => Some(Err(RowError::Read(error.to_string()))),
            Ok(key) => rows.json(first_chunk(&key)?).transpose(),
        })
    }

    /// The numbers of the events before one, newest first.
    pub(in crate::store) fn numbers_before(
        &self,
        before: u64,
    ) -> impl Iterator<Item = Result<u64, RowError>> + use<> {
        let range = bounds(Kind::Event, 0..before);
        self.tree.range(range).rev().filter_map(|found| match found {
            Err(error) => Some(Err(RowError::Read(error.to_string()))),
            Ok((key, _)) => first_chunk(&key).and_then(layout::number_in).map(Ok),
        })
    }

    /// Which events settled, from a place in the order of settling on: the places with the events' numbers.
    pub(in crate::store) fn settled(
        &self,
        from: u64,
    ) -> impl Iterator<Item = (u64, Result<u64, RowError>)> + use<> {
        self.numbered(Kind::Settled, from..u64::MAX).map(|(number, found)| {
            let event = found.and_then(|bytes| {
                let key = || layout::numbered(Kind::Settled, number);
                let bytes = bytes.try_into();
                let bytes = bytes.map_err(|_| RowError::Corrupt(readable(&key())))?;
                Ok(u64::from_be_bytes(bytes))
            });
            (number, event)
        })
    }

    /// The last place in the order of settling, if anything has one.
    pub(in crate::store) fn last_settled(&self) -> Result<Option<u64>, RowError> {
        let found = self.tree.range(bounds(Kind::Settled, 0..u64::MAX)).next_back().transpose();
        let found = found.map_err(|error| RowError::Read(error.to_string()))?;
        Ok(found.and_then(|(key, _)| layout::number_in(&key)))
    }

    /// The last number that an event, a line of the index or a place in the order of settling has.
    pub(super) fn last_number(&self) -> Result<Option<u64>, RowError> {
        let mut last = None;
        for kind in [Kind::Event, Kind::Index, Kind::Settled] {
            let found = self.tree.range(bounds(kind, 0..u64::MAX)).next_back().transpose();
            let found = found.map_err(|error| RowError::Read(error.to_string()))?;
            last = last.max(found.and_then(|(key, _)| layout::number_in(&key)));
        }
        Ok(last)
    }

    fn numbered(
        &self,
        kind: Kind,
        numbers: Range<u64>,
    ) -> impl Iterator<Item = (u64, Result<Vec<u8>, RowError>)> + use<> {
        let rows = self.clone();
        self.tree.range(bounds(kind, numbers)).filter_map(move |found| match found {
            Err(error) => Some((u64::MAX, Err(RowError::Read(error.to_string())))),
            Ok((key, bytes)) => {
                let row = first_chunk(&key)?;
                let content = match value::opened(&key, &bytes) {
                    Ok(chunk) if chunk.count == 1 => Ok(chunk.content.to_vec()),
                    Ok(_) => rows.get(row).transpose()?,
                    Err(error) => Err(error),
                };
                Some((layout::number_in(row)?, content))
            }
        })
    }

    /// How many rows of a kind there are.
    #[cfg(test)]
    pub(in crate::store) fn count(&self, kind: u8) -> usize {
        self.tree
            .scan_prefix([kind])
            .keys()
            .flatten()
            .filter(|key| first_chunk(key).is_some())
            .count()
    }

    pub(super) fn json<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, RowError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        decoded(key, &bytes).map(Some)
    }

    /// A row's content.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let mut found = Ok(None);
        for _ in 0..TRIES {
            found = self.get_once(key);
            match &found {
                Err(RowError::Corrupt(_)) if self.is_long(key) => thread::sleep(PAUSE),
                Ok(_) | Err(_) => break,
            }
        }
        found
    }

    fn get_once(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let read = |number| -> Result<Option<(Vec<u8>, IVec)>, RowError> {
            let key = chunk_key(key, number);
            let value = self.tree.get(&key).map_err(|error| RowError::Read(error.to_string()))?;
            Ok(value.map(|value| (key, value)))
        };
        let Some((first_key, first)) = read(0)? else { return Ok(None) };
        let chunk = value::opened(&first_key, &first)?;
        let mut content = chunk.content.to_vec();
        if chunk.count > 1 {
            self.long().insert(key.to_vec(), chunk.count);
        }
        for number in 1..chunk.count {
            let corrupt = || RowError::Corrupt(readable(key));
            let (next_key, next) = read(number)?.ok_or_else(corrupt)?;
            let next = value::opened(&next_key, &next)?;
            if (next.count, next.commit) != (chunk.count, chunk.commit) {
                return Err(corrupt());
            }
            content.extend(next.content);
        }
        Ok(Some(content))
    }

    fn is_long(&self, key: &[u8]) -> bool {
        self.long().contains_key(key)
    }

    pub(super) fn long(&self) -> std::sync::MutexGuard<'_, HashMap<Key, u16>> {
        self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decoded<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, RowError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let account = in_plain_words(&error.to_string(), "an object");
        RowError::Corrupt(format!("{} ({account})", readable(key)))
    })
}

fn index_row(key: impl FnOnce() -> Key, bytes: &[u8]) -> Result<IndexRow, RowError> {
    layout::decode_index(bytes).ok_or_else(|| RowError::Corrupt(readable(&key())))
}

fn bounds(kind: Kind, numbers: Range<u64>) -> Range<Key> {
    layout::numbered(kind, numbers.start)..layout::numbered(kind, numbers.end)
}

/// The row's key, if this is its first chunk.
fn first_chunk(key: &[u8]) -> Option<&[u8]> {
    let (row, chunk) = key.split_last_chunk::<2>()?;
    (*chunk == [0, 0]).then_some(row)
}
