//! A store with much in it, written through the store's own front door.

use std::sync::Arc;

use awa_bridge::testing::clock;
use awa_bridge::testing::routing::{ContactCenter, EventJson, OfferDefaults, RoutingEvent, Rules};
use awa_bridge::testing::store::{Delivery, Item, Limits, RulesFor, Settings, Store};
use tempfile::TempDir;

/// How many events a delivery brings.
const AT_ONCE: usize = 64;

struct Patient(Arc<Rules>);

impl RulesFor for Patient {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        Arc::clone(&self.0)
    }
}

/// A store that remembers so many ended events, and owes so many.
pub(super) fn store(ended: usize, pending: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        path: directory.path().join("state.sled"),
        limits: Limits {
            pending: pending + AT_ONCE,
            per_source: pending + AT_ONCE,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let offer = OfferDefaults { timeout_seconds: 3_600, ..OfferDefaults::default() };
    let rules = Arc::new(Patient(Arc::new(Rules { offer, ..Rules::default() })));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(settings, rules, clock::now).unwrap();
        deliver(&store, "bind", ended).await;
        deliver(&store, "offer", pending).await;
        let counts = store.counts();
        assert_eq!((counts.remembered, counts.pending + counts.parked), (ended + pending, pending));
        store.close().await;
    });
    directory
}

/// A bind ends as soon as it is decided.
async fn deliver(store: &Store, kind: &str, count: usize) {
    for first in (0..count).step_by(AT_ONCE) {
        let numbers = first..count.min(first + AT_ONCE);
        let items = numbers.map(|number| Item::Event(Box::new(event(kind, number))));
        let delivery = Delivery {
            fingerprint: None,
            source: "native".into(),
            contact_center: "native".into(),
            received_at: clock::now(),
            body: None,
            items: items.collect(),
        };
        store.accept(delivery).await.unwrap();
    }
}

fn event(kind: &str, number: usize) -> RoutingEvent {
    let json = EventJson {
        id: Some(format!("old-{kind}-{number}")),
        kind: Some(kind.to_owned()),
        conversation: Some(format!("old-{kind}-{}", number / 4)),
        queue: Some("support".to_owned()),
        agent: Some("anna".to_owned()),
        ..EventJson::default()
    };
    RoutingEvent::parse(json, clock::now()).unwrap()
}
