//! Which lanes have something due, when, and in what order. The writer publishes after each flush, the dispatcher
//! takes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::routing::{Due, EntryId, LaneKey, UnixMillis, Urgency};

/// The lanes that have something due, each at most once.
#[derive(Debug, Default)]
pub struct Agenda {
    lanes: Mutex<Lanes>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Lanes {
    due: HashMap<Arc<LaneKey>, (Due, Place)>,
    /// Not due yet when last looked at.
    later: BTreeSet<(UnixMillis, Urgency, EntryId, Arc<LaneKey>)>,
    /// Due.
    now: BTreeSet<(Urgency, UnixMillis, EntryId, Arc<LaneKey>)>,
    /// All of them, by the moment after which nothing is sent any more.
    deadlines: BTreeSet<(UnixMillis, EntryId, Arc<LaneKey>)>,
    /// The latest moment for which the agenda was asked.
    looked_at: UnixMillis,
}

/// By less than this a clock is not said to have been set back, in milliseconds.
const SET_BACK: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Later,
    Now,
}

impl Agenda {
    /// What is most urgent among all that is due at `now`; it stays on the agenda.
    #[must_use]
    pub(crate) fn most_urgent(&self, now: UnixMillis) -> Option<Due> {
        let mut lanes = self.lanes();
        lanes.ripen(now);
        let (_, _, _, lane) = lanes.now.first()?;
        lanes.due.get(lane).map(|(due, _)| *due)
    }

    /// Takes the lane that is most urgent among those due at `now`. It is off the agenda until its next commit.
    #[must_use]
    pub fn take_most_urgent(&self, now: UnixMillis) -> Option<(LaneKey, Due)> {
        let mut lanes = self.lanes();
        lanes.ripen(now);
        let (_, _, _, lane) = lanes.now.first().cloned()?;
        lanes.take(&lane)
    }

    /// Takes a lane that has an entry whose deadline has come, `expires`: settling it needs no call and no pace.
    #[must_use]
    pub(crate) fn take_expired(&self, now: UnixMillis) -> Option<(LaneKey, Due)> {
        let mut lanes = self.lanes();
        let (deadline, _, lane) = lanes.deadlines.first().cloned()?;
        if deadline > now { None } else { lanes.take(&lane) }
    }

    /// Puts a lane back that was taken and not claimed; it stays as it is where a commit has published it since.
    pub(crate) fn put_back(&self, lane: LaneKey, due: Due) {
        let mut lanes = self.lanes();
        if !lanes.due.contains_key(&lane) {
            lanes.add(Arc::new(lane), due);
            self.changed.notify_one();
        }
    }

    /// The earliest deadline of a lane.
    #[must_use]
    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        self.lanes().deadlines.first().map(|(deadline, _, _)| *deadline)
    }

    /// The earliest moment at which a lane is due; past if one is due already.
    #[must_use]
    pub(crate) fn next_at(&self) -> Option<UnixMillis> {
        let lanes = self.lanes();
        let ripe = lanes.now.iter().map(|(_, at, _, _)| *at).next();
        let later = lanes.later.first().map(|(at, _, _, _)| *at);
        ripe.into_iter().chain(later).min()
    }

    /// Notifies the waiting task when something new was published. One notification is kept where none waits.
    #[must_use]
    pub const fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Replaces what is known of these lanes.
    pub(super) fn publish(&self, news: Vec<(Arc<LaneKey>, Option<Due>)>) {
        let mut lanes = self.lanes();
        let mut woken = false;
        for (lane, due) in news {
            lanes.remove(&lane);
            if let Some(due) = due {
                lanes.add(lane, due);
                woken = true;
            }
        }
        drop(lanes);
        if woken {
            self.changed.notify_one();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn add(&mut self, lane: Arc<LaneKey>, due: Due) {
        self.later.insert((due.at, due.urgency, due.entry, Arc::clone(&lane)));
        self.deadlines.insert((due.expires.1, due.expires.0, Arc::clone(&lane)));
        self.due.insert(lane, (due, Place::Later));
    }

    fn take(&mut self, lane: &Arc<LaneKey>) -> Option<(LaneKey, Due)> {
        let due = self.remove(lane)?;
        Some((LaneKey::clone(lane), due))
    }

    fn remove(&mut self, lane: &Arc<LaneKey>) -> Option<Due> {
        let (lane, (due, place)) = self.due.remove_entry(lane)?;
        self.deadlines.remove(&(due.expires.1, due.expires.0, Arc::clone(&lane)));
        match place {
            Place::Later => self.later.remove(&(due.at, due.urgency, due.entry, lane)),
            Place::Now => self.now.remove(&(due.urgency, due.at, due.entry, lane)),
        };
        Some(due)
    }

    /// A wall clock that was set back must not prolong a pause of seconds by an hour: all that waited for its time is
    /// due then, once. What is not ready after all is put off again by the decision over it.
    fn ripen(&mut self, now: UnixMillis) {
        let set_back = self.looked_at.since(now) >= SET_BACK;
        let until = if set_back { UnixMillis::MAX } else { now };
        self.looked_at = if set_back { now } else { self.looked_at.max(now) };
        while self.later.first().is_some_and(|(at, ..)| *at <= until) {
            let Some((at, urgency, entry, lane)) = self.later.pop_first() else { return };
            if let Some((_, place)) = self.due.get_mut(&lane) {
                *place = Place::Now;
            }
            self.now.insert((urgency, at, entry, lane));
        }
    }
}

#[cfg(test)]
mod tests;
