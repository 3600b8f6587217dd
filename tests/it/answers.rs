//! Every documented answer to every call, in the shapes in which it may come: the right end after the right number of
//! calls.

use awa_bridge::testing::sandbox::world::{ApiRequest, CALLER};
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{ADA, GRACE, an_event, an_offer, document, with};

/// An answer in words, and what becomes of the event: its state, its reason's word, how often the call was sent.
type Row<'a> = (&'a str, &'a str, &'a str, usize);

/// The shapes of a refusal that pages show or leave open.
fn shapes(status: u16, message: &str) -> [Misbehaviour; 4] {
    let answer = |status, body| Misbehaviour::Status { status, body, headers: Vec::new() };
    [
        answer(
            status,
            json!({ "error": { "message": message, "detail": message }, "status": "failure" }),
        ),
        answer(
            status,
            json!({ "error": { "message": "Conflict", "detail": message }, "status": "failure" }),
        ),
        answer(
            status,
            json!({ "result": { "success": "false", "message": message.to_uppercase() } }),
        ),
        Misbehaviour::SuccessFalse { message: message.to_owned() },
    ]
}

/// The event of that kind in a conversation that is ready for it.
async fn prepared(bridge: &Bridge, kind: &str, number: usize) -> Value {
    let conversation = format!("c-{number}");
    let event = |kind: &str| an_event(kind, &format!("{kind}-{number}"), &conversation);
    let earlier: &[&str] = match kind {
        "offer" => &[],
        "accept" | "reject" => &["offer"],
        "assign" => &["offer", "reject"],
        "transfer" => &["offer", "accept"],
        _ => &["offer", "accept", "transfer"],
    };
    let whole = |kind: &str, consult: bool| match kind {
        "offer" => an_offer(&format!("offer-{number}"), &conversation),
        "accept" | "reject" => with(event(kind), json!({ "agent": "ada" })),
        "assign" => with(event(kind), json!({ "agent": "ada", "timeout_seconds": 20 })),
        "transfer" => {
            let kind = if consult { "consult" } else { "blind" };
            with(
                event("transfer"),
                json!({ "transfer": { "type": kind, "target": { "agent": "grace" } } }),
            )
        }
        _ => with(event("consult_end"), json!({ "hand_over": true })),
    };
    for earlier in earlier {
        bridge.accept(&whole(earlier, true)).await;
        bridge.ends(&format!("{earlier}-{number}"), "delivered").await;
    }
    whole(kind, false)
}

/// Plays every row in every shape, each in a conversation of its own.
async fn play(kind: &str, endpoint: Endpoint, status: u16, rows: &[Row<'_>]) {
    let bridge = Bridge::configured("[offer]\ntimeout = \"20s\"").await;
    let mut number = 0;
    for (message, state, reason, calls) in rows {
        for what in shapes(status, message) {
            number += 1;
            let event = prepared(&bridge, kind, number).await;
            bridge.sandbox.inject(Fault::on(endpoint, what.clone()).times(100));
            bridge.sandbox.forget_calls();
            bridge.accept(&event).await;
            let ended = bridge.settled(event["id"].as_str().expect("an id")).await;
            bridge.sandbox.clear_faults();
            let seen = (&ended["state"], &ended["reason"], bridge.calls(endpoint).len());
            assert_eq!(
                seen,
                (&json!(state), &json!(reason), *calls),
                "{kind}: {what:?}\n{ended:#}"
            );
            let reported =
                ended["last_answer"]["message"].as_str().unwrap_or_default().to_lowercase();
            let looked_up = reported == "looked up";
            assert!(looked_up || reported.contains(&message.to_lowercase()), "{ended:#}");
        }
    }
}

fn offer_rows<'a>(ours: &'a str, other: &'a str) -> Vec<Row<'a>> {
    vec![
        (
            "Caller 6816f79cc0a8016401c5a33be04be441 does not have the awa_manager or awa_integration_user role",
            "dead",
            "misconfigured",
            1,
        ),
        ("0d584509c323120095ccd02422d3ae5b is not a valid agent", "dead", "misconfigured", 1),
        ("The user does not have the 'awa_external_user' role", "dead", "misconfigured", 1),
        (ours, "delivered", "already_in_place", 1),
        (other, "dead", "taken_by_another", 1),
        ("Agent is not available", "dead", "agent_unavailable", 3),
        ("Timeout value cannot be negative", "dead", "misconfigured", 1),
        (
            "41f9b8dfb31313005baa6e5f26a8dcac is not a valid presence state",
            "dead",
            "misconfigured",
            1,
        ),
        (
            "Offered time (2024-04-03 23:09:31) must be in the following format: yyyy-MM-dd'T'HH:mm:ss.SSS",
            "dead",
            "misconfigured",
            1,
        ),
        (
            "Offered time (2024-04-03T23:09:31.000) must be before the current time, otherwise agent will have more time to accept the work item",
            "dead",
            "clock_skew",
            2,
        ),
        (
            "Timestamp after timeout (2024-04-03T23:09:31.000) must be after the current time, otherwise agent has no time to accept the work item",
            "expired",
            "too_late_for_servicenow",
            1,
        ),
        ("card is not a valid display option", "dead", "misconfigured", 1),
        ("maybe is not a valid boolean value", "dead", "misconfigured", 1),
    ]
}

#[tokio::test]
async fn every_answer_to_an_offer() {
    let ours = format!("Work Item is already assigned to {ADA}");
    let other = format!("Work Item is already assigned to {GRACE}.");
    let mut rows = offer_rows(&ours, &other);
    rows.push(("Document is not active", "dead", "document_closed", 1));
    rows.push(("Work Item accepted can not be assigned", "dead", "refused", 2));
    rows.push(("Words that no page has", "dead", "misconfigured", 3));
    play("offer", Endpoint::Offer, 409, &rows).await;
}

#[tokio::test]
async fn every_answer_to_a_transfer() {
    let ours = format!("Work Item is already assigned to {GRACE}");
    let rows = [
        ("Transfer failed - couldn't blind transfer to agent", "dead", "agent_unavailable", 3),
        ("Document is not active", "dead", "document_closed", 1),
        ("The user does not have the 'awa_external_user' role", "dead", "misconfigured", 1),
        (ours.as_str(), "delivered", "already_in_place", 1),
    ];
    play("transfer", Endpoint::Transfer, 409, &rows).await;
}

#[tokio::test]
async fn every_answer_to_an_assignment() {
    let ours = format!("Work Item is already assigned to {ADA}");
    let other = format!("Work Item is already assigned to {GRACE}");
    let mut rows = offer_rows(&ours, &other);
    rows.retain(|(message, ..)| !message.contains("awa_external_user"));
    rows.push((
        "bfa3a27e87bd5210be070d48dabb3588 is not a valid work item",
        "dead",
        "misconfigured",
        1,
    ));
    rows.push((
        "Work item bfa3a27e87bd5210be070d48dabb3588 cannot be assigned",
        "dead",
        "refused",
        2,
    ));
    play("assign", Endpoint::Assign, 409, &rows).await;
}

#[tokio::test]
async fn every_answer_to_accept_and_reject() {
    let rows = [
        ("Missing agent ID", "dead", "misconfigured", 1),
        ("Missing work item ID", "dead", "misconfigured", 1),
        ("Wrong work item ID", "dead", "misconfigured", 1),
        (
            "There is no record for sys_user : 46c9e158a9fe198101d44d0d22cb640d",
            "dead",
            "misconfigured",
            1,
        ),
        ("Work item is not in pending accept state", "dead", "refused", 2),
        ("Work item is assigned to a different agent", "dead", "refused", 2),
    ];
    play("accept", Endpoint::Accept, 400, &rows).await;
    let reasons = [
        ("Missing reject reason item ID", "dead", "misconfigured", 1),
        (
            "There is no record for awa_reject_reason : 31e3fa29b38023002e7b6e5f26a8dc17",
            "dead",
            "misconfigured",
            1,
        ),
        (
            "There is no record for awa_work_item : 3ed5df4d87cf01101ae365b83cbb35af",
            "dead",
            "misconfigured",
            1,
        ),
        ("Work item is not in pending accept state", "dead", "refused", 2),
    ];
    play("reject", Endpoint::Reject, 400, &reasons).await;
}

#[tokio::test]
async fn every_answer_to_the_end_of_a_consult() {
    let rows = [
        (
            "Cannot find the work item for document ID: 59616aba87bd5210be070d48dabb35e6",
            "superseded",
            "no_consult",
            1,
        ),
        ("Failed API level ACL Validation", "dead", "misconfigured", 1),
    ];
    play("consult_end", Endpoint::EndConsult, 404, &rows).await;
}

#[tokio::test]
async fn an_accept_that_agent_or_time_has_overtaken_ends_with_the_agents_work() {
    let bridge = Bridge::start().await;
    let accept = |id: &str, conversation: &str| {
        with(an_event("accept", id, conversation), json!({ "agent": "ada" }))
    };
    for number in 1..=3 {
        bridge.accept(&an_offer(&format!("o-{number}"), &format!("c-{number}"))).await;
        bridge.ends(&format!("o-{number}"), "delivered").await;
    }
    bridge.accept(&accept("first", "c-1")).await;
    bridge.ends("first", "delivered").await;
    bridge.accept(&accept("second", "c-1")).await;
    let event = bridge.ends("second", "delivered").await;
    assert_eq!(event["reason"], "already_in_place", "in the agent's hands already");
    assert_eq!(bridge.calls(Endpoint::Accept).len(), 1);
    let later = awa_bridge::testing::clock::now().plus(60_000);
    bridge.sandbox.with_world(|world| world.tick(later));
    // The agent has answered a card that had gone: the work is brought to the agent, who talks to the caller.
    bridge.accept(&accept("late", "c-2")).await;
    bridge.ends("late", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Transfer).len(), 1);
    assert_eq!(bridge.calls(Endpoint::Accept).len(), 3);
}

#[tokio::test]
async fn an_offer_that_is_in_place_teaches_its_work_item_to_the_accept() {
    let bridge = Bridge::start().await;
    // The card is there before, by somebody else than the bridge.
    let path = format!("/api/now/awa/documents/interaction/{}/offer", document("c-1"));
    let body = json!({ "queue_id": "support-voice", "assignment": { "agent_sys_id": ADA } });
    let request = ApiRequest { method: "POST", path: &path, query: &[], body: Some(&body) };
    let first = bridge.sandbox.with_world(|world| {
        world
            .answer(CALLER.parse().expect("a sys_id"), request, awa_bridge::testing::clock::now())
            .body["result"]["work_item"]["sys_id"]
            .clone()
    });
    let message = format!("Work Item is already assigned to {ADA}");
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::SuccessFalse { message }));
    bridge.accept(&an_offer("e-2", "c-1")).await;
    let second = bridge.ends("e-2", "delivered").await;
    assert_eq!(second["work_item"], first);
    let accept = with(an_event("accept", "e-3", "c-1"), json!({ "agent": "ada" }));
    bridge.accept(&accept).await;
    bridge.ends("e-3", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
}
