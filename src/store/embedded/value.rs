//! Rows as sled holds them: cut into chunks that stay out of sled's blob files, each with a version and a checksum.
//!
//! A chunk's value is version:`u8`, crc32:`u32` over key and what follows, count:`u16` of the row's chunks,
//! commit:`u32` (the low half of the number of the commit that wrote the row, the same in all its chunks), content. No
//! value is longer than [`CHUNK`].

use std::fmt;

use crate::store::request::Failed;

/// The longest value, in bytes: seventeen of them on one page stay under sled's blob limit of 128 KiB.
pub(super) const CHUNK: usize = 6 * 1024;

const VERSION: u8 = 2;
pub(super) const HEADER: usize = 11;

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum RowError {
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

impl From<RowError> for Failed {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Read(why) => Self::Write(why),
            RowError::Corrupt(_) | RowError::Newer(_) => Self::Damaged(error.to_string()),
        }
    }
}

/// One chunk as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) count: u16,
    pub(super) commit: u32,
    pub(super) content: &'a [u8],
}

/// A row's chunks as they are to be written: keys and values.
pub(super) fn chunks(key: &[u8], content: &[u8], commit: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pieces: Vec<&[u8]> = match content {
        [] => vec![content],
        content => content.chunks(CHUNK - HEADER).collect(),
    };
    let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
    (0..count)
        .zip(pieces)
        .map(|(number, piece)| {
            let key = chunk_key(key, number);
            let mut value = vec![VERSION, 0, 0, 0, 0];
            value.reserve_exact(HEADER + piece.len() - value.len());
            value.extend(count.to_be_bytes());
            value.extend(commit.to_be_bytes());
            value.extend(piece);
            let checksum = checksum(&key, &value[5..]).to_be_bytes();
            value[1..5].copy_from_slice(&checksum);
            (key, value)
        })
        .collect()
}

/// Reads one chunk.
pub(super) fn opened<'a>(chunk_key: &[u8], value: &'a [u8]) -> Result<Chunk<'a>, RowError> {
    let corrupt = || RowError::Corrupt(readable(chunk_key));
    let (header, content) = value.split_first_chunk::<HEADER>().ok_or_else(corrupt)?;
    let [version, c0, c1, c2, c3, n0, n1, w0, w1, w2, w3] = *header;
    if version > VERSION {
        return Err(RowError::Newer(version));
    }
    let count = u16::from_be_bytes([n0, n1]);
    let fits = checksum(chunk_key, &value[5..]) == u32::from_be_bytes([c0, c1, c2, c3]);
    if version != VERSION || count == 0 || !fits {
        return Err(corrupt());
    }
    Ok(Chunk { count, commit: u32::from_be_bytes([w0, w1, w2, w3]), content })
}

pub(super) fn chunk_key(key: &[u8], number: u16) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(key.len() + 2);
    chunk.extend(key);
    chunk.extend(number.to_be_bytes());
    chunk
}

pub(super) fn readable(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

fn checksum(chunk_key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(chunk_key);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::explore::chosen_by_seed(64))]

        #[test]
        fn a_row_of_any_length_is_cut_into_values_that_are_not_too_long(
            content in prop::collection::vec(any::<u8>(), 0..40_000),
        ) {
            let chunks = chunks(b"key", &content, 7);
            let mut again: Vec<u8> = Vec::new();
            for (key, value) in &chunks {
                prop_assert!(value.len() <= CHUNK);
                let chunk = opened(key, value).unwrap();
                prop_assert_eq!((usize::from(chunk.count), chunk.commit), (chunks.len(), 7));
                again.extend(chunk.content);
            }
            prop_assert_eq!(again, content);
        }

        #[test]
        fn a_changed_byte_or_another_place_is_noticed(
            content in prop::collection::vec(any::<u8>(), 0..64),
            at: prop::sample::Index,
            bit in 0..8_u8,
        ) {
            let (key, mut value) = chunks(b"key", &content, 7).remove(0);
            prop_assert!(opened(b"other", &value).is_err());
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            prop_assert!(opened(&key, &value).is_err());
        }
    }
}
