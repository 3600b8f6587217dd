//! A node's side of the pace that several nodes share: the permits that it holds, what it has to tell the others, and
//! what is known of the register that holds the [`State`].
//!
//! It reads and writes no register: whoever does passes in what was read, and takes what is to be written. A permit is
//! used within [`LIFE_MS`] of the moment before the register was read, by the node's own monotonic clock: no clock of a
//! node is compared with another. What is not needed goes back with the next write, which also says when the others
//! were used.

mod permits;
mod state;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::budget::allowed;
use crate::awa::RateLimit;
use crate::clock::{self, millis};
use crate::routing::{UnixMillis, Urgency};
use permits::Permits;
pub(crate) use permits::Read;
use state::{Fate, LIFE_MS, Request, SECOND_MS};
pub(crate) use state::{Kind, News, State};

/// After a version that went back or a clock that jumped no permit is asked for so long: what was granted before may be
/// lost, or count for too short.
const UNSURE: Duration = Duration::from_millis(LIFE_MS + SECOND_MS);
/// By how much the database's clock and ours may differ over the same time.
const DRIFT_MS: u64 = 30;
/// A node writes at least this often, so that the others know of it.
const BEAT: Duration = Duration::from_secs(1);
/// How often a node says again that it waits.
const WAITS: Duration = Duration::from_millis(100);
/// How often the register is read where nothing is wanted, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// What several nodes share, as one of them sees it.
#[derive(Debug)]
pub(crate) struct Shared {
    node: String,
    /// Requests that are to leave and have no permit yet.
    expected: AtomicU32,
    held: Mutex<Held>,
    asked: Notify,
    came: Notify,
}

#[derive(Debug)]
struct Held {
    limits: RateLimit,
    reaches: bool,
    /// The state as it was read or written last, with all news.
    view: State,
    read: Option<Read>,
    version: u64,
    unsure_until: Option<Instant>,
    permits: Permits,
    /// What the others have yet to be told, and since when.
    news: Vec<(Instant, News)>,
    written: Option<Instant>,
}

/// What is to be written over the version that was read.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) state: State,
    granted: u32,
    read: Read,
    fates: Vec<Fate>,
    news: Vec<(Instant, News)>,
}

impl Shared {
    /// A node of that name, which no other has; nothing may leave before the register was read.
    pub(crate) fn new(node: String, limits: RateLimit) -> Self {
        let held = Held {
            limits,
            reaches: true,
            view: State::default(),
            read: None,
            version: 0,
            unsure_until: None,
            permits: Permits::default(),
            news: Vec::new(),
            written: None,
        };
        let (held, expected) = (Mutex::new(held), AtomicU32::new(0));
        Self { node, expected, held, asked: Notify::new(), came: Notify::new() }
    }

    /// Takes new limits of this node's.
    pub(in crate::awa) fn set_limits(&self, limits: RateLimit) {
        self.held().limits = limits;
    }

    /// The smallest limits of all nodes, and whether they differ; none before they are known.
    pub(crate) fn limits(&self) -> Option<(RateLimit, bool)> {
        let held = self.held();
        held.view.limits().map(|limits| (limits, held.view.limits_differ()))
    }

    /// How many nodes share the pace.
    pub(crate) fn nodes(&self) -> usize {
        self.held().view.nodes()
    }

    /// Takes in what was read; what is to be written, if anything. `version` is 0 where the register was never written.
    pub(crate) fn learn(&self, state: State, version: u64, read: Read) -> Option<Proposal> {
        let mut held = self.held();
        if held.is_unsure_after(version, &read) {
            held.unsure_until = Some(clock::after(read.ended, UNSURE));
            held.permits.clear();
        }
        (held.read, held.version) = (Some(read), version);
        let expected = self.expected.load(Ordering::Relaxed);
        let spare = state.spare(&self.node, read.at);
        held.permits.give_back(expected.saturating_add(spare), read.ended);
        let sure = held.unsure_until.is_none_or(|until| until <= read.ended);
        let live = held.permits.live();
        let wanted = if sure { expected.saturating_sub(live) } else { 0 };
        let spare = if sure { spare.saturating_sub(live.saturating_sub(expected)) } else { 0 };
        let told = held.news.iter().map(|(since, news)| news.older(read.ended, *since)).collect();
        let request = Request {
            node: self.node.clone(),
            limits: held.limits,
            wanted,
            spare,
            fates: held.permits.fates.clone(),
            news: told,
            reaches: held.reaches,
        };
        let (next, granted) = state.step(&request, read.at);
        held.see(state, &self.node, read.at);
        let is_over = |pause| held.written.is_none_or(|at| read.ended.duration_since(at) >= pause);
        let due = granted > 0
            || !held.news.is_empty()
            || held.permits.fates.iter().any(|fate| fate.used_at.is_none())
            || is_over(if wanted > 0 { WAITS } else { BEAT });
        due.then(|| Proposal {
            state: next,
            granted,
            read,
            fates: std::mem::take(&mut held.permits.fates),
            news: std::mem::take(&mut held.news),
        })
    }

    /// The proposal is written.
    pub(crate) fn written(&self, proposal: Proposal) {
        let Proposal { state, granted, read, .. } = proposal;
        let mut held = self.held();
        held.version = held.version.saturating_add(1);
        held.written = Some(read.ended);
        let granted_at = state.at();
        held.see(state, &self.node, read.at);
        if granted > 0 {
            held.permits.add(read, granted_at, granted);
            drop(held);
            self.came.notify_one();
        }
    }

    /// Another node was first: nothing of the proposal is written.
    pub(crate) fn refused(&self, mut proposal: Proposal) {
        let mut held = self.held();
        proposal.news.append(&mut held.news);
        proposal.fates.append(&mut held.permits.fates);
        (held.news, held.permits.fates) = (proposal.news, proposal.fates);
    }

    /// Whether it is written is not known: its permits are not used, and what it has reported of others is not reported
    /// again.
    pub(crate) fn in_doubt(&self, mut proposal: Proposal) {
        let mut held = self.held();
        proposal.news.append(&mut held.news);
        held.news = proposal.news;
    }

    /// Waits until the register is to be read again.
    pub(crate) async fn due(&self) {
        let (least, most) = LOOK;
        tokio::time::sleep(least).await;
        let wait = {
            let held = self.held();
            match (self.wanting(&held), held.now()) {
                (1.., Some(now)) => Duration::from_millis(held.view.wait_ms(1, now)),
                _ => most,
            }
        };
        let rest = wait.min(most).saturating_sub(least);
        if !rest.is_zero() {
            tokio::select! {
                () = self.asked.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Announces a request.
    pub(in crate::awa) fn expect(&self) {
        self.expected.fetch_add(1, Ordering::Relaxed);
        self.asked.notify_one();
    }

    /// A request has left, or does not leave after all.
    pub(in crate::awa) fn expect_no_longer(&self) {
        self.expected.fetch_sub(1, Ordering::Relaxed);
    }

    /// How long a call has to wait before so many others of this node and those of the other nodes have left.
    pub(in crate::awa) fn wait(&self) -> Duration {
        let mut held = self.held();
        let instant = clock::instant();
        held.permits.give_back(u32::MAX, instant);
        let ahead = self.expected.load(Ordering::Relaxed);
        let live = held.permits.live();
        if live > ahead {
            return Duration::ZERO;
        }
        let unsure = held.unsure_until.map(|until| until.saturating_duration_since(instant));
        let Some(now) = held.now() else { return LOOK.1 };
        let beside = held.view.waiting_beside(&self.node, now);
        let requests = ahead.saturating_sub(live).saturating_add(beside).saturating_add(1);
        let wait = Duration::from_millis(held.view.wait_ms(requests, now));
        wait.max(unsure.unwrap_or_default())
    }

    /// Waits for a permit, and uses it.
    pub(in crate::awa) async fn permit(&self) {
        loop {
            let came = self.came.notified();
            if self.held().permits.take() {
                return;
            }
            came.await;
        }
    }

    /// Tells all nodes what the instance has said.
    pub(super) fn tell(&self, news: News) {
        let mut held = self.held();
        held.news.push((clock::instant(), news));
        if let Some(now) = held.now() {
            held.view.tell(news, &self.node, now);
        }
        drop(held);
        self.asked.notify_one();
    }

    /// Why nothing but a probe may leave, and whether this node probes.
    pub(super) fn trouble(&self) -> Option<(Kind, bool)> {
        self.held().view.trouble(&self.node)
    }

    /// Whether this node reaches the instance.
    pub(super) fn set_reaches(&self, reaches: bool) {
        self.held().reaches = reaches;
    }

    pub(super) fn overloads(&self) -> u64 {
        self.held().view.overloads()
    }

    /// While a Retry-After lasts, on our clock.
    pub(super) fn paused_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let held = self.held();
        let theirs = held.now()?;
        held.view.paused_until(theirs).map(|until| now.plus(until.since(theirs)))
    }

    /// When a further request fits into what the hour's budget allows a call of this urgency, on our clock; none where
    /// it fits now.
    pub(super) fn full_until(&self, urgency: Urgency, now: UnixMillis) -> Option<UnixMillis> {
        let held = self.held();
        let theirs = held.now()?;
        let allowed = allowed(held.view.limits()?, urgency)?;
        let (budget, others) = held.view.used_with_others(&self.node, theirs);
        let own = self.expected.load(Ordering::Relaxed).saturating_sub(held.permits.live());
        let allowed = allowed.saturating_sub(others).saturating_sub(own);
        budget.full_until(Some(allowed), theirs).map(|until| now.plus(until.since(theirs)))
    }

    /// Requests of the last hour of all nodes.
    pub(super) fn used(&self) -> u32 {
        let held = self.held();
        held.now().map_or(0, |now| held.view.used_with_others(&self.node, now).0.used(now))
    }

    fn wanting(&self, held: &Held) -> u32 {
        self.expected.load(Ordering::Relaxed).saturating_sub(held.permits.live())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The database's clock, as far as it is known.
    fn now(&self) -> Option<UnixMillis> {
        let read = self.read?;
        Some(read.at.plus(millis(clock::instant().saturating_duration_since(read.ended))))
    }

    /// Whether grants may have been lost since the last reading.
    fn is_unsure_after(&self, version: u64, read: &Read) -> bool {
        let Some(last) = self.read else { return false };
        if version < self.version {
            return true;
        }
        let passed = read.at.0.saturating_sub(last.at.0);
        let least = millis(read.began.saturating_duration_since(last.ended));
        let most = millis(read.ended.saturating_duration_since(last.began));
        let drift = i64::try_from(DRIFT_MS).unwrap_or(0);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        passed < signed(least).saturating_sub(drift) || passed > signed(most).saturating_add(drift)
    }

    /// Takes a state in, with what the others have yet to be told.
    fn see(&mut self, state: State, node: &str, now: UnixMillis) {
        self.view = state;
        for (_, news) in &self.news {
            self.view.tell(*news, node, now);
        }
    }
}

impl News {
    /// The same, told later than it was heard.
    fn older(self, now: Instant, since: Instant) -> Self {
        match self {
            Self::RetryAfter { ms } => {
                let passed = millis(now.saturating_duration_since(since));
                Self::RetryAfter { ms: ms.saturating_sub(passed) }
            }
            Self::Overloaded | Self::Trouble(_) | Self::Answered | Self::PauseEnded => self,
        }
    }
}

#[cfg(test)]
mod tests;
