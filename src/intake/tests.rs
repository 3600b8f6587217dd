mod fakes;
mod http;

use std::sync::Arc;
use std::time::Duration;

use fakes::{FakeEndpoint, Step};
use http::{Intake, body, offer, post};

use super::answer::{EventStatus, Status, Verdict, answer};
use crate::source::{AnswerPolicy, Malformed, Reply};
use crate::store::{Item, Limit, Refusal};
use hyper::StatusCode;
use hyper::header::HeaderValue;

#[tokio::test]
async fn a_new_event_is_answered_202_and_a_known_one_200() {
    let intake = Intake::start(FakeEndpoint::default()).await;

    let first = intake.send(&offer("e-1")).await;
    let again = intake.send(&offer("e-1")).await;

    assert!(first.starts_with("HTTP/1.1 202 Accepted\r\n"), "{first}");
    assert!(first.contains("content-type: application/json\r\n"), "{first}");
    assert_eq!(body(&first), r#"{"events":[{"id":"e-1","status":"accepted"}]}"#);
    assert!(again.starts_with("HTTP/1.1 200 OK\r\n"), "{again}");
    assert_eq!(body(&again), r#"{"events":[{"id":"e-1","status":"duplicate"}]}"#);
    let deliveries = intake.store.deliveries();
    let Item::Event(event) = &deliveries[0].items[0] else { panic!("an event") };
    assert_eq!(
        (event.id.as_str(), &*deliveries[0].source, deliveries[0].contact_center.as_str()),
        ("e-1", "demo", "cc")
    );
    assert_eq!(deliveries[0].body.as_deref(), Some(b"event e-1".as_slice()));
}

#[tokio::test]
async fn the_parts_of_a_request_are_told_in_their_order() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    intake.send(&offer("old")).await;

    let answer = intake
        .send(&post("demo", "ignore i-1\nevent old\nunknown\nunreadable u-1\nevent new"))
        .await;

    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(
        body(&answer),
        r#"{"events":[{"id":"i-1","status":"ignored"},{"id":"old","status":"duplicate"},{"status":"ignored"},{"id":"u-1","status":"accepted"},{"id":"new","status":"accepted"}]}"#
    );
}

#[tokio::test]
async fn a_request_without_anything_to_keep_is_answered_200_and_keeps_nothing() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    assert!(intake.send(&post("demo", "ignore i-1\nunknown")).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(body(&intake.send(&post("demo", "")).await), r#"{"events":[]}"#);
    assert!(intake.store.deliveries().is_empty());
}

#[tokio::test]
async fn refusals_are_problems_without_internals() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    let wrong = "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\nx-secret: guessed\r\ncontent-length: 9\r\n\r\nevent e-1";
    for (request, status, more) in [
        (wrong.to_owned(), "401 Unauthorized", "www-authenticate: "),
        (post("demo", "syntax"), "400 Bad Request", "the body is not JSON"),
        (post("demo", "content type"), "415 Unsupported Media Type", ""),
        (post("other", "event e-1"), "404 Not Found", "no source listens here"),
        (post("demo/", "event e-1"), "404 Not Found", ""),
        ("POST / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "404 Not Found", ""),
        (
            "PUT /webhooks/demo HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            "405 Method Not Allowed",
            "allow: POST\r\n",
        ),
        (post("demo", "panic"), "500 Internal Server Error", ""),
    ] {
        let answer = intake.send(&request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(more),
            "{answer}"
        );
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        assert!(!answer.contains("secret") && !answer.contains("e-1"), "{answer}");
        let problem: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(problem["status"].as_u64(), status[..3].parse().ok(), "{answer}");
    }
    assert!(intake.store.deliveries().is_empty());
    assert!(
        intake.send(&offer("e-1")).await.starts_with("HTTP/1.1 202 "),
        "a panic costs one request"
    );
}

#[tokio::test]
async fn nothing_is_read_before_it_is_verified() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    let unsigned = "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\npanic";
    assert!(intake.send(unsigned).await.starts_with("HTTP/1.1 401 "));
    assert_eq!(intake.endpoint.steps(), [Step::Handshake, Step::Verify]);
}

#[tokio::test]
async fn a_handshake_is_answered_whatever_its_method() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    let answer = intake.send("GET /webhooks/demo?challenge=abc HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(body(&answer), "/webhooks/demo?challenge=abc");
}

#[tokio::test]
async fn a_store_that_cannot_take_more_is_told_with_the_time_to_come_again() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    for (refusal, wait) in [
        (Refusal::Full { limit: Limit::Source, retry_after_seconds: 30 }, 30),
        (Refusal::Unavailable, 5),
    ] {
        intake.store.refuse(refusal);
        let answer = intake.send(&offer("e-1")).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains(&format!("retry-after: {wait}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_or_on_the_way() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    let told = "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let untold = format!(
        "POST /webhooks/demo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );
    for request in [told, untold.as_str()] {
        let answer = intake.send(request).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 ") && answer.contains("connection: close\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_silent_client_is_cut_off_and_holds_nobody_up() {
    let intake = Intake::start(FakeEndpoint::default()).await;
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
    assert_eq!(intake.store.deliveries().len(), 1);
}

#[tokio::test]
async fn at_the_limit_of_connections_the_next_one_waits_for_its_turn() {
    let intake = Intake::start(FakeEndpoint::default()).await;
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
    let intake = Intake::start(FakeEndpoint::default()).await;
    let asked = intake.store.hold();
    let client = intake.open(&offer("e-1")).await;
    asked.notified().await;
    drop(client);
    intake.store.release();
    while intake.store.finished() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(intake.store.deliveries().len(), 1);
}

#[tokio::test]
async fn at_the_end_what_was_begun_is_answered_and_nothing_new_is_taken() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    let idle = intake.open("").await;
    let asked = intake.store.hold();
    let client = intake.open(&offer("e-1")).await;
    asked.notified().await;

    intake.shutdown.trigger();
    assert_eq!(http::rest(idle).await, "");
    intake.store.release();
    assert!(http::rest(client).await.starts_with("HTTP/1.1 202 "));
    let address = intake.address;
    intake.served.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn at_the_end_a_stalled_body_is_waited_for_no_longer_than_the_grace() {
    let intake = Intake::start_with(FakeEndpoint::default(), Duration::from_secs(600)).await;
    let client = intake.open(&offer("e-1")[..offer("e-1").len() - 2]).await;
    assert!(intake.send(&offer("e-2")).await.starts_with("HTTP/1.1 202 "));
    intake.shutdown.trigger();
    tokio::time::timeout(Duration::from_secs(10), intake.served).await.unwrap().unwrap();
    drop(client);
}

#[tokio::test]
async fn a_reload_replaces_the_sources() {
    let intake = Intake::start(FakeEndpoint::default()).await;
    assert!(intake.send(&post("new", "event e-1")).await.starts_with("HTTP/1.1 404 "));
    intake.sources.replace([("new".to_owned(), intake.endpoint.clone())].into());
    assert!(intake.send(&post("new", "event e-1")).await.starts_with("HTTP/1.1 202 "));
    assert!(intake.send(&offer("e-1")).await.starts_with("HTTP/1.1 404 "));
}

// On one thread: what is read on it would stop everything.
#[tokio::test]
async fn heavy_bodies_of_one_source_wait_in_a_line_and_everything_else_goes_on() {
    let intake = Intake::start_roomy(FakeEndpoint::default(), 200).await;
    let other = Arc::new(FakeEndpoint::default());
    let endpoints = [("demo".to_owned(), intake.endpoint.clone()), ("other".to_owned(), other)];
    intake.sources.replace(endpoints.into());
    let heavy = |number: usize| post("demo", &format!("heavy h-{number}"));
    let mut waiting = Vec::new();
    // One is read, 64 wait.
    for number in 0..65 {
        waiting.push(intake.open(&heavy(number)).await);
    }
    while intake.endpoint.steps().iter().filter(|step| **step == Step::Verify).count() < 65 {
        tokio::task::yield_now().await;
    }
    for number in 0..20 {
        let light = post("other", &format!("event o-{number}"));
        assert!(intake.send(&light).await.starts_with("HTTP/1.1 202 "));
        let light = post("demo", &format!("event d-{number}"));
        assert!(intake.send(&light).await.starts_with("HTTP/1.1 202 "));
    }
    let refused = intake.send(&heavy(65)).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("retry-after: 5\r\n"), "{refused}");
    assert!(!refused.contains("connection: close"), "an authentic sender keeps its connection");
    intake.endpoint.open();
    for stream in waiting {
        assert!(http::head(stream).await.starts_with("HTTP/1.1 202 "));
    }
    assert_eq!(intake.store.deliveries().len(), 65 + 40);
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
