//! The Table API and the Agent API, as a bridge reads them.

use super::super::query::{Query, Test};
use super::*;
use crate::sandbox::switches::{CanceledSpelling, TableReads};

#[test]
fn an_encoded_query_is_read() {
    let query = Query::parse(
        "active=true^stateINqueued,accepted^ORstate!=x^queue.nameISEMPTY^ORDERBYDESCsys_created_on",
    );
    let tests: Vec<Vec<&Test>> =
        query.all.iter().map(|any| any.iter().map(|condition| &condition.test).collect()).collect();
    assert_eq!(
        tests,
        [
            vec![&Test::Is("true".into())],
            vec![&Test::In(vec!["queued".into(), "accepted".into()]), &Test::IsNot("x".into())],
            vec![&Test::IsEmpty],
        ]
    );
    assert_eq!(query.order, [("sys_created_on".to_owned(), true)]);
    assert_eq!(query.unread, 0);
    assert_eq!(Query::parse("what is this^=x").unread, 2);
}

#[test]
fn the_look_up_of_a_call_in_doubt_finds_the_work_item() {
    let mut bench = bench();
    bench.offered(GRACE);
    let rows = bench.get(&format!(
        "/api/now/table/awa_work_item?sysparm_query=document_id={DOCUMENT}^active=true\
         ^ORDERBYDESCsys_created_on&sysparm_fields=state,assigned_to,queue.external_id,offered_on,nonsense\
         &sysparm_exclude_reference_link=true&sysparm_limit=5"
    ));
    assert_eq!(
        rows,
        json!([{
            "state": "pending_accept",
            "assigned_to": GRACE,
            "queue.external_id": "support-voice",
            "offered_on": "2024-04-03 23:09:31",
        }])
    );
}

#[test]
fn references_are_links_unless_they_are_left_out_and_display_values_can_be_had() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    let path = format!("/api/now/v2/table/awa_work_item/{item}?sysparm_fields=assigned_to,state");
    let assigned_to = json!({ "value": GRACE, "link": format!("/api/now/table/sys_user/{GRACE}") });
    let expected = json!({ "state": "pending_accept", "assigned_to": assigned_to });
    assert_eq!(bench.get(&path), expected);
    let shown = bench
        .get(&format!("{path}&sysparm_display_value=true&sysparm_exclude_reference_link=true"));
    assert_eq!(shown, json!({ "state": "Pending Accept", "assigned_to": "grace.hopper" }));
    let all = bench.get(&format!("{path}&sysparm_display_value=all"));
    assert_eq!(
        all["state"],
        json!({ "value": "pending_accept", "display_value": "Pending Accept" })
    );
}

#[test]
fn a_condition_on_an_unknown_column_is_dropped_without_a_word() {
    let mut bench = bench();
    bench.world.switches.hidden_fields = vec!["awa_queue.external_id".to_owned()];
    let path = "/api/now/table/awa_queue?sysparm_query=external_id=support-voice^ORDERBYname\
                &sysparm_fields=name,external_id&sysparm_limit=10";
    assert_eq!(bench.get(path), json!([{ "name": "Support" }, { "name": "Support chat" }]));
    bench.world.switches.invalid_query_returns_no_rows = true;
    assert_eq!(bench.get(path), json!([]));
}

#[test]
fn queues_users_roles_channels_and_reasons_can_be_asked_for() {
    let mut bench = bench();
    let queues = bench.get(
        "/api/now/table/awa_queue?sysparm_query=external_idINsupport-chat,support-voice\
         ^ORDERBYexternal_id&sysparm_fields=sys_id,service_channel.name",
    );
    assert_eq!(queues[1], json!({ "sys_id": QUEUE, "service_channel.name": "voice" }));
    let roles = bench.get(&format!(
        "/api/now/table/sys_user_has_role?sysparm_query=userIN{GRACE},{ADA}^role.nameINawa_agent\
         &sysparm_fields=user,role.name&sysparm_exclude_reference_link=true"
    ));
    assert_eq!(roles[0], json!({ "user": GRACE, "role.name": "awa_agent" }));
    assert_eq!(roles.as_array().map(Vec::len), Some(2));
    let users = bench.get(&format!("/api/now/table/sys_user?sys_id={ADA}"));
    assert_eq!(users[0]["user_name"], json!("ada.lovelace"));
    let channels = bench.get("/api/now/table/awa_service_channel?sysparm_query=name=chat");
    assert_eq!(channels[0]["sys_id"], json!(CHAT));
    let reasons = bench.get(&format!(
        "/api/now/table/awa_reject_reason?sysparm_query=service_channel={VOICE}^ORDERBYDESCorder&sysparm_limit=1"
    ));
    assert_eq!(reasons[0]["value"], json!("Not my expertise"));
}

#[test]
fn unknown_tables_records_and_methods_are_refused() {
    let mut bench = bench();
    let answer = bench.ask("GET", "/api/now/table/nonsense", &Value::Null);
    assert_eq!(refusal(&answer), (400, "Invalid table nonsense".to_owned()));
    let path = format!("/api/now/table/awa_queue/{DOCUMENT}");
    assert_eq!(refusal(&bench.ask("GET", &path, &Value::Null)).0, 404);
    assert_eq!(bench.ask("DELETE", &path, &Value::Null).status, 405);
    assert_eq!(bench.ask("GET", "/now/awa/consult/end", &Value::Null).status, 400);
}

#[test]
fn reads_can_be_forbidden_or_hidden() {
    let mut bench = bench();
    let path = "/api/now/table/awa_work_item?sysparm_limit=1";
    bench.offered(GRACE);
    bench.world.switches.table_reads = TableReads::Forbidden;
    assert_eq!(bench.ask("GET", path, &Value::Null).status, 403);
    bench.world.switches.table_reads = TableReads::NoRows;
    assert_eq!(bench.get(path), json!([]));
}

#[test]
fn a_canceled_state_is_spelt_as_the_switch_says() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    bench.ask(
        "PATCH",
        &format!("/api/now/table/interaction/{DOCUMENT}"),
        &json!({ "state": "closed_abandoned" }),
    );
    let path = format!("/api/now/table/awa_work_item/{item}?sysparm_fields=state");
    assert_eq!(bench.get(&path), json!({ "state": "canceled" }));
    bench.world.switches.canceled_spelling = CanceledSpelling::Cancelled;
    assert_eq!(bench.get(&path), json!({ "state": "cancelled" }));
}

#[test]
fn an_agents_presence_is_shown_and_set() {
    let mut bench = bench();
    let path = format!("/api/now/awa/agents/{GRACE}");
    let shown = bench.get(&path);
    assert_eq!(shown["presence"]["name"], json!("Available"));
    assert_eq!(shown["presence"]["channels"][0]["available"], json!(true));
    let away = json!({ "presence": { "sys_id": AWAY, "channels": [{ "sys_id": VOICE }] } });
    assert_eq!(
        bench.ask("PUT", &path, &away).body["result"]["presence"]["available"],
        json!(false)
    );
    assert_eq!(bench.offer(GRACE).status, 409);
    assert_eq!(bench.ask("GET", "/api/now/awa/agents/nobody", &Value::Null).status, 404);
    let states = bench.get(&format!("{path}/presence_states"));
    assert_eq!(states.as_array().map(Vec::len), Some(3));
}

#[test]
fn mapping_tables_seed_what_they_lead_to() {
    let mut world = World::empty();
    let chat = crate::routing::Channel::parse("chat").unwrap();
    let external = |text: &str| ExternalId::parse(text).unwrap();
    world.seed(
        [(external("q-1"), None), (external("q-1"), Some(chat)), (external(QUEUE), None)],
        [id(ADA)],
        ["Busy".to_owned()],
    );
    let mut bench = Bench { world, now: NOON, caller: id(CALLER) };
    let queues = bench.get("/api/now/table/awa_queue?sysparm_query=external_id=q-1");
    assert_eq!(queues.as_array().map(Vec::len), Some(2));
    assert!(bench.world.queue(id(QUEUE)).is_some());
    let reasons = bench.get(&format!("/api/now/awa/inbox/actions/reject_reasons/{CHAT}"));
    assert_eq!(reasons[0]["value"], json!("Busy"));
}
