//! A store that an earlier state of the program has written is read as what was written into it.
//!
//! `fixtures/schema-2` is such a store. It is made anew, by a program of that schema alone, with
//! `AWA_BRIDGE_WRITE_FIXTURE=1 cargo test --lib compatibility`.

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/tests/fixtures/schema-2");

/// One event in each state, a long body, two conversations that share a document, and a call in flight.
async fn written() -> Bench {
    let bench = Bench::new();
    bench.accept(vec![an_offer("delivered", "c")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, landed()).await;
    bench.accept(vec![an_offer("dead", "d")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, AwaReply::Misconfigured { what: "a role".to_owned() }).await;
    bench.accept(vec![an_offer_to("parked", "p", "nowhere")]).await;
    bench.claim_next().await;
    let body = Some(Bytes::from("long ".repeat(4_000)));
    let items = vec![unreadable("unreadable")];
    bench.store.accept(Delivery { body, items, ..delivery(Vec::new()) }).await.unwrap();
    bench.accept(vec![an_offer("discarded", "x")]).await;
    bench.store.discard("demo", "discarded", "ann".to_owned()).await.unwrap();
    let shared = EventJson {
        document: Some(document_json(&document_of("c"))),
        ..of_kind("bind", "shared", "other")
    };
    bench.accept(vec![event(shared)]).await;
    bench.accept(vec![an_offer("sending", "s")]).await;
    bench.claim_next().await;
    bench.accept(vec![an_offer("pending", "t")]).await;
    bench
}

const EVENTS: [&str; 8] =
    ["delivered", "dead", "parked", "unreadable", "discarded", "shared", "sending", "pending"];

#[tokio::test]
async fn a_store_of_this_schema_stays_readable() {
    let fresh = written().await;
    if std::env::var_os("AWA_BRIDGE_WRITE_FIXTURE").is_some() {
        copy(&fresh.path(), Path::new(FIXTURE));
    }
    let fresh = fresh.after_a_kill();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    copy(Path::new(FIXTURE), &path);
    let store = opened(settings(&path), mapped(), || NOON).unwrap();
    let old = Bench { store, directory };
    assert_eq!(old.store.counts(), fresh.store.counts());
    for id in EVENTS {
        assert_eq!(old.event(id).await, fresh.event(id).await);
        assert_eq!(
            old.store.body("demo", id).await.unwrap(),
            fresh.store.body("demo", id).await.unwrap()
        );
    }
    for conversation in ["c", "other", "s"] {
        assert_eq!(
            old.store.conversation("connect", conversation).await.unwrap(),
            fresh.store.conversation("connect", conversation).await.unwrap()
        );
    }
    assert_eq!(old.accept(vec![an_offer("delivered", "c")]).await, [Acceptance::Duplicate]);
    let (key, _, claim) = old.claim_next().await;
    assert_eq!(key, lane("s"));
    assert!(matches!(claim, Claim::LookUp { .. }), "its call was in flight: {claim:?}");
}
