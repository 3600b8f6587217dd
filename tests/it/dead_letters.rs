//! What cannot be read or mapped is kept, says why, and reaches no URL.

use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup};
use super::support::{an_event, an_offer, document, with};

fn without(mut event: Value, member: &str) -> Value {
    event.as_object_mut().expect("an object").remove(member);
    event
}

#[tokio::test]
async fn events_that_cannot_be_read_are_dead_letters_with_a_reason() {
    let bridge = Bridge::start().await;
    let bad_document =
        |table: &str, sys_id: &str| json!({ "document": { "table": table, "sys_id": sys_id } });
    let good = document("c-1");
    let unreadable = [
        ("no kind", without(an_offer("e-0", "c-1"), "kind")),
        ("an unknown kind", with(an_offer("e-1", "c-1"), json!({ "kind": "ring" }))),
        ("no agent", without(an_offer("e-2", "c-1"), "agent")),
        ("no conversation", without(an_offer("e-3", "c-1"), "conversation")),
        (
            "a table that leaves its place",
            with(an_offer("e-4", "c-1"), bad_document("../sys_user", &good)),
        ),
        (
            "a sys_id that is none",
            with(an_offer("e-5", "c-1"), bad_document("interaction", "1 OR 1")),
        ),
        (
            "an upper-case sys_id",
            with(an_offer("e-6", "c-1"), bad_document("interaction", &good.to_uppercase())),
        ),
        (
            "a time that is none",
            with(an_offer("e-7", "c-1"), json!({ "occurred_at": "yesterday" })),
        ),
        ("a ring time below zero", with(an_offer("e-8", "c-1"), json!({ "timeout_seconds": -1 }))),
        (
            "a transfer to nobody",
            with(
                an_event("transfer", "e-9", "c-1"),
                json!({ "transfer": { "type": "blind", "target": {} } }),
            ),
        ),
        (
            "a work item that is a path",
            with(an_event("accept", "e-10", "c-1"), json!({ "agent": "ada", "work_item": "../x" })),
        ),
        ("a consult end that does not say how", an_event("consult_end", "e-11", "c-1")),
        (
            "a text where a table is",
            with(an_offer("e-12", "c-1"), json!({ "document": "interaction" })),
        ),
    ];
    for (number, (what, event)) in unreadable.iter().enumerate() {
        let (status, answer) = bridge.post(event).await;
        assert_eq!((status, &answer["events"][0]["status"]), (202, &json!("accepted")), "{what}");
        let record = bridge.ends(&format!("e-{number}"), "dead").await;
        assert_eq!(record["reason"], "unreadable", "{what}: {record:#}");
        assert!(
            record["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{what}: {record:#}"
        );
    }
    assert_eq!(bridge.sandbox.calls().len(), 0);
}

#[tokio::test]
async fn one_bad_element_does_not_spoil_its_neighbours() {
    let bridge = Bridge::start().await;
    let bad = with(an_offer("e-2", "c-2"), json!({ "kind": "ring" }));
    let (status, _) =
        bridge.post(&json!([an_offer("e-1", "c-1"), bad, 17, an_offer("e-3", "c-3")])).await;
    assert_eq!(status, 202);
    bridge.ends("e-1", "delivered").await;
    bridge.ends("e-2", "dead").await;
    bridge.ends("e-3", "delivered").await;
    let (_, dead) = bridge.get("/v1/events?state=dead").await;
    assert_eq!(dead["events"].as_array().expect("a list").len(), 2, "{dead:#}");
}

#[tokio::test]
async fn an_accept_of_nothing_and_an_offer_without_a_document_are_given_up() {
    let bridge = Bridge::start().await;
    let accept = with(an_event("accept", "e-1", "c-1"), json!({ "agent": "ada" }));
    bridge.accept(&accept).await;
    let event = bridge.ends("e-1", "superseded").await;
    assert_eq!(event["reason"], "no_offer");
    bridge.accept(&without(an_offer("e-2", "c-2"), "document")).await;
    let event = bridge.ends("e-2", "dead").await;
    assert_eq!(event["reason"], "no_document");
    assert_eq!(bridge.sandbox.calls().len(), 0);
}

#[tokio::test]
async fn what_another_feed_brings_in_time_is_used() {
    let bridge = Bridge::configured("[retry]\nhold = \"5s\"").await;
    let accept = with(an_event("accept", "e-1", "c-1"), json!({ "agent": "ada" }));
    bridge.accept(&accept).await;
    bridge.accept(&without(an_offer("e-2", "c-1"), "document")).await;
    bridge.accept(&an_event("bind", "e-3", "c-1")).await;
    bridge.ends("e-2", "delivered").await;
    bridge.ends("e-1", "delivered").await;
}

#[tokio::test]
async fn an_unmapped_queue_is_parked_and_a_reload_resumes_it() {
    let bridge = Bridge::start().await;
    bridge.accept(&with(an_offer("e-1", "c-1"), json!({ "queue": "night" }))).await;
    let event = bridge.reaches("e-1", "parked").await;
    assert!(event["detail"].as_str().is_some_and(|detail| detail.contains("night")), "{event:#}");
    let tables = bridge.directory.path().join("mappings/sources/native");
    let queues = Setup::default().queues + "night,,support-chat\n";
    std::fs::write(tables.join("queues.csv"), queues).expect("the table is written");
    let (status, answer) = bridge.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains("1 added"), "{answer}");
    bridge.ends("e-1", "delivered").await;
}

#[tokio::test]
async fn a_parked_offer_expires_with_its_ring_time() {
    let bridge = Bridge::start().await;
    let offer = json!({ "agent": "nobody", "timeout_seconds": 1 });
    bridge.accept(&with(an_offer("e-1", "c-1"), offer)).await;
    bridge.reaches("e-1", "parked").await;
    bridge.ends("e-1", "expired").await;
    assert_eq!(bridge.writes().len(), 0);
}
