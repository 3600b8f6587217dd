//! Every metric in one table: name, kind, labels with their values, help. And the process's one recorder, which opens
//! no port: the admin address shows what [`Metrics::render`] returns.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::routing::Meaning;

/// One metric, as `/metrics` and `monitoring/README.md` show it; tests hold both against this table.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [Label],
    pub(crate) help: &'static str,
}

/// What a metric measures, and in which unit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge(Unit),
    /// Of seconds.
    Histogram,
}

/// A label and its values.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    pub(crate) values: Values,
}

/// The values of a label.
#[derive(Debug)]
pub(crate) enum Values {
    /// There are no others.
    All(&'static [&'static str]),
    /// Those that are there from the start; others come.
    First(&'static [&'static str]),
}

impl Label {
    const fn of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::All(values) }
    }

    const fn open(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values: Values::First(values) }
    }

    /// The values that are there from the start.
    pub(crate) const fn known(&self) -> &'static [&'static str] {
        match self.values {
            Values::All(values) | Values::First(values) => values,
        }
    }
}

const SOURCE: Label = Label::open("source", &[]);
const RULE: Label = Label::open("rule", &[]);
/// The kinds of events; the last is for what could not be read.
const KINDS: &[&str] = &[
    "offer",
    "transfer",
    "assign",
    "accept",
    "reject",
    "consult_end",
    "withdraw",
    "leave",
    "bind",
    "unknown",
];
const KIND: Label = Label::of("kind", KINDS.split_at(KINDS.len() - 1).0);
const KIND_OR_UNKNOWN: Label = Label::of("kind", KINDS);
const STATE: Label = Label::of(
    "state",
    &["pending", "parked", "delivered", "expired", "superseded", "dead", "discarded"],
);
const CALL: Label = Label::of(
    "call",
    &[
        "offer",
        "transfer",
        "assign",
        "accept",
        "reject",
        "end_consult",
        "close_document",
        "look_up",
        "probe",
        "reject_reasons",
        "token",
    ],
);
const WHY: Label = Label::of("why", &Meaning::PUT_OFF);
const LIMIT: Label = Label::of(
    "limit",
    &["pending", "source", "parked", "conversation", "queue", "disk", "store", "newer"],
);
const RESULT_OF_PUSH: Label = Label::of("result", &["taken", "failed"]);
const LISTENER: Label = Label::of("listener", &["intake", "admin"]);
const TASK: Label = Label::of(
    "task",
    &[
        "intake",
        "admin",
        "dispatcher",
        "reload",
        "reload signal",
        "look-up rights",
        "probe",
        "hold",
        "issuer's keys",
        "changes",
        "notify",
        "activity",
        "store round trip",
        "store watch",
        "shared pace",
        "watchdog",
        "status",
    ],
);

/// Makes of each row a constant with its name, and of all rows [`METRICS`].
macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:expr, [$($label:expr),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $constant: &str = $name;
        )*

        /// All of them.
        pub(crate) const METRICS: &[Metric] =
            &[$(Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help }),*];
    };
}

metrics! {
    EVENTS = "awa_bridge_events_total", Kind::Counter, [SOURCE, KIND_OR_UNKNOWN, STATE],
        "Events by the state that they reached";
    AWA_REQUESTS = "awa_bridge_awa_requests_total", Kind::Counter, [CALL, Label::open("status", &["200"])],
        "Requests to ServiceNow by call and HTTP status; none where no answer came";
    RETRIES = "awa_bridge_retries_total", Kind::Counter, [WHY],
        "Calls put off for another try, by what ServiceNow's answer meant";
    EXPIRED = "awa_bridge_expired_total", Kind::Counter, [SOURCE],
        "Events whose deadline passed before they could be delivered";
    INTAKE_EVENTS = "awa_bridge_intake_events_total", Kind::Counter,
        [SOURCE, Label::of("result", &["accepted", "duplicate", "ignored"])],
        "Events read from webhook requests, by result";
    LOGICAL_DUPLICATES = "awa_bridge_logical_duplicates_total", Kind::Counter, [SOURCE],
        "Events that repeated, under another id, what the event before them had said";
    UNKNOWN_EVENTS = "awa_bridge_unknown_events_total", Kind::Counter, [SOURCE],
        "Webhook requests, or parts of them, that the profile does not know";
    INTAKE_ANSWERS = "awa_bridge_intake_answers_total", Kind::Counter,
        [SOURCE, Label::open("status", &["200", "202", "401", "503"])],
        "Answers to webhook requests by HTTP status; the source is empty where it is unknown";
    CONNECTIONS_EVICTED = "awa_bridge_connections_evicted_total", Kind::Counter, [LISTENER],
        "Connections closed to make room for new ones, because as many as allowed were open";
    REJECTED_REQUESTS = "awa_bridge_rejected_requests_total", Kind::Counter, [SOURCE, LIMIT],
        "Authentic webhook requests rejected, by the limit that was reached";
    INTAKE_PANICS = "awa_bridge_intake_panics_total", Kind::Counter, [],
        "Webhook requests whose handling panicked";
    CALL_PANICS = "awa_bridge_call_panics_total", Kind::Counter, [],
        "Calls to ServiceNow whose handling panicked";
    TASK_PANICS = "awa_bridge_task_panics_total", Kind::Counter, [TASK],
        "Panics of tasks other than webhooks and calls";
    LOG_LINES_HELD_BACK = "awa_bridge_log_lines_held_back_total", Kind::Counter, [SOURCE],
        "Log lines about refused, unknown and unreadable webhooks beyond the 30 a minute that a source has";
    LOG_LINES_DROPPED = "awa_bridge_log_lines_dropped_total", Kind::Counter, [],
        "Log lines dropped because the reader of stdout was too slow or gone";
    BUILD_INFO = "awa_bridge_build_info", Kind::Gauge(Unit::Count), [Label::open("version", &[])],
        "Always 1; the label is the version that runs";
    START_TIME = "awa_bridge_start_time_seconds", Kind::Gauge(Unit::Seconds), [],
        "When the process started, in Unix time";
    HELD = "awa_bridge_held", Kind::Gauge(Unit::Count), [],
        "1 while an operator holds all sending";
    PENDING_EVENTS = "awa_bridge_pending_events", Kind::Gauge(Unit::Count), [],
        "Events that are neither settled nor parked";
    PARKED_EVENTS = "awa_bridge_parked_events", Kind::Gauge(Unit::Count), [],
        "Events that wait for a mapping";
    DEAD_EVENTS = "awa_bridge_dead_events", Kind::Gauge(Unit::Count), [],
        "Dead letters that nobody has replayed or discarded";
    STORE_FAILED = "awa_bridge_store_failed", Kind::Gauge(Unit::Count), [],
        "1 while the store cannot write";
    STORE_FREE = "awa_bridge_store_free_bytes", Kind::Gauge(Unit::Bytes), [],
        "Bytes free on the store's disk";
    NODES = "awa_bridge_nodes", Kind::Gauge(Unit::Count), [],
        "Nodes that are alive on the database that they share; 1 over files";
    DATABASE_ROUND_TRIP = "awa_bridge_database_round_trip_seconds", Kind::Gauge(Unit::Seconds), [],
        "From the last question to the shared database to its answer; 0 over files";
    DATABASE_CONFLICTS = "awa_bridge_database_conflicts_total", Kind::Counter, [],
        "Commits to the shared database that were decided again because another node was in the way";
    DATABASE_STANDBYS = "awa_bridge_database_synchronous_standbys", Kind::Gauge(Unit::Count), [],
        "Standbys that confirm a commit of the shared database before it is answered";
    DATABASE_OLDEST_TRANSACTION = "awa_bridge_database_oldest_transaction_seconds", Kind::Gauge(Unit::Seconds), [],
        "How long the oldest transaction of the shared database has been open";
    DATABASE_CLOCK_OFFSET = "awa_bridge_database_clock_offset_seconds", Kind::Gauge(Unit::Seconds), [],
        "The shared database's clock minus this machine's";
    RELOAD_FAILED = "awa_bridge_reload_failed", Kind::Gauge(Unit::Count), [],
        "1 while the last reload was refused and the previous configuration is in force";
    BREAKER_OPEN = "awa_bridge_breaker_open", Kind::Gauge(Unit::Count), [],
        "1 while calls are paused because ServiceNow does not answer as it should";
    UNAUTHORISED = "awa_bridge_unauthorised", Kind::Gauge(Unit::Count), [],
        "1 while ServiceNow refuses the bridge's credentials";
    OLDEST_PENDING = "awa_bridge_oldest_pending_seconds", Kind::Gauge(Unit::Seconds), [],
        "Age of the oldest event that is not settled, also of a parked one";
    MAPPING_ROWS = "awa_bridge_mapping_rows", Kind::Gauge(Unit::Count),
        [SOURCE, Label::of("table", &["queues", "agents", "reject_reasons"])],
        "Rows of the mapping tables in force; the source is the contact centre";
    LAST_EVENT = "awa_bridge_last_event_timestamp_seconds", Kind::Gauge(Unit::Seconds), [SOURCE],
        "When the last authentic event of a source came, in Unix time; the start where none is known";
    CLOCK_OFFSET = "awa_bridge_clock_offset_seconds", Kind::Gauge(Unit::Seconds), [],
        "ServiceNow's clock minus this machine's";
    RATE_RULE_LIMIT = "awa_bridge_servicenow_rate_limit_requests", Kind::Gauge(Unit::Count), [RULE],
        "Requests an hour that a rate limit rule of ServiceNow allows; the label is the rule's sys_id";
    RATE_RULE_RESET = "awa_bridge_servicenow_rate_limit_reset_timestamp_seconds",
        Kind::Gauge(Unit::Seconds), [RULE],
        "When the hour of that rule ends, in Unix time";
    NOTIFY_LAG = "awa_bridge_notify_lag_seconds", Kind::Gauge(Unit::Seconds), [],
        "How long ago the oldest event settled that the receiver of pushed events has not taken";
    NOTIFY = "awa_bridge_notify_total", Kind::Counter, [RESULT_OF_PUSH],
        "Pushes of settled events to the receiver of pushed events, by result";
    NOTIFY_GAPS = "awa_bridge_notify_gaps_total", Kind::Counter, [],
        "How often settled events were forgotten before the receiver of pushed events took them";
    INTAKE_CONNECTIONS = "awa_bridge_intake_connections", Kind::Gauge(Unit::Count), [],
        "Open connections of the intake";
    ADMIN_CONNECTIONS = "awa_bridge_admin_connections", Kind::Gauge(Unit::Count), [],
        "Open connections of the admin address";
    AWA_REQUEST_DURATION = "awa_bridge_awa_request_duration_seconds", Kind::Histogram, [CALL],
        "From the start of a request to ServiceNow to the end of its answer";
    EVENT_TO_CALL = "awa_bridge_event_to_call_seconds", Kind::Histogram, [KIND],
        "From an event's receipt to the moment its first request leaves";
    RATE_LIMIT_WAIT = "awa_bridge_rate_limit_wait_seconds", Kind::Histogram, [],
        "How long a call waited for the rate limit";
    STORE_COMMIT_DURATION = "awa_bridge_store_commit_duration_seconds", Kind::Histogram, [],
        "From the first row of a commit until it is synced";
    INTAKE_DURATION = "awa_bridge_intake_duration_seconds", Kind::Histogram, [SOURCE],
        "From a webhook request's head to its answer";
}

/// Histogram bounds in seconds: 1 ms to 60 s.
pub(crate) const BUCKETS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

impl Metric {
    /// The label sets that are known from the start, where they all are; `source` is the value of that label.
    #[must_use]
    pub(crate) fn known_series(&self, source: Option<&str>) -> Vec<Vec<metrics::Label>> {
        let mut series = vec![Vec::new()];
        for label in self.labels {
            let values: Vec<&str> = match source {
                Some(source) if label.name == SOURCE.name => vec![source],
                Some(_) | None => label.known().to_vec(),
            };
            let with = |before: &Vec<metrics::Label>| {
                let value = |value: &&str| metrics::Label::new(label.name, (*value).to_owned());
                let each = values.iter().map(value);
                each.map(|label| [before.as_slice(), &[label]].concat()).collect::<Vec<_>>()
            };
            series = series.iter().flat_map(with).collect();
        }
        series
    }

    /// Whether it is told apart by source.
    #[must_use]
    pub(crate) fn is_by_source(&self) -> bool {
        self.labels.iter().any(|label| label.name == SOURCE.name)
    }
}

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
    for Metric { name, kind, help, .. } in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *help),
            Kind::Gauge(unit) => describe_gauge!(*name, *unit, *help),
            Kind::Histogram => describe_histogram!(*name, Unit::Seconds, *help),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
