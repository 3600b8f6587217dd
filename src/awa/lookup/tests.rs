use crate::routing::CallOptions;
use serde_json::{Value, json};

use super::*;
use crate::awa::Reply;
use crate::awa::peer::{Act, Peer, answer, json};
use crate::awa::samples::{
    DOCUMENT, OTHER, OURS, QUEUE, WORK_ITEM, accept, close, end_consult, id, offer_at, queue,
    transfer_to,
};
use crate::clock;

fn offer() -> AwaCall {
    offer_at(clock::now().minus(100))
}

fn soon() -> UnixMillis {
    clock::now().plus(30_000)
}

fn question(call: AwaCall) -> LookUp {
    LookUp { call, first_sent: clock::now().minus(1_000) }
}

async fn looked_up(call: AwaCall, act: Act) -> (Reply, Vec<String>) {
    let peer = Peer::start(move |_, _| act.clone()).await;
    let reply = peer.client().look_up(&question(call), &CallOptions::first(soon())).await;
    (reply, peer.lines())
}

fn row(document: &str, state: &str, agent: &str) -> Value {
    json!({ "sys_id": WORK_ITEM, "state": state, "active": "true", "assigned_to": agent, "queue": QUEUE, "document_id": document })
}

#[tokio::test]
async fn doubt_about_an_offer_is_cleared_by_the_documents_work_items() {
    let rows =
        json!({ "result": [row(OTHER, "accepted", OTHER), row(DOCUMENT, "pending_accept", OURS)] });
    let (reply, lines) = looked_up(offer(), json(200, &rows)).await;
    assert_eq!(reply.answered.reply, AwaReply::Landed { work_item: Some(id(WORK_ITEM)) });
    assert!(lines[0].starts_with(&format!("GET /api/now/table/awa_work_item?sysparm_query=document_id={DOCUMENT}^ORDERBYDESCsys_created_on&sysparm_fields=sys_id,state,active,")), "{}", lines[0]);
    assert!(lines[0].contains("&sysparm_exclude_reference_link=true&sysparm_limit=20"));
}

#[tokio::test]
async fn rows_of_other_documents_prove_nothing() {
    let rows = json!({ "result": [row(OTHER, "pending_accept", OURS)] });
    assert_eq!(looked_up(offer(), json(200, &rows)).await.0.answered.reply, AwaReply::NotLanded);
    assert_eq!(
        looked_up(offer(), json(200, &json!({ "result": [] }))).await.0.answered.reply,
        AwaReply::NotLanded
    );
    let mut hidden = row(DOCUMENT, "pending_accept", OURS);
    hidden["document_id"] = Value::Null;
    let rows = json!({ "result": [hidden] });
    assert_eq!(
        looked_up(offer(), json(200, &rows)).await.0.answered.reply,
        AwaReply::LookUpForbidden
    );
}

#[tokio::test]
async fn a_look_up_that_fails_leaves_the_doubt() {
    let error = |status| {
        json(status, &json!({ "error": { "message": "Insufficient rights to query records" } }))
    };
    for (act, expected) in [
        (error(400), "look_up_forbidden"),
        (error(403), "look_up_forbidden"),
        (error(404), "look_up_forbidden"),
        (error(401), "unauthorised"),
        (json(500, &json!({})), "in_doubt"),
        (json(429, &json!({})), "busy"),
        (
            answer(200, "content-type: text/html\r\n", "<html><title>Login</title></html>"),
            "not_servicenow",
        ),
        (answer(200, "content-type: application/json\r\n", "{\"result\":[{"), "in_doubt"),
        (Act::Cut(Vec::new()), "in_doubt"),
    ] {
        let (reply, _) = looked_up(offer(), act).await;
        assert_eq!(reply.answered.reply.name(), expected, "{reply:?}");
    }
}

#[tokio::test]
async fn doubt_about_an_inbox_action_is_cleared_by_its_work_item() {
    let rows = json!({ "result": [row(DOCUMENT, "accepted", OURS)] });
    let (reply, lines) = looked_up(accept(), json(200, &rows)).await;
    assert_eq!(reply.answered.reply, AwaReply::Landed { work_item: Some(id(WORK_ITEM)) });
    assert!(lines[0].contains(&format!("sysparm_query=sys_id={WORK_ITEM}&")));
    let gone = looked_up(accept(), json(200, &json!({ "result": [] }))).await.0;
    assert_eq!(gone.answered.reply, AwaReply::LookUpForbidden);
}

#[tokio::test]
async fn calls_that_are_safe_to_repeat_are_not_looked_up() {
    for call in [end_consult(), close()] {
        let (reply, lines) = looked_up(call, Act::Hang).await;
        assert_eq!((reply.answered.reply, reply.signal), (AwaReply::NotLanded, Signal::Nothing));
        assert!(lines.is_empty());
    }
}

fn to_queue(target: &str) -> AwaCall {
    transfer_to(TransferTarget::Queue(queue(target)))
}

#[tokio::test]
async fn the_queue_of_a_transfer_is_resolved_once_and_its_rows_are_checked() {
    let peer = Peer::start(|_, asked| {
        if asked.line.contains("awa_queue?") {
            let other = json!({ "sys_id": OTHER, "external_id": "other" });
            return json(
                200,
                &json!({ "result": [other, { "sys_id": QUEUE, "external_id": "vip" }] }),
            );
        }
        json(200, &json!({ "result": [row(DOCUMENT, "queued", "")] }))
    })
    .await;
    let client = peer.client();
    for _ in 0..2 {
        let reply = client.look_up(&question(to_queue("vip")), &CallOptions::first(soon())).await;
        assert_eq!(reply.answered.reply, AwaReply::Landed { work_item: Some(id(WORK_ITEM)) });
    }
    assert_eq!(
        peer.lines()
            .iter()
            .filter(|line| line.contains("awa_queue?sysparm_query=external_id=vip"))
            .count(),
        1
    );
    let by_id = client.look_up(&question(to_queue(QUEUE)), &CallOptions::first(soon())).await;
    assert_eq!(by_id.answered.reply.name(), "landed");
}

#[tokio::test]
async fn an_external_id_that_would_change_the_query_is_not_asked_for() {
    for target in ["vip^ORsys_idISNOTEMPTY", "javascript:gs.getUserID()", " JavaScript:x"] {
        let rows = json!({ "result": [row(DOCUMENT, "queued", "")] });
        let (reply, lines) = looked_up(to_queue(target), json(200, &rows)).await;
        assert_eq!(reply.answered.reply, AwaReply::LookUpForbidden, "{target}");
        assert_eq!(lines.len(), 1);
    }
}
