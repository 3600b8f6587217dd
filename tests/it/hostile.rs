//! An AWA that keeps to the letter of its pages and no further: look-ups that show nothing, odd shapes of success.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Switches, TableReads};
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup};
use super::support::{ADA, an_event, an_offer, document, with};

fn answer(status: u16, body: Value) -> Misbehaviour {
    Misbehaviour::Status { status, body, headers: Vec::new() }
}

fn page(status: u16) -> Misbehaviour {
    Misbehaviour::Html { status }
}

/// Ways in which a look-up can show nothing.
fn blind() -> Vec<Misbehaviour> {
    let error =
        |text: &str| json!({ "error": { "message": text, "detail": null }, "status": "failure" });
    vec![
        answer(200, json!({ "result": [] })),
        answer(404, error("No Record found")),
        answer(400, error("Invalid table awa_work_item")),
        answer(403, error("Insufficient rights to query records")),
        answer(404, Value::Null),
        page(404),
        // Of another document: its condition was dropped.
        answer(
            200,
            json!({ "result": [{
            "sys_id": document("another"), "document_id": document("another"), "state": "accepted",
            "active": "true", "assigned_to": ADA, "queue": document("queue"),
        }] }),
        ),
    ]
}

#[tokio::test]
async fn where_a_look_up_shows_nothing_lost_calls_are_repeated_and_end_well() {
    for look_up in blind() {
        let bridge = Bridge::start().await;
        bridge.sandbox.inject(Fault::on(Endpoint::TableRead, look_up.clone()).times(1_000));
        for endpoint in [Endpoint::Offer, Endpoint::Accept] {
            bridge.sandbox.inject(Fault::on(endpoint, Misbehaviour::DropResponseAfterEffect));
        }
        bridge.accept(&an_offer("e-1", "c-1")).await;
        bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
        bridge.ends("e-1", "delivered").await;
        let accept = bridge.ends("e-2", "delivered").await;
        assert_eq!(accept["reason"], "presumed_in_place", "{look_up:?}: {accept:#}");
        assert_eq!(bridge.calls(Endpoint::Offer).len(), 2, "{look_up:?}");
        assert_eq!(bridge.calls(Endpoint::Accept).len(), 2, "{look_up:?}");
    }
}

#[tokio::test]
async fn where_doubt_is_to_end_nothing_is_repeated() {
    let setup = Setup {
        config: "[servicenow]\nin_doubt = \"dead\"".to_owned(),
        switches: Switches {
            documents_appear: true,
            table_reads: TableReads::Forbidden,
            ..Switches::default()
        },
        ..Setup::default()
    };
    let bridge = Bridge::with(setup).await;
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::DropResponseAfterEffect));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let event = bridge.ends("e-1", "dead").await;
    assert_eq!(event["reason"], "in_doubt");
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
}

#[tokio::test]
async fn success_is_read_in_every_shape() {
    let work_item = document("work item");
    let result = |success: Value| {
        json!({ "result": { "success": success, "message": "MANUAL ASSIGNMENT SUCCESSFULLY REQUESTED",
            "work_item": { "sys_id": { "value": work_item, "link": "https://x" }, "queue": "q" } } })
    };
    let plain = |status, body: &Value, content_type: &str| Misbehaviour::Status {
        status,
        body: Value::String(body.to_string()),
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
    };
    let bridge = Bridge::start().await;
    for (number, what) in [
        answer(201, result(json!(true))),
        answer(202, result(json!("true"))),
        answer(200, result(json!("TRUE"))),
        answer(200, result(json!(1))),
        answer(200, result(json!("yes"))),
        plain(200, &result(json!(true)), "text/plain"),
        plain(200, &result(json!(true)), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("e-{number}");
        bridge.sandbox.inject(Fault::on(Endpoint::Offer, what.clone()));
        bridge.sandbox.forget_calls();
        bridge.accept(&an_offer(&id, &format!("c-{number}"))).await;
        let event = bridge.ends(&id, "delivered").await;
        assert_eq!(event["work_item"], work_item.as_str(), "{what:?}");
        assert_eq!(bridge.sandbox.calls().len(), 1, "{what:?}");
    }
}

#[tokio::test]
async fn rows_with_objects_labels_and_numbers_are_read() {
    let bridge = Bridge::start().await;
    let reference = |id: &str| json!({ "value": id, "link": format!("https://x/{id}") });
    let row = json!({
        "sys_id": document("work item"), "document_id": reference(&document("c-1")),
        "state": "Pending Accept", "active": 1, "assigned_to": reference(ADA),
        "queue": reference(&document("queue")), "timed_out": "0",
        "sys_updated_on": "2020-01-01 00:00:00",
    });
    bridge.sandbox.inject(Fault::on(Endpoint::TableRead, answer(200, json!({ "result": [row] }))));
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::Reset));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let event = bridge.ends("e-1", "delivered").await;
    assert_eq!(event["reason"], "found_by_look_up");
    assert_eq!(event["work_item"], document("work item").as_str());
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
}

#[tokio::test]
async fn retry_after_of_no_time_is_backed_off_from() {
    let bridge = Bridge::configured("[retry]\ninitial = \"100ms\"\nmax = \"400ms\"").await;
    let refusal = Misbehaviour::TooManyRequests { retry_after: Some(0) };
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refusal).times(1_000));
    bridge.accept(&with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 2 }))).await;
    bridge.ends("e-1", "expired").await;
    let knocks = bridge.calls(Endpoint::Offer).len();
    assert!((2..60).contains(&knocks), "{knocks}");
    let id = document("c-1").parse().expect("a sys_id");
    let known = bridge.sandbox.with_world(|world| world.document(id).cloned());
    assert!(known.is_none(), "nothing was done");
}
