//! How the daemon stands: the JSON of `GET /v1/status` and of the answers to hold and resume. The commands read it too,
//! so a member that the daemon does not write has its default.

use serde::{Deserialize, Serialize};

use crate::routing::{UnixMillis, rfc3339};

/// The answer to `GET /v1/status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) version: String,
    #[serde(with = "rfc3339")]
    pub(crate) started_at: UnixMillis,
    pub(crate) ready: bool,
    /// What keeps it from being ready, a sentence each.
    pub(crate) reasons: Vec<String>,
    pub(crate) held: Option<Held>,
    pub(crate) events: EventCounts,
    pub(crate) servicenow: ServiceNow,
    /// Where several nodes share one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    /// Where settled events are pushed somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify: Option<Notify>,
}

/// How pushing settled events stands, as far as the node knows that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notify {
    /// Its host.
    pub(crate) receiver: String,
    /// Whether it is the node that answers that pushes.
    pub(crate) own: bool,
    /// Of the oldest event that the receiver has not taken.
    #[serde(with = "rfc3339::optional")]
    pub(crate) oldest_settled_at: Option<UnixMillis>,
    /// Since when the receiver takes nothing, and why.
    #[serde(with = "rfc3339::optional")]
    pub(crate) refused_since: Option<UnixMillis>,
    pub(crate) refused: Option<String>,
}

/// How the shared database stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Database {
    pub(crate) nodes: Vec<Node>,
    pub(crate) round_trip_ms: f64,
    /// Its clock less this machine's.
    pub(crate) clock_ahead_ms: i64,
    /// `[store.postgres] means`: of another database than PostgreSQL, "plain", the next two are not known.
    pub(crate) means: String,
    pub(crate) synchronous_standbys: Option<u32>,
    pub(crate) oldest_transaction_seconds: Option<u64>,
    /// The version of rows that all living nodes read, in which this one writes.
    pub(crate) rows_written: i16,
    /// How many conversations a newer program has written, which this node leaves to others; 10,000 stands for more.
    pub(crate) newer_conversations: u32,
}

/// One node of those that share a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) version: String,
    #[serde(with = "rfc3339")]
    pub(crate) started_at: UnixMillis,
    /// Whether it said so within the last seconds.
    pub(crate) alive: bool,
    /// How long ago it said so last, in milliseconds.
    pub(crate) lag_ms: u64,
    /// It is the one that answers.
    pub(crate) own: bool,
    /// The newest version of rows that it reads and writes.
    pub(crate) rows_up_to: i16,
}

/// An operator's hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    #[serde(with = "rfc3339")]
    pub(crate) since: UnixMillis,
    pub(crate) by: String,
    /// When it ends by itself; none: with `resume`.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<UnixMillis>,
}

/// How many events the store has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EventCounts {
    pub(crate) pending: usize,
    pub(crate) parked: usize,
    pub(crate) dead: usize,
    /// Ids that are still known, settled ones included.
    pub(crate) remembered: usize,
    /// Of those that are pending.
    #[serde(with = "rfc3339::optional")]
    pub(crate) oldest_received_at: Option<UnixMillis>,
}

/// How calls to ServiceNow stand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceNow {
    pub(crate) calls_in_flight: u32,
    pub(crate) calls_allowed: u32,
    #[serde(with = "rfc3339::optional")]
    pub(crate) breaker_open_until: Option<UnixMillis>,
    #[serde(with = "rfc3339::optional")]
    pub(crate) unauthorised_until: Option<UnixMillis>,
    #[serde(with = "rfc3339::optional")]
    pub(crate) retry_after_until: Option<UnixMillis>,
    pub(crate) clock_offset_ms: Option<i64>,
    /// How many calls may leave in a second, and at once.
    pub(crate) calls_per_second: u32,
    pub(crate) burst: u32,
    /// How many requests may be made in an hour; 0: there is no budget.
    pub(crate) requests_per_hour: u32,
    /// How many were made in the last one; none: without a budget none are counted.
    pub(crate) requests_last_hour: Option<u32>,
    /// How many nodes share the limits, the budget and the pauses; 0: they are this daemon's own.
    pub(crate) shared_by_nodes: usize,
}

/// The answer to `POST /v1/hold` and `/v1/resume`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HoldAnswer {
    /// Whether it was otherwise before.
    pub(crate) changed: bool,
    pub(crate) status: Status,
}
