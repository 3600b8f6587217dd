//! The daemon's state, read in one place: for `/readyz`, `/v1/status`, the metrics page, and the line that
//! systemd shows. It changes nothing.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use super::hold::Hold;
use super::instance;
use super::reload::Reloader;
use crate::admin::{Database, EventCounts, Node, Notify, ServiceNow, Status};
use crate::awa::Client;
use crate::awa::pace::Pace;
use crate::clock;
use crate::metrics as names;
use crate::notify::{Pushing, Standing};
use crate::routing::{ClockOffset, UnixMillis};
use crate::store::{DatabaseStanding, NodeStanding, Store};
use crate::systemd::Condition;

/// The parts whose state is read.
#[derive(Clone)]
pub(super) struct Vitals {
    pub(super) store: Store,
    pub(super) pace: Arc<Pace>,
    pub(super) client: Arc<Client>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) hold: Hold,
    pub(super) pushing: Arc<Pushing>,
    pub(super) started_at: UnixMillis,
}

impl Vitals {
    /// What keeps the bridge from being ready, a sentence each.
    pub(super) fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        reasons.extend(self.store.health().problem().map(|problem| format!("store: {problem}")));
        let space = self.store.space();
        reasons.extend(space.is_short().then(|| format!("store: {space}")));
        let trouble = self.client.trouble();
        reasons.extend(instance::problem(&self.pace.standing(clock::now()), trouble.as_deref()));
        reasons.extend(self.reloader.issuers_trouble());
        reasons.extend(self.reloader.problem().map(|problem| format!("reload: {problem}")));
        reasons
    }

    /// Whether webhooks can be stored, whatever ServiceNow does: for a load balancer.
    pub(super) fn takes_webhooks(&self) -> bool {
        self.store.health().problem().is_none() && !self.store.space().is_short()
    }

    /// What `systemctl status` shows.
    pub(super) fn condition(&self) -> Condition {
        let (now, counts) = (clock::now(), self.store.counts());
        let age = |at| Duration::from_millis(self.store.now().since(at));
        Condition {
            pending: counts.pending as u64,
            oldest: counts.oldest_received_at.map(age),
            parked: counts.parked as u64,
            dead: counts.dead as u64,
            breaker_open: self.pace.standing(now).breaker.is_some(),
            held: self.hold.is_held(),
            reload_failed: self.reloader.problem().is_some(),
        }
    }

    /// The answer to `GET /v1/status`.
    pub(super) fn status(&self) -> Status {
        let (now, counts) = (clock::now(), self.store.counts());
        let standing = self.pace.standing(now);
        let reasons = self.not_ready();
        let (limit, nodes) = self.pace.limit();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            ready: reasons.is_empty(),
            reasons,
            held: self.hold.held(),
            events: EventCounts {
                pending: counts.pending,
                parked: counts.parked,
                dead: counts.dead,
                remembered: counts.remembered,
                oldest_received_at: counts.oldest_received_at,
            },
            servicenow: ServiceNow {
                calls_in_flight: standing.in_flight,
                calls_allowed: standing.concurrency,
                breaker_open_until: standing.breaker,
                unauthorised_until: standing.unauthorised,
                retry_after_until: standing.retry_after,
                clock_offset_ms: self.client.clock_offset().map(ClockOffset::likely),
                calls_per_second: limit.per_second.get(),
                burst: limit.burst.get(),
                requests_per_hour: limit.per_hour,
                requests_last_hour: (limit.per_hour > 0).then_some(standing.used),
                shared_by_nodes: nodes,
            },
            database: self.store.database().map(|database| shown(&database, self.store.now())),
            notify: notify(self.pushing.standing()),
        }
    }

    /// Sets every gauge that is not set where its value changes.
    pub(super) fn set_gauges(&self) {
        let (now, counts) = (clock::now(), self.store.counts());
        let of_store = self.store.now();
        let oldest = counts.oldest_received_at.map_or(0, |at| of_store.since(at));
        gauge!(names::PENDING_EVENTS).set(number(counts.pending));
        gauge!(names::PARKED_EVENTS).set(number(counts.parked));
        gauge!(names::DEAD_EVENTS).set(number(counts.dead));
        gauge!(names::OLDEST_PENDING).set(clock::seconds(oldest));
        let started = self.started_at.since(UnixMillis(0));
        gauge!(names::START_TIME).set(clock::seconds(started));
        gauge!(names::HELD).set(flag(self.hold.is_held()));
        gauge!(names::STORE_FAILED).set(flag(self.store.health().problem().is_some()));
        #[expect(clippy::cast_precision_loss, reason = "a gauge has no use for more than 52 bits")]
        gauge!(names::STORE_FREE).set(self.store.space().free as f64);
        let database = self.store.database().unwrap_or_default();
        let alive = database.nodes.iter().filter(|node| node.is_alive).count();
        gauge!(names::NODES).set(number(alive.max(1)));
        #[expect(clippy::cast_precision_loss, reason = "no time comes near 2^52 of its units")]
        let (trip, ahead, oldest) = (
            database.round_trip_us as f64 / 1e6,
            database.clock_ahead_ms as f64 / 1e3,
            database.oldest_transaction_s as f64,
        );
        gauge!(names::DATABASE_ROUND_TRIP).set(trip);
        gauge!(names::DATABASE_CLOCK_OFFSET).set(ahead);
        gauge!(names::DATABASE_OLDEST_TRANSACTION).set(oldest);
        gauge!(names::DATABASE_STANDBYS).set(f64::from(database.synchronous_standbys));
        let oldest = self.pushing.standing().oldest.map_or(0, |at| of_store.since(at));
        gauge!(names::NOTIFY_LAG).set(clock::seconds(oldest));
        gauge!(names::RELOAD_FAILED).set(flag(self.reloader.problem().is_some()));
        let standing = self.pace.standing(now);
        gauge!(names::BREAKER_OPEN).set(flag(standing.breaker.is_some()));
        gauge!(names::UNAUTHORISED).set(flag(standing.unauthorised.is_some()));
        // Until the first answer nothing is known of ServiceNow's clock, and nothing is corrected.
        let offset = self.client.clock_offset().map_or(0, ClockOffset::likely);
        #[expect(clippy::cast_precision_loss, reason = "an offset of 2^52 ms is no offset")]
        gauge!(names::CLOCK_OFFSET).set(offset as f64 / 1000.0);
        for (contact_center, tables) in self.reloader.table_counts() {
            let tables = [
                ("queues", tables.queues),
                ("agents", tables.agents),
                ("reject_reasons", tables.reject_reasons),
            ];
            for (table, rows) in tables {
                gauge!(names::MAPPING_ROWS, "source" => contact_center.to_string(), "table" => table)
                    .set(number(rows));
            }
        }
    }
}

/// A node says every second that it is alive, for so long.
const LEASE_MS: u64 = 5_000;

/// As it is at a moment on its own clock.
fn shown(database: &DatabaseStanding, now: UnixMillis) -> Database {
    let node = |node: &NodeStanding| Node {
        name: node.name.clone(),
        version: node.version.clone(),
        started_at: node.started_at,
        alive: node.is_alive,
        lag_ms: now.plus(LEASE_MS).since(node.alive_until),
        own: node.is_own,
        rows_up_to: node.rows_up_to,
    };
    let known = !database.is_plain;
    #[expect(clippy::cast_precision_loss, reason = "no round trip comes near 2^52 us")]
    let round_trip_ms = database.round_trip_us as f64 / 1000.0;
    Database {
        nodes: database.nodes.iter().map(node).collect(),
        round_trip_ms,
        clock_ahead_ms: database.clock_ahead_ms,
        means: if database.is_plain { "plain" } else { "all" }.to_owned(),
        synchronous_standbys: known.then_some(database.synchronous_standbys),
        oldest_transaction_seconds: known.then_some(database.oldest_transaction_s),
        rows_written: database.rows_written,
        newer_conversations: database.newer_lanes,
    }
}

fn notify(standing: Standing) -> Option<Notify> {
    let (refused_since, refused) = standing.refused.unzip();
    let oldest_settled_at = standing.oldest;
    standing.receiver.map(|receiver| Notify {
        receiver,
        own: standing.is_here,
        oldest_settled_at,
        refused_since,
        refused,
    })
}

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}
