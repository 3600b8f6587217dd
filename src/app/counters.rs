//! Every counter and histogram from zero on: an alert on an increase needs the series before the first event.

use metrics::{counter, gauge, histogram};

use crate::clock;
use crate::metrics::{self as names, Kind, Metric};
use crate::report::last_hour;
use crate::routing::UnixMillis;
use crate::store::{Filter, Store};

/// What has no labels, or labels that are known from the start.
pub(super) fn of_the_program() {
    gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    for connections in [names::INTAKE_CONNECTIONS, names::ADMIN_CONNECTIONS] {
        gauge!(connections).increment(0.0);
    }
    names::METRICS
        .iter()
        .filter(|metric| !metric.is_by_source())
        .for_each(|metric| start(metric, None));
}

/// What is counted by source; asked again after a reload that may have brought new ones.
pub(super) async fn of_sources(store: Store, sources: Vec<String>) {
    for source in sources {
        let by_source = names::METRICS.iter().filter(|metric| metric.is_by_source());
        by_source.for_each(|metric| start(metric, Some(&source)));
        last_event(&store, &source, clock::now()).await;
    }
}

fn start(metric: &Metric, source: Option<&str>) {
    for labels in metric.known_series(source) {
        match metric.kind {
            Kind::Counter => counter!(metric.name, labels).increment(0),
            Kind::Histogram => drop(histogram!(metric.name, labels)),
            // Set where its value changes.
            Kind::Gauge(_) => {}
        }
    }
}

/// When the last event of a source came, as far as the store remembers; `now` where it remembers none, so that the
/// alert for a silent source does not fire too soon.
async fn last_event(store: &Store, source: &str, now: UnixMillis) {
    let filter = Filter { source: Some(source.to_owned()), limit: 1, ..Filter::default() };
    let newest = store.events(filter).await.ok().and_then(|page| page.events.first().cloned());
    let newest = newest.map(|event| event.received_at);
    if let Some(at) = newest {
        let ours = UnixMillis(at.0.saturating_sub(store.clock_ahead_ms()));
        last_hour().heard(source, ours);
    }
    let at = newest.unwrap_or(now);
    let seconds = clock::seconds(at.since(UnixMillis(0)));
    gauge!(names::LAST_EVENT, "source" => source.to_owned()).set(seconds);
}
