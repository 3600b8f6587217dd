//! The one thread that writes: it takes what has queued up, decides all of it as one group, and commits that at once.
//!
//! Nothing is answered, reported or applied to memory before the sync of the commit that holds it, duplicates included.
//! An error of the disk or of sled ends the thread and fails the store. It never waits for anything but its queue and
//! the disk.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::RulesFor;
use super::changes::Change;
use super::embedded::open::OwedLane;
use super::engine::{Engine, Lapsed, Upkeep};
use super::group::{Group, Outcomes, Terms};
use super::lane::Lane;
use super::left::Left;
use super::request::{Asked, Failed, Question};
use super::settings::Tell;
use super::shared::{Shared, watch_commits};
use super::space::SpaceWatch;
use super::turned_away::{give_up, turn_away};
use crate::contained::{panic_message, supervised_thread};
use crate::routing::{Due, LaneKey, UnixMillis};

/// How much one commit takes in: questions, bytes of bodies, rows.
const MAX_QUESTIONS: usize = 256;
const MAX_BYTES: usize = 256 * 1024;
const MAX_ROWS: usize = 512;

/// With so many questions in one commit the next one waits for more of them.
const CROWD: usize = 16;
/// How long such a commit waits for more: a fraction of what a commit takes.
const GATHER: Duration = Duration::from_micros(100);

/// How often the writer looks at its housekeeping while nothing comes in.
const TICK: Duration = Duration::from_millis(250);

/// How many lanes a reload, or a start, decides in one commit.
const LANES_AT_ONCE: usize = 64;

/// A question with its place in the bounded queue, given back after the commit.
pub(super) struct Queued {
    pub(super) question: Question,
    pub(super) place: OwnedSemaphorePermit,
}

/// What the writer is given by its owner: the rules and the wall clock, asked for each group, and what changes are
/// reported to.
pub(super) struct Outside {
    pub(super) rules: Arc<dyn RulesFor>,
    pub(super) now: fn() -> UnixMillis,
    pub(super) tell: Tell,
}

impl Outside {
    /// The rules, limits and time for a group that is decided now.
    pub(super) fn terms(&self, shared: &Shared) -> Terms {
        let (rules, limits) = (Arc::clone(&self.rules), shared.limits());
        let no_space = shared.space().is_short();
        Terms { rules, limits, no_space, now: (self.now)(), ahead_ms: 0 }
    }
}

pub(super) struct Writer {
    engine: Box<dyn Engine>,
    shared: Arc<Shared>,
    outside: Outside,
    space: SpaceWatch,
    reload: Reload,
    has_upkeep: bool,
    /// How many of those that wait are served one by one, since together they were refused.
    singly: usize,
}

/// A reload in progress.
#[derive(Default)]
struct Reload {
    lanes: Vec<Arc<LaneKey>>,
    resumed: usize,
    asked: Vec<Asked<(), usize>>,
}

impl Writer {
    pub(super) fn new(
        engine: Box<dyn Engine>,
        shared: Arc<Shared>,
        outside: Outside,
        space: SpaceWatch,
    ) -> Self {
        let reload = Reload::default();
        Self { engine, shared, outside, space, reload, has_upkeep: false, singly: 0 }
    }

    /// Takes up the lanes that owe something; returns how many calls were in flight when the process stopped.
    pub(super) fn recover(&mut self, lanes: Vec<OwedLane>) -> Result<usize, Failed> {
        let interrupted = lanes.iter().filter(|lane| lane.in_flight);
        let interrupted: Vec<_> = interrupted.map(|lane| Arc::clone(&lane.key)).collect();
        self.shared.agenda.publish(lanes.into_iter().map(|lane| (lane.key, lane.due)).collect());
        let mut in_doubt = 0;
        for keys in interrupted.chunks(LANES_AT_ONCE) {
            in_doubt += self.group(|group| {
                let mut in_doubt = 0;
                for key in keys {
                    in_doubt += group.recover(key)?;
                }
                Ok(in_doubt)
            })?;
        }
        Ok(in_doubt)
    }

    /// Takes up what was left undone, if the engine is there.
    pub(super) fn begin(&mut self) {
        if let Err(failed) = self.survive(Self::keep_up) {
            self.shared.fail(failed);
        }
    }

    /// Serves until the queue is closed or a question to close has come, and everything before it is done.
    pub(super) fn run(&mut self, queue: &Receiver<Queued>) -> Result<(), Failed> {
        let (mut closing, mut crowd, mut waiting) = (false, 0, VecDeque::new());
        self.look_at_space();
        loop {
            if waiting.is_empty() {
                let pause = if self.has_backlog() { Duration::from_millis(1) } else { TICK };
                let pause = if closing { Duration::ZERO } else { pause };
                match queue.recv_timeout(pause) {
                    Ok(queued) => waiting.push_back(queued),
                    Err(RecvTimeoutError::Timeout) if closing => return Ok(()),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
            if let Some(first) = waiting.front() {
                wait_for_crowd(first, crowd);
                match self.serve(&mut waiting, queue) {
                    Ok(served) => {
                        crowd = served.count;
                        closing |= served.closing;
                    }
                    Err(Failed::Rejected(_)) if self.singly == 0 && waiting.len() > 1 => {
                        self.singly = waiting.len();
                    }
                    Err(Failed::Rejected(why)) => {
                        self.singly = self.singly.saturating_sub(1);
                        waiting.pop_front().into_iter().for_each(|first| give_up(first, &why));
                    }
                    Err(failed @ Failed::Unreachable(_)) => {
                        self.shared.set_away(Some(failed));
                        closing |= turn_away(&mut waiting);
                        if closing {
                            return Ok(());
                        }
                    }
                    Err(failed) => return Err(failed),
                }
            }
            self.look_at_space();
            self.survive(Self::reload_some)?;
            self.survive(Self::keep_up)?;
            self.shared.set_away(self.engine.trouble());
        }
    }

    /// Does something that may fail because the engine is away: then it is done another time.
    fn survive(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        match work(self) {
            Err(failed @ Failed::Unreachable(_)) => {
                self.shared.set_away(Some(failed));
                Ok(())
            }
            Err(Failed::Rejected(why)) => {
                tracing::error!(
                    error = why,
                    "the database refuses what was to be written; it is left for now"
                );
                Ok(())
            }
            done => done,
        }
    }

    fn keep_up(&mut self) -> Result<(), Failed> {
        let Upkeep { more, due, lapsed, ahead_ms } = self.engine.upkeep((self.outside.now)())?;
        self.has_upkeep = more;
        self.publish(due, ahead_ms);
        for some in lapsed.chunks(LANES_AT_ONCE) {
            match self.lapse(some) {
                // One of them is; the others are not to wait for it.
                Err(Failed::Rejected(_)) if some.len() > 1 => {
                    for one in some.chunks(1) {
                        self.survive(|writer| writer.lapse(one))?;
                    }
                }
                lapsed => lapsed?,
            }
        }
        Ok(())
    }

    fn lapse(&mut self, some: &[Lapsed]) -> Result<(), Failed> {
        let mut left = Left::default();
        self.group(|group| {
            let mut some = some.iter().enumerate();
            some.try_for_each(|(place, lapsed)| left.ask(place, || group.lapse(lapsed)).map(drop))
        })
    }

    /// Decides what has queued up, commits it, and answers. What is left for the next commit stays in `waiting`.
    fn serve(
        &mut self,
        waiting: &mut VecDeque<Queued>,
        queue: &Receiver<Queued>,
    ) -> Result<Served, Failed> {
        gather(waiting, queue);
        let (mut served, mut left) = (Served::default(), Left::default());
        let (shared, singly) = (Arc::clone(&self.shared), self.singly > 0);
        self.group(|group| {
            served.count = 0;
            for (place, Queued { question, .. }) in waiting.iter_mut().enumerate() {
                let alone = singly || question.is_alone();
                if alone && served.count > 0 {
                    break;
                }
                if left.ask(place, || group.ask(question))?.is_none() {
                    group.leave(question);
                }
                served.count += 1;
                if alone || group.rows() >= MAX_ROWS {
                    break;
                }
            }
            shared.direct().map_or(Ok(()), |direct| group.send_at_once(&**direct, &shared.agenda))
        })?;
        self.singly = self.singly.saturating_sub(served.count);
        let mut reloads = Vec::new();
        for queued in waiting.drain(..served.count) {
            match queued.question {
                Question::Close => served.closing = true,
                Question::Reloaded(asked) => reloads.push(asked),
                question => question.answer(),
            }
        }
        if !reloads.is_empty() {
            self.begin_reload(reloads)?;
        }
        Ok(served)
    }

    /// Has the engine decide a group and keep what it changes, and makes that known: on the agenda, to whoever sends.
    fn group<T>(
        &mut self,
        mut decide: impl FnMut(&mut Group<'_>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let terms = self.outside.terms(&self.shared);
        let mut decided = None;
        let outcomes = self.engine.group(&terms, &mut |group| {
            decided = Some(decide(group)?);
            Ok(())
        })?;
        let Outcomes { changes, lanes, transitions, leaving, ahead_ms, .. } = outcomes;
        let due = |(key, lane): (_, Arc<Lane>)| (key, lane.conversation.next_due());
        self.publish(lanes.into_iter().map(due).collect(), ahead_ms);
        // First what others are to do, then what is told of it.
        leaving.into_iter().for_each(super::direct::PendingSend::leave);
        transitions.iter().for_each(&*self.outside.tell);
        if changes.iter().any(|change| matches!(change, Change::Settled(..))) {
            self.shared.settlings.send_modify(|count| *count += 1);
        }
        Ok(decided.expect("an engine has its groups decided"))
    }

    /// Puts on the agenda, which goes by this machine's own clock, what is due by one that is so far ahead.
    fn publish(&self, due: Vec<(Arc<LaneKey>, Option<Due>)>, ahead_ms: i64) {
        let own = due.into_iter().map(|(lane, due)| {
            let due = due.map(|due| due.by_a_clock_behind(ahead_ms));
            (lane, due)
        });
        self.shared.agenda.publish(own.collect());
    }

    fn look_at_space(&mut self) {
        if let Some(space) = self.space.look() {
            self.shared.set_space(space);
        }
    }

    const fn has_backlog(&self) -> bool {
        !self.reload.asked.is_empty() || self.has_upkeep
    }

    fn begin_reload(&mut self, asked: Vec<Asked<(), usize>>) -> Result<(), Failed> {
        self.reload.asked.extend(asked);
        let waiting: HashSet<_> = self.reload.lanes.iter().cloned().collect();
        let parked = self.engine.parked_lanes()?;
        self.reload.lanes.extend(parked.into_iter().filter(|lane| !waiting.contains(lane)));
        Ok(())
    }

    fn reload_some(&mut self) -> Result<(), Failed> {
        if self.reload.asked.is_empty() {
            return Ok(());
        }
        let from = self.reload.lanes.len().saturating_sub(LANES_AT_ONCE);
        let lanes = self.reload.lanes.split_off(from);
        let mut left = Left::default();
        self.reload.resumed += self.group(|group| {
            let mut resumed = 0;
            for (place, lane) in lanes.iter().enumerate() {
                resumed += left.ask(place, || group.reload(lane))?.unwrap_or_default();
            }
            Ok(resumed)
        })?;
        if self.reload.lanes.is_empty() {
            let Reload { resumed, asked, .. } = std::mem::take(&mut self.reload);
            asked.into_iter().for_each(|asked| asked.answer_with(resumed));
        }
        Ok(())
    }
}

/// Starts the writer's thread, and one that watches its commits.
pub(super) fn start(
    mut writer: Writer,
    questions: Receiver<Queued>,
    shared: Arc<Shared>,
    commit_timeout: Duration,
) -> std::io::Result<JoinHandle<()>> {
    let (running, stopped) = mpsc::channel();
    let watched = Arc::clone(&shared);
    thread::Builder::new().name("store-watch".to_owned()).spawn(move || {
        supervised_thread("store watch", || {
            watch_commits(&watched, commit_timeout, &stopped);
        });
    })?;
    thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| writer.run(&questions)));
        match ended {
            Ok(Ok(())) => writer.engine.close(),
            Ok(Err(failed)) => shared.fail(failed),
            Err(panic) => shared.fail(Failed::Panicked(panic_message(panic.as_ref()))),
        }
        drop(running);
    })
}

/// What was served in one group.
#[derive(Default)]
struct Served {
    count: usize,
    closing: bool,
}

/// Takes what has queued up, as much as one commit takes in.
fn gather(waiting: &mut VecDeque<Queued>, queue: &Receiver<Queued>) {
    let mut bytes: usize = waiting.iter().map(|queued| queued.question.bytes()).sum();
    while waiting.len() < MAX_QUESTIONS && bytes < MAX_BYTES {
        let Ok(queued) = queue.try_recv() else { break };
        bytes += queued.question.bytes();
        waiting.push_back(queued);
    }
}

/// Where a crowd came together last time, waits a moment for as many to come together again: one commit of many costs
/// less than two of some, and those who came late need not wait for the next.
fn wait_for_crowd(first: &Queued, before: usize) {
    let waiting = super::QUEUE.saturating_sub(first.place.semaphore().available_permits());
    if before >= CROWD && waiting < before {
        thread::sleep(GATHER);
    }
}

#[cfg(test)]
pub(super) mod tests;
