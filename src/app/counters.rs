//! Every counter and histogram from zero on: an alert on an increase needs the series before the first event.

use metrics::{counter, gauge, histogram};

use crate::clock;
use crate::metrics as names;
use crate::report::last_hour;
use crate::routing::{CallKind, Kind, State, UnixMillis};
use crate::store::{Filter, Refusal, Store};

/// Calls in the order of the contract's kinds.
const CALLS: [CallKind; 8] = [
    CallKind::Offer,
    CallKind::Transfer,
    CallKind::Assign,
    CallKind::Accept,
    CallKind::Reject,
    CallKind::EndConsult,
    CallKind::CloseDocument,
    CallKind::LookUp,
];

/// The tasks whose panics are counted.
const TASKS: [&str; 10] = [
    "intake",
    "admin",
    "dispatcher",
    "reload",
    "reload signal",
    "look-up rights",
    "probe",
    "store round trip",
    "watchdog",
    "status",
];

/// Why calls are put off: the answers of ServiceNow that lead to another try.
const WHY: [&str; 10] = [
    "agent_unavailable",
    "clock_skew",
    "conflict",
    "busy",
    "not_landed",
    "not_sent",
    "in_doubt",
    "look_up_forbidden",
    "unauthorised",
    "not_servicenow",
];

/// What has no labels, or labels that are known from the start.
pub(super) fn of_the_program() {
    gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    for connections in [names::INTAKE_CONNECTIONS, names::ADMIN_CONNECTIONS] {
        gauge!(connections).increment(0.0);
    }
    for listener in ["intake", "admin"] {
        counter!(names::CONNECTIONS_EVICTED, "listener" => listener).increment(0);
    }
    counter!(names::INTAKE_PANICS).increment(0);
    counter!(names::CALL_PANICS).increment(0);
    for task in TASKS {
        counter!(names::TASK_PANICS, "task" => task).increment(0);
    }
    counter!(names::LOG_LINES_DROPPED).increment(0);
    for call in CALLS.map(CallKind::as_str) {
        counter!(names::AWA_REQUESTS, "call" => call, "status" => "200").increment(0);
        let _registered = histogram!(names::AWA_REQUEST_DURATION, "call" => call);
    }
    for why in WHY {
        counter!(names::RETRIES, "why" => why).increment(0);
    }
    for kind in Kind::ALL.map(Kind::as_str) {
        let _registered = histogram!(names::EVENT_TO_CALL, "kind" => kind);
    }
    let _registered = histogram!(names::RATE_LIMIT_WAIT);
    let _registered = histogram!(names::STORE_COMMIT_DURATION);
}

/// What is counted by source; asked again after a reload that may have brought new ones.
pub(super) async fn of_sources(store: Store, sources: Vec<String>) {
    for source in sources {
        of_source(&source);
        last_event(&store, &source, clock::now()).await;
    }
}

fn of_source(source: &str) {
    let source = || source.to_owned();
    for kind in Kind::ALL.map(Kind::as_str).into_iter().chain(["unknown"]) {
        for state in State::ALL.map(State::as_str) {
            counter!(names::EVENTS, "source" => source(), "kind" => kind, "state" => state)
                .increment(0);
        }
    }
    for result in ["accepted", "duplicate", "ignored"] {
        counter!(names::INTAKE_EVENTS, "source" => source(), "result" => result).increment(0);
    }
    for status in ["200", "202", "401", "503"] {
        counter!(names::INTAKE_ANSWERS, "source" => source(), "status" => status).increment(0);
    }
    for limit in Refusal::LIMITS {
        counter!(names::REJECTED_REQUESTS, "source" => source(), "limit" => limit).increment(0);
    }
    counter!(names::UNKNOWN_EVENTS, "source" => source()).increment(0);
    counter!(names::LOG_LINES_HELD_BACK, "source" => source()).increment(0);
    counter!(names::EXPIRED, "source" => source()).increment(0);
    counter!(names::LOGICAL_DUPLICATES, "source" => source()).increment(0);
    let _registered = histogram!(names::INTAKE_DURATION, "source" => source());
}

/// When the last event of a source came, as far as the store remembers; `now` where it remembers none, so that the
/// source is not missed before it could be heard.
async fn last_event(store: &Store, source: &str, now: UnixMillis) {
    let filter = Filter { source: Some(source.to_owned()), limit: 1, ..Filter::default() };
    let newest = store.events(filter).await.ok().and_then(|page| page.events.first().cloned());
    let newest = newest.map(|event| event.received_at);
    if let Some(at) = newest {
        last_hour().heard(source, at);
    }
    let at = newest.unwrap_or(now);
    let seconds = clock::seconds(at.since(UnixMillis(0)));
    gauge!(names::LAST_EVENT, "source" => source.to_owned()).set(seconds);
}
