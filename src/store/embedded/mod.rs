//! The embedded engine: sled, one tree, one batch for a commit, and a sync before anyone is answered. The only place
//! that knows sled.
//!
//! sled's own `flush` does not survive a power cut; what makes it survive is in `durable.rs`. A confirmed commit that
//! sled has lost is noticed at the next start by `watermark.rs`.

#![expect(clippy::disallowed_methods, reason = "the store's own thread")]

mod directory;
mod durable;
pub(super) mod export;
mod kept;
mod layout;
mod locked;
pub(super) mod open;
mod own_file;
mod parallel;
mod read;
mod retention;
mod rows;
mod search;
mod settled;
mod todo;
mod value;
mod view;
pub(super) mod watermark;

use std::sync::Arc;

use serde::Serialize;

use self::directory::Directory;
pub(super) use self::kept::Kept;
use self::layout::{Key, Kind};
pub(crate) use self::own_file::of_others;
use self::retention::Retention;
pub(super) use self::rows::Rows;
pub(super) use self::value::RowError;
use self::view::Committed;
use self::watermark::Watermark;
use super::changes::Change;
use super::engine::{Decide, Engine, Upkeep};
use super::group::{Group, Lost, Outcomes, Terms};
use super::hashes;
use super::lane::LaneCache;
use super::request::Failed;
use super::shared::Pulse;
use crate::clock;
use crate::metrics as names;
use crate::routing::{LaneKey, UnixMillis};

/// How many numbers are reserved at a time.
const NUMBERS: u64 = 4096;

/// The open database; the writer's.
pub(super) struct Embedded {
    database: Database,
    kept: Arc<Kept>,
    cache: LaneCache,
    next_number: u64,
    retention: Retention,
    commits: Arc<Pulse>,
}

/// What writes rows.
pub(super) struct Database {
    rows: Rows,
    directory: Directory,
    watermark: Watermark,
    /// The number of the last commit.
    commits: u64,
    /// Numbers below it may be used without another write.
    reserved: u64,
}

impl Embedded {
    /// What readers go to.
    pub(super) fn kept(&self) -> Arc<Kept> {
        Arc::clone(&self.kept)
    }

    /// Replaces damaged rows, and makes dead letters of the events that they took with them.
    ///
    /// # Errors
    /// sled cannot write.
    pub(super) fn repair(
        &mut self,
        terms: &Terms,
        repairs: &[Change],
        mut lost: Vec<Lost>,
    ) -> Result<(), Failed> {
        self.commit(repairs)?;
        self.group(terms, &mut |group| {
            lost.drain(..).for_each(|lost| group.dead_letter(lost));
            Ok(())
        })?;
        Ok(())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), Failed> {
        if changes.is_empty() {
            return Ok(());
        }
        let started = clock::instant();
        self.commits.begins_or_ends();
        let written = self.database.commit(changes, self.next_number);
        self.commits.begins_or_ends();
        written?;
        metrics::histogram!(names::STORE_COMMIT_DURATION).record(started.elapsed().as_secs_f64());
        let mut index = self.kept.index();
        for change in changes {
            index.apply(change);
            if let Change::Lane(key, None) = change {
                self.cache.remove(key);
            }
        }
        Ok(())
    }
}

impl Engine for Embedded {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        let rows = &self.database.rows;
        let mut view = Committed { rows, kept: &self.kept, cache: &mut self.cache };
        let mut group = Group::new(&mut view, terms, self.next_number);
        decide(&mut group)?;
        let outcomes = group.finish();
        self.next_number = outcomes.next_number;
        self.commit(&outcomes.changes)?;
        for (key, lane) in &outcomes.lanes {
            self.cache.insert(Arc::clone(key), Arc::clone(lane));
        }
        Ok(outcomes)
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        Ok(self.kept.index().parked_lanes())
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        let forgotten = self.retention.sweep(&self.database.rows, &self.kept, now)?;
        self.commit(&forgotten)?;
        Ok(Upkeep { more: self.retention.is_running(), ..Upkeep::default() })
    }

    fn close(self: Box<Self>) {
        let Self { database, kept, .. } = *self;
        kept.close();
        database.close();
    }
}

impl Database {
    /// Writes all changes or none of them; they are on the disk when it returns. `next_number` is the first that is
    /// free then.
    ///
    /// # Errors
    /// sled cannot write: nothing can be written any more until the process starts anew.
    fn commit(&mut self, changes: &[Change], next_number: u64) -> Result<(), Failed> {
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

    /// Notes that everything is written, and closes the database.
    fn close(self) {
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
            Change::Settled(number, event) => {
                let key = layout::numbered(Kind::Settled, *number);
                match event {
                    Some(event) => self.put(&key, &event.to_be_bytes()),
                    None => self.remove(&key),
                }
            }
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
