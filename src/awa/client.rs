//! The client: sends one call, or asks one question, and says what the answer means.
//!
//! It repeats nothing on its own but a request whose token had gone stale. Whoever calls it asks [`super::Pace`] first.

use std::collections::HashMap;

use reqwest::Method;
use tokio::sync::Mutex;

use super::classify::{self, Verdict};
use super::hold::{Holds, Offer};
use super::lookup::{self, Probed};
use super::pace::Signal;
use super::reasons::Reasons;
use super::settings::{Settings, SettingsError};
#[cfg(test)]
use super::stand_in::Asking;
use super::transport::{Allowance, Outgoing, Transport};
use super::wire;
use crate::clock;
use crate::routing::{
    Answer, AwaCall, AwaReply, CallKind, ExternalId, LookUp, RejectReason, UnixMillis,
};

/// The one client of an instance. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Client {
    pub(super) transport: Transport,
    pub(super) queues: Mutex<HashMap<ExternalId, Vec<String>>>,
    reasons: Reasons,
    holds: Holds,
    #[cfg(test)]
    pub(crate) stand_in: Option<super::stand_in::StandIn>,
}

/// Time for a probe, in milliseconds; the client's request time is the nearer bound.
const PROBE_PATIENCE: u64 = 60_000;

/// How a call is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Nothing is sent after this moment, and no answer is waited for.
    pub deadline: UnixMillis,
    /// Which attempt it is, for the log.
    pub attempt: u32,
    /// ServiceNow refused the last attempt's `offered_on` as ahead of its clock: write one well in its past.
    pub corrected: bool,
    /// An earlier attempt of the same call was in doubt and may have landed.
    pub after_doubt: bool,
}

impl Terms {
    /// A first attempt.
    #[must_use]
    pub const fn first(deadline: UnixMillis) -> Self {
        Self { deadline, attempt: 1, corrected: false, after_doubt: false }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it means.
    pub reply: AwaReply,
    /// What ServiceNow said.
    pub answer: Answer,
    /// From the start to the end of the answer, tokens and reads included.
    pub elapsed_ms: u64,
    /// What it says about the instance, for [`super::Pace`].
    pub signal: Signal,
    /// How many requests of the hourly budget it took.
    pub requests: u32,
}

impl Client {
    /// Builds the client; nothing is sent.
    ///
    /// # Errors
    /// Names the setting that is wrong and what to do about it.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let (transport, channels) = Transport::new(settings)?;
        Ok(Self {
            transport,
            queues: Mutex::default(),
            reasons: Reasons::new(channels),
            holds: Holds::default(),
            #[cfg(test)]
            stand_in: None,
        })
    }

    /// Sends a call, once.
    pub async fn send(&self, call: &AwaCall, terms: Terms) -> Reply {
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            return stand_in.asks(Asking::Call(call.clone()), terms.deadline).await;
        }
        let allowance = self.transport.allowance(terms.deadline);
        let verdict = match self.resolve(call, &allowance).await {
            Ok(resolved) => self.exchange(&resolved, terms, &allowance).await,
            Err(verdict) => verdict,
        };
        reply(call.kind(), terms.attempt, verdict, &allowance)
    }

    /// Asks what became of a call in doubt.
    pub async fn look_up(&self, question: &LookUp, deadline: UnixMillis) -> Reply {
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            return stand_in.asks(Asking::LookUp(question.clone()), deadline).await;
        }
        let allowance = self.transport.allowance(deadline);
        let verdict = lookup::look_up(self, question, &allowance).await;
        reply(CallKind::LookUp, 1, verdict, &allowance)
    }

    /// Asks one harmless question: whether the instance is there, and whether calls in doubt could be looked up.
    pub async fn probe(&self) -> Probed {
        #[cfg(test)]
        if self.stand_in.is_some() {
            return Probed::well();
        }
        let allowance = self.transport.allowance(clock::now().plus(PROBE_PATIENCE));
        lookup::probe(self, &allowance).await
    }

    /// Takes a new limit of requests in any second; 0 = none.
    pub fn set_per_second(&self, per_second: u32) {
        self.transport.set_per_second(per_second);
    }

    /// ServiceNow's clock less ours in milliseconds; none before the first answer.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.transport.offset().likely(clock::now())
    }

    async fn exchange(&self, call: &AwaCall, terms: Terms, allowance: &Allowance) -> Verdict {
        let request =
            wire::request(call, self.transport.api_version, self.clock_hold(call, terms.corrected));
        let outgoing = Outgoing {
            call: call.kind().as_str(),
            method: method(request.method),
            path: &request.path,
            query: &[],
            body: request.body.as_ref(),
        };
        match self.transport.exchange(&outgoing, allowance).await {
            Ok(received) => classify::call(call, terms.after_doubt, &received, clock::now()),
            Err(failure) => classify::failure(failure),
        }
    }

    /// The call with its reject reason as a sys_id.
    async fn resolve(&self, call: &AwaCall, allowance: &Allowance) -> Result<AwaCall, Verdict> {
        let mut call = call.clone();
        if let AwaCall::Reject { work_item, reason, .. } = &mut call
            && let RejectReason::DisplayValue { text, channel } = reason
        {
            let found = self
                .reasons
                .resolve(&self.transport, text, channel.as_deref(), *work_item, allowance)
                .await?;
            *reason = RejectReason::SysId(found);
        }
        Ok(call)
    }

    fn clock_hold(&self, call: &AwaCall, corrected: bool) -> Option<UnixMillis> {
        let (window, of, agent) = match call {
            AwaCall::Offer { window, document, agent, .. } => {
                Some((*window, document.sys_id, *agent))
            }
            AwaCall::Assign { window, work_item, agent, .. } => {
                window.map(|window| (window, *work_item, *agent))
            }
            AwaCall::Transfer { .. }
            | AwaCall::Accept { .. }
            | AwaCall::Reject { .. }
            | AwaCall::EndConsult { .. }
            | AwaCall::CloseDocument { .. } => None,
        }?;
        let (offset, now) = (self.transport.offset(), clock::now());
        let offer = Offer { of, agent, window, corrected };
        self.holds.of(offer, now, || {
            if corrected {
                Some(offset.corrected(now))
            } else {
                offset.hold(window.offered_on, now)
            }
        })
    }
}

fn reply(call: CallKind, attempt: u32, verdict: Verdict, allowance: &Allowance) -> Reply {
    let elapsed_ms = allowance.elapsed_ms();
    let Verdict { reply, message, signal, unknown, status } = verdict;
    let outcome = reply.name();
    tracing::debug!(%call, attempt, status, outcome, elapsed_ms, "call answered");
    if unknown {
        tracing::warn!(%call, attempt, status, outcome, text = message, "undocumented answer");
    }
    let answer = Answer { status, message };
    Reply { reply, answer, elapsed_ms, signal, requests: allowance.requests() }
}

fn method(name: &str) -> Method {
    match name {
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "GET" => Method::GET,
        _ => Method::POST,
    }
}

#[cfg(test)]
mod tests;
