//! What is in the journal and not in sled yet, held in memory so that every read sees it.
//!
//! Two layers: commits go into the fresh one; the other is on its way into sled and leaves only when sled has it. A layer is
//! shared by whoever reads it, so that an iterator keeps what it began with.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use sled::IVec;

/// Chunks by their keys; none where the key is removed.
pub(super) type Changed = BTreeMap<Vec<u8>, Option<IVec>>;

/// The fresh layer, and the one on its way.
type Layers = [Arc<Changed>; 2];

#[derive(Debug, Default)]
pub(super) struct MemTable {
    layers: RwLock<Layers>,
}

impl MemTable {
    /// What it knows of a chunk: nothing, that it was removed, or its value.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<IVec>> {
        let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.iter().find_map(|layer| layer.get(key).cloned())
    }

    /// Takes in a commit that is in the journal.
    pub(super) fn put(&self, rows: impl Iterator<Item = (Vec<u8>, Option<IVec>)>) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut layers[0]).extend(rows);
    }

    /// Puts the fresh layer on its way, and begins another. The one before has to be in sled.
    pub(super) fn send_off(&self) -> Arc<Changed> {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let [fresh, on_its_way] = &mut *layers;
        *on_its_way = std::mem::take(fresh);
        Arc::clone(on_its_way)
    }

    /// Lets go of the layer that was on its way: it is in sled.
    pub(super) fn arrived(&self) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let gone = std::mem::take(&mut layers[1]);
        drop(layers);
        drop(gone);
    }

    /// Its chunks from one key on and before another, over those of a tree. To be asked before the tree is, so that
    /// nothing slips through between the two.
    pub(super) fn range(&self, from: &[u8], before: &[u8], back: bool) -> Held {
        let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (from, to) = (Bound::Included(from.to_vec()), Bound::Excluded(before.to_vec()));
        Held { layers, from, to, back }
    }
}

/// Chunks of a memtable, in order.
pub(super) struct Held {
    layers: Layers,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    /// From the end.
    back: bool,
}

impl Iterator for Held {
    type Item = (Vec<u8>, Option<IVec>);

    fn next(&mut self) -> Option<Self::Item> {
        if let (Bound::Included(from), Bound::Excluded(to)) = (&self.from, &self.to)
            && from >= to
        {
            return None;
        }
        let [fresh, on_its_way] = self.layers.each_ref().map(|layer| {
            let mut range = layer.range::<Vec<u8>, _>((self.from.as_ref(), self.to.as_ref()));
            if self.back { range.next_back() } else { range.next() }
        });
        let (key, value) = match (fresh, on_its_way) {
            (Some(fresh), Some(other)) if comes_first(other.0, fresh.0, self.back) => other,
            (Some(first), _) | (None, Some(first)) => first,
            (None, None) => return None,
        };
        let (key, value) = (key.clone(), value.clone());
        let passed = Bound::Excluded(key.clone());
        *(if self.back { &mut self.to } else { &mut self.from }) = passed;
        Some((key, value))
    }
}

/// The chunks of a tree with those of a memtable over them.
pub(super) struct Merged<T: Iterator<Item = sled::Result<(IVec, IVec)>>> {
    held: Peekable<Held>,
    tree: Peekable<T>,
    back: bool,
}

impl<T: Iterator<Item = sled::Result<(IVec, IVec)>>> Merged<T> {
    /// `tree` has to come in the same order, over the same range, and to be made after `held`.
    pub(super) fn new(held: Held, tree: T) -> Self {
        let back = held.back;
        Self { held: held.peekable(), tree: tree.peekable(), back }
    }
}

impl<T: Iterator<Item = sled::Result<(IVec, IVec)>>> Iterator for Merged<T> {
    type Item = sled::Result<(Vec<u8>, IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (same, tree_first) = match (self.held.peek(), self.tree.peek()) {
                (None, None) => return None,
                (None, Some(_)) | (_, Some(Err(_))) => (false, true),
                (Some(_), None) => (false, false),
                (Some((held, _)), Some(Ok((key, _)))) => {
                    (held == key.as_ref(), comes_first(key, held, self.back))
                }
            };
            if tree_first {
                let found = self.tree.next()?;
                return Some(found.map(|(key, value)| (key.to_vec(), value)));
            }
            if same {
                self.tree.next();
            }
            if let (key, Some(value)) = self.held.next()? {
                return Some(Ok((key, value)));
            }
        }
    }
}

fn comes_first(key: &[u8], other: &[u8], back: bool) -> bool {
    if back { key > other } else { key < other }
}

#[cfg(test)]
mod tests;
