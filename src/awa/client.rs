//! The client: sends one call, or asks one question, and says what the answer means.
//!
//! It repeats nothing on its own but a request whose token had gone stale. Its caller asks [`super::pace::Pace`] first.

use std::sync::{Arc, PoisonError, RwLock};

use super::classify::Verdict;
use super::limiter::Limiter;
use super::lookup::{self, Probed};
use super::masked::Own;
use super::pace::Signal;
use super::settings::{Settings, SettingsError};
#[cfg(test)]
use super::stand_in::Request;
use super::transport::Allowance;
use super::wired::Wired;
use crate::clock;
use crate::routing::{Answer, Answered, AwaCall, CallOptions, ClockOffset, LookUp};

/// The one client of an instance. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Client {
    in_force: RwLock<Arc<Wired>>,
    #[cfg(test)]
    pub(crate) stand_in: Option<super::stand_in::StandIn>,
}

/// Time for a probe, in milliseconds; the client's request time is the nearer bound.
const PROBE_PATIENCE: u64 = 60_000;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// What it means for the call.
    pub(crate) answered: Answered,
    /// What it says about the instance, for [`super::pace::Pace`].
    pub(crate) signal: Signal,
    /// How many requests of the hourly budget it took.
    pub(crate) requests: u32,
    /// The words of the answer are none that ServiceNow documents.
    pub(crate) undocumented: bool,
}

impl Client {
    /// Builds the client; nothing is sent.
    ///
    /// # Errors
    /// Names the setting that is wrong and what to do about it.
    pub(crate) fn new(settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            in_force: RwLock::new(Arc::new(Wired::new(settings)?)),
            #[cfg(test)]
            stand_in: None,
        })
    }

    /// Builds what [`Client::replace`] puts in force; nothing is sent, and nothing changes yet.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub(crate) fn prepare(&self, settings: Settings) -> Result<Wired, SettingsError> {
        self.in_force().successor(settings)
    }

    /// Takes other credentials, certificates and times for the calls from now on; those in flight end as they began.
    pub(crate) fn replace(&self, wired: Wired) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(wired);
    }

    pub(super) fn in_force(&self) -> Arc<Wired> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a call, once.
    pub(crate) async fn send(&self, call: &AwaCall, options: &CallOptions) -> Reply {
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            return stand_in.asks(Request::Call(call.clone()), options.deadline).await;
        }
        let wired = self.in_force();
        let allowance = wired.transport.allowance(options.deadline, options.leave_by);
        let verdict = wired.caller.send(&wired.network(&allowance), call, options).await;
        reply(verdict, &allowance, &wired.transport.own)
    }

    /// Asks what became of a call in doubt.
    pub(crate) async fn look_up(&self, question: &LookUp, options: &CallOptions) -> Reply {
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            return stand_in.asks(Request::LookUp(question.clone()), options.deadline).await;
        }
        let wired = self.in_force();
        let allowance = wired.transport.allowance(options.deadline, options.leave_by);
        let verdict = wired.caller.look_up(&wired.network(&allowance), question).await;
        reply(verdict, &allowance, &wired.transport.own)
    }

    /// Asks one harmless question: whether the instance is there, and whether calls in doubt could be looked up.
    pub(crate) async fn probe(&self) -> Probed {
        #[cfg(test)]
        if self.stand_in.is_some() {
            return Probed::well();
        }
        let ends = clock::now().plus(PROBE_PATIENCE);
        let allowance = self.in_force().transport.allowance(ends, ends);
        lookup::probe(self, &allowance).await
    }

    /// The limiter of all its requests, whatever takes the place of what.
    #[must_use]
    pub(crate) fn limiter(&self) -> Arc<Limiter> {
        Arc::clone(&self.in_force().transport.limiter)
    }

    /// Why the last request had no answer of ServiceNow's, with what a person can do; none where it had one.
    #[must_use]
    pub(crate) fn trouble(&self) -> Option<String> {
        self.in_force().transport.trouble()
    }

    /// What is known of ServiceNow's clock; none before the first answer.
    #[must_use]
    pub(crate) fn clock_offset(&self) -> Option<ClockOffset> {
        self.in_force().transport.offset().at(clock::now())
    }
}

fn reply(verdict: Verdict, allowance: &Allowance, own: &Own) -> Reply {
    let Verdict { reply, message, signal, unknown, status } = verdict;
    let (reply, message) = (own.blotted_in(reply), own.blotted(message));
    let elapsed_ms = allowance.elapsed_ms();
    let answered = Answered { reply, answer: Answer { status, message }, elapsed_ms };
    Reply { answered, signal, requests: allowance.requests(), undocumented: unknown }
}

#[cfg(test)]
mod tests;
