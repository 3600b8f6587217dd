//! A work item's life: accept, reject, time-out, closing of its document.

use super::*;

const BUSY: &str = "4e93fa29b38023002e7b6e5f26a8dc20";

fn pending(fixture: &mut Fixture) -> SysId {
    fixture.offered(GRACE)
}

#[test]
fn accepting_puts_the_document_into_work_and_answers_it() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    let answer = fixture.accept(item, GRACE);
    let expected =
        json!({ "result": { "documentSysId": DOCUMENT, "documentTable": "interaction" } });
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(fixture.item(item).state, WorkItemState::Accepted);
    let document = fixture.world.document(id(DOCUMENT)).unwrap();
    assert_eq!(document.state, "work_in_progress");
    assert_eq!(document.assigned_to, Some(id(GRACE)));
}

#[test]
fn rejecting_queues_the_work_item_again_and_echoes_the_request() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    let body = json!({ "agent_id": GRACE, "work_item_id": item, "reject_reason_id": BUSY });
    let answer = fixture.inbox("reject", &body);
    assert_eq!((answer.status, &answer.body["result"]), (200, &body));
    let rejected = fixture.item(item);
    assert_eq!(rejected.state, WorkItemState::Queued);
    assert_eq!(rejected.assigned_to, None);
    assert!(rejected.rejected);
    assert_eq!(fixture.offered(ADA), item);
}

#[test]
fn inbox_actions_refuse_in_the_documented_words() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    let nothing = "0".repeat(32);
    let no_record = |table: &str| format!("There is no record for {table} : {nothing}");
    let cases = [
        ("accept", json!({ "work_item_id": item }), 400, "Missing agent ID".to_owned()),
        ("accept", json!({ "agent_id": GRACE }), 400, "Missing work item ID".to_owned()),
        (
            "accept",
            json!({ "agent_id": GRACE, "work_item_id": nothing }),
            400,
            "Wrong work item ID".to_owned(),
        ),
        (
            "accept",
            json!({ "agent_id": ADA, "work_item_id": item }),
            400,
            "Work item is assigned to a different agent".to_owned(),
        ),
        (
            "reject",
            json!({ "work_item_id": item, "reject_reason_id": BUSY }),
            400,
            "Missing agent ID".to_owned(),
        ),
        (
            "reject",
            json!({ "agent_id": GRACE, "work_item_id": item }),
            400,
            "Missing reject reason item ID".to_owned(),
        ),
        (
            "reject",
            json!({ "agent_id": nothing, "work_item_id": item, "reject_reason_id": BUSY }),
            404,
            no_record("sys_user"),
        ),
        (
            "reject",
            json!({ "agent_id": GRACE, "work_item_id": item, "reject_reason_id": nothing }),
            404,
            no_record("awa_reject_reason"),
        ),
        (
            "reject",
            json!({ "agent_id": GRACE, "work_item_id": nothing, "reject_reason_id": BUSY }),
            404,
            no_record("awa_work_item"),
        ),
    ];
    for (action, body, status, detail) in cases {
        let answer = fixture.inbox(action, &body);
        assert_eq!(answer.status, status, "{action} {body}");
        assert_eq!(answer.body["error"]["detail"], json!(detail), "{action} {body}");
        assert_eq!(answer.body["status"], json!("failure"));
    }
    fixture.accept(item, GRACE);
    let answer = fixture.accept(item, GRACE);
    let detail = &answer.body["error"]["detail"];
    assert_eq!((answer.status, detail), (400, &json!("Work item is not in pending accept state")));
}

#[test]
fn without_the_integration_role_or_with_awa_switched_off_inbox_actions_are_forbidden() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    fixture.world.switches.awa_enabled = false;
    assert_eq!(fixture.accept(item, GRACE).status, 403);
    fixture.world.switches.awa_enabled = true;
    fixture.world.revoke(id(CALLER), "awa_integration_user");
    let answer = fixture.accept(item, GRACE);
    assert_eq!(refusal(&answer), (403, "User Not Authorized".to_owned()));
}

#[test]
fn reject_reasons_are_those_of_the_channel() {
    let mut fixture = fixture();
    let reasons = fixture.get(&format!("/api/now/awa/inbox/actions/reject_reasons/{CHAT}"));
    assert_eq!(
        reasons,
        json!([
            {
                "order": 2,
                "value": "Not my expertise",
                "display_value": "Not my expertise",
                "sys_id": "31e3fa29b38023002e7b6e5f26a8dc17",
            },
            { "order": 1, "value": "Busy", "display_value": "Busy", "sys_id": BUSY },
        ])
    );
    let path = "/api/now/awa/inbox/actions/reject_reasons/nothing";
    assert_eq!(fixture.ask("GET", path, &Value::Null).status, 404);
}

#[test]
fn when_the_time_is_over_the_work_item_is_queued_and_the_agent_gets_the_presence() {
    let mut fixture = fixture();
    let mut body = offer_to(GRACE);
    body["assignment"]["after_timeout_presence"] = json!(AWAY);
    let item = work_item_of(&fixture.offer_with(&body));

    fixture.world.tick(NOON.plus(29_999));
    assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
    fixture.world.tick(NOON.plus(30_000));
    let queued = fixture.item(item);
    assert_eq!(queued.state, WorkItemState::Queued);
    assert_eq!(queued.assigned_to, None);
    assert!(queued.timed_out);
    assert_eq!(fixture.world.user(id(GRACE)).unwrap().presence, id(AWAY));

    fixture.pass(30_000);
    let answer = fixture.accept(item, GRACE);
    let detail = &answer.body["error"]["detail"];
    assert_eq!(detail, &json!("Work item is not in pending accept state"));
}

#[test]
fn the_time_runs_from_the_time_of_offer() {
    let mut fixture = fixture();
    let mut body = offer_to(GRACE);
    body["assignment"]["offered_on"] = json!("2024-04-03T23:09:16.000");
    let item = work_item_of(&fixture.offer_with(&body));
    fixture.world.tick(NOON.plus(14_999));
    assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
    fixture.world.tick(NOON.plus(15_000));
    assert_eq!(fixture.item(item).state, WorkItemState::Queued);
}

#[test]
fn an_older_offers_time_does_not_end_a_newer_one() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    fixture.pass(20_000);
    assert_eq!(fixture.offered(GRACE), item);
    fixture.world.tick(NOON.plus(30_000));
    assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
    fixture.world.tick(NOON.plus(50_000));
    assert_eq!(fixture.item(item).state, WorkItemState::Queued);
}

#[test]
fn auto_assignment_accepts_at_once_and_has_no_time_limit() {
    let mut fixture = fixture();
    let mut body = offer_to(GRACE);
    body["assignment"]["enable_auto_assign"] = json!("true");
    let item = work_item_of(&fixture.offer_with(&body));
    fixture.world.tick(NOON.plus(60_000));
    assert_eq!(fixture.item(item).state, WorkItemState::Accepted);
    assert!(fixture.item(item).auto_accepted);
}

#[test]
fn closing_the_interaction_cancels_what_is_not_accepted() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    let path = format!("/api/now/table/interaction/{DOCUMENT}");
    let answer = fixture.ask("PATCH", &path, &json!({ "state": "closed_abandoned" }));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["result"]["state"], json!("closed_abandoned"));
    let canceled = fixture.item(item);
    assert_eq!((canceled.state, canceled.active), (WorkItemState::Canceled, false));
    assert_eq!(canceled.cancel_reason, Some("Disqualified from service channel"));
}

#[test]
fn closing_the_interaction_leaves_an_accepted_work_item_accepted() {
    let mut fixture = fixture();
    let item = pending(&mut fixture);
    fixture.accept(item, GRACE);
    let path = format!("/api/now/v2/table/interaction/{DOCUMENT}");
    fixture.ask("PATCH", &path, &json!({ "state": "closed_complete" }));
    let accepted = fixture.item(item);
    assert_eq!((accepted.state, accepted.active), (WorkItemState::Accepted, false));
}
