//! The loop that carries owed calls out: it picks the most urgent entry that is due, waits for pace, has the store
//! claim it, sends, and brings the answer back to the store. What can go at once the store claims by itself (`direct`).
//!
//! It decides nothing: what a claim or an answer leads to is `routing::decide`'s, made durable by the store. One loop
//! asks the rate limiter, so that the order of work is ours and no waiter starves.

// A peer may send a number of any size: sums with it are checked or saturate.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod blocked;
mod call_task;
mod direct;
mod probe;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::awa::Client;
use crate::awa::pace::{NotNow, Pace, Why};
use crate::clock;
use crate::report::Repeats;
use crate::routing::UnixMillis;
use crate::shutdown::Shutdown;
use crate::store::Store;
use blocked::Blocked;
use call_task::CallTask;
use direct::DirectSender;

/// How many tasks (claims, calls, answers) may be under way, whatever the number of calls at once.
const MAX_CALL_TASKS: usize = 256;
/// How many of them may be under way for what is only settled to be begun: where very many entries are over at once,
/// calls are made all the same.
const MAX_EXPIRING: usize = MAX_CALL_TASKS / 2;
/// How long the loop sleeps at most, so that a watchdog sees it alive.
const MAX_SLEEP_MS: u64 = 1_000;
/// A pause of fewer milliseconds is not worth a line.
const LONG_PAUSE_MS: u64 = 5_000;

/// Delays between tries, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) initial: u64,
    pub(crate) max: u64,
}

/// What the loop works with.
pub(crate) struct Dispatch {
    pub(crate) store: Store,
    pub(crate) client: Arc<Client>,
    pub(crate) pace: Arc<Pace>,
    /// Asked for each delay, so that a reload takes effect at once.
    pub(crate) delays: Box<dyn Fn() -> Delays + Send + Sync>,
    /// A number from 0 to 1 for each delay, evenly spread.
    pub(crate) jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    /// Notified whenever a place for a call is free again.
    pub(crate) freed: Notify,
    /// While it returns true, nothing is sent; what is over still expires.
    pub(crate) held: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Caps what an outage would repeat in the log.
    pub(crate) repeats: Repeats,
    /// Caps what else comes again and again: answers in unknown words, pauses.
    pub(crate) told: Repeats,
    /// Called on every turn of the loop, for the watchdog.
    pub(crate) beat: Box<dyn Fn() + Send + Sync>,
}

impl Dispatch {
    /// Works until shutdown is asked for, then waits for calls under way at most as long as `drain` says at that
    /// moment. What is not finished by then is found again at the next start, as in doubt.
    pub(crate) async fn run(self, shutdown: Shutdown, drain: impl Fn() -> Duration) {
        let mut tasks = JoinSet::new();
        let mut blocked = Blocked::default();
        let (direct, mut claimed) =
            DirectSender::new(Arc::clone(&self.pace), Arc::clone(&self.held));
        let this = Arc::new(self);
        this.store.set_direct_dispatch(Arc::clone(&direct) as _);
        loop {
            (this.beat)();
            let wake_at = this.start_what_is_due(clock::now(), &mut blocked, &mut tasks);
            let sleep = wake_at.since(clock::now()).min(MAX_SLEEP_MS);
            tokio::select! {
                () = shutdown.requested() => break,
                () = this.store.agenda().changed().notified() => {}
                () = this.freed.notified() => {}
                Some(claimed) = claimed.recv() => {
                    tasks.spawn(CallTask::claimed(&this, claimed).run());
                    // It goes first: a call that may leave does not wait for the loop's next turn.
                    tokio::task::yield_now().await;
                }
                () = tokio::time::sleep(Duration::from_millis(sleep)) => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
        direct.close();
        let drain = drain();
        let finished = async {
            while let Some(claimed) = claimed.recv().await {
                tasks.spawn(CallTask::claimed(&this, claimed).run());
            }
            while tasks.join_next().await.is_some() {}
        };
        tokio::select! {
            () = finished => {}
            () = tokio::time::sleep(drain) => tracing::warn!(
                drain_ms = clock::millis(drain),
                "Calls were still under way when the time to finish was over; they are looked up at the next start"
            ),
            () = shutdown.hurried() => {}
        }
    }

    /// Starts every call_task that may start now; the moment at which to look again.
    fn start_what_is_due(
        self: &Arc<Self>,
        now: UnixMillis,
        blocked: &mut Blocked,
        tasks: &mut JoinSet<()>,
    ) -> UnixMillis {
        let agenda = self.store.agenda();
        while tasks.len() < MAX_CALL_TASKS {
            if tasks.len() < MAX_EXPIRING
                && let Some((lane, due)) = agenda.take_expired(now)
            {
                let waited = blocked.during(due.at, now);
                let (entry, _) = due.expires;
                tasks.spawn(CallTask::new(self, lane, due, entry, waited, None).run());
                continue;
            }
            let Some(due) = agenda.most_urgent(now) else {
                blocked.ends(now);
                if let Some(permit) = self.pace.probe(now) {
                    tasks.spawn(probe::probe(Arc::clone(self), permit));
                }
                return agenda.next_at().unwrap_or(UnixMillis::MAX);
            };
            if (self.held)() {
                return agenda.next_deadline().unwrap_or(UnixMillis::MAX);
            }
            match self.pace.permit(due.urgency, now) {
                Ok(permit) => {
                    let Some((lane, due)) = agenda.take_most_urgent(now) else { continue };
                    let waited = blocked.during(due.at, now);
                    let entry = due.entry;
                    let task = CallTask::new(self, lane, due, entry, waited, Some(permit));
                    tasks.spawn(task.run());
                }
                Err(NotNow { until, why }) => {
                    if blocked.begins(why, now) {
                        self.tell_of_pause(why, until, now);
                    }
                    if let Some(permit) = self.pace.probe_own_route(now) {
                        tasks.spawn(probe::probe(Arc::clone(self), permit));
                    }
                    let deadline = agenda.next_deadline().unwrap_or(UnixMillis::MAX);
                    return until.min(deadline).max(now.plus(1));
                }
            }
        }
        now.plus(MAX_SLEEP_MS)
    }

    /// Says why calls wait, where that lasts: neither readiness nor the breaker tells of it.
    fn tell_of_pause(&self, why: Why, until: UnixMillis, now: UnixMillis) {
        let cause = match why {
            Why::RetryAfter => "ServiceNow has asked for a pause (Retry-After)",
            Why::Budget => "the requests of this hour are used up (rate_limit.per_hour)",
            Why::RateLimit | Why::Breaker | Why::Unauthorised | Why::Concurrency => return,
        };
        if until.since(now) < LONG_PAUSE_MS {
            return;
        }
        if let Some(repeats) = self.told.may_say(cause, now) {
            tracing::warn!(%until, repeats, "Calls wait: {cause}");
        }
    }
}

#[cfg(test)]
mod tests;
