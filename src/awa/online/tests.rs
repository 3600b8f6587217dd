use serde_json::json;

use super::*;
use crate::awa::peer::{Act, Asked, Peer, answer, json};

const AGENT: &str = "0d584509c323120095ccd02422d3ae5b";
const IDLE: &str = "46d44a23a9fe19810012d100cca80666";
const GONE: &str = "5137153cc611227c000bbd1bd8cd2005";
const QUEUE: &str = "92f8942787851210be070d48dabb35fb";
const CHANNEL: &str = "27f675e3739713004a905ee515f6a7c3";
const REASON: &str = "4e93fa29b38023002e7b6e5f26a8dc20";

fn refused(status: u16, message: &str) -> Act {
    json(status, &json!({ "error": { "message": message, "detail": "" }, "status": "failure" }))
}

/// An instance where all APIs are there.
fn instance(asked: &Asked) -> Act {
    let line = asked.line.as_str();
    let is = |part: &str| line.contains(part);
    if is(&format!("reject_reasons/{CHANNEL}")) {
        return json(
            200,
            &json!({ "result": [{ "sys_id": REASON, "value": "Busy", "display_value": "Busy" }] }),
        );
    }
    if is("reject_reasons/") {
        return refused(404, "Record not found");
    }
    if is("/offer") {
        return refused(404, "No Record found");
    }
    if is("/assignments") {
        return json(
            409,
            &json!({ "result": { "success": false, "message": "0 is not a valid work item" } }),
        );
    }
    if is("consult/end") {
        return refused(404, "Cannot find the work item for document ID: 0");
    }
    let rows = if is("awa_queue?sysparm_query=sys_id") {
        json!([{ "sys_id": QUEUE, "name": "Direct", "active": "true" }])
    } else if is("awa_queue?") {
        json!([
            { "sys_id": QUEUE, "external_id": "vip", "name": "VIP", "active": "true" },
            { "sys_id": AGENT, "external_id": "both", "name": "Voice", "active": "true" },
            { "sys_id": IDLE, "external_id": "both", "name": "Chat", "active": "true" },
            { "sys_id": GONE, "external_id": "old", "name": "Old", "active": "false" },
            { "sys_id": REASON, "external_id": "unasked", "name": "Dropped condition" },
        ])
    } else if is("sys_user?") {
        json!([{ "sys_id": AGENT, "active": "true" }, { "sys_id": IDLE, "active": "true" }])
    } else if is("sys_user_has_role?") {
        json!([
            { "user": AGENT, "role.name": "awa_agent" },
            { "user": { "value": AGENT }, "role.name": "awa_external_user" },
            { "user": IDLE, "role.name": "awa_agent" },
        ])
    } else {
        json!([{ "sys_id": REASON }])
    };
    json(200, &json!({ "result": rows }))
}

fn wanted() -> Wanted {
    let queue = |id: &str| ExternalId::parse(id).unwrap();
    let agent = |id: &str| SysId::parse(id).unwrap();
    let named = |text: &str| RejectReason::DisplayValue { text: text.into(), channel: None };
    Wanted {
        queues: ["vip", "both", "old", "none", "a^b", QUEUE].map(queue).to_vec(),
        agents: [AGENT, IDLE, GONE].map(agent).to_vec(),
        reasons: vec![RejectReason::SysId(agent(REASON)), named("busy"), named("Lunch")],
        channels: [("voice".to_owned(), CHANNEL.to_owned()), ("chat".to_owned(), GONE.to_owned())]
            .into(),
    }
}

fn found<'a>(findings: &'a [Finding], what: &str, name: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.what == what && finding.name == name).unwrap()
}

#[tokio::test]
async fn everything_is_asked_for_and_told_apart() {
    let peer = Peer::start(|_, asked| instance(asked)).await;
    let findings = peer.client().check_online(&wanted()).await;
    for (what, name, expected, detail) in [
        ("api", "Inbox Actions", Found::Ok, ""),
        ("api", "Offer Work", Found::Ok, ""),
        ("api", "Manual Assignment", Found::Ok, ""),
        ("api", "Agent Consult", Found::Ok, ""),
        ("queue", "vip", Found::Ok, "VIP"),
        (
            "queue",
            "both",
            Found::Ambiguous,
            "2 queues share it (Voice 0d584509c323120095ccd02422d3ae5b, Chat",
        ),
        ("queue", "old", Found::Unfit, "not active"),
        ("queue", "none", Found::Missing, "queues.csv"),
        ("queue", "a^b", Found::Unknown, "sys_id"),
        ("queue", QUEUE, Found::Ok, "Direct"),
        ("agent", AGENT, Found::Ok, ""),
        ("agent", IDLE, Found::Unfit, "awa_external_user"),
        ("agent", GONE, Found::Missing, "agents.csv"),
        ("channel", "voice", Found::Ok, "1 reject reasons"),
        ("channel", "chat", Found::Missing, ""),
        ("reject reason", REASON, Found::Ok, ""),
        ("reject reason", "busy", Found::Ok, ""),
        ("reject reason", "Lunch", Found::Missing, "reject_reasons.csv"),
    ] {
        let finding = found(&findings, what, name);
        assert_eq!(finding.found, expected, "{finding:?}");
        assert!(finding.detail.contains(detail), "{finding:?}");
    }
    assert_eq!(findings.len(), 18);
}

#[tokio::test]
async fn an_api_that_is_missing_or_closed_is_named() {
    let peer = Peer::start(|_, asked| match asked.line.as_str() {
        line if line.contains("/offer") => refused(400, "Requested URI does not represent any resource: /now/awa/documents"),
        line if line.contains("/assignments") => refused(401, "Caller 6816f79cc0a8016401c5a33be04be441 does not have the awa_manager or awa_integration_user role"),
        line if line.contains("consult/end") => refused(403, "User Not Authorized"),
        _ => instance(asked),
    })
    .await;
    let findings = peer.client().check_online(&Wanted::default()).await;
    let is = |name| found(&findings, "api", name);
    assert_eq!(is("Offer Work").found, Found::Missing);
    assert!(is("Offer Work").detail.contains("Yokohama"));
    assert_eq!(is("Manual Assignment").found, Found::Unfit);
    assert!(is("Manual Assignment").detail.contains("awa_integration_user"));
    assert_eq!(is("Agent Consult").found, Found::Unfit);
}

#[tokio::test]
async fn where_the_instance_fails_only_that_is_told() {
    for (act, names) in [
        (refused(401, "User Not Authenticated"), "password"),
        (
            answer(200, "content-type: text/html\r\n", "<title>Instance Hibernating page</title>"),
            "hibernating",
        ),
    ] {
        let peer = Peer::start(move |_, _| act.clone()).await;
        let findings = peer.client().check_online(&wanted()).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].detail.contains(names), "{findings:?}");
        assert_eq!(peer.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_unknown_and_not_missing() {
    let peer = Peer::start(|_, asked| {
        if asked.line.contains("/table/") {
            refused(403, "Insufficient rights to query records")
        } else {
            instance(asked)
        }
    })
    .await;
    let findings = peer.client().check_online(&wanted()).await;
    for (what, name) in [("queue", "vip"), ("agent", AGENT), ("reject reason", REASON)] {
        assert_eq!(found(&findings, what, name).found, Found::Unknown);
    }
}
