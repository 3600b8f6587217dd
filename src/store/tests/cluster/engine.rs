//! The engine of one node over the database of the model. Within a transaction, and between its COMMIT and the answer
//! to it, other nodes may do their work.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use super::database::{Database, FLIGHT, IDLE, Incarnation, LEASE};
use super::faults::Fault;
use super::steps::Step;
use crate::clock;
use crate::routing::{EntryId, LaneKey, UnixMillis};
use crate::store::engine::{Decide, Engine, Lapsed, Upkeep};
use crate::store::group::{Group, Outcomes, Terms, View};
use crate::store::postgres::{Known, Read};
use crate::store::records::ROWS;
use crate::store::request::Failed;

/// What is due for so long has been left by the node that made it due.
const LEFT: u64 = 300;
const TRIES: usize = 8;

/// What others do while a node is in the midst of a transaction.
pub(super) type Between = Rc<dyn Fn(&[Step])>;

thread_local! {
    pub(super) static BETWEEN: RefCell<Option<Between>> = const { RefCell::new(None) };
}

/// What a node meets on its way to the database.
#[derive(Default)]
pub(super) struct Way {
    /// How far the node's clock is ahead of the database's.
    pub(super) skew: i64,
    /// The database cannot be reached.
    pub(super) cut: bool,
    /// The next COMMIT is not answered.
    pub(super) lost: Option<LostCommit>,
    /// Within the next transaction others go on first.
    pub(super) pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LostCommit {
    /// It came about.
    pub(super) done: bool,
    /// Its mark is seen; otherwise nobody can say for now.
    pub(super) seen: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Pause {
    pub(super) when: When,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// The transaction has begun, and nothing is read.
    Begun,
    /// It is decided, and not written.
    Decided,
    /// It is committed, and the answer is on its way.
    Committed,
}

pub(super) struct Memory {
    database: Arc<Mutex<Database>>,
    way: Arc<Mutex<Way>>,
    name: usize,
    incarnation: Incarnation,
    known: Known,
    introduced: bool,
    began: bool,
    /// Since when each round of upkeep was done.
    alive_since: Option<i64>,
}

/// Why a transaction did not come about.
enum Trouble {
    Again,
    Away,
}

impl Memory {
    pub(super) fn new(
        database: Arc<Mutex<Database>>,
        way: Arc<Mutex<Way>>,
        name: usize,
        incarnation: Incarnation,
    ) -> Self {
        let (introduced, began, alive_since) = (false, false, None);
        let known = Known::default();
        Self { database, way, name, incarnation, known, introduced, began, alive_since }
    }

    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap()
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap()
    }

    fn ready(&mut self) -> Result<(), Trouble> {
        if self.way().cut {
            return Err(Trouble::Away);
        }
        if !std::mem::replace(&mut self.introduced, true) {
            let (incarnation, name) = (self.incarnation, self.name);
            self.database().introduce(incarnation, name);
        }
        Ok(())
    }

    /// Lets others go on, where this is the moment for it.
    fn pauses(&self, when: When) {
        let pause = self.way().pause.take_if(|pause| pause.when == when);
        let between = BETWEEN.with_borrow(Clone::clone);
        if let (Some(pause), Some(between)) = (pause, between) {
            self.database().interrupted = true;
            between(&pause.steps);
            clock::by_hand::set(self.own_clock());
        }
    }

    fn own_clock(&self) -> UnixMillis {
        UnixMillis(self.database().now + self.way().skew)
    }

    fn transaction(
        &mut self,
        terms: &Terms,
        decide: &mut Decide<'_>,
        mut read: Read,
    ) -> Result<Outcomes, Trouble> {
        self.ready()?;
        let (began, node) = (self.own_clock(), self.incarnation);
        self.pauses(When::Begun);
        let (since, failovers, first) = {
            let mut database = self.database();
            let wanted = read.take_wanted();
            if !database.load(&wanted, &mut read, node) {
                return Err(Trouble::Again);
            }
            (database.now, database.failovers, database.draw())
        };
        let ended = self.own_clock();
        let ahead_ms = self.known.measure(since, began, ended);
        let now = self.known.moment(terms.now);
        let terms = Terms { rules: Arc::clone(&terms.rules), ahead_ms, now, ..*terms };
        let outcomes = loop {
            let mut group = Group::new(&mut read, &terms, first);
            decide(&mut group).map_err(|_| Trouble::Away)?;
            let outcomes = group.finish();
            let wanted = read.take_wanted();
            if wanted.is_empty() {
                break outcomes;
            }
            if !self.database().load(&wanted, &mut read, node) {
                self.database().unlock(node);
                return Err(Trouble::Again);
            }
        };
        self.pauses(When::Decided);
        let lost = self.way().lost.take();
        let written = {
            let mut database = self.database();
            let alive = database.failovers == failovers && database.now - since < IDLE;
            let keeps = alive && lost.is_none_or(|lost| lost.done);
            let flight = FLIGHT + ended.since(began);
            let written = keeps && database.commit(&read, &outcomes, node, flight);
            database.unlock(node);
            match (alive, keeps, written) {
                (false, ..) => return Err(Trouble::Away),
                (true, true, false) => return Err(Trouble::Again),
                (true, ..) => written,
            }
        };
        if let Some(lost) = lost {
            match self.database().fault {
                Some(Fault::TrustsCommits) => {}
                _ if !lost.seen => return Err(Trouble::Away),
                _ if !written => return Err(Trouble::Again),
                _ => {}
            }
        }
        self.pauses(When::Committed);
        Ok(outcomes)
    }

    /// Calls that their nodes do not answer for any more.
    fn lapsed(&self, now: UnixMillis) -> Vec<Lapsed> {
        let database = self.database();
        let judges = self.alive_since.is_some_and(|since| database.now - since >= LEASE);
        let by = match database.fault {
            Some(Fault::LapsesByOwnClock) => now.0,
            Some(Fault::NobodyTakesUp) => return Vec::new(),
            _ => database.now,
        };
        let is_gone = |node| match database.nodes.get(node) {
            Some((_, alive_until)) => judges && *alive_until < database.now,
            None => true,
        };
        let calls = database.calls.iter();
        let calls = calls.filter(|(_, call)| call.lapses_at < by || is_gone(&call.node));
        let doubted = database.fault != Some(Fault::NoDoubt);
        let taken_up = |(entry, call): (&u64, &super::database::CallInFlight)| Lapsed {
            lane: Arc::clone(&call.lane),
            entry: EntryId(*entry),
            claim: call.claim,
            doubt_until: doubted.then_some(UnixMillis(call.lapses_at - (by - database.now).max(0))),
        };
        calls.map(taken_up).collect()
    }
}

impl Engine for Memory {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        for _ in 0..TRIES {
            let (counts, owed) = self.database().counted();
            let mut read = Read { rows_up_to: ROWS, counts, owed, ..Read::default() };
            let mut group = Group::new(&mut read, terms, 0);
            decide(&mut group)?;
            let outcomes = group.finish();
            if read.is_complete() && outcomes.changes.is_empty() {
                return Ok(outcomes);
            }
            match self.transaction(terms, decide, read) {
                Ok(outcomes) => return Ok(outcomes),
                Err(Trouble::Again) => {}
                Err(Trouble::Away) => break,
            }
        }
        Err(Failed::Unreachable(String::new()))
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        Ok(self.database().parked_lanes())
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        if self.ready().is_err() {
            self.alive_since = None;
            return Err(Failed::Unreachable(String::new()));
        }
        let (own, node) = (self.own_clock(), self.incarnation);
        let time = self.database().now;
        self.alive_since.get_or_insert(time);
        if let Some((_, alive_until)) = self.database().nodes.get_mut(&node) {
            *alive_until = time + LEASE;
        }
        let lapsed = self.lapsed(self.known.moment(now));
        let mut upkeep = Upkeep { lapsed, ..Upkeep::default() };
        self.known.measure(time, own, own);
        let database = self.database.lock().unwrap();
        upkeep.ahead_ms = time - own.0;
        let began = std::mem::replace(&mut self.began, true);
        let left = if began { UnixMillis(time).minus(LEFT) } else { UnixMillis::MAX };
        let due = database
            .lanes
            .values()
            .filter(|record| record.due.is_some_and(|due| due.at < left || due.expires.1 < left));
        upkeep.due = due.map(|record| (Arc::clone(&record.key), record.due)).collect();
        Ok(upkeep)
    }

    fn close(self: Box<Self>) {}
}
