//! What the writer and its callers share: the agenda, the limits, the state of health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::agenda::Agenda;
use super::direct::DirectDispatch;
use super::request::{Failed, Health};
use super::settings::Limits;
use super::space::Space;
use crate::clock;

pub(super) struct Shared {
    pub(super) agenda: Agenda,
    failure: watch::Sender<Option<Failed>>,
    /// Why the engine cannot work at the moment.
    away: Mutex<Option<Away>>,
    pub(super) commits: Arc<Pulse>,
    space: Mutex<Space>,
    limits: Mutex<Limits>,
    direct: OnceLock<Arc<dyn DirectDispatch>>,
    /// Counts up whenever something may have settled.
    pub(super) settlings: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(commits: Arc<Pulse>, limits: Limits) -> Self {
        Self {
            agenda: Agenda::default(),
            failure: watch::Sender::new(None),
            away: Mutex::default(),
            commits,
            space: Mutex::default(),
            limits: Mutex::new(limits),
            direct: OnceLock::new(),
            settlings: watch::Sender::default(),
        }
    }

    /// The first one stays.
    pub(super) fn set_direct(&self, direct: Arc<dyn DirectDispatch>) {
        drop(self.direct.set(direct));
    }

    pub(super) fn direct(&self) -> Option<&Arc<dyn DirectDispatch>> {
        self.direct.get()
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    pub(super) fn space(&self) -> Space {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how much room there is, and says when that changes what is taken.
    pub(super) fn set_space(&self, now: Space) {
        let before = {
            let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *space, now)
        };
        match (before.is_short(), now.is_short()) {
            (false, true) => tracing::error!(free = now.free, floor = now.floor, "{now}"),
            (true, false) => tracing::info!(free = now.free, "the disk has room again"),
            (false, false) | (true, true) => {}
        }
    }

    /// Notes that the store has failed. The first reason stays.
    pub(super) fn fail(&self, failed: Failed) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                tracing::error!(error = %failed, "the store has failed");
                *failure = Some(failed);
            }
            first
        });
    }

    /// Notes that the engine works, or why it does not at the moment; a change is logged.
    pub(super) fn set_away(&self, now: Option<Failed>) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(why) = now else {
            if let Some(Away { since, .. }) = away.take() {
                let away_ms = clock::millis(since.elapsed());
                tracing::info!(away_ms, "the store is there again");
            }
            return;
        };
        match &mut *away {
            None => {
                tracing::warn!(error = %why, "the store is away: webhooks are answered 503");
                *away = Some(Away { why, since: clock::instant(), lasts: false });
            }
            Some(away) => {
                if !away.lasts && away.since.elapsed() >= LASTING {
                    away.lasts = true;
                    let away_ms = clock::millis(away.since.elapsed());
                    tracing::error!(
                        error = %why,
                        away_ms,
                        "the store is still away: webhooks are answered 503, and no calls are made"
                    );
                }
                away.why = why;
            }
        }
    }

    pub(super) fn health(&self) -> Health {
        let away = || {
            let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
            away.as_ref().map(|away| away.why.clone())
        };
        self.failure.borrow().clone().or_else(away).map_or(Health::Working, Health::Failed)
    }

    /// Why something was not answered: the store has failed, or its engine is away.
    pub(super) fn why_not(&self) -> Failed {
        self.health().problem().cloned().unwrap_or(Failed::Closed)
    }

    pub(super) fn failure(&self) -> Option<Failed> {
        self.failure.borrow().clone()
    }

    /// Waits until the store fails.
    pub(super) async fn failed(&self) -> Failed {
        let mut failure = self.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await.map(|failed| failed.clone());
        failed.ok().flatten().unwrap_or(Failed::Closed)
    }
}

/// The engine does not answer.
struct Away {
    why: Failed,
    since: Instant,
    /// So long that a person has to look.
    lasts: bool,
}

/// An engine that is away for less heals by itself: a restart, or a standby that takes over.
const LASTING: Duration = Duration::from_secs(30);

/// Counts starts and ends of what may wait for the disk for ever: odd in between.
#[derive(Debug, Default)]
pub(super) struct Pulse(AtomicU64);

impl Pulse {
    pub(super) fn begins_or_ends(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// How often a pulse is looked at within the limit.
const LOOKS: u32 = 8;

/// What was last seen of a pulse.
#[derive(Default)]
struct Seen {
    count: u64,
    looks: u32,
}

impl Seen {
    /// Looks again; whether one and the same thing has been going on all the time.
    fn hangs(&mut self, pulse: &Pulse) -> bool {
        let count = pulse.0.load(Ordering::Acquire);
        let same = count == self.count && count % 2 == 1;
        self.looks = if same { self.looks + 1 } else { 0 };
        self.count = count;
        self.looks >= LOOKS
    }
}

/// Fails the store when a commit hangs: a thread that waits for the disk cannot be stopped, but
/// nothing else has to wait with it. Ends when the other end of `stop` is dropped.
#[expect(clippy::disallowed_methods, reason = "on a thread of its own")]
pub(super) fn watch_commits(shared: &Arc<Shared>, limit: Duration, stop: &Receiver<()>) {
    let mut commits = Seen::default();
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(limit / LOOKS) {
        if commits.hangs(&shared.commits) {
            return shared.fail(Failed::TimedOut(clock::millis(limit)));
        }
    }
}
