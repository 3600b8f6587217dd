//! The embedded engine: sled, one tree, one batch for a commit, and a sync before anyone is answered. The only place that knows sled.
//!
//! sled's own `flush` does not survive a power cut; what makes it survive is in `durable.rs`. A confirmed commit that sled has lost
//! is noticed at the next start by `watermark.rs`.

#![expect(clippy::disallowed_methods, reason = "the store's own thread")]

mod directory;
mod durable;
mod layout;
pub(super) mod open;
mod own_file;
mod retention;
mod rows;
mod value;
mod view;
pub(super) mod watermark;

use serde::Serialize;

use self::directory::Directory;
use self::layout::{Key, Kind};
pub(super) use self::retention::Retention;
pub(super) use self::rows::Rows;
pub(super) use self::value::RowError;
pub(super) use self::view::Committed;
use self::watermark::Watermark;
use super::changes::Change;
use super::hashes;
use super::request::Failed;

/// How many numbers are reserved at a time.
const NUMBERS: u64 = 4096;

/// The open database; the writer's.
pub(super) struct Engine {
    rows: Rows,
    directory: Directory,
    watermark: Watermark,
    /// The number of the last commit.
    commits: u64,
    /// Numbers below it may be used without another word on disk.
    reserved: u64,
}

impl Engine {
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Writes all changes or none of them; they are on the disk when it returns. `next_number` is the first that is free then.
    ///
    /// # Errors
    /// sled cannot write: nothing can be written any more until the process starts anew.
    pub(super) fn commit(&mut self, changes: &[Change], next_number: u64) -> Result<(), Failed> {
        self.commits += 1;
        let mut batch =
            Batch { rows: &self.rows, commit: self.commits, batch: sled::Batch::default() };
        if next_number > self.reserved {
            self.reserved = next_number + NUMBERS;
            batch.put(&layout::next_number(), &self.reserved.to_be_bytes());
        }
        batch.put(&layout::commits(), &self.commits.to_be_bytes());
        changes.iter().for_each(|change| batch.change(change));
        let failed = |error: sled::Error| Failed::Write(error.to_string());
        self.rows.tree.apply_batch(batch.batch).map_err(failed)?;
        self.rows.tree.flush().map_err(failed)?;
        self.watermark.note(self.commits);
        Ok(())
    }

    /// Notes that everything is written, and gives the database up.
    pub(super) fn close(self) {
        let Self { rows, directory, .. } = self;
        if let Err(error) = directory.mark_closed() {
            tracing::warn!(path = %directory.path().display(), %error,
                "the store could not be marked as closed; the next start takes it for an unclean stop");
        }
        drop(rows);
    }
}

/// Reads any bytes as an index, a body or a chunk.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzzed(kind: u8, bytes: &[u8]) -> Result<(), RowError> {
    match kind {
        b'i' => {
            if let Some(row) = layout::decode_index(bytes) {
                assert_eq!(layout::encode_index(&row), bytes);
            }
        }
        b'b' => {
            if let Some(row) = layout::decode_body(bytes.to_vec()) {
                assert_eq!(layout::encode_body(&row), bytes);
            }
        }
        _ => {
            let chunk = value::opened(b"key", bytes)?;
            assert!(chunk.count > 0 && chunk.content.len() + value::HEADER == bytes.len());
        }
    }
    Ok(())
}

/// A row as it lies in sled.
#[cfg(test)]
pub(super) fn framed(key: &[u8], content: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    value::chunks(key, content, 0)
}

/// A batch in the making.
struct Batch<'a> {
    rows: &'a Rows,
    commit: u64,
    batch: sled::Batch,
}

impl Batch<'_> {
    fn change(&mut self, change: &Change) {
        match change {
            Change::Event(number, row) => {
                self.put_json(&layout::numbered(Kind::Event, *number), row)
            }
            Change::Index(number, row) => {
                self.put(&layout::numbered(Kind::Index, *number), &layout::encode_index(row));
            }
            Change::Forget(number, _) => {
                self.remove(&layout::numbered(Kind::Event, *number));
                self.remove(&layout::numbered(Kind::Index, *number));
            }
            Change::Body(number, Some(row)) => {
                self.put(&layout::numbered(Kind::Body, *number), &layout::encode_body(row));
            }
            Change::Body(number, None) => self.remove(&layout::numbered(Kind::Body, *number)),
            Change::Lane(key, Some(row)) => {
                self.put_json(&layout::lane(&hashes::of_lane(key)), row)
            }
            Change::Lane(key, None) => self.remove(&layout::lane(&hashes::of_lane(key))),
            Change::Register(name, row) => self.put_json(&layout::register(name), row),
            Change::Document(contact_center, document, lane) => {
                let key = layout::document(&hashes::of_document(contact_center, document));
                match lane {
                    Some(lane) => self.put_json(&key, lane),
                    None => self.remove(&key),
                }
            }
        }
    }

    fn put_json(&mut self, key: &Key, row: &impl Serialize) {
        let bytes = serde_json::to_vec(row).expect("rows are structs of texts, numbers and lists");
        self.put(key, &bytes);
    }

    fn put(&mut self, key: &Key, content: &[u8]) {
        #[expect(clippy::cast_possible_truncation, reason = "it only tells commits apart")]
        let chunks = value::chunks(key, content, self.commit as u32);
        let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
        for (key, value) in chunks {
            self.batch.insert(key, value);
        }
        let mut long = self.rows.long();
        let before = if long.is_empty() { 1 } else { long.remove(key).unwrap_or(1) };
        if count > 1 {
            long.insert(key.clone(), count);
        }
        drop(long);
        for number in count..before {
            self.batch.remove(value::chunk_key(key, number));
        }
    }

    /// Removes a row, whatever its length.
    fn remove(&mut self, key: &Key) {
        self.rows.long().remove(key);
        for chunk in self.rows.tree.scan_prefix(key).keys().flatten() {
            self.batch.remove(chunk);
        }
    }
}
