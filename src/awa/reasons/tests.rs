use serde_json::json;

use super::*;
use crate::awa::Client;
use crate::awa::peer::{Act, Asked, Peer, json};
use crate::clock;
use crate::routing::CallOptions;
use crate::routing::{AwaCall, RejectReason};

const CHANNEL: &str = "27f675e3739713004a905ee515f6a7c3";
const BUSY: &str = "4e93fa29b38023002e7b6e5f26a8dc20";
const WORK_ITEM: &str = "3ed5df4d87cf01101ae365b83cbb35af";

fn reject(reason: &str, channel: Option<&str>) -> AwaCall {
    AwaCall::Reject {
        work_item: SysId::parse(WORK_ITEM).unwrap(),
        agent: SysId::parse("46c9e158a9fe198101d44d0d22cb640d").unwrap(),
        reason: RejectReason::DisplayValue {
            text: reason.into(),
            channel: channel.map(str::to_owned),
        },
    }
}

fn options() -> CallOptions {
    CallOptions::first(clock::now().plus(60_000))
}

/// An instance with one work item on one channel named Chat.
fn instance(_: usize, asked: &Asked) -> Act {
    let line = asked.line.as_str();
    if line == format!("GET /api/now/awa/inbox/actions/reject_reasons/{CHANNEL}") {
        return json(
            200,
            &json!({ "result": [
            { "order": 2, "value": "not_mine", "display_value": "Not my expertise", "sys_id": "31e3fa29b38023002e7b6e5f26a8dc17" },
            { "order": 1, "value": "Busy", "display_value": "Busy", "sys_id": BUSY },
        ] }),
        );
    }
    if line.starts_with(&format!("GET /api/now/table/awa_work_item/{WORK_ITEM}")) {
        return json(
            200,
            &json!({ "result": { "sys_id": WORK_ITEM, "service_channel": { "value": CHANNEL, "link": "x" } } }),
        );
    }
    if line == "POST /api/now/awa/inbox/actions/reject" {
        return json(200, &json!({ "result": { "work_item_id": WORK_ITEM } }));
    }
    json(
        404,
        &json!({ "error": { "message": "No Record found", "detail": "" }, "status": "failure" }),
    )
}

async fn rejected_with(
    client: &Client,
    peer: &Peer,
    reason: &str,
    channel: Option<&str>,
) -> (AwaReply, String) {
    let reply = client.send(&reject(reason, channel), &options()).await;
    let sent = peer.asked().last().unwrap().clone();
    let id = if sent.body.is_empty() {
        String::new()
    } else {
        sent.json()["reject_reason_id"].as_str().unwrap().to_owned()
    };
    (reply.answered.reply, id)
}

#[tokio::test]
async fn a_reason_is_found_by_display_value_or_value_in_any_letter_case() {
    let peer = Peer::start(instance).await;
    let client = peer.client();
    for (reason, id) in [
        ("Busy", BUSY),
        ("bUSY", BUSY),
        ("not MY expertise", "31e3fa29b38023002e7b6e5f26a8dc17"),
        ("NOT_MINE", "31e3fa29b38023002e7b6e5f26a8dc17"),
    ] {
        let (reply, sent) = rejected_with(&client, &peer, reason, Some(CHANNEL)).await;
        assert_eq!(reply, AwaReply::Landed { work_item: SysId::parse(WORK_ITEM).ok() });
        assert_eq!(sent, id);
    }
    let reads = peer.lines().iter().filter(|line| line.contains("reject_reasons")).count();
    assert_eq!(reads, 1, "the list is remembered");
}

#[tokio::test]
async fn the_channel_is_taken_from_the_settings_or_the_work_item() {
    let peer = Peer::start(instance).await;
    let mut settings = peer.settings();
    settings.channels.insert("Voice".into(), CHANNEL.into());
    let client = Client::new(settings).unwrap();
    assert_eq!(rejected_with(&client, &peer, "Busy", Some("voice")).await.1, BUSY);
    assert!(!peer.lines().iter().any(|line| line.contains("awa_work_item")));
    assert_eq!(rejected_with(&client, &peer, "Busy", Some("chat")).await.1, BUSY);
    assert_eq!(rejected_with(&client, &peer, "Busy", None).await.1, BUSY);
}

#[tokio::test]
async fn where_the_work_item_is_hidden_the_channel_is_found_by_its_name() {
    let peer = Peer::start(|number, asked| {
        if asked.line.starts_with("GET /api/now/table/awa_work_item") {
            return json(403, &json!({ "error": { "message": "Insufficient rights to query records" } }));
        }
        if asked.line.starts_with("GET /api/now/table/awa_service_channel") {
            // The condition was dropped: the first row is another channel.
            return json(200, &json!({ "result": [{ "sys_id": WORK_ITEM, "name": "Case" }, { "sys_id": CHANNEL, "name": "Chat" }] }));
        }
        instance(number, asked)
    })
    .await;
    assert_eq!(rejected_with(&peer.client(), &peer, "Busy", Some("chat")).await.1, BUSY);
}

#[tokio::test]
async fn a_reason_that_is_not_there_is_named_with_those_that_are() {
    let peer = Peer::start(instance).await;
    let (reply, sent) = rejected_with(&peer.client(), &peer, "Lunch", Some(CHANNEL)).await;
    let AwaReply::Misconfigured { what } = reply else { panic!("{reply:?}") };
    assert!(what.contains("`Lunch`") && what.contains("Not my expertise, Busy"), "{what}");
    assert_eq!(sent, "", "nothing was rejected");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_leaves_the_reject_unsent() {
    for (act, expected) in [
        (Act::Cut(Vec::new()), "not_sent"),
        (json(500, &json!({})), "not_sent"),
        (json(401, &json!({})), "unauthorised"),
        (json(429, &json!({})), "busy"),
        (json(404, &json!({ "error": { "message": "Record not found" } })), "misconfigured"),
    ] {
        let peer = Peer::start(move |_, _| act.clone()).await;
        let reply = peer.client().send(&reject("Busy", Some(CHANNEL)), &options()).await;
        assert_eq!(reply.answered.reply.name(), expected);
        assert!(peer.lines().iter().all(|line| line.starts_with("GET")));
    }
}
