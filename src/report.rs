//! One log line and one count per state that an event reaches, in the order of the commits; and the cap on lines that
//! an outage would repeat without end.

mod histogram;
mod last_hour;
pub(crate) mod nodes;
mod repeats;

use std::sync::Arc;

use metrics::{counter, gauge};
use tracing::field::display;
use tracing::{debug, error, info, warn};

use crate::clock;
use crate::metrics as names;
use crate::routing::{Outcome, ReasonCode, UnixMillis};
use crate::store::{EventMeta, Failed, Operated, Settled, Transition};

pub(crate) use last_hour::{Activity, Happening, SourceActivity, last_hour};
pub(crate) use repeats::Repeats;

/// Counts what the profile of a source knows nothing about.
pub(crate) fn unknown(source: &str) {
    counter!(names::UNKNOWN_EVENTS, "source" => source.to_owned()).increment(1);
    last_hour().count(source, Happening::Unknown, clock::now());
}

/// Takes note of an authentic request of a source.
pub(crate) fn heard(source: &Arc<str>, at: UnixMillis) {
    let seconds = clock::seconds(at.since(UnixMillis(0)));
    gauge!(names::LAST_EVENT, "source" => Arc::clone(source)).set(seconds);
    last_hour().heard(source, at);
}

/// Tells and counts one change of state.
pub(crate) fn transition(transition: &Transition) {
    match transition {
        Transition::Pending(EventMeta { source, id: event_id, kind, conversation }) => {
            count(source, kind, "pending");
            last_hour().count(source, Happening::Stored, clock::now());
            info!(%source, event_id, kind, conversation, state = "pending", "The {kind} is stored");
        }
        Transition::Duplicate(EventMeta { source, id: event_id, kind, conversation }) => {
            debug!(%source, event_id, kind, conversation, "Duplicate event: nothing to do");
        }
        Transition::Parked(EventMeta { source, id: event_id, kind, conversation }, missing) => {
            count(source, kind, "parked");
            info!(
                %source, event_id, kind, conversation, state = "parked", reason = "unmapped",
                "The {kind} is parked: {missing}"
            );
        }
        Transition::Resumed(EventMeta { source, id: event_id, kind, conversation }) => info!(
            %source, event_id, kind, conversation, state = "pending",
            "The {kind} resumes: its mapping has been added"
        ),
        Transition::Settled(settled) => ended(settled),
        Transition::Replayed(Operated { source, event_id, by }) => {
            info!(source, event_id, by, "replayed");
        }
        Transition::Discarded(Operated { source, event_id, by }) => {
            info!(source, event_id, by, "discarded");
        }
        Transition::Damaged(number, why) => error!(
            entry = number,
            error = why,
            "the store holds a damaged row; its event is now a dead letter"
        ),
        Transition::LeftToNewer(entry) => warn!(
            entry = entry.0,
            "the answer to a call is left to other nodes, which look it up: {}",
            Failed::Newer
        ),
        Transition::Joined(from, into) => {
            debug!(%from, %into, "two conversations share a document");
        }
    }
}

fn count(source: &str, kind: &'static str, state: &'static str) {
    counter!(names::EVENTS, "source" => source.to_owned(), "kind" => kind, "state" => state)
        .increment(1);
}

fn ended(settled: &Settled) {
    let Settled { meta, outcome, reason, attempts, waited } = settled;
    let (source, kind, state) = (meta.source.to_string(), meta.kind, outcome.as_str());
    count(&source, kind, state);
    let happened = |what| last_hour().count(&source, what, clock::now());
    if *outcome == Outcome::Expired {
        counter!(names::EXPIRED, "source" => source.clone()).increment(1);
        happened(Happening::Expired);
    }
    if *outcome == Outcome::Dead {
        happened(Happening::Dead);
    }
    let code = reason.code.known();
    if code == Some(ReasonCode::Unreadable) {
        happened(Happening::Unreadable);
    }
    if code == Some(ReasonCode::LogicalDuplicate) {
        counter!(names::LOGICAL_DUPLICATES, "source" => source.clone()).increment(1);
    }
    let (event_id, conversation) = (meta.id.as_str(), meta.conversation.as_str());
    let what = if kind == "unknown" { "event" } else { kind };
    let detail = reason.detail.as_deref();
    let (reason, waited_ms) = (reason.code.to_string(), waited.total());
    let waited = (waited_ms > 0).then(|| display(waited));
    if *outcome == Outcome::Dead && code.is_some_and(ReasonCode::needs_a_person) {
        error!(
            source,
            event_id,
            kind,
            conversation,
            state,
            reason,
            detail,
            attempts,
            waited_ms,
            waited,
            "The {what} is dead-lettered and needs attention: `awa-bridge events show {source}/{event_id}`"
        );
    } else {
        info!(
            source,
            event_id,
            kind,
            conversation,
            state,
            reason,
            detail,
            attempts,
            waited_ms,
            waited,
            "The {what} is {state}"
        );
    }
}
