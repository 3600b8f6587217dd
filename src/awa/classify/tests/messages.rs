//! Every documented message, and what it means.

use serde_json::json;

use super::*;
use crate::awa::samples::{OTHER, WORK_ITEM, accept, assign, end_consult, offer_at, reject};

#[test]
fn every_message_of_offer_work_has_its_meaning() {
    let taken = format!("taken_by_another {OTHER}");
    for (message, expected) in [
        (
            "Caller 6816f79cc0a8016401c5a33be04be441 does not have the awa_manager or awa_integration_user role",
            "misconfigured",
        ),
        ("Work Item accepted can not be assigned", "conflict"),
        ("0d584509c323120095ccd02422d3ae5b is not a valid agent", "misconfigured"),
        ("Transfer failed - couldn't blind transfer to agent", "agent_unavailable"),
        ("Work Item is already assigned to 0d584509c323120095ccd02422d3ae5b", "already_ours"),
        ("Work Item is already assigned to 46d44a23a9fe19810012d100cca80666", taken.as_str()),
        ("Agent is not available", "agent_unavailable"),
        ("Timeout value cannot be negative", "misconfigured"),
        ("41f9b8dfb31313005baa6e5f26a8dcac is not a valid presence state", "misconfigured"),
        (
            "Offered time (2024-04-03 23:09:31) must be in the following format: yyyy-MM-dd'T'HH:mm:ss.SSS",
            "misconfigured",
        ),
        (
            "Offered time (2024-04-03T23:09:31.000) must be before the current time, otherwise agent will have more time to accept the work item",
            "clock_skew",
        ),
        (
            "Timestamp after timeout (2024-04-03T23:09:31.000) must be after the current time, otherwise agent has no time to accept the work item",
            "too_late",
        ),
        ("card is not a valid display option", "misconfigured"),
        ("maybe is not a valid boolean value", "misconfigured"),
        ("The user does not have the 'awa_external_user' role", "misconfigured"),
        ("Document is not active", "document_closed"),
    ] {
        says_everywhere(&offer_at(NOW), message, expected);
        says_everywhere(&to_our_agent(), message, expected);
    }
}

#[test]
fn every_message_of_manual_assignment_has_its_meaning() {
    let taken = format!("taken_by_another {OTHER}");
    let ours = format!("already_ours {WORK_ITEM}");
    for (message, expected) in [
        ("bfa3a27e87bd5210be070d48dabb3588 is not a valid work item", "misconfigured"),
        ("Work item bfa3a27e87bd5210be070d48dabb3588 cannot be assigned", "conflict"),
        ("Work Item is already assigned to 0d584509c323120095ccd02422d3ae5b", ours.as_str()),
        ("Work Item is already assigned to 46d44a23a9fe19810012d100cca80666", taken.as_str()),
        ("Agent is not available", "agent_unavailable"),
        ("0d584509c323120095ccd02422d3ae5b is not a valid agent", "misconfigured"),
        (
            "Offered time (2024-04-03T23:09:31.000 ) must be before the current time, otherwise agent will have more time to accept the work item",
            "clock_skew",
        ),
        (
            "Timestamp after timeout (2024-04-03T23:09:31.000 ) must be after the current time, otherwise agent has no time to accept the work item",
            "too_late",
        ),
    ] {
        says_everywhere(&assign(), message, expected);
    }
}

#[test]
fn every_message_of_the_inbox_actions_has_its_meaning() {
    for (message, expected) in [
        ("Missing agent ID", "misconfigured"),
        ("Missing work item ID", "misconfigured"),
        ("Missing reject reason item ID", "misconfigured"),
        ("Missing reject reason ID", "misconfigured"),
        ("Work item is assigned to a different agent", "conflict"),
        ("Wrong work item ID", "misconfigured"),
        ("Work item is not in pending accept state", "conflict"),
        (
            "There is no record for awa_reject_reason : 31e3fa29b38023002e7b6e5f26a8dc17",
            "misconfigured",
        ),
        (
            "There is no record for awa_work_item : 3ed5df4d87cf01101ae365b83cbb35af",
            "misconfigured",
        ),
        ("There is no record for sys_user : 46c9e158a9fe198101d44d0d22cb640d", "misconfigured"),
    ] {
        says_everywhere(&accept(), message, expected);
        says_everywhere(&reject(), message, expected);
    }
}

#[test]
fn a_consult_that_is_not_there_is_done_after_doubt_and_told_before() {
    let body = json!({ "error": { "message": "Cannot find the work item for document ID: 59616aba87bd5210be070d48dabb35e6" } });
    let answer = json_answer(404, &body);
    assert_eq!(reported(&call(&end_consult(), false, &answer, NOW)), "no_consult");
    assert_eq!(reported(&call(&end_consult(), true, &answer, NOW)), "already_ours");
}

#[test]
fn the_agent_of_already_assigned_is_read_with_and_without_a_full_stop() {
    for text in [
        format!("Work Item is already assigned to {OTHER}."),
        format!("Work item is already assigned to '{OTHER}'"),
        format!("Error: Work Item is already assigned to   {OTHER} "),
    ] {
        let body = json!({ "result": { "success": false, "message": text } });
        assert_eq!(
            reported(&meaning_of(&offer_at(NOW), &json_answer(409, &body))),
            format!("taken_by_another {OTHER}")
        );
    }
    for nameless in
        ["Work Item is already assigned to", "Work Item is already assigned to Ada Lovelace"]
    {
        let body = json!({ "result": { "success": false, "message": nameless } });
        assert_eq!(reported(&meaning_of(&offer_at(NOW), &json_answer(409, &body))), "conflict");
    }
}

#[test]
fn faults_of_the_setup_are_told_apart() {
    for (status, body, expected, names) in [
        (
            401,
            json!({ "error": { "message": "User Not Authenticated", "detail": "Required to provide Auth information" }, "status": "failure" }),
            "unauthorised",
            "password",
        ),
        (
            403,
            json!({ "error": { "message": "User Not Authorized", "detail": "Failed API level ACL Validation" }, "status": "failure" }),
            "misconfigured",
            "glide.awa.enabled",
        ),
        (
            403,
            json!({ "error": { "message": "User Not Authorized", "detail": "Failed API level ACL Validation" }, "status": "failure" }),
            "misconfigured",
            "awa_integration_user",
        ),
        (
            400,
            json!({ "error": { "message": "Requested URI does not represent any resource: /now/awa/documents", "detail": null }, "status": "failure" }),
            "misconfigured",
            "com.glide.awa",
        ),
        (
            404,
            json!({ "error": { "message": "No Record found", "detail": "Record doesn't exist or ACL restricts the record retrieval" }, "status": "failure" }),
            "not_there",
            "access rules",
        ),
        (
            409,
            json!({ "result": { "success": false, "message": "The user does not have the 'awa_external_user' role" } }),
            "misconfigured",
            "awa_external_user",
        ),
    ] {
        let verdict = meaning_of(&offer_at(NOW), &json_answer(status, &body));
        assert_eq!(reported(&verdict), expected);
        let (AwaReply::Misconfigured { what }
        | AwaReply::NotThere { what }
        | AwaReply::Unauthorised { why: what }) = &verdict.reply
        else {
            panic!("{verdict:?}")
        };
        assert!(what.contains(names), "{what} does not name {names}");
        assert!(!verdict.unknown);
    }
    let body = json!({ "error": { "message": "User Not Authenticated", "detail": "" } });
    let mfa = Received { mfa: true, ..json_answer(401, &body) };
    let AwaReply::Unauthorised { why } = meaning_of(&offer_at(NOW), &mfa).reply else { panic!() };
    assert!(why.contains("multi-factor"), "{why}");
}

/// Every documented message, in each of the shapes in which it may come, under each of the documented statuses.
fn says_everywhere(call: &AwaCall, message: &str, expected: &str) {
    let shapes = [
        json!({ "result": { "success": false, "message": message } }),
        json!({ "error": { "message": message, "detail": "" }, "status": "failure" }),
        json!({ "error": { "message": "Error", "detail": message }, "status": "failure" }),
        json!({ "result": { "error": { "message": message } }, "status": "failure" }),
    ];
    for shape in &shapes {
        for status in [200, 400, 401, 403, 404, 409, 500] {
            let verdict = meaning_of(call, &json_answer(status, shape));
            assert_eq!(reported(&verdict), expected, "{status} {shape}");
            assert!(!verdict.unknown, "{status} {shape} counted as unknown");
            assert!(verdict.message.contains(message), "{} lacks {message}", verdict.message);
            assert_eq!(verdict.status, Some(status));
        }
    }
    let shouted = json!({ "result": { "success": false, "message": message.to_uppercase() } });
    let shouted = reported(&meaning_of(call, &json_answer(409, &shouted)));
    assert_eq!(shouted.to_lowercase(), expected.to_lowercase());
}
