//! The right to send one call: a place among those in flight, and one request of the hourly budget.

use std::sync::{Arc, Mutex};

use super::super::limiter::Expected;
use super::{Probe, State, lock};
use crate::routing::UnixMillis;

/// The right to send one call; gives its place back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the place away"]
pub(crate) struct Permit {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) probe: Probe,
    /// Until the call's first request is on its way to the limiter.
    pub(super) expected: Option<Expected>,
    /// When the budget was charged.
    pub(super) at: UnixMillis,
}

impl Permit {
    /// The call is sent now: from here on the limiter sees its requests itself.
    pub(crate) fn sends(&mut self) {
        self.expected = None;
    }

    /// Gives the budget back with the place: no request left by it.
    pub(crate) fn unused(self) {
        lock(&self.state).budget.give_back(self.at);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.in_flight = state.in_flight.saturating_sub(1);
        state.breaker.probe_over(self.probe.breaker);
        state.unauthorised.probe_over(self.probe.unauthorised);
    }
}
