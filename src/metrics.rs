//! Every metric's name, help and labels in one place, and the process's one recorder. It opens no port: the admin
//! address shows what [`Metrics::render`] returns.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Events by where they stand or how they ended. Labels: `source`, `kind`, `state`.
pub(crate) const EVENTS: &str = "awa_bridge_events_total";
/// Unsettled events.
pub(crate) const PENDING_EVENTS: &str = "awa_bridge_pending_events";
/// Age of the oldest unsettled event.
pub(crate) const OLDEST_PENDING: &str = "awa_bridge_oldest_pending_seconds";
/// Unsettled events that wait for a mapping.
pub(crate) const PARKED_EVENTS: &str = "awa_bridge_parked_events";
/// Dead letters that nobody has replayed or discarded.
pub(crate) const DEAD_EVENTS: &str = "awa_bridge_dead_events";
/// 1 while an operator holds all sending.
pub(crate) const HELD: &str = "awa_bridge_held";
pub(crate) const START_TIME: &str = "awa_bridge_start_time_seconds";
/// Always 1. Label: `version`.
pub(crate) const BUILD_INFO: &str = "awa_bridge_build_info";
/// 1 while the store cannot write.
pub(crate) const STORE_FAILED: &str = "awa_bridge_store_failed";
/// Bytes free on the store's disk.
pub(crate) const STORE_FREE: &str = "awa_bridge_store_free_bytes";
/// 1 while the last reload was refused and the old files are in force.
pub(crate) const RELOAD_FAILED: &str = "awa_bridge_reload_failed";
/// 1 while calls are held because ServiceNow does not answer as it should.
pub(crate) const BREAKER_OPEN: &str = "awa_bridge_breaker_open";
/// 1 while ServiceNow refuses the bridge's credentials.
pub(crate) const UNAUTHORISED: &str = "awa_bridge_unauthorised";
/// Calls to ServiceNow. Labels: `call`, `status` (`none` where no answer came).
pub(crate) const AWA_REQUESTS: &str = "awa_bridge_awa_requests_total";
/// From a call's start to the end of its answer. Label: `call`.
pub(crate) const AWA_REQUEST_DURATION: &str = "awa_bridge_awa_request_duration_seconds";
/// From an event's receipt to the moment its first request leaves. Label: `kind`.
pub(crate) const EVENT_TO_CALL: &str = "awa_bridge_event_to_call_seconds";
/// What a call waited for the rate limit.
pub(crate) const RATE_LIMIT_WAIT: &str = "awa_bridge_rate_limit_wait_seconds";
/// Calls put off. Label: `why`.
pub(crate) const RETRIES: &str = "awa_bridge_retries_total";
/// Events whose deadline passed before they could be delivered. Label: `source`.
pub(crate) const EXPIRED: &str = "awa_bridge_expired_total";
/// Rows in force. Labels: `source` (the contact centre), `table`.
pub(crate) const MAPPING_ROWS: &str = "awa_bridge_mapping_rows";
/// When the last authentic event of a source came, in seconds since 1970. Label: `source`.
pub(crate) const LAST_EVENT: &str = "awa_bridge_last_event_timestamp_seconds";
/// ServiceNow's clock less ours.
pub(crate) const CLOCK_OFFSET: &str = "awa_bridge_clock_offset_seconds";
/// Requests an hour that a rate limit rule of ServiceNow's allows this user. Label: `rule`, its sys_id.
pub(crate) const RATE_RULE_LIMIT: &str = "awa_bridge_servicenow_rate_limit_requests";
/// When that hour ends, in seconds since 1970. Label: `rule`.
pub(crate) const RATE_RULE_RESET: &str = "awa_bridge_servicenow_rate_limit_reset_timestamp_seconds";
/// From the first row of a commit until it is synced.
pub(crate) const STORE_COMMIT_DURATION: &str = "awa_bridge_store_commit_duration_seconds";
/// Events read from webhook requests. Labels: `source`, `result` (accepted, duplicate, ignored).
pub(crate) const INTAKE_EVENTS: &str = "awa_bridge_intake_events_total";
/// Events that told again, under another id, what the event before them had told. Label: `source`.
pub(crate) const LOGICAL_DUPLICATES: &str = "awa_bridge_logical_duplicates_total";
/// Requests or parts of them that a profile knows nothing about. Label: `source`.
pub(crate) const UNKNOWN_EVENTS: &str = "awa_bridge_unknown_events_total";
/// Answers to webhook requests. Labels: `source` (empty for an unknown one), `status`.
pub(crate) const INTAKE_ANSWERS: &str = "awa_bridge_intake_answers_total";
/// Authentic webhook requests that were turned away. Labels: `source`, `limit` (pending, source, parked, conversation, queue,
/// disk, store).
pub(crate) const REJECTED_REQUESTS: &str = "awa_bridge_rejected_requests_total";
/// From a webhook request's head to its answer. Label: `source`.
pub(crate) const INTAKE_DURATION: &str = "awa_bridge_intake_duration_seconds";
/// Open connections of the intake.
pub(crate) const INTAKE_CONNECTIONS: &str = "awa_bridge_intake_connections";
/// Open connections of the admin address.
pub(crate) const ADMIN_CONNECTIONS: &str = "awa_bridge_admin_connections";
/// Connections that gave way to new ones because all places were taken. Label: `listener`.
pub(crate) const CONNECTIONS_EVICTED: &str = "awa_bridge_connections_evicted_total";
/// Webhook requests that ended in a defect of the program.
pub(crate) const INTAKE_PANICS: &str = "awa_bridge_intake_panics_total";
/// Calls to ServiceNow that ended in a defect of the program.
pub(crate) const CALL_PANICS: &str = "awa_bridge_call_panics_total";
/// Panics of tasks beside webhooks and calls. Label: `task`.
pub(crate) const TASK_PANICS: &str = "awa_bridge_task_panics_total";
/// Log lines that were not written because their source had had its share. Label: `source`.
pub(crate) const LOG_LINES_HELD_BACK: &str = "awa_bridge_log_lines_held_back_total";
/// Log lines that were dropped, because the reader of stdout was too slow or away.
pub(crate) const LOG_LINES_DROPPED: &str = "awa_bridge_log_lines_dropped_total";

/// Histogram bounds in seconds: 1 ms to 60 s.
pub(crate) const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

const COUNTERS: [(&str, &str); 15] = [
    (EVENTS, "Events by where they stand or how they ended"),
    (AWA_REQUESTS, "Calls to ServiceNow by call and HTTP status; none where no answer came"),
    (RETRIES, "Calls put off, by why"),
    (EXPIRED, "Events whose deadline passed before they could be delivered"),
    (INTAKE_EVENTS, "Events read from webhook requests, by what became of them"),
    (
        LOGICAL_DUPLICATES,
        "Events that told again under another id what the event before them had told",
    ),
    (UNKNOWN_EVENTS, "Webhook requests, or parts of them, that the profile knows nothing about"),
    (INTAKE_ANSWERS, "Answers to webhook requests, by HTTP status"),
    (
        CONNECTIONS_EVICTED,
        "Connections that gave way to new ones because all places were taken, by listener",
    ),
    (REJECTED_REQUESTS, "Authentic webhook requests turned away, by the limit that was reached"),
    (INTAKE_PANICS, "Webhook requests that ended in a defect of the program"),
    (CALL_PANICS, "Calls to ServiceNow that ended in a defect of the program"),
    (TASK_PANICS, "Defects of the program in tasks beside webhooks and calls, by task"),
    (
        LOG_LINES_HELD_BACK,
        "Log lines about refused and unknown webhooks that were not written, because their source had had its share",
    ),
    (LOG_LINES_DROPPED, "Log lines dropped because the reader of stdout was too slow or away"),
];

const GAUGES: [(&str, Unit, &str); 19] = [
    (BUILD_INFO, Unit::Count, "Always 1; the label says which version runs"),
    (START_TIME, Unit::Seconds, "When the process started, in Unix time"),
    (HELD, Unit::Count, "1 while an operator holds all sending"),
    (PENDING_EVENTS, Unit::Count, "Unsettled events"),
    (PARKED_EVENTS, Unit::Count, "Unsettled events that wait for a mapping"),
    (DEAD_EVENTS, Unit::Count, "Dead letters that nobody has replayed or discarded"),
    (STORE_FAILED, Unit::Count, "1 while the store cannot write"),
    (STORE_FREE, Unit::Bytes, "Bytes free on the store's disk"),
    (RELOAD_FAILED, Unit::Count, "1 while the last reload was refused"),
    (
        BREAKER_OPEN,
        Unit::Count,
        "1 while calls are held because ServiceNow does not answer as it should",
    ),
    (UNAUTHORISED, Unit::Count, "1 while ServiceNow refuses the bridge's credentials"),
    (OLDEST_PENDING, Unit::Seconds, "Age of the oldest unsettled event"),
    (MAPPING_ROWS, Unit::Count, "Rows of the mapping tables in force"),
    (
        LAST_EVENT,
        Unit::Seconds,
        "When the last authentic event of a source came, since 1970; the start where none is known",
    ),
    (CLOCK_OFFSET, Unit::Seconds, "ServiceNow's clock less this machine's"),
    (RATE_RULE_LIMIT, Unit::Count, "Requests an hour that ServiceNow's rate limit rule allows"),
    (RATE_RULE_RESET, Unit::Seconds, "When the hour of that rule ends, since 1970"),
    (INTAKE_CONNECTIONS, Unit::Count, "Open connections of the intake"),
    (ADMIN_CONNECTIONS, Unit::Count, "Open connections of the admin address"),
];

const HISTOGRAMS: [(&str, &str); 5] = [
    (AWA_REQUEST_DURATION, "From the start of a call to ServiceNow to the end of its answer"),
    (EVENT_TO_CALL, "From an event's receipt to the moment its first request leaves"),
    (RATE_LIMIT_WAIT, "What a call waited for the rate limit"),
    (STORE_COMMIT_DURATION, "From the first row of a commit until it is synced"),
    (INTAKE_DURATION, "From a webhook request's head to its answer"),
];

/// Keeps a label whose values come from outside to so few that no metrics page grows without end.
#[derive(Debug, Default)]
pub(crate) struct BoundedLabel {
    values: Mutex<BTreeSet<String>>,
}

impl BoundedLabel {
    /// How many values are told apart.
    pub(crate) const MOST: usize = 20;

    /// The value, or `other` where there are many already.
    #[must_use]
    pub(crate) fn of(&self, value: &str) -> String {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.contains(value) {
            return value.to_owned();
        }
        if values.len() >= Self::MOST {
            return "other".to_owned();
        }
        values.insert(value.to_owned());
        value.to_owned()
    }
}

/// The process's metrics. There is one recorder; later calls of [`Metrics::install`] get the same.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: PrometheusHandle,
}

/// Another part of the process has installed a recorder of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecorderTaken;

impl fmt::Display for RecorderTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another metrics recorder is installed in this process")
    }
}

impl std::error::Error for RecorderTaken {}

static INSTALLED: OnceLock<Result<Metrics, RecorderTaken>> = OnceLock::new();

impl Metrics {
    /// Installs the recorder and describes every metric, once.
    ///
    /// # Errors
    /// Somebody else's recorder is installed.
    pub(crate) fn install() -> Result<Self, RecorderTaken> {
        INSTALLED
            .get_or_init(|| {
                let recorder = PrometheusBuilder::new()
                    .set_buckets(&BUCKETS)
                    .map_err(|_| RecorderTaken)?
                    .install_recorder()
                    .map_err(|_| RecorderTaken)?;
                describe();
                Ok(Self { recorder })
            })
            .clone()
    }

    /// All metrics as Prometheus text.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        self.recorder.render()
    }

    /// Folds what was recorded into the buckets; wanted every few seconds where nobody scrapes, or memory grows.
    pub(crate) fn upkeep(&self) {
        self.recorder.run_upkeep();
    }
}

fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
    }
    for (name, unit, help) in GAUGES {
        describe_gauge!(name, unit, help);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(name, Unit::Seconds, help);
    }
}

#[cfg(test)]
pub(crate) mod tests;
