use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::routing::Outcome;

#[tokio::test]
async fn a_dead_letter_is_replayed_under_its_old_id() {
    let bench = with_a_dead_letter().await;
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (0, 1));
    assert_eq!(bench.event("e1").await.state, State::Dead);
    let answer = bench.store.replay("demo", "e1", false, "ann".to_owned()).await.unwrap();
    assert_eq!(answer, ReplayAnswer::Replayed);
    assert_eq!(bench.event("e1").await.state, State::Pending);
    assert_eq!(bench.event("e1").await.by.as_deref(), Some("ann"));
    let again = bench.store.replay("demo", "e1", true, "ann".to_owned()).await.unwrap();
    assert_eq!(again, ReplayAnswer::NotSettled);
    let bench = bench.reopened().await;
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (1, 0));
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, landed()).await;
    let record = bench.event("e1").await;
    assert_eq!((record.state, record.attempts), (State::Delivered.into(), 1));
    assert_eq!(record.by.as_deref(), Some("ann"));
}

#[tokio::test]
async fn what_was_delivered_is_replayed_only_by_force() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, landed()).await;
    let polite = bench.store.replay("demo", "e1", false, "ann".to_owned()).await.unwrap();
    assert_eq!(polite, ReplayAnswer::NeedsForce("it is delivered already".to_owned()));
    let forced = bench.store.replay("demo", "e1", true, "ann".to_owned()).await.unwrap();
    assert_eq!(forced, ReplayAnswer::Replayed);
    let unknown = bench.store.replay("demo", "e9", true, "ann".to_owned()).await.unwrap();
    assert_eq!(unknown, ReplayAnswer::Unknown);
}

#[tokio::test]
async fn what_was_never_understood_cannot_be_replayed() {
    let bench = Bench::new();
    let odd = Delivery { items: vec![unreadable("u1")], ..delivery(vec![]) };
    bench.store.accept(odd).await.unwrap();
    let answer = bench.store.replay("demo", "u1", true, "ann".to_owned()).await.unwrap();
    assert_eq!(answer, ReplayAnswer::Unreadable);
    assert_eq!(bench.store.counts().dead, 1);
}

#[tokio::test]
async fn an_offer_whose_ring_time_is_over_is_replayed_only_by_force() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory.path().join("state.sled"));
    let now = || UnixMillis(CLOCK.load(Ordering::SeqCst));
    let bench = Bench { store: opened(settings, mapped(), now).unwrap(), directory };
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, AwaReply::Misconfigured { what: "a role".to_owned() }).await;
    CLOCK.fetch_add(60_000, Ordering::SeqCst);
    let polite = bench.store.replay("demo", "e1", false, "ann".to_owned()).await.unwrap();
    assert_eq!(polite, ReplayAnswer::NeedsForce("its time is over".to_owned()));
    assert_eq!(bench.event("e1").await.state, State::Dead);
    let forced = bench.store.replay("demo", "e1", true, "ann".to_owned()).await.unwrap();
    assert_eq!(forced, ReplayAnswer::Replayed);
    assert_eq!(bench.event("e1").await.state, State::Expired);
    assert_eq!(bench.store.counts().dead, 0);
}

#[tokio::test]
async fn a_call_on_the_way_is_not_discarded() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    let answer = bench.store.discard("demo", "e1", "ann".to_owned()).await.unwrap();
    assert_eq!(answer, DiscardAnswer::InFlight);
    bench.reply(key, entry, landed()).await;
    let record = bench.event("e1").await;
    assert_eq!((record.state, record.by), (State::Delivered.into(), None));
}

#[tokio::test]
async fn dead_letters_and_waiting_events_can_be_discarded_but_nothing_else() {
    let bench = with_a_dead_letter().await;
    bench.accept(vec![an_offer("e2", "d"), a_bind("e3", "d")]).await;
    for id in ["e1", "e2"] {
        let answer = bench.store.discard("demo", id, "ann".to_owned()).await.unwrap();
        assert_eq!(answer, DiscardAnswer::Discarded);
        let record = bench.event(id).await;
        assert_eq!((record.state, record.by.as_deref()), (State::Discarded.into(), Some("ann")));
    }
    let bound = bench.store.discard("demo", "e3", "ann".to_owned()).await.unwrap();
    assert_eq!(bound, DiscardAnswer::Settled(Outcome::Delivered));
    let unknown = bench.store.discard("demo", "e9", "ann".to_owned()).await.unwrap();
    assert_eq!(unknown, DiscardAnswer::Unknown);
    let counts = bench.store.counts();
    assert_eq!((counts.pending, counts.dead), (0, 0));
    assert!(bench.store.agenda().is_empty());
}

#[tokio::test]
async fn events_are_listed_newest_first_page_by_page() {
    let bench = Bench::new();
    for number in 0..25 {
        bench.accept(vec![a_bind(&format!("e{number}"), "c")]).await;
    }
    let mut filter = Filter { limit: 10, ..Filter::default() };
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = bench.store.events(filter.clone()).await.unwrap();
        seen.extend(page.events.into_iter().map(|event| event.id));
        filter.cursor = page.next_cursor;
    }
    let expected: Vec<_> = (0..25).rev().map(|number| format!("e{number}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(filter.cursor, None);
    let odd = Filter { cursor: Some("no number".to_owned()), ..Filter::default() };
    assert_eq!(bench.store.events(odd.clone()).await.unwrap().events, []);
}

#[tokio::test]
async fn events_are_filtered_by_state_source_conversation_and_reason() {
    let bench = with_a_dead_letter().await;
    bench.accept(vec![an_offer("e2", "d"), an_offer_to("e3", "p", "nowhere")]).await;
    bench.accept(vec![a_bind("e4", "d")]).await;
    let other = Delivery { source: "other".into(), ..delivery(vec![a_bind("e5", "d")]) };
    bench.store.accept(other).await.unwrap();
    while let Some((key, due)) = bench.store.agenda().take_most_urgent(NOON) {
        if key == lane("p") {
            bench.store.claim(key, due.entry, Waited::default()).await.unwrap();
        }
    }
    let ids = async |filter: Filter| {
        let page = bench.store.events(filter.clone()).await.unwrap();
        page.events.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    let state = |state| Filter { state: Some(state), ..Filter::default() };
    assert_eq!(ids(Filter::default()).await, ["e5", "e4", "e3", "e2", "e1"]);
    assert_eq!(ids(state(State::Dead)).await, ["e1"]);
    assert_eq!(ids(state(State::Pending)).await, ["e2"]);
    assert_eq!(ids(state(State::Parked)).await, ["e3"]);
    assert_eq!(ids(state(State::Delivered)).await, ["e5", "e4"]);
    assert_eq!(ids(state(State::Expired)).await, [] as [&str; 0]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        ids(Filter { conversation: text("d"), ..Filter::default() }).await,
        ["e5", "e4", "e2"]
    );
    assert_eq!(ids(Filter { source: text("other"), ..Filter::default() }).await, ["e5"]);
    assert_eq!(ids(Filter { reason: text("misconfigured"), ..Filter::default() }).await, ["e1"]);
    let none = Filter { conversation: text("d"), source: text("none"), ..Filter::default() };
    assert_eq!(ids(none).await, [] as [&str; 0]);
}

async fn with_a_dead_letter() -> Bench {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, AwaReply::Misconfigured { what: "a role".to_owned() }).await;
    assert_eq!(bench.state("e1").await, State::Dead);
    bench
}

#[tokio::test]
async fn a_page_ends_when_enough_was_read_and_the_next_goes_on_there() {
    let bench = Bench::new();
    let long = "x".repeat(200_000);
    for number in 0..60 {
        let id = format!("u{number}");
        let problem = long.clone();
        let item = Item::Unreadable(Unreadable { id, kind: None, conversation: None, problem });
        bench.store.accept(Delivery { items: vec![item], ..delivery(Vec::new()) }).await.unwrap();
    }
    let mut filter = Filter { limit: 1_000, ..Filter::default() };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = bench.store.events(filter.clone()).await.unwrap();
        pages += 1;
        assert!((1..60).contains(&page.events.len()), "{} on a page", page.events.len());
        seen.extend(page.events.into_iter().map(|event| event.id));
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert!(pages >= 3, "{pages} pages of some megabytes");
    assert_eq!(seen, (0..60).rev().map(|number| format!("u{number}")).collect::<Vec<_>>());
}
