//! The one rate limiter: each request to the instance, be it a call, a look-up or one for a token, is charged as it
//! leaves. For a call that is planned it only says how long it would have to wait.
//!
//! governor lets `burst` requests leave at once and then one in each period: `n` requests more than `burst` take at
//! least `n` periods, however they bunch. The period is [`SECOND`] divided by `per_second - burst + 1`, so that
//! `per_second + 1` requests take at least a [`SECOND`]: no second sees more than `per_second`. Since the burst is
//! counted in, no more of it is granted than a tenth of `per_second` and one; thus at least 0.87 of the limit can be
//! used for long. (Timers are exact to a millisecond or two: at hundreds a second a burst of 1 costs more.)
//!
//! Where several nodes share the rate, permits of [`Shared`] take the place of governor.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as Queue;

use super::pace::Shared;
use crate::clock;

/// A second, and by how much longer one request may take to reach ServiceNow than a later one.
const SECOND: Duration = Duration::from_millis(1_030);
/// A call is claimed so long before it may leave: the commit of a claim takes about as long.
const LEAD: Duration = Duration::from_millis(20);

/// What the configuration allows; what nodes tell each other of theirs, too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RateLimit {
    /// Requests in any second.
    pub(crate) per_second: NonZeroU32,
    /// How many of them may leave at once, as far as `per_second` leaves room for it.
    pub(crate) burst: NonZeroU32,
    /// Requests in any hour; 0 = no budget.
    pub(crate) per_hour: u32,
    /// The share of `per_hour` that only [`Urgency::Live`](crate::routing::Urgency::Live) may use, 0 to 1.
    pub(crate) reserve: f64,
}

#[cfg(test)]
impl RateLimit {
    /// More than any test sends.
    pub(crate) const UNLIMITED: Self =
        Self { per_second: NonZeroU32::MAX, burst: NonZeroU32::MAX, per_hour: 0, reserve: 0.0 };

    /// Without a budget.
    pub(super) fn of(per_second: u32, burst: u32) -> Self {
        let whole = |number| NonZeroU32::new(number).unwrap();
        Self { per_second: whole(per_second), burst: whole(burst), ..Self::UNLIMITED }
    }
}

/// The limiter of all requests to one instance.
#[derive(Debug)]
pub(crate) struct Limiter {
    in_force: Mutex<InForce>,
    /// Requests that wait to be sent, in the order in which they came.
    queue: Queue<()>,
    /// Requests that are to leave and are not charged yet.
    expected: AtomicU32,
    /// Where several nodes share the rate.
    shared: OnceLock<Arc<Shared>>,
}

#[derive(Debug)]
struct InForce {
    limit: RateLimit,
    burst: NonZeroU32,
    period: Duration,
    governor: RateLimiter<NotKeyed, State, MonotonicClock, NoOpMiddleware<Instant>>,
    state: State,
}

/// A request that is to leave; until this is dropped, others plan for a moment after it.
#[derive(Debug)]
pub(super) struct Expected(Arc<Limiter>);

impl Limiter {
    /// Nothing is used up.
    pub(super) fn new(limit: RateLimit) -> Self {
        let in_force = Mutex::new(InForce::new(limit));
        let (queue, expected) = (Queue::default(), AtomicU32::new(0));
        Self { in_force, queue, expected, shared: OnceLock::new() }
    }

    /// From now on requests leave by the permits that several nodes share. To be called before the first request.
    pub(crate) fn share(&self, shared: Arc<Shared>) {
        drop(self.shared.set(shared));
    }

    /// What several nodes share, if they do.
    pub(super) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// Takes a new limit. At another rate the burst counts as used up, so that a second which the change falls into
    /// sees no more than the higher of both rates.
    pub(crate) fn set(&self, limit: RateLimit) {
        if let Some(shared) = self.shared() {
            shared.set_limits(limit);
        }
        let mut in_force = self.in_force();
        let before = std::mem::replace(&mut in_force.limit, limit);
        if (before.per_second, before.burst) != (limit.per_second, limit.burst) {
            *in_force = InForce::new(limit);
            in_force.charge(in_force.burst).unwrap_or_default();
        }
    }

    /// What this node's configuration allows.
    pub(super) fn limit(&self) -> RateLimit {
        self.in_force().limit
    }

    /// How long a call has to wait before it is claimed, after all that is expected already.
    pub(super) fn wait(&self) -> Duration {
        if let Some(shared) = self.shared() {
            return shared.wait().saturating_sub(LEAD);
        }
        let ahead = self.expected.load(Ordering::Relaxed);
        self.in_force().wait(ahead).saturating_sub(LEAD)
    }

    /// Announces a request.
    pub(super) fn expect(self: &Arc<Self>) -> Expected {
        match self.shared() {
            Some(shared) => shared.expect(),
            None => _ = self.expected.fetch_add(1, Ordering::Relaxed),
        }
        Expected(Arc::clone(self))
    }

    /// Waits until a request may leave, and charges it.
    pub(super) async fn leave(self: &Arc<Self>) {
        let _expected = self.expect();
        let _turn = self.queue.lock().await;
        if let Some(shared) = self.shared() {
            return shared.permit().await;
        }
        loop {
            let charged = self.in_force().charge(NonZeroU32::MIN);
            match charged {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        match self.0.shared() {
            Some(shared) => shared.expect_no_longer(),
            None => _ = self.0.expected.fetch_sub(1, Ordering::Relaxed),
        }
    }
}

impl InForce {
    fn new(limit: RateLimit) -> Self {
        let per_second = limit.per_second.get();
        let most = NonZeroU32::MIN.saturating_add(per_second.div_euclid(10));
        let burst = limit.burst.min(most);
        let paced = per_second.saturating_sub(burst.get()).saturating_add(1);
        let period = SECOND.checked_div(paced).unwrap_or(SECOND).max(Duration::from_nanos(1));
        let quota =
            Quota::with_period(period).unwrap_or_else(|| Quota::per_second(limit.per_second));
        let state = State::default();
        let governor = RateLimiter::new(quota.allow_burst(burst), state.clone(), MonotonicClock);
        Self { limit, burst, period, governor, state }
    }

    /// Charges so many requests, or says how long they have to wait; more than a burst are never let through together.
    fn charge(&self, requests: NonZeroU32) -> Result<(), Duration> {
        match self.governor.check_n(requests) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(MonotonicClock.now())),
            Err(_) => Err(SECOND),
        }
    }

    /// How long a request waits behind so many others; charges nothing.
    fn wait(&self, ahead: u32) -> Duration {
        let together = NonZeroU32::MIN.saturating_add(ahead).min(self.burst);
        let beyond = ahead.saturating_add(1).saturating_sub(together.get());
        let before = self.state.0.load(Ordering::Relaxed);
        let wait = self.charge(together).err().unwrap_or_default();
        self.state.0.store(before, Ordering::Relaxed);
        wait.saturating_add(self.period.saturating_mul(beyond))
    }
}

/// governor's own, in nanoseconds, so that it can be put back after a look: governor has none that charges nothing. It
/// is used under the limiter's lock alone.
#[derive(Debug, Clone, Default)]
struct State(Arc<AtomicU64>);

impl StateStore for State {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let before = self.0.load(Ordering::Relaxed);
        let (outcome, after) = decide((before > 0).then(|| before.into()))?;
        self.0.store(after.as_u64(), Ordering::Relaxed);
        Ok(outcome)
    }
}

/// The program's clock, for governor.
#[derive(Debug, Clone, Copy)]
struct MonotonicClock;

impl Clock for MonotonicClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        clock::instant()
    }
}

#[cfg(test)]
mod tests;
