//! The account: every event that was answered has one last state, its call was made once, and in order.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::load::{KINDS, Load, document, id};
use super::{Failure, PATIENCE, SOURCE, broken};
use crate::app::{admin_token, local_client};
use crate::clock;
use crate::routing::SysId;
use crate::sandbox::{Endpoint, RecordedCall, Sandbox};

/// How many breaches are described one by one.
const TOLD: usize = 20;

/// What came of the kill test.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) kills: u32,
    /// Events that were answered with a 2xx.
    pub(crate) answered: u64,
    /// Requests that it took.
    pub(crate) requests: u64,
    /// Calls that reached the sandbox, reads included.
    pub(crate) calls: usize,
    /// Calls with an injected fault.
    pub(crate) faults: usize,
    /// Events by their last state.
    pub(crate) states: BTreeMap<String, u64>,
    /// From the start of the process to readiness, the longest.
    pub(crate) slowest_start: Duration,
    pub(crate) took: Duration,
    /// Everything that must not be; empty = passed.
    pub(crate) breaches: Vec<String>,
    /// Where store and log were left, if there is a breach.
    pub(crate) evidence: Option<PathBuf>,
}

/// Waits until everything has ended, and accounts for it.
pub(super) async fn settle(
    load: &Load,
    sandbox: &Sandbox,
    admin: &str,
    token_file: &Path,
) -> Result<Verdict, Failure> {
    let asks = Asks::of(admin, token_file)?;
    let mut verdict =
        Verdict { answered: load.answered(), requests: load.sent(), ..Verdict::default() };
    let began = clock::instant();
    while asks.pending().await? && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let calls = sandbox.calls();
    verdict.calls = calls.len();
    verdict.faults = calls.iter().filter(|call| call.fault.is_some()).count();
    let mut carried_out = carried_out(sandbox, &calls);
    for conversation in load.conversations() {
        let mut delivered = Vec::new();
        for kind in KINDS {
            let event = asks.event(&id(kind, conversation)).await?;
            let state = event["state"].as_str().unwrap_or("lost").to_owned();
            if state == "delivered" {
                delivered.push(kind);
            }
            if !matches!(state.as_str(), "delivered" | "expired" | "superseded" | "dead") {
                verdict
                    .breaches
                    .push(format!("{} was answered and is {state}", id(kind, conversation)));
            }
            *verdict.states.entry(state).or_default() += 1;
        }
        let done = carried_out.remove(&document(conversation)).unwrap_or_default();
        verdict.breaches.extend(breach(conversation, &done, &delivered));
    }
    if !carried_out.is_empty() {
        verdict
            .breaches
            .push(format!("{} documents have calls without an event", carried_out.len()));
    }
    Ok(verdict)
}

/// What is wrong with what was done for a conversation: each kind once, in the order of the events, and none missing
/// that is said to be delivered.
fn breach(conversation: u64, done: &[&str], delivered: &[&str]) -> Option<String> {
    let places: Vec<_> =
        done.iter().filter_map(|kind| KINDS.iter().position(|known| known == kind)).collect();
    let wrong = if places.windows(2).any(|pair| pair[0] == pair[1]) || doubled(&places) {
        "a call was made twice"
    } else if !places.is_sorted() {
        "calls were made out of order"
    } else if delivered.iter().any(|kind| !done.contains(kind)) {
        "a call was never made"
    } else {
        return None;
    };
    Some(format!("call-{conversation}: {wrong}: done {done:?}, delivered {delivered:?}"))
}

fn doubled(places: &[usize]) -> bool {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// What AWA did for each document, in order.
fn carried_out(sandbox: &Sandbox, calls: &[RecordedCall]) -> HashMap<String, Vec<&'static str>> {
    let mut carried_out: HashMap<_, Vec<_>> = HashMap::new();
    for call in calls.iter().filter(|call| call.performed.is_some_and(|status| status < 300)) {
        let kind = match call.endpoint {
            Endpoint::Offer => "offer",
            Endpoint::Accept => "accept",
            Endpoint::Transfer => "transfer",
            Endpoint::Assign | Endpoint::Reject | Endpoint::EndConsult | Endpoint::TableWrite => {
                "a call that no event asks for"
            }
            Endpoint::RejectReasons
            | Endpoint::Agent
            | Endpoint::TableRead
            | Endpoint::Token
            | Endpoint::Unknown => continue,
        };
        carried_out.entry(document_of(sandbox, call)).or_default().push(kind);
    }
    carried_out
}

/// The document in the path, else that of the work item in the body.
fn document_of(sandbox: &Sandbox, call: &RecordedCall) -> String {
    let work_item = call.body.as_ref().and_then(|body| body["work_item_id"].as_str());
    let work_item = work_item.and_then(|id| SysId::parse(id).ok());
    let document = work_item.and_then(|id| {
        sandbox.with_world(|world| Some(world.work_item(id)?.document.sys_id.to_string()))
    });
    document.unwrap_or_else(|| call.path.split('/').nth(6).unwrap_or_default().to_owned())
}

/// Asks a daemon over its admin address.
pub(super) struct Asks {
    http: Client,
    admin: String,
}

impl Asks {
    pub(super) fn of(admin: &str, token_file: &Path) -> Result<Self, Failure> {
        let token = admin_token::of_file(token_file)?;
        let token = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|error| broken("the admin token is no header", &error))?;
        let http = local_client(Duration::from_secs(10))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]))
            .build();
        let http = http.map_err(|error| broken("no HTTP client", &error))?;
        Ok(Self { http, admin: admin.to_owned() })
    }

    /// An event of the test's source, as JSON.
    pub(super) async fn event(&self, id: &str) -> Result<Value, Failure> {
        self.get(&format!("/v1/events/{SOURCE}/{id}")).await
    }

    async fn pending(&self) -> Result<bool, Failure> {
        let page = self.get("/v1/events?state=pending&limit=1").await?;
        Ok(page["events"].as_array().is_none_or(|events| !events.is_empty()))
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        let url = format!("http://{}{path}", self.admin);
        let asked = async { self.http.get(url).send().await?.bytes().await };
        let body =
            asked.await.map_err(|error| broken("the admin address does not answer", &error))?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, answered, requests, calls, faults, states, .. } = self;
        writeln!(f, "Kills (SIGKILL under load)     {kills}")?;
        writeln!(f, "Events answered with a 2xx     {answered}, in {requests} requests")?;
        for (state, events) in states {
            writeln!(f, "  of them {state:<22} {events}")?;
        }
        writeln!(f, "Requests that reached AWA      {calls}, {faults} of them hit by a fault")?;
        writeln!(f, "Slowest start to readiness     {} ms", self.slowest_start.as_millis())?;
        writeln!(f, "Time                           {} s", self.took.as_secs())?;
        if self.breaches.is_empty() {
            return write!(
                f,
                "\nPASSED: every answered event has one last state, no call was made twice, and every conversation kept \
                 its order."
            );
        }
        writeln!(f, "\nFAILED: {} breaches", self.breaches.len())?;
        for breach in self.breaches.iter().take(TOLD) {
            writeln!(f, "  {breach}")?;
        }
        match &self.evidence {
            Some(evidence) => write!(f, "Store and log are in {}", evidence.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
