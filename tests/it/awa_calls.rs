//! Every kind of event, all the way to ServiceNow: the requests, field by field, as the reference pages have them.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::json;

use super::support::bridge::{Bridge, Setup};
use super::support::{ADA, BUSY, GRACE, an_event, an_offer, document, now, with};

/// `offered_on` for a vendor's moment: the same without its zone letter.
fn offered_on(occurred_at: &serde_json::Value) -> String {
    occurred_at.as_str().expect("a time").trim_end_matches('Z').to_owned()
}

#[tokio::test]
async fn an_offer_becomes_offer_work_with_its_assignment() {
    let bridge = Bridge::start().await;
    let presence = "9cd83267575313005baaaa65ef94f98b";
    let offer = with(
        an_offer("e-1", "c-1"),
        json!({
            "timeout_seconds": 45,
            "assignment": {
                "allowed_to_decline": false, "enable_auto_assign": true,
                "display_option": "card_and_tab", "after_timeout_presence": presence,
            },
        }),
    );
    bridge.accept(&offer).await;
    let event = bridge.ends("e-1", "delivered").await;
    let calls = bridge.calls(Endpoint::Offer);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].method, "POST");
    assert_eq!(
        calls[0].path,
        format!("/api/now/awa/documents/interaction/{}/offer", document("c-1"))
    );
    assert_eq!(
        calls[0].body.clone().expect("a body"),
        json!({
            "external_segment_id": "segment-c-1",
            "queue_id": "support-voice",
            "assignment": {
                "agent_sys_id": ADA, "allowed_to_decline": false, "enable_auto_assign": true,
                "display_option": "card_and_tab", "after_timeout_presence": presence,
                "timeout": 45, "offered_on": offered_on(&offer["occurred_at"]),
            },
        })
    );
    assert!(event["work_item"].is_string(), "{event:#}");
    assert_eq!(event["attempts"], 1);
    assert_eq!(event["last_answer"]["status"], 200);
}

#[tokio::test]
async fn what_the_event_does_not_say_of_an_assignment_comes_from_the_configuration() {
    let bridge = Bridge::configured("[offer]\ntimeout = \"12s\"\nallowed_to_decline = false").await;
    let offer = an_offer("e-1", "c-1");
    bridge.accept(&offer).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(
        bridge.calls(Endpoint::Offer)[0].body.clone().expect("a body")["assignment"],
        json!({
            "agent_sys_id": ADA, "allowed_to_decline": false, "enable_auto_assign": false,
            "display_option": "card_only", "timeout": 12,
            "offered_on": offered_on(&offer["occurred_at"]),
        })
    );
}

#[tokio::test]
async fn an_accept_takes_the_work_item_of_its_offer() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    bridge.ends("e-2", "delivered").await;
    let offered = bridge.settled("e-1").await;
    let accepts = bridge.calls(Endpoint::Accept);
    assert_eq!(accepts.len(), 1);
    assert_eq!(accepts[0].path, "/api/now/awa/inbox/actions/accept");
    assert_eq!(
        accepts[0].body.clone().expect("a body"),
        json!({ "agent_id": ADA, "work_item_id": offered["work_item"] })
    );
}

#[tokio::test]
async fn a_reject_takes_the_mapped_reason() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let reject =
        with(an_event("reject", "e-2", "c-1"), json!({ "agent": "ada", "reason": "busy" }));
    bridge.accept(&reject).await;
    bridge.ends("e-2", "delivered").await;
    let offered = bridge.settled("e-1").await;
    assert_eq!(
        bridge.calls(Endpoint::Reject)[0].body.clone().expect("a body"),
        json!({
            "agent_id": ADA, "work_item_id": offered["work_item"], "reject_reason_id": BUSY,
        })
    );
}

#[tokio::test]
async fn a_reject_reason_by_display_value_is_resolved_for_the_channel() {
    let setup = Setup {
        reasons: "reason,reject_reason\nskill,not my expertise\n".to_owned(),
        ..Setup::default()
    };
    let bridge = Bridge::with(setup).await;
    for conversation in ["c-1", "c-2"] {
        let channel = json!({ "channel": "voice" });
        bridge.accept(&with(an_offer(&format!("o-{conversation}"), conversation), channel)).await;
        let reject = an_event("reject", &format!("r-{conversation}"), conversation);
        let reject = with(reject, json!({ "agent": "ada", "reason": "skill", "channel": "voice" }));
        bridge.accept(&reject).await;
        bridge.ends(&format!("r-{conversation}"), "delivered").await;
    }
    let voice =
        awa_bridge::testing::sandbox::world::sys_id_of("voice Not my expertise").to_string();
    for reject in bridge.calls(Endpoint::Reject) {
        assert_eq!(reject.body.expect("a body")["reject_reason_id"], voice);
    }
    assert_eq!(bridge.calls(Endpoint::RejectReasons).len(), 1, "the second time it is known");
}

#[tokio::test]
async fn transfers_go_to_agents_and_queues_blind_and_consult() {
    let bridge = Bridge::start().await;
    let transfers = [
        ("blind", json!({ "agent": "grace" }), "agent", GRACE),
        ("blind", json!({ "queue": "sales" }), "queue", "sales-voice"),
        ("consult", json!({ "agent": "grace" }), "agent", GRACE),
        ("consult", json!({ "queue": "sales" }), "queue", "sales-voice"),
    ];
    for (number, (kind, target, target_type, target_id)) in transfers.into_iter().enumerate() {
        let conversation = format!("c-{number}");
        let offered = format!("o-{number}");
        bridge.accept(&an_offer(&offered, &conversation)).await;
        bridge.ends(&offered, "delivered").await;
        let accept = an_event("accept", &format!("a-{number}"), &conversation);
        bridge.accept(&with(accept, json!({ "agent": "ada" }))).await;
        let transfer = an_event("transfer", &format!("t-{number}"), &conversation);
        let transfer = with(transfer, json!({ "transfer": { "type": kind, "target": target } }));
        bridge.accept(&transfer).await;
        bridge.ends(&format!("t-{number}"), "delivered").await;
        let call = bridge.calls(Endpoint::Transfer).pop().expect("a transfer");
        assert_eq!(
            call.path,
            format!("/api/now/awa/documents/interaction/{}/offer", document(&conversation))
        );
        assert_eq!(
            call.body.expect("a body"),
            json!({
                "external_segment_id": format!("segment-{conversation}"),
                "transfer": {
                    "source_queue_id": "support-voice", "target_id": target_id,
                    "target_type": target_type, "transfer_type": kind,
                },
            })
        );
    }
    assert_eq!(bridge.calls(Endpoint::Transfer).len(), 4);
}

#[tokio::test]
async fn an_assign_becomes_manual_assignment_of_the_work_item() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let reject = with(an_event("reject", "e-2", "c-1"), json!({ "agent": "ada" }));
    bridge.accept(&reject).await;
    let assign = with(
        an_event("assign", "e-3", "c-1"),
        json!({ "agent": "grace", "timeout_seconds": 20, "occurred_at": now() }),
    );
    bridge.accept(&assign).await;
    let event = bridge.ends("e-3", "delivered").await;
    let calls = bridge.calls(Endpoint::Assign);
    assert_eq!(calls.len(), 1);
    let work_item = event["work_item"].as_str().expect("a work item");
    assert_eq!(calls[0].path, format!("/api/now/awa/workitems/{work_item}/assignments"));
    assert_eq!(
        calls[0].body.clone().expect("a body"),
        json!({
            "agent_sys_id": GRACE, "allowed_to_decline": true, "enable_auto_assign": false,
            "display_option": "card_only", "timeout": 20,
            "offered_on": offered_on(&assign["occurred_at"]),
        })
    );
}

#[tokio::test]
async fn a_consult_is_ended_with_its_hand_over() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
    let consult = json!({ "transfer": { "type": "consult", "target": { "agent": "grace" } } });
    bridge.accept(&with(an_event("transfer", "e-3", "c-1"), consult)).await;
    bridge.accept(&with(an_event("consult_end", "e-4", "c-1"), json!({ "hand_over": true }))).await;
    bridge.ends("e-4", "delivered").await;
    let ends = bridge.calls(Endpoint::EndConsult);
    assert_eq!(ends.len(), 1);
    assert_eq!(
        (ends[0].method.as_str(), ends[0].path.as_str()),
        ("PUT", "/api/now/awa/consult/end")
    );
    assert_eq!(
        ends[0].body.clone().expect("a body"),
        json!({ "document_sys_id": document("c-1"), "hand_over": true })
    );
}

#[tokio::test]
async fn a_bind_teaches_document_and_queue_and_calls_nobody() {
    let bridge = Bridge::start().await;
    bridge.accept(&with(an_event("bind", "e-1", "c-1"), json!({ "queue": "support" }))).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.writes().len(), 0);
    let transfer = json!({
        "id": "e-2", "kind": "transfer", "conversation": "c-1", "occurred_at": now(),
        "transfer": { "type": "blind", "target": { "queue": "sales" } },
    });
    bridge.accept(&transfer).await;
    bridge.ends("e-2", "delivered").await;
    let call = bridge.calls(Endpoint::Transfer).pop().expect("a transfer");
    assert!(call.path.contains(&document("c-1")));
    assert_eq!(call.body.expect("a body")["transfer"]["source_queue_id"], "support-voice");
}

#[tokio::test]
async fn a_withdraw_without_an_action_calls_nobody() {
    let bridge = Bridge::configured("[withdraw]\naction = \"none\"").await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    bridge.accept(&an_event("withdraw", "e-2", "c-1")).await;
    bridge.ends("e-2", "delivered").await;
    assert_eq!(bridge.writes().len(), 1, "the offer alone");
}
