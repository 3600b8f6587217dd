//! When the next call may be claimed: hourly budget, Retry-After, concurrency, breaker, refused credentials, and when
//! the limiter lets a further request leave.
//!
//! Made for one dispatcher that asks without waiting and passes the time in. It never sleeps, sends nothing, and keeps
//! no entry: order and fairness are the dispatcher's.

mod budget;
mod gate;
mod news;
mod permit;
mod shared;
mod signal;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limiter::Limiter;
use crate::clock::millis;
use crate::routing::{UnixMillis, Urgency};
use budget::{Budget, allowed};
use gate::Gate;
pub(crate) use permit::Permit;
use shared::{Kind, News};
pub(crate) use shared::{Read, Shared, State as SharedState};
pub(crate) use signal::{Signal, Why};

/// Failures in a row that open the breaker.
const OUTAGE: u32 = 8;
/// The breaker's pauses, in milliseconds: short enough that a ring of a few seconds is still served after an outage.
const BREAKER: (u64, u64) = (500, 2_000);
/// Pauses between probes while the credentials are refused, in milliseconds.
const UNAUTHORISED: (u64, u64) = (2_000, 60_000);
/// Answers without a complaint that let concurrency grow by one.
const GROW_AFTER: u32 = 10;
/// For this long after concurrency was halved, further complaints are about calls sent before, in milliseconds.
const HALVE_ONCE: u64 = 1_000;
/// How soon to ask again where the moment depends on a call that is in flight, in milliseconds.
const ASK_AGAIN: u64 = 1_000;
/// By less than this a clock is not said to have been set back, in milliseconds.
const SET_BACK: u64 = 1_000;
/// The longest Retry-After that is believed, in milliseconds: ServiceNow's rules are per hour.
const LONGEST_RETRY_AFTER: u64 = 3_600_000;
/// The longest that a Retry-After of unknown origin is believed at first, in milliseconds: a ring of a few seconds
/// outlasts what a proxy says once. One that says it again is believed for twice as long.
const LONGEST_HINT: u64 = 5_000;

/// No call may leave before `until`. Where that depends on a call that is in flight, `until` is only when to ask
/// again at the latest; its permit's end is the better moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotNow {
    pub(crate) until: UnixMillis,
    pub(crate) why: Why,
}

/// How things stand, for `/readyz` and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Calls in flight.
    pub(crate) in_flight: u32,
    /// Calls that may be in flight at once, as overload has left it.
    pub(crate) concurrency: u32,
    /// While the breaker is open or half open: when it lets, or let, a probe through.
    pub(crate) breaker: Option<UnixMillis>,
    /// While the credentials are refused: when they are, or were, tried again.
    pub(crate) unauthorised: Option<UnixMillis>,
    /// What opened the breaker, or that the credentials are refused.
    pub(crate) trouble: Option<Signal>,
    /// While ServiceNow's Retry-After lasts.
    pub(crate) retry_after: Option<UnixMillis>,
    /// Requests of the last hour, counted where there is a budget.
    pub(crate) used: u32,
}

/// Calls are held from now on, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// For this trouble; one call at a time still finds out whether it is over.
    Held(Signal),
    Released,
}

/// The pace of all calls to one instance.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    max_in_flight: u32,
    limiter: Arc<Limiter>,
    budget: Budget,
    /// From when and until when ServiceNow asked for a pause.
    retry_after: Option<(UnixMillis, UnixMillis)>,
    /// How often in a row it said so without a rule, each time after the last pause had passed.
    hints: u32,
    in_flight: u32,
    concurrency: u32,
    smooth: u32,
    halved_at: UnixMillis,
    failures: u32,
    breaker: Gate,
    unauthorised: Gate,
    trouble: Option<Signal>,
    /// What the other nodes' news have come to here.
    known: news::Known,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probe {
    breaker: bool,
    unauthorised: bool,
}

impl Pace {
    /// A pace with nothing used up.
    #[must_use]
    pub(crate) fn new(max_in_flight: u32, limiter: Arc<Limiter>) -> Self {
        let state = State {
            max_in_flight,
            limiter,
            budget: Budget::default(),
            retry_after: None,
            hints: 0,
            in_flight: 0,
            concurrency: max_in_flight.max(1),
            smooth: 0,
            halved_at: UnixMillis::default(),
            failures: 0,
            breaker: Gate::new(BREAKER),
            unauthorised: Gate::new(UNAUTHORISED),
            trouble: None,
            known: news::Known::default(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Takes another limit of calls in flight; what is known of the instance stays.
    pub(crate) fn set_max_in_flight(&self, max_in_flight: u32) {
        let mut state = lock(&self.state);
        if max_in_flight != state.max_in_flight {
            state.concurrency = max_in_flight.max(1);
        }
        state.max_in_flight = max_in_flight;
    }

    /// Lets calls through again that were held for refused credentials or an instance out of reach, after what they are
    /// made with was changed.
    pub(crate) fn forgive(&self) {
        let mut state = lock(&self.state);
        state.reachable();
        state.unauthorised.open_again();
        state.trouble = None;
        state.tell_answered();
    }

    /// Ends the pause of a Retry-After: an operator has looked, and the next call finds out.
    pub(crate) fn end_pause(&self) {
        let mut state = lock(&self.state);
        (state.retry_after, state.hints) = (None, 0);
        state.tell(News::PauseEnded);
    }

    /// Asks for the right to send one call now.
    ///
    /// # Errors
    /// Says why not, and when to ask again. Nothing is used up then.
    pub(crate) fn permit(&self, urgency: Urgency, now: UnixMillis) -> Result<Permit, NotNow> {
        self.permit_for(urgency, now, false)
    }

    /// The same for a call or, where `asks`, for a question that does no harm where it gets lost.
    fn permit_for(&self, urgency: Urgency, now: UnixMillis, asks: bool) -> Result<Permit, NotNow> {
        let mut state = lock(&self.state);
        let probe = state.check(urgency, now, asks)?;
        state.in_flight = state.in_flight.saturating_add(1);
        state.budget.charge(1, now);
        state.breaker.probe(probe.breaker);
        state.unauthorised.probe(probe.unauthorised);
        let expected = Some(state.limiter.expect());
        drop(state);
        Ok(Permit { state: Arc::clone(&self.state), probe, expected, at: now })
    }

    /// The right to ask the instance whether it is back, where calls are held and it is time for a probe. For when no
    /// call is due that could be the probe.
    #[must_use]
    pub(crate) fn probe(&self, now: UnixMillis) -> Option<Permit> {
        let held = {
            let state = lock(&self.state);
            state.breaker.is_shut() || state.unauthorised.is_shut()
        };
        if held { self.permit_for(Urgency::Live(now), now, true).ok() } else { None }
    }

    /// Takes in what an exchange said about the instance and how many requests it took; says whether calls are held
    /// from now on or no longer. Call it before the permit is dropped.
    pub(crate) fn observe(&self, signal: Signal, requests: u32, now: UnixMillis) -> Option<Turn> {
        let mut state = lock(&self.state);
        // One was charged with the permit.
        state.budget.charge(requests.saturating_sub(1), now);
        let held = |state: &State| (state.breaker.is_shut(), state.unauthorised.is_shut());
        let before = held(&state);
        state.observe(signal, now);
        let after = held(&state);
        if after == (false, false) {
            state.trouble = None;
            return (before != after).then_some(Turn::Released);
        }
        if before == after {
            return None;
        }
        state.trouble = Some(signal);
        Some(Turn::Held(signal))
    }

    /// How things stand.
    #[must_use]
    pub(crate) fn standing(&self, now: UnixMillis) -> Standing {
        let state = lock(&self.state);
        Standing {
            in_flight: state.in_flight,
            concurrency: state.concurrency,
            breaker: state.breaker.shut_until(),
            unauthorised: state.unauthorised.shut_until(),
            trouble: state.trouble,
            retry_after: state.blocked_until(now),
            used: state
                .limiter
                .shared()
                .map_or_else(|| state.budget.used(now), |shared| shared.used()),
        }
    }
}

impl State {
    fn check(&mut self, urgency: Urgency, now: UnixMillis, asks: bool) -> Result<Probe, NotNow> {
        let not = |until: UnixMillis, why: Why| Err(NotNow { until, why });
        let again = now.plus(ASK_AGAIN);
        if let Some(why) = self.others_probe() {
            return not(again, why);
        }
        let unauthorised = match self.unauthorised.pass(now, again) {
            Ok(probe) => probe,
            Err(until) => return not(until, Why::Unauthorised),
        };
        let breaker = match self.breaker.pass(now, again) {
            Ok(probe) => probe,
            Err(until) => return not(until, Why::Breaker),
        };
        if breaker && !asks && self.limiter.shared().is_some() {
            // Another node can make the call meanwhile.
            return not(again, Why::Breaker);
        }
        if let Some(until) = self.blocked_until(now) {
            return not(until, Why::RetryAfter);
        }
        if self.in_flight >= self.concurrency {
            return not(again, Why::Concurrency);
        }
        if let Some(until) = self.full_until(urgency, now) {
            return not(until, Why::Budget);
        }
        let wait = self.limiter.wait();
        if !wait.is_zero() {
            return not(now.plus(millis(wait).saturating_add(1)), Why::RateLimit);
        }
        Ok(Probe { breaker, unauthorised })
    }

    /// While Retry-After lasts. A wall clock that was set back must not prolong it: an instance that still wants it
    /// says so again.
    fn blocked_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let own =
            self.retry_after.filter(|(since, until)| since.since(now) < SET_BACK && now < *until);
        let shared = self.limiter.shared().and_then(|shared| shared.paused_until(now));
        own.map(|(_, until)| until).max(shared)
    }

    /// When the budget has room for a call of this urgency; none if it has now.
    fn full_until(&self, urgency: Urgency, now: UnixMillis) -> Option<UnixMillis> {
        match self.limiter.shared() {
            Some(shared) => shared.full_until(urgency, now),
            None => self.budget.full_until(allowed(self.limiter.limit(), urgency), now),
        }
    }

    fn observe(&mut self, signal: Signal, now: UnixMillis) {
        match signal {
            Signal::Nothing => {}
            Signal::Answered => {
                self.hints = 0;
                self.reachable();
                self.unauthorised.open_again();
                self.tell_answered();
                self.grow();
            }
            Signal::Overloaded => {
                self.reachable();
                self.halve(now);
                self.tell(News::Overloaded);
            }
            Signal::RetryAfter { ms } => self.pause_all(ms.min(LONGEST_RETRY_AFTER), now),
            Signal::Hinted { ms } => {
                // Answers to calls that were in flight together count as one.
                if self.blocked_until(now).is_none() {
                    self.hints = self.hints.saturating_add(1);
                }
                let doubled = 1_u64.checked_shl(self.hints.saturating_sub(1)).unwrap_or(u64::MAX);
                let most = LONGEST_HINT.saturating_mul(doubled).min(LONGEST_RETRY_AFTER);
                self.pause_all(ms.min(most), now);
            }
            Signal::Silent | Signal::Foreign => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= OUTAGE || self.breaker.is_shut() {
                    self.breaker.shut(now);
                    self.cannot_reach();
                }
            }
            Signal::Hibernating => {
                self.breaker.shut(now);
                self.tell(News::Trouble(Kind::Hibernating));
            }
            Signal::Unauthorised => {
                self.reachable();
                self.unauthorised.shut(now);
                self.tell(News::Trouble(Kind::Unauthorised));
            }
        }
    }

    /// Makes a pause for as long as the instance, or something before it, has asked for; on all nodes that share the
    /// pace.
    fn pause_all(&mut self, ms: u64, now: UnixMillis) {
        self.reachable();
        if self.limiter.shared().is_some() {
            self.tell(News::RetryAfter { ms });
            return;
        }
        let until = now.plus(ms);
        let until = self.blocked_until(now).map_or(until, |before| before.max(until));
        self.retry_after = Some((now, until));
    }

    fn reachable(&mut self) {
        self.failures = 0;
        self.breaker.open_again();
        if let Some(shared) = self.limiter.shared() {
            shared.set_reaches(true);
        }
    }

    fn grow(&mut self) {
        self.smooth = self.smooth.saturating_add(1);
        if self.smooth >= GROW_AFTER {
            self.smooth = 0;
            self.concurrency = self.concurrency.saturating_add(1).min(self.max_in_flight.max(1));
        }
    }

    fn halve(&mut self, now: UnixMillis) {
        self.smooth = 0;
        if now.since(self.halved_at) >= HALVE_ONCE || self.halved_at > now {
            self.concurrency = (self.concurrency / 2).max(1);
            self.halved_at = now;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
