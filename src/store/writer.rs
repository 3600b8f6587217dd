//! The one thread that writes: it takes what has queued up, decides all of it as one group, and commits that at once.
//!
//! Nothing is answered, told or remembered before the sync of the commit that holds it, duplicates included. An error of the disk or
//! of sled ends the thread and fails the store. It never waits for anything but its queue and the disk.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::RulesFor;
use super::changes::Change;
use super::embedded::open::OwedLane;
use super::embedded::{Committed, Engine, Retention};
use super::group::{Group, Lost, Outcomes, Terms};
use super::lane::LaneCache;
use super::request::{Answer, Failed, Question};
use super::settings::Tell;
use super::shared::{Shared, watch_commits};
use super::space::SpaceWatch;
use crate::clock;
use crate::contained::{panic_message, supervised_thread};
use crate::metrics as names;
use crate::routing::{LaneKey, UnixMillis};

/// How much one commit takes in: questions, bytes of bodies, rows.
const MAX_QUESTIONS: usize = 256;
const MAX_BYTES: usize = 256 * 1024;
const MAX_ROWS: usize = 512;

/// So many questions in one commit are a crowd.
const CROWD: usize = 16;
/// How long a crowd's commit waits for the rest of the crowd: a fraction of what a commit takes.
const GATHER: Duration = Duration::from_micros(100);

/// How often the writer looks at its housekeeping while nothing comes in.
const TICK: Duration = Duration::from_millis(500);

/// How many lanes a reload, or a start, decides in one commit.
const LANES_AT_ONCE: usize = 64;

/// A question with its place in the bounded queue, given back after the commit.
pub(super) struct Queued {
    pub(super) question: Question,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) place: OwnedSemaphorePermit,
}

/// What the writer is given by its owner: the rules and the wall clock, asked for each group, and who is told of changes.
pub(super) struct Outside {
    pub(super) rules: Arc<dyn RulesFor>,
    pub(super) now: fn() -> UnixMillis,
    pub(super) tell: Tell,
}

pub(super) struct Writer {
    engine: Engine,
    shared: Arc<Shared>,
    outside: Outside,
    cache: LaneCache,
    next_number: u64,
    retention: Retention,
    space: SpaceWatch,
    reload: Reload,
}

/// A reload in progress.
#[derive(Default)]
struct Reload {
    lanes: Vec<Arc<LaneKey>>,
    resumed: usize,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Writer {
    pub(super) fn new(
        engine: Engine,
        shared: Arc<Shared>,
        outside: Outside,
        next_number: u64,
        retention: Retention,
        space: SpaceWatch,
    ) -> Self {
        let (cache, reload) = (LaneCache::default(), Reload::default());
        Self { engine, shared, outside, cache, next_number, retention, space, reload }
    }

    /// Replaces damaged rows, and makes dead letters of the events that they took with them.
    pub(super) fn repair(&mut self, repairs: Vec<Change>, lost: Vec<Lost>) -> Result<(), Failed> {
        self.commit_changes(&repairs)?;
        self.group(|group| {
            lost.into_iter().for_each(|lost| group.bury(lost));
            Ok(())
        })
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

    /// Serves until the queue is closed or a question to close has come, and everything before it is done.
    pub(super) fn run(&mut self, queue: &Receiver<Queued>) -> Result<(), Failed> {
        let (mut closing, mut crowd, mut next) = (false, 0, None);
        self.look_at_space();
        loop {
            if next.is_none() {
                let pause = if self.has_backlog() { Duration::from_millis(1) } else { TICK };
                let pause = if closing { Duration::ZERO } else { pause };
                next = match queue.recv_timeout(pause) {
                    Ok(queued) => Some(queued),
                    Err(RecvTimeoutError::Timeout) if closing => return Ok(()),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                };
            }
            if let Some(first) = &next {
                gather(first, crowd);
            }
            let asked = self.serve(&mut next, queue)?;
            crowd = asked.count;
            closing |= asked.closing;
            self.look_at_space();
            self.reload_some()?;
            let now = (self.outside.now)();
            let forgotten = self.retention.sweep(self.engine.rows(), &self.shared, now)?;
            self.commit_changes(&forgotten)?;
        }
    }

    /// Decides what has queued up, commits it, and answers. What has to be decided alone is left in `next`.
    fn serve(
        &mut self,
        next: &mut Option<Queued>,
        queue: &Receiver<Queued>,
    ) -> Result<Asked, Failed> {
        let (mut asked, mut bytes) = (Asked::default(), 0);
        let (mut waiting, mut reloads) = (Vec::new(), Vec::new());
        let direct = self.shared.direct().cloned();
        self.group(|group| {
            while let Some(queued) = next.take() {
                let alone = queued.question.is_alone();
                if alone && asked.count > 0 {
                    *next = Some(queued);
                    break;
                }
                asked.count += 1;
                bytes += queued.question.bytes();
                asked.closing |= matches!(queued.question, Question::Close);
                let answer = group.ask(&queued.question)?;
                let Queued { question, answer: to, place } = queued;
                match question {
                    Question::Reloaded => reloads.push(to),
                    _ => waiting.push((to, answer, place)),
                }
                let full =
                    asked.count >= MAX_QUESTIONS || bytes >= MAX_BYTES || group.rows() >= MAX_ROWS;
                if alone || full {
                    break;
                }
                *next = queue.try_recv().ok();
            }
            direct.as_ref().map_or(Ok(()), |direct| group.send_at_once(direct.as_ref()))
        })?;
        for (to, answer, _place) in waiting {
            // Whoever gave up waiting does not get it.
            drop(to.send(answer));
        }
        if !reloads.is_empty() {
            self.begin_reload(reloads);
        }
        Ok(asked)
    }

    /// Notes that everything is written, and gives the database up.
    pub(super) fn close(self) {
        let Self { engine, shared, cache, .. } = self;
        shared.close();
        drop(cache);
        engine.close();
    }

    /// Decides a group, commits what it changes, and makes that known: in memory, on the agenda, to whoever sends.
    fn group<T>(
        &mut self,
        decide: impl FnOnce(&mut Group<'_>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let shared = Arc::clone(&self.shared);
        let terms = Terms {
            rules: Arc::clone(&self.outside.rules),
            limits: shared.limits(),
            no_space: shared.space().is_short(),
            now: (self.outside.now)(),
        };
        let rows = self.engine.rows().clone();
        let mut view = Committed { rows: &rows, shared: &shared, cache: &mut self.cache };
        let mut group = Group::new(&mut view, &terms, self.next_number);
        let decided = decide(&mut group)?;
        let Outcomes { changes, lanes, transitions, leaving, next_number } = group.finish();
        self.next_number = next_number;
        self.commit_changes(&changes)?;
        let mut news = Vec::with_capacity(lanes.len());
        for (key, lane) in lanes {
            news.push((Arc::clone(&key), lane.conversation.next_due()));
            self.cache.insert(key, lane);
        }
        shared.agenda.publish(news);
        transitions.iter().for_each(&*self.outside.tell);
        leaving.into_iter().for_each(super::direct::PendingSend::leave);
        Ok(decided)
    }

    fn commit_changes(&mut self, changes: &[Change]) -> Result<(), Failed> {
        if changes.is_empty() {
            return Ok(());
        }
        let started = clock::instant();
        self.shared.commits.begins_or_ends();
        let written = self.engine.commit(changes, self.next_number);
        self.shared.commits.begins_or_ends();
        written?;
        metrics::histogram!(names::STORE_COMMIT_DURATION).record(started.elapsed().as_secs_f64());
        let mut index = self.shared.index();
        for change in changes {
            index.apply(change);
            if let Change::Lane(key, None) = change {
                self.cache.remove(key);
            }
        }
        Ok(())
    }

    fn look_at_space(&mut self) {
        if let Some(space) = self.space.look() {
            self.shared.set_space(space);
        }
    }

    const fn has_backlog(&self) -> bool {
        !self.reload.answers.is_empty() || self.retention.is_running()
    }

    fn begin_reload(&mut self, answers: Vec<oneshot::Sender<Answer>>) {
        self.reload.answers.extend(answers);
        let waiting: HashSet<_> = self.reload.lanes.iter().cloned().collect();
        let parked = self.shared.index().parked_lanes();
        self.reload.lanes.extend(parked.into_iter().filter(|lane| !waiting.contains(lane)));
    }

    fn reload_some(&mut self) -> Result<(), Failed> {
        if self.reload.answers.is_empty() {
            return Ok(());
        }
        let from = self.reload.lanes.len().saturating_sub(LANES_AT_ONCE);
        let lanes = self.reload.lanes.split_off(from);
        self.reload.resumed += self.group(|group| {
            let mut resumed = 0;
            for lane in &lanes {
                resumed += group.reload(lane)?;
            }
            Ok(resumed)
        })?;
        if self.reload.lanes.is_empty() {
            let Reload { resumed, answers, .. } = std::mem::take(&mut self.reload);
            for answer in answers {
                drop(answer.send(Answer::Reloaded(resumed)));
            }
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
            Ok(Ok(())) => writer.close(),
            Ok(Err(failed)) => shared.fail(failed),
            Err(panic) => shared.fail(Failed::Panicked(panic_message(panic.as_ref()))),
        }
        drop(running);
    })
}

/// What was asked in one group.
#[derive(Default)]
struct Asked {
    count: usize,
    closing: bool,
}

/// Where a crowd came together last time, waits a moment for as many to come together again: one commit of many costs
/// less than two of some, and those who came late need not wait for the next.
fn gather(first: &Queued, before: usize) {
    let waiting = super::QUEUE.saturating_sub(first.place.semaphore().available_permits());
    if before >= CROWD && waiting < before {
        thread::sleep(GATHER);
    }
}
