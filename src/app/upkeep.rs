//! What is done every few seconds for as long as the daemon runs: the line for systemd, the metrics' housekeeping, and
//! the check that the store's writer works.

use std::sync::Arc;
use std::time::Duration;

use super::vitals::Vitals;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::systemd::Notifier;
use crate::systemd::watchdog::{Beat, Watchdog};

/// How often the line for systemd is made anew.
const STATUS: Duration = Duration::from_secs(2);

/// The dispatcher and the intake turn at least every second; a commit may take ten until the store fails by itself.
const ALLOWANCE: Duration = Duration::from_secs(20);

/// The loops that are watched, and what watches them.
pub(super) struct Beats {
    pub(super) watchdog: Watchdog,
    pub(super) dispatcher: Beat,
    pub(super) intake: Beat,
    pub(super) writer: Beat,
}

impl Beats {
    pub(super) fn register() -> Self {
        let watchdog = Watchdog::default();
        let dispatcher = watchdog.register("dispatcher", ALLOWANCE);
        let intake = watchdog.register("intake", ALLOWANCE);
        let writer = watchdog.register("store writer", ALLOWANCE);
        Self { watchdog, dispatcher, intake, writer }
    }
}

/// Reports the state to systemd and folds the metrics; runs until it is dropped.
pub(super) async fn tell(vitals: Arc<Vitals>, notifier: Notifier, metrics: Metrics) {
    loop {
        notifier.status(&vitals.condition().to_string());
        metrics.upkeep();
        tokio::time::sleep(STATUS).await;
    }
}

/// Goes through the writer's queue and back; beats each time that it comes back. Ends when the store does.
pub(super) async fn heartbeat_writer(store: Store, beat: Arc<Beat>) {
    while store.round_trip().await.is_ok() {
        beat.beat();
        tokio::time::sleep(beat.interval()).await;
    }
}
