//! The right to send one call: a place among those in flight, and one request of rate, window and budget.

use std::sync::{Arc, Mutex};

use super::{Probe, State, lock};
use crate::routing::UnixMillis;

/// The right to send one call; gives its place back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the place away"]
pub struct Permit {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) probe: Probe,
    /// When it was charged.
    pub(super) at: UnixMillis,
}

impl Permit {
    /// Gives rate, window and budget back with the place: no request left by it.
    pub fn unused(self) {
        let mut state = lock(&self.state);
        state.rate.give_back();
        state.window.give_back(self.at);
        state.budget.give_back(self.at);
        drop(state);
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
