//! One conversation is carried out in order, one call at a time, whatever goes wrong; conversations run side by side.

use std::collections::HashMap;

use awa_bridge::testing::sandbox::{Endpoint, Fault, Match, Misbehaviour};
use serde_json::json;

use super::seed::test_seed;
use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, eventually, with};

#[tokio::test]
async fn forty_conversations_of_three_events_stay_in_order_under_forty_faults() {
    let bridge = Bridge::configured("[offer]\ntimeout = \"60s\"").await;
    let faults = [
        Misbehaviour::Status { status: 503, body: json!({}), headers: Vec::new() },
        Misbehaviour::Reset,
        Misbehaviour::DropResponseAfterEffect,
        Misbehaviour::TooManyRequests { retry_after: None },
        Misbehaviour::Html { status: 200 },
        Misbehaviour::CutBody,
        Misbehaviour::EmptyBody,
        Misbehaviour::CloseBeforeAnswer,
    ];
    for (seed, what) in (test_seed()..).zip(faults) {
        let when = Match { probability: Some(0.15), seed, ..Match::default() };
        bridge.sandbox.inject(Fault { when, times: 5, what });
    }
    for step in ["offer", "accept", "transfer"] {
        for number in 0..40 {
            let conversation = format!("c-{number}");
            let id = format!("{step}-{number}");
            let event = match step {
                "offer" => an_offer(&id, &conversation),
                "accept" => with(an_event("accept", &id, &conversation), json!({ "agent": "ada" })),
                _ => {
                    let target = json!({ "type": "blind", "target": { "queue": "sales" } });
                    with(an_event("transfer", &id, &conversation), json!({ "transfer": target }))
                }
            };
            bridge.accept(&event).await;
        }
    }
    for step in ["offer", "accept", "transfer"] {
        for number in 0..40 {
            bridge.ends(&format!("{step}-{number}"), "delivered").await;
        }
    }
    let mut done: HashMap<String, Vec<Endpoint>> = HashMap::new();
    for call in bridge.writes().into_iter().filter(|call| call.performed == Some(200)) {
        let body = call.body.unwrap_or_default();
        let work_item = body["work_item_id"].as_str().map(str::to_owned);
        let of = work_item.unwrap_or_else(|| {
            let document = call.path.split('/').nth(6).expect("the document in the path");
            work_item_of(&bridge, document)
        });
        done.entry(of).or_default().push(call.endpoint);
    }
    assert_eq!(done.len(), 40);
    for (work_item, calls) in done {
        let expected = [Endpoint::Offer, Endpoint::Accept, Endpoint::Transfer];
        assert_eq!(calls, expected, "{work_item}: each once, in order");
    }
}

/// The first work item of a document.
fn work_item_of(bridge: &Bridge, document: &str) -> String {
    let document = document.parse().expect("a sys_id");
    bridge.sandbox.with_world(|world| {
        let mut items: Vec<_> = world.work_items_of(document).collect();
        items.sort_by_key(|item| (item.previous_work_item.is_some(), item.sys_id));
        items[0].sys_id.to_string()
    })
}

#[tokio::test]
async fn a_slow_call_of_one_conversation_does_not_hold_another_up() {
    let bridge = Bridge::configured("[servicenow]\nrequest_timeout = \"5m\"").await;
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::Hang));
    bridge.accept(&an_offer("slow", "c-1")).await;
    eventually("the slow call to be in flight", async || {
        (bridge.calls(Endpoint::Offer).len() == 1).then_some(())
    })
    .await;
    bridge.accept(&an_offer("quick", "c-2")).await;
    bridge.ends("quick", "delivered").await;
    let (_, slow) = bridge.get("/v1/events/native/slow").await;
    assert_eq!(slow["state"], "pending");
}

#[tokio::test]
async fn an_accept_waits_for_its_offer_that_is_tried_again() {
    let bridge = Bridge::start().await;
    let busy = Misbehaviour::TooManyRequests { retry_after: None };
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, busy).times(3));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    bridge.ends("e-2", "delivered").await;
    let writes: Vec<_> = bridge.writes().into_iter().map(|call| call.endpoint).collect();
    assert_eq!(
        writes,
        [Endpoint::Offer, Endpoint::Offer, Endpoint::Offer, Endpoint::Offer, Endpoint::Accept]
    );
}

#[tokio::test]
async fn an_offer_that_was_withdrawn_before_it_was_sent_never_is() {
    let bridge = Bridge::start().await;
    let busy = Misbehaviour::TooManyRequests { retry_after: Some(2) };
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, busy));
    bridge.accept(&an_offer("first", "c-0")).await;
    eventually("the instance to be held", async || {
        (bridge.calls(Endpoint::Offer).len() == 1).then_some(())
    })
    .await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    bridge.accept(&an_event("withdraw", "e-3", "c-1")).await;
    bridge.ends("e-1", "superseded").await;
    bridge.ends("e-2", "superseded").await;
    bridge.ends("e-3", "delivered").await;
    bridge.ends("first", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 2, "both of the first conversation");
}

#[tokio::test]
async fn an_offer_whose_time_is_over_is_never_sent() {
    let bridge = Bridge::start().await;
    let late = json!({ "occurred_at": super::support::from_now(-31_000) });
    bridge.accept(&with(an_offer("e-1", "c-1"), late)).await;
    bridge.ends("e-1", "expired").await;
    assert_eq!(bridge.writes().len(), 0);
}
