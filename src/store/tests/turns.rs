use super::*;
use crate::routing::{AwaCall, Missing};

#[tokio::test]
async fn an_offer_is_claimed_answered_and_told_as_delivered() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, claim) = bench.claim_next().await;
    assert_eq!(key, lane("c"));
    let Claim::Call { event, call, options, .. } = claim else { panic!("{claim:?}") };
    assert_eq!((event.id.as_str(), &*event.source, options.attempt), ("e1", "demo", 1));
    assert!(matches!(call, AwaCall::Offer { .. }));
    assert!(!options.after_doubt);
    assert!(bench.store.agenda().is_empty(), "its call is in flight");
    bench.reply(key, entry, landed()).await;
    assert_eq!(bench.store.counts(), Counts { remembered: 1, ..Counts::default() });
    let json = serde_json::to_value(bench.event("e1").await).unwrap();
    assert_eq!(json["source"], "demo");
    assert_eq!(json["id"], "e1");
    assert_eq!(json["kind"], "offer");
    assert_eq!(json["conversation"], "c");
    assert_eq!(json["state"], "delivered");
    assert_eq!(json["reason"], "confirmed");
    assert_eq!(json["attempts"], 1);
    assert_eq!(json["received_at"], NOON.to_string());
    assert_eq!(json["settled_at"], NOON.to_string());
    assert_eq!(json["work_item"], WORK_ITEM);
    assert_eq!(json["last_answer"], serde_json::json!({"status": 200, "message": "ok"}));
    assert_eq!(json["calls"][0]["elapsed_ms"], 35);
    assert_eq!(json["event"]["document"]["sys_id"], DOCUMENT);
}

#[tokio::test]
async fn an_entry_whose_call_is_on_the_way_is_not_given_out_again() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    let again = bench.store.claim(key.clone(), entry, Waited::default()).await.unwrap();
    assert_eq!(again, Claim::Nothing);
    let unknown = bench.store.claim(lane("nobody"), entry, Waited::default()).await.unwrap();
    assert_eq!(unknown, Claim::Nothing);
    bench.reply(lane("nobody"), entry, landed()).await;
    assert_eq!(bench.store.conversation("connect", "nobody").await.unwrap(), None);
    assert_eq!(bench.state("e1").await, State::Pending);
    bench.reply(key, entry, landed()).await;
    assert_eq!(bench.state("e1").await, State::Delivered);
}

#[tokio::test]
async fn the_next_event_of_a_conversation_waits_for_the_one_before() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c"), an_accept("e2", "c")]).await;
    assert_eq!(bench.store.agenda().len(), 1);
    let (key, entry, _) = bench.claim_next().await;
    assert!(bench.store.agenda().take_most_urgent(NOON).is_none());
    bench.reply(key.clone(), entry, landed()).await;
    let (_, second, claim) = bench.claim_next().await;
    assert!(second > entry);
    let Claim::Call { call: AwaCall::Accept { work_item, .. }, .. } = claim else {
        panic!("{claim:?}")
    };
    assert_eq!(work_item.to_string(), WORK_ITEM);
}

#[tokio::test]
async fn a_call_in_doubt_is_looked_up_and_the_next_call_says_so() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, AwaReply::InDoubt { why: "timeout".to_owned() }).await;
    let (key, entry, claim) = bench.claim_next().await;
    assert!(matches!(claim, Claim::LookUp { options, .. } if options.attempt == 1));
    bench.reply(key, entry, AwaReply::NotLanded).await;
    assert!(bench.store.agenda().take_most_urgent(NOON).is_none(), "it pauses");
    let (key, due) = bench.store.agenda().take_most_urgent(NOON.plus(500)).unwrap();
    let claim = bench.store.claim(key, due.entry, Waited::default()).await.unwrap();
    let Claim::Call { options, .. } = claim else { panic!("{claim:?}") };
    assert_eq!((options.attempt, options.after_doubt), (2, true));
}

#[tokio::test]
async fn what_is_not_mapped_is_parked_and_goes_on_after_a_reload() {
    let bench = Bench::new();
    bench.accept(vec![an_offer_to("e1", "c", "new queue")]).await;
    let (_, _, claim) = bench.claim_next().await;
    assert_eq!(claim, Claim::Nothing);
    assert_eq!((bench.store.counts().pending, bench.store.counts().parked), (0, 1));
    let record = bench.event("e1").await;
    assert_eq!(record.state, State::Parked);
    assert_eq!(record.reason.as_deref(), Some("unmapped"));
    assert!(matches!(record.missing, Some(Missing::Queues { .. })));
    assert_eq!(bench.store.reloaded().await.unwrap(), 0, "the tables are as before");
    let Bench { store, directory } = bench;
    store.close().await;
    let path = directory.path().join("state.sled");
    let passing = Rules {
        directory: Arc::new(Directory::default().passing_queues_through()),
        ..Rules::default()
    };
    let store = opened(settings(&path), Arc::new(Fixed(Arc::new(passing))), || NOON).unwrap();
    assert_eq!(store.counts().parked, 1);
    let bench = Bench { store, directory };
    assert_eq!(bench.store.reloaded().await.unwrap(), 0, "the agent is missing now");
    let bench = bench.reopened().await;
    assert_eq!(bench.event("e1").await.state, State::Parked);
}

#[tokio::test]
async fn a_withdraw_ends_the_offer_that_it_took_back() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.accept(vec![a_withdraw("e2", "c")]).await;
    assert_eq!(bench.state("e1").await, State::Superseded);
    assert_eq!(bench.state("e2").await, State::Delivered);
    assert!(bench.store.agenda().is_empty());
}

#[tokio::test]
async fn the_agenda_wakes_who_waits_for_it() {
    let bench = Bench::new();
    let store = bench.store.clone();
    let waiting = tokio::spawn(async move { store.agenda().changed().notified().await });
    bench.accept(vec![an_offer("e1", "c")]).await;
    waiting.await.unwrap();
}
