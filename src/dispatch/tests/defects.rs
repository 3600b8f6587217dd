//! A defect of the program during a call: its event still ends by its deadline, and nobody waits for its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::history::{NAMES, tables_with, user};
use crate::awa::pace::Pace;
use crate::awa::stand_in::StandIn;
use crate::awa::{Client, Settings};
use crate::base_url::BaseUrl;
use crate::clock;
use crate::dispatch::{Delays, Dispatch};
use crate::metrics::RATE_LIMIT_WAIT;
use crate::metrics::tests::defect::DefectAt;
use crate::report::Repeats;
use crate::routing::*;
use crate::shutdown::Shutdown;
use crate::store::{self, Delivery, Item, RulesFor, Store};

struct Tables(Arc<Rules>);

impl RulesFor for Tables {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        Arc::clone(&self.0)
    }
}

fn an_offer(id: &str) -> RoutingEvent {
    let action = Action::Offer {
        agent: VendorAgentId::parse("anna").unwrap(),
        timeout_seconds: Some(1),
        assignment: AssignmentWish::default(),
    };
    RoutingEvent {
        id: EventId::parse(id).unwrap(),
        conversation: ConversationId::parse(id).unwrap(),
        segment: None,
        occurred_at: clock::now(),
        document: Some(DocumentRef {
            table: TableName::parse("interaction").unwrap(),
            sys_id: user(id),
        }),
        queue: Some(VendorQueueId::parse("sales").unwrap()),
        channel: None,
        style: Style::default(),
        action,
    }
}

/// A client that has a defect in every call and every look-up.
fn broken_client() -> Arc<Client> {
    let settings = Settings {
        api_version: crate::awa::wire::ApiVersion::default(),
        base_url: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
        request_timeout: Duration::from_secs(10),
        rate_limit: crate::awa::RateLimit::UNLIMITED,
        auth: None,
        client_certificate: None,
        ca: None,
        proxy: None,
        resolver: None,
        connection_age: None,
        channels: HashMap::new(),
    };
    let mut client = Client::new(settings).unwrap();
    client.stand_in = Some(StandIn(Box::new(|asked| {
        assert!(asked.deadline < UnixMillis(0), "a defect on purpose");
    })));
    Arc::new(client)
}

#[tokio::test]
async fn events_whose_calls_panic_end_by_their_deadline_one_after_the_other() {
    events_end(|| Delays { initial: 50, max: 50 }, || false).await;
}

#[tokio::test]
async fn so_do_events_over_whose_answers_the_program_panics() {
    let delays = || {
        assert!(std::hint::black_box(false), "a defect on purpose");
        Delays { initial: 50, max: 50 }
    };
    events_end(delays, || false).await;
}

#[tokio::test]
async fn so_do_events_over_which_the_program_panics_before_anything_is_claimed_or_sent() {
    let times = AtomicU32::new(0);
    // The first event by the agenda, before its claim; the second after its claim, before its call.
    let defect = DefectAt::new(RATE_LIMIT_WAIT, move || {
        assert!(times.fetch_add(1, Ordering::SeqCst) % 2 == 1, "a defect on purpose");
    });
    let _defect = metrics::set_default_local_recorder(&defect);
    let asked = AtomicU32::new(0);
    let held = move || asked.fetch_add(1, Ordering::SeqCst) == 0;
    events_end(|| Delays { initial: 50, max: 50 }, held).await;
}

async fn events_end(
    delays: impl Fn() -> Delays + Send + Sync + 'static,
    held: impl Fn() -> bool + Send + Sync + 'static,
) {
    let directory = tempfile::tempdir().unwrap();
    let settings = store::Settings {
        path: directory.path().join("state.sled"),
        free_space_floor: 0,
        ..store::Settings::default()
    };
    let rules = Rules { directory: tables_with(&NAMES).into(), ..Rules::default() };
    let store = Store::open(settings, Arc::new(Tables(Arc::new(rules))), clock::now).unwrap();
    let client = broken_client();
    let pace = Arc::new(Pace::new(1, client.limiter()));
    let dispatch = Dispatch {
        store: store.clone(),
        client,
        pace: Arc::clone(&pace),
        jitter: Box::new(|| 0.5),
        delays: Box::new(delays),
        freed: Notify::new(),
        held: Arc::new(held),
        repeats: Repeats::default(),
        told: Repeats::default(),
        beat: Box::new(|| {}),
    };
    let shutdown = Shutdown::new();
    let running = tokio::spawn(dispatch.run(shutdown.clone(), || Duration::from_secs(1)));

    for id in ["anna", "ben"] {
        let items = vec![Item::Event(Box::new(an_offer(id)))];
        let received_at = clock::now();
        let (source, contact_center) = ("demo".into(), "connect".into());
        let delivery =
            Delivery { fingerprint: None, source, contact_center, received_at, body: None, items };
        store.accept(delivery).await.unwrap();
        let event = loop {
            let event = store.event("demo", id).await.unwrap().unwrap();
            if event.state != State::Pending {
                break event;
            }
            let waits = clock::now().since(received_at);
            assert!(waits < 30_000, "it is pending long after its deadline");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(
            [State::Expired, State::Dead].contains(&event.state.known().unwrap()),
            "{:?}",
            event.state
        );
    }
    shutdown.trigger();
    running.await.unwrap();
    assert_eq!(pace.standing(clock::now()).in_flight, 0);
}
