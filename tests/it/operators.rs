//! The admin address: health, metrics, the record of events and conversations.

use awa_bridge::testing::sandbox::{Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, eventually, with};

#[tokio::test]
async fn an_event_is_shown_with_the_contracts_fields() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let event = bridge.ends("e-1", "delivered").await;
    for member in [
        "source",
        "id",
        "kind",
        "conversation",
        "state",
        "reason",
        "attempts",
        "received_at",
        "settled_at",
        "work_item",
        "last_answer",
    ] {
        assert!(event.get(member).is_some(), "{member} is missing: {event:#}");
    }
    assert_eq!(event["source"], "native");
    assert_eq!(event["kind"], "offer");
    assert!(event["last_answer"]["message"].is_string());
    assert_eq!(event["calls"].as_array().expect("the calls").len(), 1);
}

#[tokio::test]
async fn events_are_listed_by_state_source_and_conversation_page_by_page() {
    let bridge = Bridge::start().await;
    for number in 0..5 {
        bridge.accept(&an_offer(&format!("e-{number}"), &format!("c-{number}"))).await;
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    let (_, of_one) = bridge.get("/v1/events?conversation=c-3").await;
    assert_eq!(of_one["events"][0]["id"], "e-3");
    let (_, none) = bridge.get("/v1/events?state=dead").await;
    assert_eq!(none["events"], json!([]));
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/events?source=native&state=delivered&limit=2&cursor={cursor}");
        let (status, page) = bridge.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let events = page["events"].as_array().expect("a list");
        assert!(events.len() <= 2);
        found.extend(events.iter().map(|event| event["id"].as_str().unwrap_or("").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    found.sort();
    assert_eq!(found, ["e-0", "e-1", "e-2", "e-3", "e-4"]);
    assert_eq!(bridge.get("/v1/events?state=nonsense").await.0, 400);
}

#[tokio::test]
async fn a_conversation_shows_what_is_known_of_it_and_its_events() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    bridge.ends("e-2", "delivered").await;
    let (status, conversation) = bridge.get("/v1/conversations/native/c-1").await;
    assert_eq!(status, 200);
    let ids: Vec<_> = conversation["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|e| e["id"].clone())
        .collect();
    assert_eq!(ids, [json!("e-1"), json!("e-2")]);
    assert_eq!(bridge.get("/v1/conversations/native/nobody").await.0, 404);
}

#[tokio::test]
async fn health_is_told_and_metrics_are_counted() {
    let bridge = Bridge::start().await;
    assert_eq!(bridge.get("/livez").await.0, 200);
    let (status, ready) = bridge.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let (_, page) = bridge.get("/metrics").await;
    let Value::String(page) = page else { panic!("a text") };
    for metric in [
        "awa_bridge_events_total{",
        "awa_bridge_pending_events",
        "awa_bridge_oldest_pending_seconds",
        "awa_bridge_awa_requests_total{",
        "awa_bridge_awa_request_duration_seconds",
        "awa_bridge_event_to_call_seconds",
        "awa_bridge_rate_limit_wait_seconds",
        "awa_bridge_mapping_rows{",
        "awa_bridge_last_event_timestamp_seconds{",
        "awa_bridge_clock_offset_seconds",
        "awa_bridge_store_commit_duration_seconds",
    ] {
        assert!(page.contains(metric), "{metric} is not there:\n{page}");
    }
}

#[tokio::test]
async fn a_dead_letter_is_replayed_and_another_discarded() {
    let bridge = Bridge::start().await;
    let refusal = Misbehaviour::Status {
        status: 400,
        body: json!({ "error": { "message": "not today", "detail": "" }, "status": "failure" }),
        headers: Vec::new(),
    };
    bridge.sandbox.inject(Fault::next(refusal).times(2));
    for number in 1..=2 {
        let bind = with(
            an_event("bind", &format!("b-{number}"), &format!("c-{number}")),
            json!({ "queue": "support" }),
        );
        bridge.accept(&bind).await;
        let transfer = json!({ "transfer": { "type": "blind", "target": { "queue": "sales" } } });
        let id = format!("e-{number}");
        bridge.accept(&with(an_event("transfer", &id, &format!("c-{number}")), transfer)).await;
        let event = bridge.ends(&id, "dead").await;
        assert_eq!(event["reason"], "misconfigured");
    }
    let (status, answer) = bridge.post_admin("/v1/events/native/e-1/replay").await;
    assert_eq!(status, 200, "{answer}");
    eventually("the replayed event to be delivered", async || {
        (bridge.get("/v1/events/native/e-1").await.1["state"] == "delivered").then_some(())
    })
    .await;
    let (status, answer) = bridge.post_admin("/v1/events/native/e-2/discard").await;
    assert_eq!((status, &answer["state"]), (200, &json!("discarded")), "{answer}");
    assert_eq!(bridge.post_admin("/v1/events/native/e-2/replay").await.0, 409);
    assert_eq!(bridge.post_admin("/v1/events/native/nobody/replay").await.0, 404);
}

#[tokio::test]
async fn a_bad_reload_changes_nothing_and_is_told() {
    let bridge = Bridge::start().await;
    let agents = bridge.directory.path().join("mappings/sources/native/agents.csv");
    let good = std::fs::read_to_string(&agents).expect("the table");
    std::fs::write(&agents, "agent,sys_id\nada,nonsense\n").expect("a bad table");
    let (status, problem) = bridge.post_admin("/v1/reload").await;
    assert_eq!(status, 422);
    assert!(
        problem["problems"][0].as_str().is_some_and(|text| text.contains("agents.csv:2")),
        "{problem}"
    );
    let (status, ready) = bridge.get("/readyz").await;
    assert_eq!(status, 503, "{ready}");
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    std::fs::write(&agents, good).expect("the good table");
    assert_eq!(bridge.post_admin("/v1/reload").await.0, 200);
    assert_eq!(bridge.get("/readyz").await.0, 200);
}
