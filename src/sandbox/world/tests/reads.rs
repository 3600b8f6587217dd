//! The Table API as a bridge reads it.

use super::super::query::Query;
use super::*;
use crate::sandbox::switches::{CanceledSpelling, TableReads};

#[test]
fn an_encoded_query_is_read() {
    let query = Query::parse("active=true^stateINqueued,accepted^ORDERBYDESCsys_created_on^x!=1");
    let conditions: Vec<_> =
        query.conditions.iter().map(|one| (one.column.as_str(), one.values.join("|"))).collect();
    assert_eq!(
        conditions,
        [("active", "true".to_owned()), ("state", "queued|accepted".to_owned())]
    );
    assert_eq!(query.order_by_desc.as_deref(), Some("sys_created_on"));
    assert_eq!(query.unread, 1);
}

#[test]
fn the_look_up_of_a_call_in_doubt_finds_the_work_item() {
    let mut fixture = fixture();
    fixture.offered(GRACE);
    let rows = fixture.get(&format!(
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
fn references_are_links_unless_they_are_left_out() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    let path = format!("/api/now/v2/table/awa_work_item/{item}?sysparm_fields=assigned_to,state");
    let assigned_to = json!({ "value": GRACE, "link": format!("/api/now/table/sys_user/{GRACE}") });
    let expected = json!({ "state": "pending_accept", "assigned_to": assigned_to });
    assert_eq!(fixture.get(&path), expected);
}

#[test]
fn a_condition_on_an_unknown_column_is_dropped_without_a_word() {
    let mut fixture = fixture();
    let path = "/api/now/table/awa_queue?sysparm_query=colour=red&sysparm_fields=name,colour";
    let all = fixture.get(path);
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert!(all[0]["name"].is_string() && all[0]["colour"].is_null(), "{all}");
    fixture.world.switches.invalid_query_returns_no_rows = true;
    assert_eq!(fixture.get(path), json!([]));
}

#[test]
fn queues_users_roles_and_channels_can_be_asked_for() {
    let mut fixture = fixture();
    let queues = fixture.get(
        "/api/now/table/awa_queue?sysparm_query=external_idINsupport-voice,nowhere\
         &sysparm_fields=sys_id,service_channel.name",
    );
    assert_eq!(queues, json!([{ "sys_id": QUEUE, "service_channel.name": "voice" }]));
    let roles = fixture.get(&format!(
        "/api/now/table/sys_user_has_role?sysparm_query=userIN{GRACE},{ADA}^role.nameINawa_agent\
         &sysparm_fields=user,role.name&sysparm_exclude_reference_link=true"
    ));
    assert_eq!(roles[0], json!({ "user": GRACE, "role.name": "awa_agent" }));
    assert_eq!(roles.as_array().map(Vec::len), Some(2));
    let users = fixture.get(&format!("/api/now/table/sys_user?sysparm_query=sys_idIN{ADA}"));
    assert_eq!(users[0]["user_name"], json!("ada.lovelace"));
    let channels = fixture.get("/api/now/table/awa_service_channel?sysparm_query=name=chat");
    assert_eq!(channels[0]["sys_id"], json!(CHAT));
}

#[test]
fn unknown_tables_records_and_methods_are_refused() {
    let mut fixture = fixture();
    let answer = fixture.ask("GET", "/api/now/table/nonsense", &Value::Null);
    assert_eq!(refusal(&answer), (400, "Invalid table nonsense".to_owned()));
    let path = format!("/api/now/table/awa_queue/{DOCUMENT}");
    assert_eq!(refusal(&fixture.ask("GET", &path, &Value::Null)).0, 404);
    assert_eq!(fixture.ask("DELETE", &path, &Value::Null).status, 405);
    assert_eq!(fixture.ask("GET", "/now/awa/consult/end", &Value::Null).status, 400);
}

#[test]
fn reads_can_be_forbidden_or_hidden() {
    let mut fixture = fixture();
    let path = "/api/now/table/awa_work_item?sysparm_limit=1";
    fixture.offered(GRACE);
    fixture.world.switches.table_reads = TableReads::Forbidden;
    assert_eq!(fixture.ask("GET", path, &Value::Null).status, 403);
    fixture.world.switches.table_reads = TableReads::NoRows;
    assert_eq!(fixture.get(path), json!([]));
}

#[test]
fn tables_are_read_page_by_page_and_rows_are_hidden_after_they_were_counted() {
    let mut fixture = fixture();
    let page = |offset: usize| {
        format!(
            "/api/now/table/sys_user?sysparm_query=ORDERBYuser_name&sysparm_fields=user_name\
             &sysparm_limit=2&sysparm_offset={offset}"
        )
    };
    let names = |rows: Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["user_name"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (names(fixture.get(&page(0))), names(fixture.get(&page(2))));
    assert_eq!(first.len(), 2);
    assert!(first.iter().chain(&second).is_sorted(), "{first:?} {second:?}");
    let whole = fixture.ask("GET", &page(0), &Value::Null).total.unwrap();
    assert!(whole > 2);
    fixture.world.switches.hidden_rows = vec![format!("sys_user/{GRACE}")];
    let seen: usize = (0..whole).step_by(2).map(|at| names(fixture.get(&page(at))).len()).sum();
    assert_eq!(seen, whole - 1);
    assert_eq!(fixture.ask("GET", &page(0), &Value::Null).total, Some(whole));
}

#[test]
fn fields_can_be_hidden_and_references_shown_as_a_person_sees_them() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    let path = |more: &str| {
        format!(
            "/api/now/table/awa_work_item/{item}?sysparm_fields=assigned_to,state\
             &sysparm_exclude_reference_link=true{more}"
        )
    };
    let name = fixture.world.user(SysId::parse(GRACE).unwrap()).unwrap().user_name.clone();
    assert_eq!(fixture.get(&path(""))["assigned_to"], GRACE);
    assert_eq!(fixture.get(&path("&sysparm_display_value=true"))["assigned_to"], name);
    let both = fixture.get(&path("&sysparm_display_value=all"))["assigned_to"].clone();
    assert_eq!(both, json!({ "display_value": name, "value": GRACE }));
    fixture.world.switches.hidden_fields = vec!["awa_work_item.assigned_to".to_owned()];
    assert_eq!(fixture.get(&path("")), json!({ "state": "pending_accept" }));
    fixture.world.switches.closed_tables = vec!["awa_work_item".to_owned()];
    assert_eq!(fixture.ask("GET", &path(""), &Value::Null).status, 403);
    fixture.world.switches.missing_tables = vec!["awa_work_item".to_owned()];
    assert_eq!(fixture.ask("GET", &path(""), &Value::Null).status, 400);
}

#[test]
fn a_canceled_state_is_spelt_as_the_switch_says() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    fixture.ask(
        "PATCH",
        &format!("/api/now/table/interaction/{DOCUMENT}"),
        &json!({ "state": "closed_abandoned" }),
    );
    let path = format!("/api/now/table/awa_work_item/{item}?sysparm_fields=state");
    assert_eq!(fixture.get(&path), json!({ "state": "canceled" }));
    fixture.world.switches.canceled_spelling = CanceledSpelling::Cancelled;
    assert_eq!(fixture.get(&path), json!({ "state": "cancelled" }));
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
    let mut fixture = Fixture { world, now: NOON, caller: id(CALLER) };
    let queues = fixture.get("/api/now/table/awa_queue?sysparm_query=external_id=q-1");
    assert_eq!(queues.as_array().map(Vec::len), Some(2));
    assert!(fixture.world.queue(id(QUEUE)).is_some());
    let reasons = fixture.get(&format!("/api/now/awa/inbox/actions/reject_reasons/{CHAT}"));
    assert_eq!(reasons[0]["value"], json!("Busy"));
}
