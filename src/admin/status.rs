//! How the daemon stands: the JSON of `GET /v1/status` and of the answers to hold and resume. The commands read it too, so a
//! member that the daemon does not write has its default.

use serde::{Deserialize, Serialize};

use crate::routing::{UnixMillis, rfc3339};

/// The answer to `GET /v1/status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub version: String,
    #[serde(with = "rfc3339")]
    pub started_at: UnixMillis,
    pub ready: bool,
    /// What keeps it from being ready, a sentence each.
    pub reasons: Vec<String>,
    pub held: Option<Held>,
    pub events: EventCounts,
    pub servicenow: ServiceNow,
}

/// An operator's hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    #[serde(with = "rfc3339")]
    pub since: UnixMillis,
    pub by: String,
    /// When it ends by itself; none: with `resume`.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMillis>,
}

/// How many events the store has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EventCounts {
    pub pending: usize,
    pub parked: usize,
    pub dead: usize,
    /// Ids that are still known, settled ones included.
    pub remembered: usize,
    /// Of those that are pending.
    #[serde(with = "rfc3339::optional")]
    pub oldest_received_at: Option<UnixMillis>,
}

/// How calls to ServiceNow stand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceNow {
    pub calls_in_flight: u32,
    pub calls_allowed: u32,
    #[serde(with = "rfc3339::optional")]
    pub breaker_open_until: Option<UnixMillis>,
    #[serde(with = "rfc3339::optional")]
    pub unauthorised_until: Option<UnixMillis>,
    #[serde(with = "rfc3339::optional")]
    pub retry_after_until: Option<UnixMillis>,
    pub clock_offset_ms: Option<i64>,
    /// How many calls may leave in a second, and at once.
    pub calls_per_second: u32,
    pub burst: u32,
    /// How many requests may be made in an hour, and were made in the last one; 0: there is no budget, and none are counted.
    pub requests_per_hour: u32,
    pub requests_last_hour: u32,
}

/// The answer to `POST /v1/hold` and `/v1/resume`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HoldAnswer {
    /// Whether it was otherwise before.
    pub changed: bool,
    pub status: Status,
}
