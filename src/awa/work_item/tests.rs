use serde_json::json;

use super::*;

const OURS: &str = "0d584509c323120095ccd02422d3ae5b";
const OTHER: &str = "46d44a23a9fe19810012d100cca80666";
const QUEUE: &str = "92f8942787851210be070d48dabb35fb";

fn ours() -> SysId {
    SysId::parse(OURS).unwrap()
}

fn since() -> UnixMillis {
    UnixMillis::from_rfc3339("2026-11-21T16:00:00Z").unwrap()
}

/// A work item of that state and agent; the number becomes its id.
fn row(number: u8, state: &str, agent: &str) -> Value {
    json!({
        "sys_id": format!("{number:032}"), "state": state, "active": "true", "assigned_to": agent,
        "queue": QUEUE, "queue.external_id": "vip", "document_id": "d", "timed_out": "false"
    })
}

fn rows(rows: &[Value]) -> Vec<Row> {
    Row::all(&json!({ "result": rows }))
}

fn one(value: Value) -> Row {
    rows(&[value]).remove(0)
}

fn landed(number: u8) -> AwaReply {
    AwaReply::Landed { work_item: SysId::parse(&format!("{number:032}")).ok() }
}

fn accepted_by(agent: &str) -> AwaReply {
    let AwaReply::TakenBy { agent, work_item, .. } = taken_by(agent) else { unreachable!() };
    AwaReply::TakenBy { agent, work_item, accepted: true }
}

fn taken_by(agent: &str) -> AwaReply {
    let agent = Some(agent.to_owned()).filter(|agent| !agent.is_empty());
    AwaReply::TakenBy {
        agent,
        work_item: SysId::parse(&format!("{:032}", 1)).ok(),
        accepted: false,
    }
}

#[test]
fn an_offer_in_doubt_is_told_by_the_document_s_work_items() {
    let with = |changes: Value, mut row: Value| {
        for (field, value) in changes.as_object().unwrap() {
            row[field] = value.clone();
        }
        row
    };
    let old = json!({ "active": "false", "sys_updated_on": "2026-11-21 15:00:00" });
    let table = [
        (vec![], AwaReply::NotLanded),
        (vec![row(1, "pending_accept", OURS)], landed(1)),
        (vec![row(1, "accepted", OURS)], landed(1)),
        (vec![row(1, "Pending Accept", OURS)], landed(1)),
        (vec![row(1, "PENDING_ACCEPT", OURS)], landed(1)),
        (vec![row(1, "queued", "")], AwaReply::NotLanded),
        (vec![row(1, "canceled", OURS)], AwaReply::NotLanded),
        (vec![row(1, "Cancelled", OURS)], AwaReply::NotLanded),
        (vec![row(1, "pending_accept", OTHER)], taken_by(OTHER)),
        (vec![row(1, "accepted", OTHER)], accepted_by(OTHER)),
        // The newest living one counts.
        (vec![row(2, "queued", ""), row(1, "accepted", OTHER)], AwaReply::NotLanded),
        (vec![row(2, "queued", ""), row(1, "accepted", OURS)], AwaReply::NotLanded),
        (vec![row(2, "canceled", OURS), row(1, "accepted", OTHER)], accepted_by(OTHER)),
        (vec![row(2, "accepted", OTHER), row(1, "pending_accept", OURS)], landed(1)),
        // What was over before the call left says nothing.
        (vec![with(old.clone(), row(1, "accepted", OURS))], AwaReply::NotLanded),
        (vec![with(old.clone(), row(1, "accepted", OTHER))], AwaReply::NotLanded),
        (
            vec![with(
                json!({ "active": "false", "sys_updated_on": "2026-11-21 16:00:05" }),
                row(1, "accepted", OURS),
            )],
            landed(1),
        ),
        // References and flags in their other shapes.
        (
            vec![with(
                json!({ "assigned_to": { "value": OURS, "link": "https://x" }, "active": true }),
                row(1, "accepted", ""),
            )],
            landed(1),
        ),
        // What the user may not read cannot clear a doubt.
        (vec![with(json!({ "state": null }), row(1, "", OURS))], AwaReply::LookUpForbidden),
        (
            vec![with(json!({ "assigned_to": null }), row(1, "accepted", ""))],
            AwaReply::LookUpForbidden,
        ),
    ];
    for (found, expected) in table {
        assert_eq!(offered(&rows(&found), ours(), since()), expected, "{found:?}");
    }
}

#[test]
fn a_transfer_to_an_agent_has_landed_once_the_agent_has_it() {
    for (found, expected) in [
        (vec![row(2, "pending_accept", OURS), row(1, "accepted", OTHER)], landed(2)),
        (vec![row(1, "accepted", OTHER)], AwaReply::NotLanded),
        (vec![row(1, "queued", "")], AwaReply::NotLanded),
        (vec![], AwaReply::NotLanded),
    ] {
        assert_eq!(transferred_to_agent(&rows(&found), ours(), since()), expected, "{found:?}");
    }
}

#[test]
fn a_transfer_to_a_queue_has_landed_once_new_work_waits_there() {
    let is_vip = |row: &Row| row.external_id.as_deref() == Some("vip");
    let mut elsewhere = row(3, "queued", "");
    elsewhere["queue.external_id"] = json!("other");
    let mut before = row(1, "accepted", OTHER);
    before["sys_updated_on"] = json!("2026-11-21 15:59:00");
    let mut hidden = row(4, "queued", "");
    hidden["queue"] = Value::Null;
    hidden["queue.external_id"] = Value::Null;
    for (found, expected) in [
        (vec![row(2, "queued", ""), before.clone()], landed(2)),
        (vec![row(2, "pending_accept", OURS)], landed(2)),
        (vec![before], AwaReply::NotLanded),
        (vec![elsewhere], AwaReply::NotLanded),
        (vec![row(1, "canceled", "")], AwaReply::NotLanded),
        (vec![hidden], AwaReply::LookUpForbidden),
        (vec![], AwaReply::NotLanded),
    ] {
        assert_eq!(transferred_to_queue(&rows(&found), is_vip, since()), expected, "{found:?}");
    }
}

#[test]
fn a_work_item_tells_what_became_of_its_assignment_acceptance_or_rejection() {
    let too_late = || AwaReply::TooLate;
    let closed = || AwaReply::DocumentClosed;
    let mut timed_out = row(1, "queued", "");
    timed_out["timed_out"] = json!("true");
    for (found, on_assign, on_accept, on_reject) in [
        (row(1, "pending_accept", OURS), landed(1), AwaReply::NotLanded, AwaReply::NotLanded),
        (row(1, "accepted", OURS), landed(1), landed(1), accepted_by(OURS)),
        (row(1, "pending_accept", OTHER), taken_by(OTHER), taken_by(OTHER), landed(1)),
        (row(1, "accepted", OTHER), accepted_by(OTHER), accepted_by(OTHER), landed(1)),
        (row(1, "queued", ""), AwaReply::NotLanded, taken_by(""), landed(1)),
        (timed_out, AwaReply::NotLanded, too_late(), landed(1)),
        (row(1, "canceled", ""), closed(), closed(), landed(1)),
        (row(1, "cancelled", OURS), closed(), closed(), landed(1)),
    ] {
        let row = one(found);
        assert_eq!(assigned(&row, ours()), on_assign, "{row:?}");
        assert_eq!(accepted(&row, ours()), on_accept, "{row:?}");
        assert_eq!(rejected(&row, ours()), on_reject, "{row:?}");
    }
}

#[test]
fn rows_without_an_id_are_left_out_and_a_single_record_is_one_row() {
    assert!(rows(&[json!({ "state": "queued" }), json!("x")]).is_empty());
    assert_eq!(Row::all(&json!({ "result": row(1, "queued", "") })).len(), 1);
}

#[test]
fn a_card_that_was_canceled_for_its_time_came_too_late_to_accept() {
    let mut timed_out = row(1, "canceled", "");
    timed_out["timed_out"] = json!("true");
    let rows = Row::all(&json!({ "result": [timed_out] }));
    assert_eq!(accepted(&rows[0], SysId::parse(OURS).unwrap()), AwaReply::TooLate);
}
