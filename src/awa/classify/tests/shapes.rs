//! Success, statuses, and bodies of every shape.

use serde_json::json;

use super::*;
use crate::awa::samples::{OURS, WORK_ITEM, accept, assign, close, end_consult, offer_at, reject};

#[test]
fn success_needs_2xx_json_and_the_flag() {
    let landed = format!("landed {WORK_ITEM}");
    let offered = json!({ "result": {
        "work_item": { "display_name": "Interaction: IMS0000221", "sys_id": WORK_ITEM, "document_id": "59616aba87bd5210be070d48dabb35e6", "document_table": "interaction", "queue": "q" },
        "success": true, "message": "Manual assignment successfully requested." } });
    let bare = json!({ "result": { "success": true, "message": "Manual assignment successfully requested" } });
    let word = json!({ "result": { "success": "true", "message": "Manual assignment successfully requested" } });
    let no_flag = json!({ "result": { "message": "Manual assignment successfully requested" } });
    let nothing = json!({ "result": {} });
    let empty = json!({});
    let array = json!([]);
    for (call, status, body, expected) in [
        (offer_at(NOW), 200, &offered, landed.as_str()),
        (offer_at(NOW), 201, &offered, landed.as_str()),
        (to_our_agent(), 200, &offered, landed.as_str()),
        (offer_at(NOW), 200, &bare, "landed"),
        (offer_at(NOW), 200, &word, "landed"),
        (assign(), 200, &bare, landed.as_str()),
        (end_consult(), 200, &bare, "landed"),
        (offer_at(NOW), 200, &no_flag, "in_doubt"),
        (assign(), 200, &no_flag, "in_doubt"),
        (offer_at(NOW), 200, &nothing, "in_doubt"),
        (end_consult(), 200, &nothing, "in_doubt"),
        (offer_at(NOW), 200, &empty, "in_doubt"),
        (offer_at(NOW), 200, &array, "in_doubt"),
        (
            accept(),
            200,
            &json!({ "result": { "documentSysId": "57af", "documentTable": "incident" } }),
            landed.as_str(),
        ),
        (
            reject(),
            200,
            &json!({ "result": { "work_item_id": WORK_ITEM, "agent_id": OURS } }),
            landed.as_str(),
        ),
        (accept(), 200, &empty, "in_doubt"),
        (accept(), 200, &json!({ "result": {}, "status": "failure" }), "in_doubt"),
        (
            accept(),
            200,
            &json!({ "result": {}, "error": { "message": "Odd" }, "status": "failure" }),
            "misconfigured",
        ),
        (
            close(),
            200,
            &json!({ "result": { "sys_id": "x", "state": "closed_abandoned" } }),
            "landed",
        ),
        (close(), 200, &json!({ "result": { "sys_id": "x" } }), "landed"),
        (close(), 200, &json!({ "result": { "state": "closed_complete" } }), "document_closed"),
        (
            close(),
            200,
            &json!({ "result": { "state": { "value": "work_in_progress" } } }),
            "misconfigured",
        ),
    ] {
        assert_eq!(reported(&meaning_of(&call, &json_answer(status, body))), expected, "{body}");
    }
    let refused = json_answer(409, &offered);
    assert_ne!(reported(&meaning_of(&offer_at(NOW), &refused)), landed);
}

#[test]
fn what_no_text_explains_is_judged_by_its_status_and_reported() {
    let odd =
        json!({ "error": { "message": "Etwas ging schief", "detail": "x" }, "status": "failure" });
    for (status, expected) in [
        (200, "unexplained"),
        (400, "misconfigured"),
        (401, "unauthorised"),
        (403, "misconfigured"),
        (404, "not_there"),
        (405, "misconfigured"),
        (406, "misconfigured"),
        (408, "in_doubt"),
        (409, "unexplained"),
        (415, "misconfigured"),
        (500, "in_doubt"),
        (502, "in_doubt"),
        (503, "in_doubt"),
    ] {
        let verdict = meaning_of(&offer_at(NOW), &json_answer(status, &odd));
        assert_eq!(reported(&verdict), expected, "{status}");
        assert!(verdict.unknown);
        assert!(verdict.message.starts_with("Etwas ging schief: x"), "{}", verdict.message);
    }
    for (call, status, expected) in [
        (accept(), 409, "conflict"),
        (accept(), 400, "misconfigured"),
        (accept(), 404, "misconfigured"),
        (close(), 404, "misconfigured"),
        (close(), 409, "misconfigured"),
    ] {
        assert_eq!(reported(&meaning_of(&call, &json_answer(status, &odd))), expected, "{status}");
    }
}

#[test]
fn answers_without_words_are_judged_by_their_status() {
    for (status, expected) in [
        (200, "in_doubt"),
        (204, "in_doubt"),
        (400, "misconfigured"),
        (401, "unauthorised"),
        (404, "misconfigured"),
        (500, "in_doubt"),
        (503, "in_doubt"),
    ] {
        let answer = received(status, "application/json", "");
        assert_eq!(reported(&meaning_of(&accept(), &answer)), expected, "{status}");
        let of_offer = if status == 404 { "not_there" } else { expected };
        assert_eq!(reported(&meaning_of(&offer_at(NOW), &answer)), of_offer, "{status}");
    }
}

#[test]
fn a_body_that_broke_off_leaves_doubt_only_where_the_status_leaves_it() {
    let cut = r#"{"result":{"success":true,"mess"#;
    let whole = r#"{"result":{"success":true}}"#;
    for (status, body, complete, expected) in [
        (200, cut, true, "in_doubt"),
        (200, cut, false, "in_doubt"),
        (200, whole, false, "in_doubt"),
        (200, "", false, "in_doubt"),
        (201, cut, true, "in_doubt"),
        (500, cut, true, "in_doubt"),
        (401, cut, false, "unauthorised"),
        (404, cut, true, "not_there"),
    ] {
        let answer = Received { complete, ..received(status, "application/json", body) };
        assert_eq!(reported(&meaning_of(&offer_at(NOW), &answer)), expected, "{status} {body}");
    }
}

#[test]
fn a_cancelled_transaction_leaves_doubt_under_every_status() {
    let body = json!({ "error": { "message": "Transaction cancelled: maximum execution time exceeded", "detail": "maximum execution time exceeded Check logs for error trace." }, "status": "failure" });
    for status in [200, 500] {
        assert_eq!(reported(&meaning_of(&offer_at(NOW), &json_answer(status, &body))), "in_doubt");
    }
}

#[test]
fn pages_for_browsers_are_not_servicenow() {
    const SLEEPING: &str =
        "<html><head><title>Instance Hibernating page</title></head><body>wake me</body></html>";
    const LOGIN: &str = "<!DOCTYPE html><html><head><title>Sign In | Example</title></head></html>";
    const OTHER_PAGE: &str = "<html><head><title>Welcome to nginx!</title></head></html>";
    const MAINTENANCE: &str = "<html><title>503 Service Unavailable</title></html>";
    for (status, body, expected, names, signal) in [
        (200, SLEEPING, "not_servicenow", "instance hibernating", Signal::Hibernating),
        (503, SLEEPING, "not_servicenow", "instance hibernating", Signal::Hibernating),
        (401, SLEEPING, "not_servicenow", "instance hibernating", Signal::Hibernating),
        (200, LOGIN, "not_servicenow", "login page", Signal::Foreign),
        (200, OTHER_PAGE, "not_servicenow", "welcome to nginx!", Signal::Foreign),
        (404, OTHER_PAGE, "not_servicenow", "welcome to nginx!", Signal::Foreign),
        (503, MAINTENANCE, "in_doubt", "503 service unavailable", Signal::Silent),
        (502, "<html/>", "in_doubt", "HTML", Signal::Silent),
        (500, OTHER_PAGE, "in_doubt", "nginx", Signal::Answered),
        (401, LOGIN, "unauthorised", "User Not Authenticated", Signal::Unauthorised),
        (403, OTHER_PAGE, "misconfigured", "access", Signal::Answered),
    ] {
        for content_type in ["text/html;charset=utf-8", ""] {
            let verdict = meaning_of(&offer_at(NOW), &received(status, content_type, body));
            assert_eq!(reported(&verdict), expected, "{status} {body}");
            assert_eq!(verdict.signal, signal, "{status} {body}");
            let shown = format!("{} {:?}", verdict.message, verdict.reply);
            assert!(shown.contains(names), "{shown} does not name {names}");
        }
    }
    let plain = meaning_of(&offer_at(NOW), &received(200, "text/plain", "It works"));
    assert_eq!(reported(&plain), "not_servicenow");
}

#[test]
fn a_redirect_is_never_servicenow_and_its_query_is_not_shown() {
    for (to, names) in [
        (Some("https://developer.servicenow.com/dev.do#!/home?wu=true"), "instance hibernating"),
        (Some("https://sso.example.com/login?SAMLRequest=secret"), "https://sso.example.com/login"),
        (None, "redirect"),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let answer = Received { location: to.map(str::to_owned), ..received(status, "", "") };
            let verdict = meaning_of(&offer_at(NOW), &answer);
            assert_eq!(reported(&verdict), "not_servicenow");
            assert!(verdict.message.contains(names), "{}", verdict.message);
            assert!(!verdict.message.contains("secret"));
        }
    }
}

#[test]
fn too_many_requests_wait_as_they_are_told_or_back_off() {
    let rule = json!({ "error": { "message": "Rate limit exceeded", "detail": "Rate limit of 100 requests per hour for Table API exceeded" }, "status": "failure" });
    let date = http_date("Sat, 21 Nov 2026 16:00:00 GMT");
    for (retry_after, date, wait) in [
        (Some("417"), None, Wait::RetryAfter(417_000)),
        (Some("0"), None, Wait::BackOff),
        (Some("Sat, 21 Nov 2026 16:00:30 GMT"), date, Wait::RetryAfter(30_000)),
        (Some("Sat, 21 Nov 2026 15:00:00 GMT"), date, Wait::BackOff),
        (Some("soon"), None, Wait::BackOff),
        (None, None, Wait::BackOff),
    ] {
        let retry_after = retry_after.map(str::to_owned);
        for body in [rule.to_string(), String::new(), "<html>busy</html>".to_owned()] {
            let answer =
                Received { retry_after: retry_after.clone(), date, ..received(429, "", &body) };
            let verdict = meaning_of(&offer_at(NOW), &answer);
            assert_eq!(verdict.reply, AwaReply::Busy { wait }, "{retry_after:?} {body}");
        }
    }
}

#[test]
fn an_instance_in_maintenance_that_says_for_how_long_is_left_alone_so_long() {
    for (status, retry_after, signal) in [
        (503, Some("120"), Signal::Hinted { ms: 120_000 }),
        (503, None, Signal::Silent),
        (500, Some("120"), Signal::Answered),
    ] {
        let retry_after = retry_after.map(str::to_owned);
        let answer = Received { retry_after, ..received(status, "text/html", "<html>busy</html>") };
        let verdict = meaning_of(&offer_at(NOW), &answer);
        assert_eq!((reported(&verdict).as_str(), verdict.signal), ("in_doubt", signal));
    }
}

#[test]
fn what_failed_before_it_left_is_not_sent_and_the_rest_is_in_doubt() {
    assert_eq!(reported(&failure(Failure::NotSent("refused".into()))), "not_sent");
    assert_eq!(reported(&failure(Failure::NoAnswer("reset".into()))), "in_doubt");
}

#[test]
fn a_read_gives_its_json_or_says_why_not() {
    let rows = json!({ "result": [{ "sys_id": "x" }] });
    assert_eq!(read(&json_answer(200, &rows), NOW).unwrap(), rows);
    let hidden =
        json!({ "error": { "message": "Insufficient rights to query records", "detail": "" } });
    assert_eq!(reported(&read(&json_answer(403, &hidden), NOW).unwrap_err()), "misconfigured");
    let cut = received(200, "application/json", r#"{"result":[{"sys_id":"x"},"#);
    assert_eq!(reported(&read(&cut, NOW).unwrap_err()), "in_doubt");
    assert_eq!(reported(&read(&json_answer(200, &json!({})), NOW).unwrap_err()), "in_doubt");
}
