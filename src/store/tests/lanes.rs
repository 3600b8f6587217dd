//! Conversations of one contact centre that name the same document are carried out in one lane.

use std::sync::atomic::{AtomicI64, Ordering};

use super::damage::{damage, damage_lane};
use super::reopening::open_raw;
use super::*;
use crate::routing::{AwaCall, Outcome, TransferKind};

mod keeping;
mod watching;

const HOUR: u64 = 3_600_000;
const ANOTHER: &str = "44444444444444444444444444444444";

fn of(
    kind: &str,
    id: &str,
    conversation: &str,
    change: impl FnOnce(&mut EventJson),
) -> RoutingEvent {
    let mut json = EventJson {
        segment: Some(format!("leg-{conversation}")),
        ..of_kind(kind, id, conversation)
    };
    change(&mut json);
    event(json)
}

/// A ring of an agent for a conversation that names the document, or none.
fn a_ring(id: &str, conversation: &str, agent: &str, document: Option<&str>) -> RoutingEvent {
    of("offer", id, conversation, |json| {
        json.queue = Some("q".to_owned());
        json.agent = Some(agent.to_owned());
        json.document = document.map(document_json);
    })
}

fn an_answer(kind: &str, id: &str, conversation: &str, agent: &str) -> RoutingEvent {
    of(kind, id, conversation, |json| json.agent = Some(agent.to_owned()))
}

fn a_naming(id: &str, conversation: &str, document: &str) -> RoutingEvent {
    of("bind", id, conversation, |json| json.document = Some(document_json(document)))
}

fn item(number: u8) -> AwaReply {
    AwaReply::Landed { work_item: SysId::parse(&format!("{number:032x}")).ok() }
}

fn called(claim: &Claim) -> (&str, &AwaCall) {
    match claim {
        Claim::Call { event, call, .. } => (event.id.as_str(), call),
        other => panic!("not a call: {other:?}"),
    }
}

impl Bench {
    /// Claims what is next and has it land; the event and its call.
    async fn lands(&self, number: u8) -> (String, AwaCall) {
        let (key, entry, claim) = self.claim_next().await;
        let (id, call) = called(&claim);
        let (id, call) = (id.to_owned(), call.clone());
        self.reply(key, entry, item(number)).await;
        (id, call)
    }

    /// A has accepted the document's work in conversation `c`.
    async fn talking() -> Self {
        let bench = Self::new();
        bench
            .accept(vec![
                a_ring("ring-a", "c", "a", Some(DOCUMENT)),
                an_answer("accept", "accept-a", "c", "a"),
            ])
            .await;
        bench.lands(1).await;
        bench.lands(1).await;
        assert_eq!(bench.event("accept-a").await.state, State::Delivered);
        bench
    }

    fn lane_count(&self) -> usize {
        self.store.agenda().len()
    }

    fn documents(&self) -> usize {
        self.store.inner.reader.rows(b'r')
    }
}

#[tokio::test]
async fn a_ring_of_another_conversation_sees_the_card_of_the_first() {
    let bench = Bench::talking().await;
    bench.accept(vec![a_ring("ring-b", "d", "b", Some(DOCUMENT))]).await;
    let (key, _, claim) = bench.claim_next().await;
    assert_eq!(key, lane("c"), "the one that named the document first");
    let (id, call) = called(&claim);
    assert_eq!(id, "ring-b");
    assert!(matches!(call, AwaCall::Transfer { kind: TransferKind::Consult, .. }), "{call:?}");
}

#[tokio::test]
async fn after_the_first_agent_has_left_the_ring_of_another_conversation_is_a_blind_transfer() {
    let bench = Bench::talking().await;
    bench.accept(vec![an_answer("leave", "leave-a", "c", "a")]).await;
    bench.accept(vec![a_ring("ring-b", "d", "b", Some(DOCUMENT))]).await;
    loop {
        let (_, _, claim) = bench.claim_next().await;
        if claim == Claim::Nothing {
            continue;
        }
        let (id, call) = called(&claim);
        assert_eq!(id, "ring-b");
        assert!(matches!(call, AwaCall::Transfer { kind: TransferKind::Blind, .. }), "{call:?}");
        break;
    }
}

#[tokio::test]
async fn two_conversations_in_one_delivery_share_the_lane_too() {
    let bench = Bench::new();
    bench
        .accept(vec![
            a_ring("one", "c", "a", Some(DOCUMENT)),
            a_ring("two", "d", "b", Some(DOCUMENT)),
            an_answer("accept", "three", "d", "b"),
        ])
        .await;
    assert_eq!(bench.lane_count(), 1);
    assert_eq!(bench.documents(), 1);
    let (key, entry, claim) = bench.claim_next().await;
    assert_eq!(called(&claim).0, "one");
    assert!(bench.store.agenda().take_most_urgent(NOON).is_none(), "one call at a time");
    bench.reply(key, entry, item(1)).await;
    let (id, call) = bench.lands(1).await;
    assert_eq!(id, "two");
    assert!(matches!(call, AwaCall::Reject { .. }), "the first card makes room: {call:?}");
    assert_eq!(bench.lands(2).await.0, "two");
    let (id, call) = bench.lands(2).await;
    assert_eq!(id, "three");
    assert!(matches!(call, AwaCall::Accept { .. }), "{call:?}");
    assert_eq!(bench.store.counts().pending, 0);
}

#[tokio::test]
async fn conversations_of_different_contact_centres_never_share_a_lane() {
    let bench = Bench::new();
    bench.accept(vec![a_ring("one", "c", "a", Some(DOCUMENT))]).await;
    let other = Delivery {
        source: "other".into(),
        contact_center: "elsewhere".into(),
        ..delivery(vec![a_ring("two", "d", "b", Some(DOCUMENT))])
    };
    bench.store.accept(other).await.unwrap();
    assert_eq!(bench.lane_count(), 2);
    assert_eq!(bench.documents(), 2);
}

/// The second conversation rings and is answered before anything says what it is about.
async fn named_too_late() -> Bench {
    let bench = Bench::talking().await;
    bench.accept(vec![a_ring("ring-b", "d", "b", None)]).await;
    let (key, _, claim) = bench.claim_next().await;
    assert_eq!((key, claim), (lane("d"), Claim::Nothing), "it waits for a document");
    bench.accept(vec![an_answer("accept", "accept-b", "d", "b")]).await;
    assert_eq!(bench.store.counts().pending, 2);
    bench
}

#[tokio::test]
async fn what_waits_in_a_lane_of_its_own_moves_when_the_document_is_named() {
    for restarts in [false, true] {
        let mut bench = named_too_late().await;
        if restarts {
            bench = bench.after_a_kill();
        }
        bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
        if restarts {
            bench = bench.after_a_kill();
        }
        assert_eq!(bench.lane_count(), 1);
        assert_eq!((bench.store.counts().pending, bench.store.counts().parked), (2, 0));
        assert_eq!(bench.event("ring-b").await.state, State::Pending);
        assert!(
            bench.event("ring-b").await.due_at.is_some(),
            "it is found in the lane it moved to"
        );
        let (id, call) = bench.lands(2).await;
        assert_eq!(id, "ring-b");
        let transfer = AwaCall::Transfer {
            document: match &call {
                AwaCall::Transfer { document, .. } => document.clone(),
                other => panic!("{other:?}"),
            },
            segment: crate::routing::SegmentId::parse("leg-d").ok(),
            source_queue: ExternalId::parse("queue-1").unwrap(),
            kind: TransferKind::Blind,
            target: crate::routing::TransferTarget::Agent(SysId::parse(SECOND_AGENT).unwrap()),
        };
        assert_eq!(call, transfer, "B has accepted already: no consult");
        let (id, call) = bench.lands(2).await;
        assert_eq!(id, "accept-b");
        assert!(matches!(call, AwaCall::Accept { .. }), "{call:?}");
        assert_eq!(bench.store.counts().pending, 0);
        assert_eq!(bench.event("ring-b").await.state, State::Delivered);
    }
}

#[tokio::test]
async fn calls_of_both_that_were_on_the_way_at_the_merge_are_both_answered() {
    let bench = Bench::new();
    let documents = [document_of("c"), document_of("d")];
    for (conversation, document) in ["c", "d"].into_iter().zip(&documents) {
        bench.accept(vec![a_ring(conversation, conversation, "a", Some(document))]).await;
    }
    let first = bench.claim_next().await;
    let second = bench.claim_next().await;
    bench
        .accept(vec![a_naming("name", "d", DOCUMENT), an_answer("accept", "later", "c", "a")])
        .await;
    assert!(bench.store.agenda().is_empty(), "nothing goes while a call is in flight");
    let (key, entry, _) = second;
    assert_eq!(key, lane("d"), "claimed under the old key");
    bench.reply(key.clone(), entry, item(2)).await;
    assert_eq!(
        (bench.state("c").await, bench.state("d").await),
        (State::Pending, State::Delivered)
    );
    assert!(bench.store.agenda().is_empty(), "the other one is still in flight");
    bench.reply(key, entry, item(2)).await;
    assert_eq!(bench.event("d").await.calls.len(), 1, "once");
    let (key, entry, _) = first;
    bench.reply(key, entry, item(1)).await;
    assert_eq!(bench.state("c").await, State::Delivered);
    let (key, _, claim) = bench.claim_next().await;
    assert_eq!((key, called(&claim).0), (lane("c"), "later"));
}

#[tokio::test]
async fn calls_of_both_that_were_on_the_way_at_a_kill_are_both_looked_up() {
    let bench = Bench::new();
    bench.accept(vec![a_ring("one", "c", "a", Some(DOCUMENT))]).await;
    bench.accept(vec![a_ring("two", "d", "a", Some(&document_of("d")))]).await;
    bench.claim_next().await;
    bench.claim_next().await;
    bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
    let bench = bench.after_a_kill();
    assert_eq!(bench.lane_count(), 1);
    for (number, expected) in [(1, "one"), (2, "two")] {
        let (key, entry, claim) = bench.claim_next().await;
        assert_eq!(key, lane("c"));
        let Claim::LookUp { event, question, .. } = claim else { panic!("{claim:?}") };
        assert_eq!(event.id, expected);
        let AwaCall::Offer { document, .. } = question.call else { panic!("{question:?}") };
        assert_eq!(document.sys_id.to_string(), document_of(if number == 1 { "c" } else { "d" }));
        bench.reply(key, entry, item(number)).await;
        assert_eq!(bench.state(expected).await, State::Delivered);
    }
    assert_eq!(bench.store.counts().pending, 0);
}

#[tokio::test]
async fn a_stale_place_on_the_agenda_leads_to_the_lane() {
    let bench = Bench::new();
    bench.accept(vec![a_ring("two", "d", "a", Some(&document_of("d")))]).await;
    bench.accept(vec![a_ring("one", "c", "b", Some(DOCUMENT))]).await;
    let (old, due) = bench.store.agenda().take_most_urgent(NOON).unwrap();
    assert_eq!(old, lane("d"));
    bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
    // The older of the two, though it came by the other key.
    let claim = bench.store.claim(old.clone(), due.entry, Waited::default()).await.unwrap();
    assert_eq!(called(&claim).0, "two");
    assert!(bench.store.agenda().is_empty());
    bench.reply(old, due.entry, item(2)).await;
    assert_eq!(bench.state("two").await, State::Delivered);
    assert_eq!(bench.lands(1).await.0, "one");
}

#[tokio::test]
async fn an_event_without_a_document_means_the_one_that_its_own_conversation_has_named() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("c-1", "c", ANOTHER), a_naming("d-1", "d", ANOTHER)]).await;
    bench.accept(vec![a_naming("c-2", "c", DOCUMENT)]).await;
    let document = async |bench: &Bench, id: &str| {
        bench.event(id).await.event.unwrap().document.unwrap().sys_id.unwrap()
    };
    bench.accept(vec![a_ring("d-2", "d", "a", None), a_ring("c-3", "c", "a", None)]).await;
    assert_eq!(
        (document(&bench, "d-2").await, document(&bench, "c-3").await),
        (ANOTHER.into(), DOCUMENT.into())
    );
    let bench = bench.reopened().await;
    bench.accept(vec![a_ring("d-3", "d", "b", None), a_ring("c-4", "c", "b", None)]).await;
    assert_eq!(
        (document(&bench, "d-3").await, document(&bench, "c-4").await),
        (ANOTHER.into(), DOCUMENT.into())
    );
    assert_eq!(bench.lane_count(), 1, "the lane is that of both documents");
    let named = async |conversation: &str| {
        let record = bench.store.conversation("connect", conversation).await.unwrap().unwrap();
        record.document.unwrap().sys_id.to_string()
    };
    assert_eq!((named("c").await, named("d").await), (DOCUMENT.into(), ANOTHER.into()));
}

#[tokio::test]
async fn whoever_is_asked_for_the_story_is_that_of_the_document() {
    let bench = named_too_late().await;
    bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
    bench.accept(vec![an_answer("leave", "leave-a", "c", "a")]).await;
    let all = ["ring-a", "accept-a", "ring-b", "accept-b", "name", "leave-a"];
    let bench = bench.reopened().await;
    for (conversation, other) in [("c", "d"), ("d", "c")] {
        let record = bench.store.conversation("connect", conversation).await.unwrap().unwrap();
        assert_eq!(record.conversation, conversation);
        assert_eq!(record.document.unwrap().sys_id.to_string(), DOCUMENT);
        assert_eq!(record.shared_with, [other]);
        assert_eq!(record.work_items.len(), 1);
        assert!(record.legs.iter().any(|leg| leg.conversation == "d"), "{:?}", record.legs);
        let ids: Vec<_> = record.events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, all);
    }
    let of = async |conversation: &str| {
        let filter = Filter { conversation: Some(conversation.to_owned()), ..Filter::default() };
        let page = bench.store.events(filter.clone()).await.unwrap();
        page.events.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(of("c").await, ["leave-a", "accept-a", "ring-a"]);
    assert_eq!(of("d").await, ["name", "accept-b", "ring-b"]);
}

#[tokio::test]
async fn an_event_of_a_conversation_that_moved_is_replayed_and_discarded_in_the_lane() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("first", "c", DOCUMENT)]).await;
    bench.accept(vec![a_ring("two", "d", "a", Some(&document_of("d")))]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, AwaReply::Misconfigured { what: "a role".to_owned() }).await;
    bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
    let answer = bench.store.replay("demo", "two", false, "ann".to_owned()).await.unwrap();
    assert_eq!(answer, ReplayAnswer::Replayed);
    let bench = bench.after_a_kill();
    let (key, due) = bench.store.agenda().take_most_urgent(NOON).unwrap();
    assert_eq!(key, lane("c"));
    let claim = bench.store.claim(key.clone(), due.entry, Waited::default()).await.unwrap();
    assert_eq!(called(&claim).0, "two");
    let answer = bench.store.discard("demo", "two", "ann".to_owned()).await.unwrap();
    assert_eq!(answer, DiscardAnswer::InFlight);
    let doubt = AwaReply::Busy { wait: crate::routing::Wait::BackOff };
    bench.reply(key, due.entry, doubt).await;
    let answer = bench.store.discard("demo", "two", "ann".to_owned()).await.unwrap();
    assert_eq!(answer, DiscardAnswer::Discarded);
    assert_eq!(bench.state("two").await, State::Discarded);
    assert_eq!(bench.store.counts().pending, 0);
}

#[tokio::test]
async fn what_is_parked_in_a_lane_that_moved_goes_on_after_a_reload() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("first", "c", DOCUMENT)]).await;
    bench.accept(vec![an_offer_to("parked", "d", "new queue")]).await;
    bench.claim_next().await;
    bench.accept(vec![a_naming("name", "d", DOCUMENT)]).await;
    assert_eq!((bench.store.counts().pending, bench.store.counts().parked), (0, 1));
    assert_eq!(bench.event("parked").await.state, State::Parked);
    let Bench { store, directory } = bench;
    store.close().await;
    let path = directory.path().join("state.sled");
    let mut tables = Directory::default().passing_queues_through();
    assert!(tables.add_agent(VendorAgentId::parse("a").unwrap(), SysId::parse(AGENT).unwrap()));
    let passing = Rules { directory: Arc::new(tables), ..Rules::default() };
    let store = opened(settings(&path), Arc::new(Fixed(Arc::new(passing))), || NOON).unwrap();
    assert_eq!(store.counts().parked, 1);
    assert_eq!(store.reloaded().await.unwrap(), 1);
    assert_eq!(store.counts().pending, 1);
    drop(directory);
}
