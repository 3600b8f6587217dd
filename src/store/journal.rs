//! The journal: two files beside sled's own, in which each commit is one record, synced before anyone is answered. What is in
//! it is moved into sled behind the writer (`keeper.rs`), and after a crash read back.
//!
//! sled hands every buffer to threads of its own and wakes all of them for it: a commit that goes through sled takes twice as
//! long as one that is appended and synced by the thread that made it. The files take turns. One is written from its
//! beginning again only when all that it holds is in sled for good, so that neither grows without end, and a sync mostly has
//! nothing to do but its own bytes.
//!
//! | in a record | |
//! |---|---|
//! | length | `u32`, bytes of what is changed |
//! | checksum | `u32`, crc32 over number and changes |
//! | number | `u64`, of the commit; each record's is its predecessor's plus one |
//! | changes | each: `u16` length and key; `u32` length and value, or `u32::MAX` where the key is removed |
//!
//! All numbers are big-endian. What follows the last record, or is left of an earlier turn, has no checksum that fits or a
//! number that does not follow: that is where reading ends.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::memtable::Changed;
use super::own_file;

/// The files' names in the store's directory.
pub(super) const FILES: [&str; 2] = ["awa-bridge.journal.0", "awa-bridge.journal.1"];

/// Length, checksum and number.
const HEADER: usize = 16;

/// In place of a value's length: the key is removed.
const REMOVED: u32 = u32::MAX;

/// The files, open for as long as the store is.
#[derive(Debug)]
pub(super) struct Journal {
    files: [File; 2],
    /// The place in `files` of the one that is written.
    current: usize,
    /// How much of it is written, in bytes.
    written: u64,
    /// The record in the making.
    record: Vec<u8>,
}

impl Journal {
    /// Opens the files, or creates them, and empties them for good: whatever they hold has to be in sled or is given up.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let open = |name: &str| {
            let mut options = own_file::options();
            let file =
                options.create(true).truncate(false).write(true).open(directory.join(name))?;
            if file.metadata()?.len() > 0 {
                file.set_len(0)?;
                file.sync_all()?;
            }
            io::Result::Ok(file)
        };
        let [first, second] = FILES;
        let files = [open(first)?, open(second)?];
        Ok(Self { files, current: 0, written: 0, record: Vec::new() })
    }

    /// Puts a commit on the disk. Comes back when it is synced.
    pub(super) fn append<'a>(
        &mut self,
        number: u64,
        rows: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> io::Result<()> {
        self.record.clear();
        encode(number, rows, &mut self.record);
        let file = &self.files[self.current];
        file.write_all_at(&self.record, self.written)?;
        file.sync_data()?;
        self.written += u64::try_from(self.record.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Empties what holds nothing but what is in sled for good, so that no body outlives its time here: the file that is not
    /// written, and the other one too if nothing is in it yet.
    pub(super) fn trim(&self) -> io::Result<()> {
        self.files[1 - self.current].set_len(0)?;
        if self.written == 0 { self.files[self.current].set_len(0) } else { Ok(()) }
    }

    /// How much is in the file that is written, in bytes.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Goes on at the beginning of the other file, whose records have to be in sled.
    pub(super) const fn turn(&mut self) {
        self.current = 1 - self.current;
        self.written = 0;
    }
}

/// What a journal holds beyond what is in sled.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// All of it that follows without a gap.
    pub(super) rows: Changed,
    /// The number of the last commit that is in `rows` or in sled.
    pub(super) last: u64,
    /// The highest number of any record.
    pub(super) newest: u64,
}

/// Reads what follows commit `after`.
pub(super) fn read(directory: &Path, after: u64) -> io::Result<Found> {
    let mut contents = Vec::with_capacity(FILES.len());
    for name in FILES {
        match own_file::read(&directory.join(name)) {
            Ok(content) => contents.push(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut files: Vec<_> = contents.iter().map(|content| records(content)).collect();
    files.sort_by_key(|records| records.first().map(|record| record.number));
    let mut found = Found { last: after, newest: after, ..Found::default() };
    for record in files.into_iter().flatten() {
        found.newest = found.newest.max(record.number);
        if record.number == found.last + 1 {
            found.last = record.number;
            found.rows.extend(
                record.rows.into_iter().map(|(key, value)| (key.to_vec(), value.map(Into::into))),
            );
        }
    }
    Ok(found)
}

/// One commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    /// Keys and their new values; none where the key is removed.
    pub(super) rows: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// The records of a file, up to the first that is not whole or does not follow.
pub(super) fn records(mut content: &[u8]) -> Vec<Record<'_>> {
    let mut records: Vec<Record<'_>> = Vec::new();
    while let Some((record, rest)) = first(content) {
        if records.last().is_some_and(|last| last.number.checked_add(1) != Some(record.number)) {
            break;
        }
        records.push(record);
        content = rest;
    }
    records
}

fn first(content: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (length, rest) = number32(content)?;
    let (checksum, rest) = number32(rest)?;
    let length = usize::try_from(length).ok()?;
    let (summed, rest) = rest.split_at_checked(length.checked_add(8)?)?;
    if crc32fast::hash(summed) != checksum {
        return None;
    }
    let (number, mut changes) = summed.split_first_chunk()?;
    let mut rows = Vec::new();
    while !changes.is_empty() {
        let (length, left) = changes.split_first_chunk()?;
        let (key, left) = left.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (length, left) = number32(left)?;
        let (value, left) = match length {
            REMOVED => (None, left),
            length => {
                let (value, left) = left.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), left)
            }
        };
        rows.push((key, value));
        changes = left;
    }
    Some((Record { number: u64::from_be_bytes(*number), rows }, rest))
}

fn number32(content: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = content.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// Adds a record to the bytes of a journal.
pub(super) fn encode<'a>(
    number: u64,
    rows: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    bytes: &mut Vec<u8>,
) {
    let begin = bytes.len();
    bytes.extend([0; 8]);
    bytes.extend(number.to_be_bytes());
    for (key, value) in rows {
        bytes.extend(u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(key);
        match value {
            Some(value) => {
                bytes.extend(u32::try_from(value.len()).unwrap_or(REMOVED).to_be_bytes());
                bytes.extend(value);
            }
            None => bytes.extend(REMOVED.to_be_bytes()),
        }
    }
    let length = u32::try_from(bytes.len() - begin - HEADER).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&bytes[begin + 8..]);
    bytes[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
    bytes[begin + 4..begin + 8].copy_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests;
