//! What is in the journal and not in sled yet, held in memory so that every read sees it.
//!
//! Commits go into the fresh layer; the last layer is on its way into sled and leaves only when sled has it. A layer is shared by
//! whoever reads it, so that an iterator keeps what it began with; while one reads the fresh layer, commits begin another above it.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sled::IVec;

/// Chunks by their keys; none where the key is removed.
pub(super) type Changed = BTreeMap<Vec<u8>, Option<IVec>>;

/// With so many layers a commit rather copies the fresh one.
const LAYERS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct MemTable {
    layers: RwLock<Layers>,
}

#[derive(Debug, Default)]
struct Layers {
    /// The newest first.
    fresh: Vec<Arc<Changed>>,
    on_its_way: Arc<Changed>,
    /// How often anything was put on its way.
    departures: u64,
}

/// A memtable as it was at a moment.
pub(super) struct Snapshot {
    /// The newest first.
    layers: Vec<Arc<Changed>>,
    departures: u64,
}

impl MemTable {
    /// What is held now. Together with a tree it shows one moment for as long as nothing more is put on its way.
    pub(super) fn snapshot(&self) -> Snapshot {
        let layers = self.read();
        Snapshot { layers: layers.newest_first().cloned().collect(), departures: layers.departures }
    }

    /// Whether the tree may have changed in what the snapshot does not hold.
    pub(super) fn has_left_since(&self, snapshot: &Snapshot) -> bool {
        self.read().departures != snapshot.departures
    }

    /// What it knows of a chunk: nothing, that it was removed, or its value.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<IVec>> {
        self.read().newest_first().find_map(|layer| layer.get(key).cloned())
    }

    /// Takes in a commit that is in the journal.
    pub(super) fn put(&self, rows: impl Iterator<Item = (Vec<u8>, Option<IVec>)>) {
        let mut layers = self.write();
        let full = layers.fresh.len() >= LAYERS;
        if let Some(newest) = layers.fresh.first_mut() {
            if full {
                Arc::make_mut(newest);
            }
            if let Some(newest) = Arc::get_mut(newest) {
                return newest.extend(rows);
            }
        }
        layers.fresh.insert(0, Arc::new(rows.collect()));
    }

    /// Puts what is fresh on its way, and begins anew. What was on its way before has to be in sled.
    pub(super) fn send_off(&self) -> Arc<Changed> {
        let mut layers = self.write();
        let mut oldest_first = std::mem::take(&mut layers.fresh).into_iter().rev();
        let mut all = oldest_first.next().unwrap_or_default();
        for newer in oldest_first {
            let newer = newer.iter().map(|(key, value)| (key.clone(), value.clone()));
            Arc::make_mut(&mut all).extend(newer);
        }
        layers.on_its_way = all;
        layers.departures += 1;
        Arc::clone(&layers.on_its_way)
    }

    /// Lets go of what was on its way: it is in sled.
    pub(super) fn arrived(&self) {
        let gone = std::mem::take(&mut self.write().on_its_way);
        drop(gone);
    }

    /// Its chunks from one key on and before another, over those of a tree. To be asked before the tree is, so that
    /// nothing slips through between the two.
    pub(super) fn range(&self, from: &[u8], before: &[u8], back: bool) -> Held {
        let layers = self.read().newest_first().cloned().collect();
        let (from, to) = (Bound::Included(from.to_vec()), Bound::Excluded(before.to_vec()));
        Held { layers, from, to, back }
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layers {
    fn newest_first(&self) -> impl Iterator<Item = &Arc<Changed>> {
        self.fresh.iter().chain([&self.on_its_way])
    }
}

impl Snapshot {
    /// What it knows of a chunk: nothing, that it was removed, or its value.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<IVec>> {
        self.layers.iter().find_map(|layer| layer.get(key).cloned())
    }
}

/// Chunks of a memtable, in order.
pub(super) struct Held {
    /// The newest first.
    layers: Vec<Arc<Changed>>,
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
        let of_each = self.layers.iter().filter_map(|layer| {
            let mut range = layer.range::<Vec<u8>, _>((self.from.as_ref(), self.to.as_ref()));
            if self.back { range.next_back() } else { range.next() }
        });
        // Of several changes of a chunk the newest stays.
        let (key, value) =
            of_each.reduce(
                |first, older| {
                    if comes_first(older.0, first.0, self.back) { older } else { first }
                },
            )?;
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
