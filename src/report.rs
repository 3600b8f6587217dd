//! One log line and one count per state that an event reaches, called by whoever committed the decision; and the cap on
//! lines that an outage would repeat without end.

mod repeats;

use metrics::counter;
use tracing::field::display;
use tracing::{error, info};

use crate::metrics as names;
use crate::routing::Outcome;
use crate::store::Settled;

pub use repeats::Repeats;

/// Reasons of a dead letter that a person has to act on: nothing heals them by itself.
const ACT_ON: [&str; 6] =
    ["misconfigured", "unreadable", "in_doubt", "clock_skew", "damaged_row", "table_not_allowed"];

/// Says how events ended.
pub fn settled(all: &[Settled]) {
    for one in all {
        let Settled { meta, outcome, reason, attempts, waited, received_at: _ } = one;
        let (source, kind, state) = (meta.source.to_string(), meta.kind, outcome.as_str());
        counter!(names::EVENTS, "source" => source.clone(), "kind" => kind, "state" => state)
            .increment(1);
        if *outcome == Outcome::Expired {
            counter!(names::EXPIRED, "source" => source.clone()).increment(1);
        }
        if reason.code == "logical_duplicate" {
            counter!(names::LOGICAL_DUPLICATES, "source" => source.clone()).increment(1);
        }
        let (event_id, conversation) = (meta.id.as_str(), meta.conversation.as_str());
        let what = if kind == "unknown" { "event" } else { kind };
        let detail = reason.detail.as_deref();
        let (reason, waited_ms) = (reason.code.as_str(), waited.total());
        let waited = (waited_ms > 0).then(|| display(waited));
        if *outcome == Outcome::Dead && ACT_ON.contains(&reason) {
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
                "The {what} is given up and wants a person: `awa-bridge events show {source}/{event_id}`"
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
}
