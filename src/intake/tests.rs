mod http;

use std::sync::Arc;
use std::time::Duration;

use http::{Intake, body, event, offer, post};

use super::BodyLimits;
use super::answer::{EventStatus, Status, Verdict, answer};
use crate::metrics::LAST_EVENT;
use crate::metrics::tests::defect::DefectAt;
use crate::source::{AnswerPolicy, Malformed, Reply};
use crate::store::{Limit, Limits, Refusal};
use hyper::StatusCode;
use hyper::header::HeaderValue;

#[tokio::test]
async fn a_new_event_is_answered_202_and_a_known_one_200() {
    let intake = Intake::start().await;

    let first = intake.send(&offer("e-1")).await;
    let again = intake.send(&offer("e-1")).await;

    assert!(first.starts_with("HTTP/1.1 202 Accepted\r\n"), "{first}");
    assert!(first.contains("content-type: application/json\r\n"), "{first}");
    assert_eq!(body(&first), r#"{"events":[{"id":"e-1","status":"accepted"}]}"#);
    assert!(again.starts_with("HTTP/1.1 200 OK\r\n"), "{again}");
    assert_eq!(body(&again), r#"{"events":[{"id":"e-1","status":"duplicate"}]}"#);
    let kept = intake.store.body("demo", "e-1").await.unwrap();
    assert_eq!(kept.as_deref(), Some(event("e-1").as_bytes()));
    let conversation = intake.store.conversation("cc", "c-1").await.unwrap().unwrap();
    assert_eq!(conversation.events.len(), 1);
}

#[tokio::test]
async fn the_parts_of_a_request_are_told_in_their_order() {
    let intake = Intake::start().await;
    intake.send(&offer("old")).await;

    let (ignored, unknown) = (r#"{"id":"i-1","ignore":"on purpose"}"#, r#"{"unknown":"beat"}"#);
    let unreadable = r#"{"id":"u-1","kind":"offer"}"#;
    let parts = [ignored, &event("old"), unknown, unreadable, &event("new")].join(",");
    let answer = intake.send(&post("demo", &format!("[{parts}]"))).await;

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(
        body(&answer),
        r#"{"events":[{"id":"i-1","status":"ignored"},{"id":"old","status":"duplicate"},{"status":"ignored"},{"id":"u-1","status":"accepted"},{"id":"new","status":"accepted"}]}"#
    );
}

#[tokio::test]
async fn a_request_without_anything_to_keep_is_answered_200_and_keeps_nothing() {
    let intake = Intake::start().await;
    let ignored = r#"[{"id":"i-1","ignore":"on purpose"},{"unknown":"beat"}]"#;
    assert!(intake.send(&post("demo", ignored)).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(
        body(&intake.send(&post("demo", "[]")).await),
        r#"{"events":[{"status":"ignored"}]}"#
    );
    assert_eq!(intake.stored(), 0);
}

#[tokio::test]
async fn refusals_are_problems_without_internals() {
    let intake = Intake::start().await;
    let offered = offer("e-1");
    let wrong = offered.replace("x-secret: right", "x-secret: guessed");
    let text = offered.replace("application/json", "text/plain");
    for (request, status, more) in [
        (wrong, "401 Unauthorized", "www-authenticate: "),
        (post("demo", "{e-1"), "400 Bad Request", "the body is not JSON"),
        (text, "415 Unsupported Media Type", ""),
        (post("other", &event("e-1")), "404 Not Found", "no source listens here"),
        (post("demo/", &event("e-1")), "404 Not Found", ""),
        ("POST / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "404 Not Found", ""),
        (
            "PUT /webhooks/demo HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            "405 Method Not Allowed",
            "allow: POST\r\n",
        ),
        (offered.clone(), "500 Internal Server Error", ""),
    ] {
        let defect = DefectAt::new(LAST_EVENT, || panic!("a defect on purpose"));
        let recorder = metrics::set_default_local_recorder(&defect);
        let answer = intake.send(&request).await;
        drop(recorder);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(more),
            "{answer}"
        );
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        assert!(!answer.contains("secret") && !answer.contains("e-1"), "{answer}");
        let problem: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(problem["status"].as_u64(), status[..3].parse().ok(), "{answer}");
    }
    assert_eq!(intake.stored(), 0);
    assert!(intake.send(&offered).await.starts_with("HTTP/1.1 202 "), "a panic costs one request");
}

#[tokio::test]
async fn nothing_is_read_before_it_is_verified() {
    let intake = Intake::start().await;
    let unreadable = post("demo", "{e-1");
    let unsigned = unreadable.replace("x-secret: right\r\n", "");
    assert!(intake.send(&unsigned).await.starts_with("HTTP/1.1 401 "));
    assert!(intake.send(&unreadable).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_handshake_is_answered_whatever_its_method() {
    let intake = Intake::start().await;
    let answer = intake.send("GET /webhooks/demo?challenge=abc HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(body(&answer), "abc");
}

#[tokio::test]
async fn a_store_that_cannot_take_more_is_told_with_the_time_to_come_again() {
    let intake = Intake::start().await;
    intake.store.set_limits(Limits { pending: 0, ..Limits::default() });
    let full = intake.send(&offer("e-1")).await;
    assert!(full.starts_with("HTTP/1.1 503 ") && full.contains("retry-after: "), "{full}");
    intake.store.close().await;
    let closed = intake.send(&offer("e-1")).await;
    assert!(closed.starts_with("HTTP/1.1 503 "), "{closed}");
    assert!(closed.contains("retry-after: 5\r\n"), "{closed}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_or_while_it_is_read() {
    let intake = Intake::start().await;
    let with_length = "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let chunked = format!(
        "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(17)
    );
    for request in [with_length, chunked.as_str()] {
        let answer = intake.send(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_silent_client_is_cut_off_and_holds_nobody_up() {
    let intake = Intake::start().await;
    let nothing = intake.open("").await;
    let half_a_head = intake.open("POST /webhooks/demo HTTP/1.1\r\nhost:").await;
    let half_a_body = intake.open(&offer("e-1")[..offer("e-1").len() - 2]).await;

    assert!(intake.send(&offer("e-2")).await.starts_with("HTTP/1.1 202 "));
    assert_eq!(http::rest(nothing).await, "");
    let answer = http::rest(half_a_head).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let answer = http::rest(half_a_body).await;
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close\r\n"),
        "{answer}"
    );
    assert_eq!(intake.stored(), 1);
}

#[tokio::test]
async fn at_the_limit_of_connections_the_next_one_waits_for_its_turn() {
    let intake = Intake::start().await;
    let mut idle = Vec::new();
    for _ in 0..http::MAX_CONNECTIONS {
        idle.push(intake.open("").await);
    }
    let waiting = intake.open(&offer("e-1")).await;
    drop(idle);
    assert!(http::head(waiting).await.starts_with("HTTP/1.1 202 "));
}

#[tokio::test]
async fn what_a_vendor_that_hung_up_has_sent_is_still_kept() {
    let intake = Intake::start().await;
    intake.gate.shut();
    let client = intake.open(&offer("e-1")).await;
    intake.gate.asked().await;
    drop(client);
    intake.gate.open();
    while intake.stored() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn at_the_end_what_was_begun_is_answered_and_nothing_new_is_taken() {
    let intake = Intake::start().await;
    let idle = intake.open("").await;
    intake.gate.shut();
    let client = intake.open(&offer("e-1")).await;
    intake.gate.asked().await;

    intake.shutdown.trigger();
    assert_eq!(http::rest(idle).await, "");
    intake.gate.open();
    assert!(http::rest(client).await.starts_with("HTTP/1.1 202 "));
    let address = intake.address;
    intake.served.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn at_the_end_a_stalled_body_is_waited_for_no_longer_than_the_grace() {
    let intake = Intake::start_with(Duration::from_secs(600)).await;
    let client = intake.open(&offer("e-1")[..offer("e-1").len() - 2]).await;
    assert!(intake.send(&offer("e-2")).await.starts_with("HTTP/1.1 202 "));
    intake.shutdown.trigger();
    tokio::time::timeout(Duration::from_secs(60), intake.served).await.unwrap().unwrap();
    drop(client);
}

#[tokio::test]
async fn a_reload_replaces_the_sources() {
    let intake = Intake::start().await;
    assert!(intake.send(&post("new", &event("e-1"))).await.starts_with("HTTP/1.1 404 "));
    intake.reload(&["new"]);
    assert!(intake.send(&post("new", &event("e-1"))).await.starts_with("HTTP/1.1 202 "));
    assert!(intake.send(&offer("e-1")).await.starts_with("HTTP/1.1 404 "));
}

// On one thread: what is read on it would stop everything.
#[tokio::test]
async fn heavy_bodies_of_one_source_wait_in_a_line_and_everything_else_goes_on() {
    let limits = BodyLimits { max: 64 * 1024, timeout: Duration::from_secs(10) };
    let intake = Intake::start_limited(limits, 200).await;
    intake.reload(&["demo", "other"]);
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let webhooks = Arc::clone(&intake.webhooks);
    let read = tokio::spawn(async move {
        webhooks.reading.after(&"demo".into(), move || opened.recv().is_err()).await
    });
    tokio::task::yield_now().await;
    // One is read, 64 wait, and for one more there is no room.
    let (answered, mut answers) = tokio::sync::mpsc::channel(65);
    for number in 0..65 {
        let pad = "x".repeat(40_000);
        let heavy = event(&format!("h-{number}")).replacen('{', &format!(r#"{{"pad":"{pad}","#), 1);
        let (stream, answered) = (intake.open(&post("demo", &heavy)).await, answered.clone());
        tokio::spawn(async move { answered.send(http::head(stream).await).await });
    }
    let refused = answers.recv().await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("retry-after: 5\r\n"), "{refused}");
    assert!(!refused.contains("connection: close"), "an authentic sender keeps its connection");
    for number in 0..20 {
        for source in ["other", "demo"] {
            let light = post(source, &event(&format!("l-{number}")));
            assert!(intake.send(&light).await.starts_with("HTTP/1.1 202 "));
        }
    }
    drop(open);
    assert_eq!(read.await.unwrap(), Ok(true));
    for _ in 0..64 {
        let answer = answers.recv().await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    }
    assert_eq!(intake.stored(), 64 + 40);
}

#[test]
fn a_profile_has_the_last_word_on_every_answer() {
    let reply = |status: u16| {
        Some(Reply {
            status: StatusCode::from_u16(status).unwrap(),
            body: Some("own".to_owned()),
            content_type: Some(HeaderValue::from_static("text/plain")),
        })
    };
    let policy = AnswerPolicy {
        accepted: reply(204),
        duplicate: reply(208),
        ignored: reply(202),
        overload: reply(429),
        bad_signature: reply(403),
        malformed: reply(422),
        ..AnswerPolicy::default()
    };
    let event = |status| EventStatus { id: None, status };
    let full = Refusal::Full { limit: Limit::Pending, retry_after_seconds: 7 };
    for (verdict, status) in [
        (Verdict::Handled(vec![event(Status::Duplicate), event(Status::Accepted)]), 204),
        (Verdict::Handled(vec![event(Status::Ignored), event(Status::Duplicate)]), 208),
        (Verdict::Handled(vec![event(Status::Ignored)]), 202),
        (Verdict::Handled(vec![]), 202),
        (Verdict::Refused(full), 429),
        (Verdict::Unverified, 403),
        (Verdict::Malformed(Malformed::Syntax("JSON".to_owned())), 422),
        (Verdict::Malformed(Malformed::ContentType), 422),
        (Verdict::UnknownSource, 404),
    ] {
        assert_eq!(answer(verdict, &policy).status().as_u16(), status);
    }
    let overload = answer(Verdict::Refused(full), &policy);
    assert_eq!(
        (&overload.headers()["retry-after"], &overload.headers()["content-type"]),
        (&HeaderValue::from(7), &HeaderValue::from_static("text/plain"))
    );
}
