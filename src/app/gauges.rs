//! The metrics page: gauges are set when it is asked for, counters and histograms by whoever counts.

use std::sync::Arc;

use metrics::gauge;

use super::reload::Reloader;
use crate::awa::Client;
use crate::awa::pace::Pace;
use crate::clock;
use crate::metrics as names;
use crate::store::Store;

pub(super) fn page(
    metrics: names::Metrics,
    store: &Store,
    pace: &Arc<Pace>,
    client: &Arc<Client>,
    reloader: &Arc<Reloader>,
) -> Box<dyn Fn() -> String + Send + Sync> {
    let (store, pace, client, reloader) =
        (store.clone(), Arc::clone(pace), Arc::clone(client), Arc::clone(reloader));
    Box::new(move || {
        set(&store, &pace, &client, &reloader);
        metrics.render()
    })
}

fn set(store: &Store, pace: &Pace, client: &Client, reloader: &Reloader) {
    let now = clock::now();
    let counts = store.counts();
    let oldest = counts.oldest_received_at.map_or(0, |at| now.since(at));
    gauge!(names::PENDING_EVENTS).set(number(counts.pending));
    gauge!(names::PARKED_EVENTS).set(number(counts.parked));
    gauge!(names::DEAD_EVENTS).set(number(counts.dead));
    gauge!(names::OLDEST_PENDING).set(seconds(oldest));
    gauge!(names::STORE_FAILED).set(flag(store.health().problem().is_some()));
    gauge!(names::RELOAD_FAILED).set(flag(reloader.problem().is_some()));
    let standing = pace.standing(now);
    gauge!(names::BREAKER_OPEN).set(flag(standing.breaker.is_some()));
    gauge!(names::UNAUTHORISED).set(flag(standing.unauthorised.is_some()));
    if let Some(offset) = client.clock_offset_ms() {
        #[expect(clippy::cast_precision_loss, reason = "an offset of 2^52 ms is no offset")]
        gauge!(names::CLOCK_OFFSET).set(offset as f64 / 1000.0);
    }
    for (contact_center, tables) in reloader.table_counts() {
        let tables = [
            ("queues", tables.queues),
            ("agents", tables.agents),
            ("reject_reasons", tables.reject_reasons),
        ];
        for (table, rows) in tables {
            gauge!(names::MAPPING_ROWS, "source" => contact_center.clone(), "table" => table)
                .set(number(rows));
        }
    }
}

fn flag(on: bool) -> f64 {
    if on { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge has no use for more than 52 bits")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
