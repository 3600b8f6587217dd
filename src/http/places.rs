//! The places for connections of one listener, and who gives way when they are short.
//!
//! Nobody proves anything before a whole request has come, so a new connection always gets a place soon: one that keeps
//! its place for nothing loses it. Peers without any authentic request give way first, and among them those of an
//! address that holds more than half of the places. There is no fixed share for an address: behind a load balancer all
//! senders have the same one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::connection::{Connection, Origin, Phase, Standing, micros};

/// How long a connection may be quiet before its place is taken, in microseconds: a round trip or two, for a handshake
/// of TLS.
const PATIENCE: u64 = 500_000;

/// The same for an address that holds more than half of the places, for each place that there is. It is a load
/// balancer, which is near and writes a request in one go, or somebody who wants all places: then all of them are taken
/// anew in a third of a millisecond a place, and who waits before them in the system's backlog, 1,024 at most, is
/// served within a second.
const SHORT_PATIENCE: u64 = 300;
const SHORTEST: u64 = 4_000;
const LONGEST_SHORT: u64 = 100_000;

/// How much quiet a sender can make up for in advance, for each place that there is.
const ADVANCE: u64 = 600;

/// How often it is looked whether a place can be taken.
const LOOK: Duration = Duration::from_millis(2);

/// So many connections more may be open for a moment: those that have lost their places and are about to end.
const ENDING: usize = 8;

/// Of so many places one is for peers without an authentic request: while they hold no more, the others give way too.
const NEWCOMERS: usize = 8;

/// Of so many places one is made free in advance: each look at all of them has its price.
const IN_ADVANCE: usize = 128;

/// The places of a listener.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    /// A connection has ended.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    number: u64,
    connections: HashMap<u64, Occupant>,
    origins: HashMap<Origin, usize>,
    /// Evicted ones too.
    open: usize,
}

#[derive(Debug)]
struct Occupant {
    connection: Arc<Connection>,
    /// None until its task is there.
    task: Option<AbortHandle>,
}

/// A taken place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: Arc<Connection>,
    number: u64,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One of `most` places, if there is one or one is given up for it, and how many connections had to give way. Where
    /// more are taken, as there were more, those over the number give way first.
    pub(super) fn take(self: &Arc<Self>, origin: Origin, most: usize) -> (Option<Place>, usize) {
        let mut taken = self.taken();
        let mut evicted = 0;
        if taken.connections.len() >= most {
            let over = taken.connections.len() - most;
            let wanted = (taken.connections.len() / IN_ADVANCE).max(over + 1);
            evicted = taken.make_room(most, wanted, micros());
        }
        if taken.connections.len() >= most || taken.open >= most + ENDING {
            return (None, evicted);
        }
        taken.number += 1;
        taken.open += 1;
        *taken.origins.entry(origin).or_default() += 1;
        let advance = (most as u64).saturating_mul(ADVANCE).min(PATIENCE);
        let (number, connection) = (taken.number, Arc::new(Connection::new(origin, advance)));
        let occupant = Occupant { connection: Arc::clone(&connection), task: None };
        taken.connections.insert(number, occupant);
        (Some(Place { connection, number, places: Arc::clone(self) }), evicted)
    }

    /// Returns when a connection has ended since the last call, or after a moment.
    pub(super) async fn changed(&self) {
        tokio::select! {
            () = self.freed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    /// Ends a connection that is of little use, whether or not places are short; false if there is none.
    pub(super) fn give_up_one(&self) -> bool {
        let mut taken = self.taken();
        let wanted = (taken.connections.len() / IN_ADVANCE).max(1);
        taken.make_room(0, wanted, micros()) > 0
    }

    /// Names the task behind a place.
    pub(super) fn is_served_by(&self, number: u64, task: AbortHandle) {
        if let Some(occupant) = self.taken().connections.get_mut(&number) {
            occupant.task = Some(task);
        }
    }

    /// Ends all that are left.
    pub(super) fn abort_all(&self) {
        for occupant in self.taken().connections.values() {
            if let Some(task) = &occupant.task {
                task.abort();
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Takes the places of those that can best be spared, so many if there are; how many it took.
    fn make_room(&mut self, most: usize, wanted: usize, now: u64) -> usize {
        let short = (most as u64).saturating_mul(SHORT_PATIENCE).clamp(SHORTEST, LONGEST_SHORT);
        // Those of them that are still protected can be spared in a moment: they are waited for.
        let unproved = self.connections.values().filter(|one| one.connection.is_unproved()).count();
        let only_unproved = unproved > most / NEWCOMERS;
        let mut spare: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, occupant)| occupant.task.is_some())
            .filter(|(_, occupant)| !only_unproved || occupant.connection.is_unproved())
            .filter_map(|(number, occupant)| {
                let (standing, origin) =
                    (occupant.connection.standing(), occupant.connection.origin);
                let greedy = self.origins.get(&origin).is_some_and(|held| held * 2 > most.max(1));
                let rank = rank(&standing, if greedy { short } else { PATIENCE }, greedy, now)?;
                Some((rank, *number, standing.phase))
            })
            .collect();
        if spare.len() > wanted {
            spare.select_nth_unstable_by_key(wanted, |(rank, ..)| *rank);
            spare.truncate(wanted);
        }
        let mut evicted = 0;
        for (_, number, seen) in spare {
            let Some(occupant) = self.connections.get(&number) else { continue };
            // It has moved on meanwhile: its request may be whole by now.
            if !occupant.connection.evict(seen) {
                continue;
            }
            if let Some(task) = &occupant.task {
                task.abort();
            }
            self.leave(number);
            evicted += 1;
        }
        evicted
    }

    fn leave(&mut self, number: u64) {
        let Some(occupant) = self.connections.remove(&number) else { return };
        let origin = occupant.connection.origin;
        if let Some(held) = self.origins.get_mut(&origin) {
            *held -= 1;
            if *held == 0 {
                self.origins.remove(&origin);
            }
        }
    }
}

/// How well a connection can be spared; the least goes first, none cannot be.
type Rank = (bool, Reverse<bool>, u8, u64);

fn rank(standing: &Standing, patience: u64, greedy: bool, now: u64) -> Option<Rank> {
    let Standing { phase, quiet_since, read, answered, authentic } = *standing;
    let quiet = read && now.saturating_sub(quiet_since) >= patience;
    let class = match (phase, authentic) {
        (Phase::Closing, _) | (Phase::Idle, false) => 0,
        // It had its chance.
        (Phase::Head | Phase::Body, false) if answered => 1,
        (Phase::Fresh | Phase::Head | Phase::Body, _) if quiet => 2,
        (Phase::Idle, true) if quiet => 3,
        (Phase::Fresh | Phase::Head | Phase::Body | Phase::Idle, _) => return None,
        (Phase::Working | Phase::Evicted, _) => return None,
    };
    Some((authentic, Reverse(greedy), class, quiet_since))
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.open -= 1;
        taken.leave(self.number);
        drop(taken);
        self.places.freed.notify_one();
    }
}
