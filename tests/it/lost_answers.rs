//! Ninety answers lost after the call took effect, and not one done twice.

use std::collections::HashMap;

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, with};

/// Every way in which an answer gets lost after the call took effect.
const WAYS: [Misbehaviour; 4] = [
    Misbehaviour::DropResponseAfterEffect,
    Misbehaviour::CutBody,
    Misbehaviour::EmptyBody,
    Misbehaviour::HangAfterEffect,
];

fn lose(bridge: &Bridge, endpoint: Endpoint) {
    for (way, times) in WAYS.into_iter().zip([12, 8, 8, 2]) {
        bridge.sandbox.inject(Fault::on(endpoint, way).times(times));
    }
}

/// How often each thing was done that a call of this kind names, distinguished by `of`.
fn writes(bridge: &Bridge, endpoint: Endpoint, of: impl Fn(&Value, &str) -> String) -> Vec<usize> {
    let mut done: HashMap<String, usize> = HashMap::new();
    for call in bridge.calls(endpoint).into_iter().filter(|call| call.performed == Some(200)) {
        *done.entry(of(&call.body.unwrap_or_default(), &call.path)).or_default() += 1;
    }
    done.into_values().collect()
}

#[tokio::test]
async fn ninety_lost_answers_make_no_double() {
    let bridge =
        Bridge::configured("[offer]\ntimeout = \"60s\"\n[servicenow]\nrequest_timeout = \"500ms\"")
            .await;
    lose(&bridge, Endpoint::Offer);
    for number in 0..30 {
        bridge.accept(&an_offer(&format!("o-{number}"), &format!("c-{number}"))).await;
    }
    for number in 0..30 {
        let event = bridge.ends(&format!("o-{number}"), "delivered").await;
        assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
        assert!(event["work_item"].is_string());
    }
    assert_eq!(writes(&bridge, Endpoint::Offer, |_, path| path.to_owned()), [1; 30]);

    lose(&bridge, Endpoint::Accept);
    for number in 0..30 {
        let accept = an_event("accept", &format!("a-{number}"), &format!("c-{number}"));
        bridge.accept(&with(accept, json!({ "agent": "ada" }))).await;
    }
    for number in 0..30 {
        bridge.ends(&format!("a-{number}"), "delivered").await;
    }
    let work_item = |body: &Value, _: &str| body["work_item_id"].to_string();
    assert_eq!(writes(&bridge, Endpoint::Accept, work_item), [1; 30]);

    lose(&bridge, Endpoint::Transfer);
    for number in 0..30 {
        let kind = if number % 4 < 2 { "blind" } else { "consult" };
        let target =
            if number % 2 == 0 { json!({ "agent": "grace" }) } else { json!({ "queue": "sales" }) };
        let transfer = an_event("transfer", &format!("t-{number}"), &format!("c-{number}"));
        let transfer = with(transfer, json!({ "transfer": { "type": kind, "target": target } }));
        bridge.accept(&transfer).await;
    }
    for number in 0..30 {
        bridge.ends(&format!("t-{number}"), "delivered").await;
    }
    assert_eq!(writes(&bridge, Endpoint::Transfer, |_, path| path.to_owned()), [1; 30]);
    for endpoint in [Endpoint::Offer, Endpoint::Accept, Endpoint::Transfer] {
        assert_eq!(bridge.calls(endpoint).len(), 30, "{endpoint:?}: none was even tried twice");
    }
}

#[tokio::test]
async fn lost_rejects_assigns_and_consult_ends_are_done_once() {
    let bridge = Bridge::start().await;
    let lost = |endpoint| Fault::on(endpoint, Misbehaviour::DropResponseAfterEffect);
    for endpoint in [Endpoint::Reject, Endpoint::Assign, Endpoint::EndConsult] {
        bridge.sandbox.inject(lost(endpoint));
    }
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("reject", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    bridge.ends("e-2", "delivered").await;
    bridge.accept(&with(an_event("assign", "e-3", "c-1"), json!({ "agent": "grace" }))).await;
    bridge.ends("e-3", "delivered").await;
    bridge.accept(&with(an_event("accept", "e-4", "c-1"), json!({ "agent": "grace" }))).await;
    bridge.ends("e-4", "delivered").await;
    let consult = json!({ "transfer": { "type": "consult", "target": { "agent": "ada" } } });
    bridge.accept(&with(an_event("transfer", "e-5", "c-1"), consult)).await;
    bridge
        .accept(&with(an_event("consult_end", "e-6", "c-1"), json!({ "hand_over": false })))
        .await;
    bridge.ends("e-6", "delivered").await;
    for endpoint in [Endpoint::Reject, Endpoint::Assign, Endpoint::EndConsult] {
        let done = bridge.calls(endpoint).iter().filter(|call| call.performed == Some(200)).count();
        assert_eq!(done, 1, "{endpoint:?}");
    }
}
