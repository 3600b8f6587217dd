//! Rows as sled holds them: cut into chunks that stay out of sled's blob files, each with a version and a checksum.
//!
//! A chunk's value is version:`u8` (1), crc32:`u32` over key, count and content, count:`u16` of the row's chunks, content.
//! No value is longer than [`CHUNK`]. A row is written and removed whole, in one commit.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads, and readers beside the runtime"
)]

use std::fmt;
use std::sync::Arc;

use sled::IVec;

use super::layout::{Key, Prefix};
use super::memtable::{MemTable, Merged, Snapshot};

/// The longest value, in bytes: seventeen of them on one page stay under sled's blob limit.
pub(super) const CHUNK: usize = 6 * 1024;

const VERSION: u8 = 1;
pub(super) const HEADER: usize = 7;

/// How often a row of several chunks is read again because sled has changed meanwhile, which takes sled a sync each time.
const TRIES: u32 = 100;

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowError {
    /// sled gave an error.
    Read(String),
    /// The bytes are not those that were written; the row's key, readable.
    Corrupt(String),
    /// The row was written by a newer program: its version.
    Newer(u8),
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(why) => write!(f, "reading failed: {why}"),
            Self::Corrupt(key) => write!(f, "row {key} is damaged"),
            Self::Newer(version) => {
                write!(f, "a row has version {version}, this program knows {VERSION}")
            }
        }
    }
}

/// What one commit changes: chunks and their new values, none where a chunk is removed. Of two changes of a chunk the later
/// holds.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: Vec<(Vec<u8>, Option<IVec>)>,
}

impl Changes {
    /// Writes a row; returns how many chunks it took. A row that was longer before has to be removed first.
    pub(super) fn put(&mut self, key: &[u8], content: &[u8]) -> u16 {
        let pieces = content.chunks(CHUNK - HEADER);
        let count = u16::try_from(pieces.len().max(1)).unwrap_or(u16::MAX);
        if content.is_empty() {
            self.put_chunk(key, 0, count, &[]);
        }
        for (number, piece) in (0..count).zip(pieces) {
            self.put_chunk(key, number, count, piece);
        }
        count
    }

    /// Removes that many chunks of a row, from chunk `from` on.
    pub(super) fn remove(&mut self, key: &[u8], from: u16, count: u16) {
        self.rows.extend((from..count).map(|number| (chunk_key(key, number), None)));
    }

    pub(super) const fn records(&self) -> usize {
        self.rows.len()
    }

    /// The chunks as they are to be written.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    pub(super) fn into_rows(self) -> impl Iterator<Item = (Vec<u8>, Option<IVec>)> {
        self.rows.into_iter()
    }

    /// Past journal and memtable.
    #[cfg(test)]
    pub(super) fn write_into(self, tree: &sled::Tree) {
        for (key, value) in self.rows {
            super::keeper::write(tree, &key, value.as_ref()).unwrap();
        }
    }

    fn put_chunk(&mut self, key: &[u8], number: u16, count: u16, piece: &[u8]) {
        let key = chunk_key(key, number);
        let mut value = Vec::with_capacity(HEADER + piece.len());
        value.push(VERSION);
        value.extend(checksum(&key, count, piece).to_be_bytes());
        value.extend(count.to_be_bytes());
        value.extend(piece);
        self.rows.push((key, Some(value.into())));
    }
}

/// Reads rows, from the memtable and from sled; may be used from any thread.
#[derive(Clone)]
pub(super) struct Rows {
    tree: sled::Tree,
    /// What sled does not have yet.
    pub(super) memtable: Arc<MemTable>,
}

/// A row as found.
pub(super) struct Row {
    pub(super) content: Vec<u8>,
    /// How many chunks it takes.
    pub(super) chunks: u16,
}

impl Rows {
    pub(super) fn new(tree: &sled::Tree) -> Self {
        Self { tree: tree.clone(), memtable: Arc::default() }
    }

    /// A row as it was at one moment, also while the writer replaces it.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Row>, RowError> {
        let mut found = Ok(None);
        for _ in 0..TRIES {
            let snapshot = self.memtable.snapshot();
            found = self.get_from(&snapshot, key);
            let is_one_chunk = matches!(&found, Ok(None) | Ok(Some(Row { chunks: 1, .. })));
            if is_one_chunk || !self.memtable.has_left_since(&snapshot) {
                break;
            }
        }
        found
    }

    fn get_from(&self, snapshot: &Snapshot, key: &[u8]) -> Result<Option<Row>, RowError> {
        let chunk = |number: u16| -> Result<Option<(u16, Vec<u8>)>, RowError> {
            let key = chunk_key(key, number);
            let value = match snapshot.get(&key) {
                Some(known) => known,
                None => self.tree.get(&key).map_err(read_error)?,
            };
            let Some(value) = value else { return Ok(None) };
            let (count, content) = opened(&key, &value)?;
            Ok(Some((count, content.to_vec())))
        };
        let Some((count, mut content)) = chunk(0)? else { return Ok(None) };
        for number in 1..count {
            let (also, piece) = chunk(number)?.ok_or_else(|| RowError::Corrupt(readable(key)))?;
            if also != count {
                return Err(RowError::Corrupt(readable(key)));
            }
            content.extend(piece);
        }
        Ok(Some(Row { content, chunks: count }))
    }

    pub(super) fn has(&self, key: &[u8]) -> Result<bool, RowError> {
        Ok(self.value(&chunk_key(key, 0))?.is_some())
    }

    /// How many chunks a row takes; 0 if it is not there. Does not mind damage: what it is for is removal.
    pub(super) fn chunks(&self, key: &[u8]) -> Result<u16, RowError> {
        let first = self.value(&chunk_key(key, 0))?;
        Ok(first.map_or(0, |value| match value.get(5..HEADER) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]).max(1),
            Some(_) | None => 1,
        }))
    }

    /// The rows of a kind in the order of their keys, each with its key without the chunk number.
    pub(super) fn scan(
        &self,
        prefix: Prefix,
    ) -> impl Iterator<Item = Result<(Key, Row), RowError>> + use<> {
        let (from, before) = bounds_of(prefix);
        self.range(&from, &before)
    }

    /// The last row of a kind: its key.
    pub(super) fn last_key(&self, prefix: Prefix) -> Result<Option<Key>, RowError> {
        let (from, before) = bounds_of(prefix);
        let last = self.chunks_back(&from, &before).next().transpose().map_err(read_error)?;
        Ok(last.and_then(|(key, _)| Some(key.split_last_chunk::<2>()?.0.to_vec())))
    }

    /// The rows of a kind that cannot be read: their keys.
    pub(super) fn damaged(&self, prefix: Prefix) -> Result<Vec<Key>, RowError> {
        let (from, before) = bounds_of(prefix);
        let mut damaged = Vec::new();
        for found in self.chunks_in(&from, &before) {
            let (key, _) = found.map_err(read_error)?;
            let Some((key, [0, 0])) = key.split_last_chunk::<2>() else { continue };
            if let Err(RowError::Corrupt(_)) = self.get(key) {
                damaged.push(key.to_vec());
            }
        }
        Ok(damaged)
    }

    /// The rows from one key on and before another.
    pub(super) fn range(
        &self,
        from: &[u8],
        before: &[u8],
    ) -> impl Iterator<Item = Result<(Key, Row), RowError>> + use<> {
        self.rows_of(self.chunks_in(from, before))
    }

    /// The same, from the last to the first.
    pub(super) fn range_back(
        &self,
        from: &[u8],
        before: &[u8],
    ) -> impl Iterator<Item = Result<(Key, Row), RowError>> + use<> {
        self.rows_of(self.chunks_back(from, before))
    }

    fn chunks_in(
        &self,
        from: &[u8],
        before: &[u8],
    ) -> impl Iterator<Item = sled::Result<(Vec<u8>, IVec)>> + use<> {
        let held = self.memtable.range(from, before, false);
        Merged::new(held, self.tree.range(from..before))
    }

    fn chunks_back(
        &self,
        from: &[u8],
        before: &[u8],
    ) -> impl Iterator<Item = sled::Result<(Vec<u8>, IVec)>> + use<> {
        let held = self.memtable.range(from, before, true);
        Merged::new(held, self.tree.range(from..before).rev())
    }

    fn rows_of<T: Iterator<Item = sled::Result<(Vec<u8>, IVec)>>>(
        &self,
        chunks: T,
    ) -> impl Iterator<Item = Result<(Key, Row), RowError>> + use<T> {
        let rows = self.clone();
        chunks.filter_map(move |found| match found {
            Err(error) => Some(Err(read_error(error))),
            Ok((key, value)) => {
                let (row_key, number) = key.split_last_chunk::<2>()?;
                (*number == [0, 0]).then(|| {
                    let (count, content) = opened(&key, &value)?;
                    let row = if count == 1 {
                        Row { content: content.to_vec(), chunks: 1 }
                    } else {
                        rows.get(row_key)?.ok_or_else(|| RowError::Corrupt(readable(row_key)))?
                    };
                    Ok((row_key.to_vec(), row))
                })
            }
        })
    }

    /// The bytes of a chunk.
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, RowError> {
        match self.memtable.get(key) {
            Some(known) => Ok(known),
            None => self.tree.get(key).map_err(read_error),
        }
    }
}

pub(super) fn opened<'a>(chunk_key: &[u8], value: &'a [u8]) -> Result<(u16, &'a [u8]), RowError> {
    let corrupt = || RowError::Corrupt(readable(chunk_key));
    let (header, content) = value.split_first_chunk::<HEADER>().ok_or_else(corrupt)?;
    let [version, c0, c1, c2, c3, high, low] = *header;
    if version > VERSION {
        return Err(RowError::Newer(version));
    }
    let count = u16::from_be_bytes([high, low]);
    let fits = checksum(chunk_key, count, content) == u32::from_be_bytes([c0, c1, c2, c3]);
    if version != VERSION || count == 0 || !fits {
        return Err(corrupt());
    }
    Ok((count, content))
}

fn checksum(chunk_key: &[u8], count: u16, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(chunk_key);
    hasher.update(&count.to_be_bytes());
    hasher.update(content);
    hasher.finalize()
}

fn chunk_key(key: &[u8], number: u16) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(key.len() + 2);
    chunk.extend(key);
    chunk.extend(number.to_be_bytes());
    chunk
}

/// From where to where the keys of a kind lie.
fn bounds_of(prefix: Prefix) -> (Vec<u8>, Vec<u8>) {
    let [first] = prefix.bytes();
    (vec![first], vec![first + 1])
}

fn read_error(error: sled::Error) -> RowError {
    RowError::Read(error.to_string())
}

fn readable(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests;
