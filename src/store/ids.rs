//! The remembered ids as rows: blocks of up to 64, the newest rewritten until it is full. So a million ids are sixteen thousand
//! small rows, and forgetting one block is one small commit.

use super::layout::{self, IdHash, Key};
use super::row::{Changes, RowError};

/// How many ids a block holds.
pub(super) const BLOCK: usize = 64;

const ITEM: usize = 24;

/// The block that is being filled.
#[derive(Debug, Default)]
pub(super) struct IdBlock {
    key: Key,
    bucket: u32,
    ids: Vec<(IdHash, u64)>,
    dirty: bool,
}

impl IdBlock {
    /// Adds an id, first closing the block if it is full or of another bucket.
    pub(super) fn add(&mut self, bucket: u32, hash: IdHash, seq: u64, changes: &mut Changes) {
        if self.ids.len() == BLOCK || (self.bucket != bucket && !self.ids.is_empty()) {
            self.save(changes);
            self.ids.clear();
        }
        if self.ids.is_empty() {
            self.key = layout::ids(bucket, seq);
            self.bucket = bucket;
        }
        self.ids.push((hash, seq));
        self.dirty = true;
    }

    /// Writes the block if it has changed.
    pub(super) fn save(&mut self, changes: &mut Changes) {
        if std::mem::take(&mut self.dirty) {
            changes.put(&self.key, &encode(&self.ids));
        }
    }

    /// Whether this is the row that is being filled.
    pub(super) fn is(&self, key: &[u8]) -> bool {
        self.key == key
    }

    /// Starts anew after its row was removed.
    pub(super) fn restart(&mut self) {
        self.key.clear();
        self.ids.clear();
        self.dirty = false;
    }
}

pub(super) fn encode(ids: &[(IdHash, u64)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * ITEM);
    for (hash, seq) in ids {
        bytes.extend(hash);
        bytes.extend(seq.to_be_bytes());
    }
    bytes
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Vec<(IdHash, u64)>, RowError> {
    let (items, []) = bytes.as_chunks::<ITEM>() else {
        return Err(RowError::Corrupt(key.escape_ascii().to_string()));
    };
    Ok(items
        .iter()
        .map(|item| {
            let (mut hash, mut seq) = (IdHash::default(), [0; 8]);
            hash.copy_from_slice(&item[..16]);
            seq.copy_from_slice(&item[16..]);
            (hash, u64::from_be_bytes(seq))
        })
        .collect())
}
