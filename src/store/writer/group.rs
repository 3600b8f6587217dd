//! One group commit in the making: what changes, which lanes it touches, who waits for it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::routing::{Due, LaneKey};
use crate::store::direct::PendingSend;
use crate::store::lane::LaneCache;
use crate::store::layout::{self, IdHash};
use crate::store::pack::{BodyPack, EventPack};
use crate::store::row::Changes;
use crate::store::rows::{BodyPlace, encode};
use crate::store::shelf::NewRows;

#[derive(Default)]
pub(super) struct Group {
    pub(super) changes: Changes,
    pub(super) events: EventPack,
    pub(super) bodies: BodyPack,
    /// Bodies to be erased.
    pub(super) bodies_gone: BTreeSet<BodyPlace>,
    /// The lanes of documents, as they are from this commit on; none where a document has no lane any more.
    pub(super) documents: HashMap<IdHash, Option<Arc<LaneKey>>>,
    /// Lanes to be written.
    dirty: HashSet<Arc<LaneKey>>,
    /// Lanes to be removed.
    forgotten: HashSet<Arc<LaneKey>>,
    /// Lanes whose place on the agenda is to be published.
    touched: HashSet<Arc<LaneKey>>,
    /// Whether an entry has had a row of its own.
    pub(super) has_apart: bool,
    answers: Vec<Box<dyn FnOnce() + Send>>,
    leaving: Vec<PendingSend>,
}

impl Group {
    pub(super) fn records(&self) -> usize {
        self.changes.records()
            + self.documents.len()
            + self.dirty.len()
            + self.forgotten.len()
            + self.bodies_gone.len()
    }

    /// Notes that a lane has changed.
    pub(super) fn changed(&mut self, lane: &Arc<LaneKey>) {
        self.dirty.insert(Arc::clone(lane));
    }

    /// Notes that a lane is to be removed. To be called only after all changes of the lane.
    pub(super) fn forgets(&mut self, lane: &Arc<LaneKey>) {
        self.forgotten.insert(Arc::clone(lane));
    }

    /// Notes that a lane was looked at, so that the agenda has to know of it again.
    pub(super) fn touched(&mut self, lane: &Arc<LaneKey>) {
        self.touched.insert(Arc::clone(lane));
    }

    pub(super) fn is_forgetting(&self, lane: &Arc<LaneKey>) -> bool {
        self.forgotten.contains(lane)
    }

    /// The lanes that were changed.
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Arc<LaneKey>> {
        self.dirty.iter()
    }

    /// Keeps a claim until the commit.
    pub(super) fn leaves(&mut self, leaving: PendingSend) {
        self.leaving.push(leaving);
    }

    /// Keeps an answer until the commit. Whoever gave up waiting does not get it.
    pub(super) fn answer<T: Send + 'static>(&mut self, to: oneshot::Sender<T>, answer: T) {
        self.answers.push(Box::new(move || drop(to.send(answer))));
    }

    /// The new rows of lanes.
    pub(super) fn take_lanes(&mut self, cache: &mut LaneCache) -> NewRows {
        let mut rows = NewRows::with_capacity(self.dirty.len() + self.forgotten.len());
        for key in self.dirty.drain() {
            if let Some(lane) = cache.get_mut(&key) {
                self.has_apart |= lane.write_apart(&mut self.changes);
                rows.push((Arc::clone(&key), Some(lane.to_row().encode())));
            }
            self.touched.insert(key);
        }
        rows.extend(self.forgotten.drain().map(|key| (key, None)));
        rows
    }

    /// All changes, if there are any.
    pub(super) fn take_changes(&mut self) -> Option<Changes> {
        self.events.save(&mut self.changes);
        self.bodies.save(&mut self.changes);
        for (hash, lane) in self.documents.drain() {
            let key = layout::document(&hash);
            match lane {
                Some(lane) => drop(self.changes.put(&key, &encode(&*lane))),
                None => self.changes.remove(&key, 0, 1),
            }
        }
        let changes = std::mem::take(&mut self.changes);
        (changes.records() > 0).then_some(changes)
    }

    pub(super) fn take_news(&mut self, cache: &mut LaneCache) -> Vec<(Arc<LaneKey>, Option<Due>)> {
        self.touched
            .drain()
            .map(|key| {
                let due = cache.get_mut(&key).and_then(|lane| lane.conversation.next_due());
                (key, due)
            })
            .collect()
    }

    pub(super) fn give_answers(&mut self) {
        self.leaving.drain(..).for_each(PendingSend::leave);
        for answer in self.answers.drain(..) {
            answer();
        }
    }
}
