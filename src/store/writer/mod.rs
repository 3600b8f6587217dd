//! The one thread that writes: it takes what has queued up, decides each request, and commits all of it at once.
//!
//! Nothing is answered before the sync of the commit that holds it, duplicates included: it is in the journal then, and moved
//! into sled behind the writer's back. An error of the disk or of sled ends the thread and fails the store. It never waits for
//! anything but its queue and the disk.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

mod accept;
mod clearing;
mod group;
mod join;
mod operator;
mod recover;
mod retention;
mod room;
mod turn;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::clearing::Since;
use self::group::Group;
use self::retention::Sweep;
use self::turn::Reload;
use super::RulesFor;
use super::directory::Directory;
use super::ids::IdBlock;
use super::journal::Journal;
use super::keeper::Keeper;
use super::lane::LaneCache;
use super::layout;
use super::open::{Place, SCHEMA};
use super::request::{
    Acceptance, Claim, Delivery, DiscardAnswer, Failed, Refusal, ReplayAnswer, Settled,
};
use super::row::Rows;
use super::shared::Shared;
use super::shelf::{self, Moves};
use super::space::SpaceWatch;
use super::tally::Tally;
use crate::clock;
use crate::routing::{Answer, AwaReply, EntryId, LaneKey, UnixMillis, Waited};

/// How much one commit takes in: requests, bytes of bodies, records.
const MAX_REQUESTS: usize = 256;
const MAX_BYTES: usize = 256 * 1024;
const MAX_RECORDS: usize = 512;

/// So many requests in one commit are a crowd.
const CROWD: usize = 16;
/// How long a crowd's commit waits for the rest of the crowd: a fraction of what a commit takes.
const GATHER: Duration = Duration::from_micros(100);

/// How often the writer looks at its housekeeping while nothing comes in.
const TICK: Duration = Duration::from_millis(500);

/// What a request wants, and where its answer goes.
pub(super) enum Request {
    Accept {
        delivery: Delivery,
        answer: oneshot::Sender<Result<Vec<Acceptance>, Refusal>>,
    },
    Claim {
        lane: LaneKey,
        entry: EntryId,
        waited: Waited,
        answer: oneshot::Sender<Result<Claim, Failed>>,
    },
    Reply {
        lane: LaneKey,
        entry: EntryId,
        reply: Box<Replied>,
        answer: oneshot::Sender<Result<Vec<Settled>, Failed>>,
    },
    Reloaded {
        answer: oneshot::Sender<Result<usize, Failed>>,
    },
    Replay {
        wish: Wish,
        force: bool,
        answer: oneshot::Sender<Result<ReplayAnswer, Failed>>,
    },
    Discard {
        wish: Wish,
        answer: oneshot::Sender<Result<DiscardAnswer, Failed>>,
    },
    /// Nothing but an answer.
    RoundTrip {
        answer: oneshot::Sender<()>,
    },
    Close,
}

/// ServiceNow's answer to an entry's call.
pub(super) struct Replied {
    pub(super) reply: AwaReply,
    pub(super) answer: Answer,
    pub(super) elapsed_ms: u64,
    pub(super) retry_in: u64,
}

/// An operator's wish about one event.
pub(super) struct Wish {
    pub(super) source: String,
    pub(super) id: String,
    pub(super) who: String,
}

/// A request with its place in the bounded queue, given back after the commit.
pub(super) struct Queued {
    pub(super) request: Request,
    pub(super) place: OwnedSemaphorePermit,
}

/// What the writer is given beside the database.
pub(super) struct Terms {
    pub(super) rules: Arc<dyn RulesFor>,
    pub(super) now: fn() -> UnixMillis,
    pub(super) retention_ms: u64,
    pub(super) body_retention_ms: u64,
    pub(super) space: SpaceWatch,
    pub(super) journal_age: Duration,
}

pub(super) struct Writer {
    db: sled::Db,
    rows: Rows,
    directory: Directory,
    shared: Arc<Shared>,
    terms: Terms,
    cache: LaneCache,
    block: IdBlock,
    next_seq: u64,
    /// The first number that the commit in the making may have given.
    first_seq: u64,
    /// Numbers below it may be used without another word on disk.
    reserved_seq: u64,
    /// What a program has to know to read what is here.
    schema: u32,
    /// The number of the last commit.
    commits: u64,
    tally: Tally,
    journal: Journal,
    since: Since,
    keeper: Keeper,
    group: Group,
    sweep: Sweep,
    reload: Reload,
}

impl Writer {
    /// How many numbers are reserved at a time.
    const SEQ_STRIDE: u64 = 4096;

    pub(super) fn new(
        db: sled::Db,
        directory: Directory,
        shared: Arc<Shared>,
        terms: Terms,
        place: Place,
    ) -> io::Result<Self> {
        let Place { schema, next_seq, commits, tally, journal, rows } = place;
        let memtable = Arc::clone(&rows.memtable);
        let keeper = Keeper::start(directory.path(), db.clone(), memtable, Arc::clone(&shared))?;
        Ok(Self {
            rows,
            db,
            directory,
            shared,
            terms,
            cache: LaneCache::default(),
            block: IdBlock::default(),
            next_seq,
            first_seq: next_seq,
            reserved_seq: next_seq,
            schema,
            commits,
            tally,
            journal,
            since: Since::default(),
            keeper,
            group: Group::default(),
            sweep: Sweep::default(),
            reload: Reload::default(),
        })
    }

    /// Serves until the queue is closed or a request to close has come, and everything before it is done.
    pub(super) fn run(&mut self, queue: &Receiver<Queued>) -> Result<(), Failed> {
        let (mut closing, mut crowd) = (false, 0);
        if let Some(space) = self.terms.space.look() {
            self.shared.set_space(space);
        }
        loop {
            let pause = if self.has_backlog() { Duration::from_millis(1) } else { TICK };
            let pause = if closing { Duration::ZERO } else { pause };
            let mut next = match queue.recv_timeout(pause) {
                Ok(queued) => Some(queued),
                Err(RecvTimeoutError::Timeout) if closing => return Ok(()),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let (mut places, mut bytes) = (Vec::new(), 0);
            if let Some(first) = &next {
                gather(first, crowd);
            }
            while let Some(Queued { request, place }) = next.take() {
                places.push(place);
                bytes += request.bytes();
                closing |= matches!(request, Request::Close);
                self.handle(request)?;
                let full = places.len() >= MAX_REQUESTS
                    || bytes >= MAX_BYTES
                    || self.group.records() >= MAX_RECORDS;
                if !full {
                    next = queue.try_recv().ok();
                }
            }
            crowd = places.len();
            self.send_off()?;
            self.keep_house()?;
            self.commit()?;
        }
    }

    /// Moves what is left into sled, notes that everything is written, and gives the database up.
    pub(super) fn close(mut self) {
        if let Err(failed) = self.empty_journal() {
            return self.shared.fail(failed);
        }
        let Self { db, rows, directory, shared, keeper, journal, .. } = self;
        keeper.close();
        if let Err(error) = journal.trim() {
            tracing::warn!(path = %directory.path().display(), %error, "the journal could not be emptied");
        }
        if let Err(error) = directory.mark_closed() {
            tracing::warn!(path = %directory.path().display(), %error,
                "the store could not be marked as closed; the next start takes it for an unclean stop");
        }
        shared.close();
        drop((rows, db));
    }

    fn handle(&mut self, request: Request) -> Result<(), Failed> {
        match request {
            Request::Accept { delivery, answer } => {
                let accepted = self.accept(delivery)?;
                self.group.answer(answer, accepted);
            }
            Request::Claim { lane, entry, waited, answer } => {
                let claim = self.claim(&Arc::new(lane), entry, waited)?;
                self.group.answer(answer, Ok(claim));
            }
            Request::Reply { lane, entry, reply, answer } => {
                let settled = self.reply(&Arc::new(lane), entry, *reply)?;
                self.group.answer(answer, Ok(settled));
            }
            Request::Reloaded { answer } => self.begin_reload(answer),
            Request::Replay { wish, force, answer } => {
                self.commit()?;
                let answered = survivable(self.replay(&wish, force))?;
                self.group.answer(answer, answered);
            }
            Request::Discard { wish, answer } => {
                self.commit()?;
                let answered = survivable(self.discard(&wish))?;
                self.group.answer(answer, answered);
            }
            Request::RoundTrip { answer } => self.group.answer(answer, ()),
            Request::Close => {}
        }
        Ok(())
    }

    /// What is to be done beside requests, a bounded piece of it.
    fn keep_house(&mut self) -> Result<(), Failed> {
        if let Some(space) = self.terms.space.look() {
            self.shared.set_space(space);
        }
        self.reload_some()?;
        self.sweep_some()
    }

    fn has_backlog(&self) -> bool {
        self.reload.is_open() || self.sweep.is_running()
    }

    /// Makes the group durable, then tells everyone.
    fn commit(&mut self) -> Result<(), Failed> {
        self.erase_bodies()?;
        self.block.save(&mut self.group.changes);
        let moves = self.shelve()?;
        if let Some(changes) = self.group.take_changes() {
            self.commits += 1;
            let started = clock::instant();
            self.shared.commits.begins_or_ends();
            let written = self.journal.append(self.commits, changes.rows());
            self.shared.commits.begins_or_ends();
            written.map_err(|error| Failed::Write(error.to_string()))?;
            self.rows.memtable.put(changes.into_rows());
            self.tally.note(self.commits);
            self.since.filled(started);
            metrics::histogram!(crate::metrics::STORE_COMMIT_DURATION)
                .record(started.elapsed().as_secs_f64());
        }
        self.first_seq = self.next_seq;
        self.shared.ledger().shelves.moved(moves);
        self.shared.agenda.publish(self.group.take_news(&mut self.cache));
        self.group.give_answers();
        self.cache.age();
        self.clear_journal()
    }

    /// Writes the rows of the lanes that have changed.
    fn shelve(&mut self) -> Result<Moves, Failed> {
        let new = self.group.take_lanes(&mut self.cache);
        if self.group.has_apart && self.schema < SCHEMA {
            self.schema = SCHEMA;
            self.group.changes.put(&layout::schema(), SCHEMA.to_string().as_bytes());
        }
        let left = self.shared.ledger().shelves.left_by(&new);
        Ok(shelf::write(&self.rows, left, new, &mut self.group.changes)?)
    }

    fn take_seq(&mut self) -> u64 {
        if self.next_seq == self.reserved_seq {
            self.reserved_seq += Self::SEQ_STRIDE;
            let key = layout::next_seq();
            self.group.changes.put(&key, &self.reserved_seq.to_be_bytes());
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }
}

impl Request {
    fn bytes(&self) -> usize {
        match self {
            Self::Accept { delivery, .. } => delivery.body.as_ref().map_or(0, bytes::Bytes::len),
            Self::Claim { .. }
            | Self::Reply { .. }
            | Self::Reloaded { .. }
            | Self::Replay { .. }
            | Self::Discard { .. }
            | Self::RoundTrip { .. }
            | Self::Close => 0,
        }
    }
}

/// Where a crowd came together last time, waits a moment for as many to come together again: one commit of many costs
/// less than two of some, and those who came late need not wait for the next.
fn gather(first: &Queued, before: usize) {
    let waiting = super::QUEUE.saturating_sub(first.place.semaphore().available_permits());
    if before >= CROWD && waiting < before {
        thread::sleep(GATHER);
    }
}

/// A damaged row is the answer to one question; anything else is the end of the store.
fn survivable<T>(answered: Result<T, Failed>) -> Result<Result<T, Failed>, Failed> {
    match answered {
        Err(failed @ Failed::Damaged(_)) => Ok(Err(failed)),
        Err(failed) => Err(failed),
        Ok(answer) => Ok(Ok(answer)),
    }
}

#[cfg(test)]
mod tests;
