use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::awa::peer::{Act, Peer, answer, json};
use crate::awa::samples::{DOCUMENT, OURS, WORK_ITEM, id, offer_at};
use crate::awa::wire;
use crate::base_url::BaseUrl;
use crate::routing::{AwaReply, UnixMillis, Wait};

fn offer() -> AwaCall {
    offer_at(clock::now().minus(100))
}

fn soon() -> UnixMillis {
    clock::now().plus(30_000)
}

fn success() -> Value {
    json!({ "result": { "work_item": { "sys_id": WORK_ITEM }, "success": true, "message": "Manual assignment successfully requested." } })
}

async fn sent_to(act: Act) -> (Reply, usize) {
    sent_with(act, |_| {}).await
}

async fn sent_with(act: Act, change: impl FnOnce(&mut Settings)) -> (Reply, usize) {
    let peer = Peer::start(move |_, _| act.clone()).await;
    let mut settings = peer.settings();
    change(&mut settings);
    let reply = Client::new(settings).unwrap().send(&offer(), &CallOptions::first(soon())).await;
    (reply, peer.asked().len())
}

#[tokio::test]
async fn a_call_goes_out_with_credentials_and_its_answer_is_read() {
    let peer = Peer::start(|_, _| json(200, &success())).await;
    let reply = peer.client().send(&offer(), &CallOptions::first(soon())).await;
    assert_eq!(reply.answered.reply, AwaReply::Landed { work_item: Some(id(WORK_ITEM)) });
    assert_eq!(reply.answered.answer.status, Some(200));
    assert_eq!(reply.answered.answer.message, "Manual assignment successfully requested.");
    assert_eq!((reply.signal, reply.requests), (Signal::Answered, 1));
    let asked = peer.asked().remove(0);
    assert_eq!(asked.line, format!("POST /api/now/awa/documents/interaction/{DOCUMENT}/offer"));
    let head = asked.head.to_lowercase();
    // "bridge:hunter2" in base64.
    assert!(head.contains("authorization: basic ynjpzgdlomh1bnrlcji="), "{head}");
    assert!(
        head.contains("content-type: application/json")
            && head.contains("accept: application/json")
    );
    assert!(!head.contains("cookie"));
    assert_eq!(asked.json()["assignment"]["agent_sys_id"], OURS);
}

#[tokio::test]
async fn connections_are_reused_and_cookies_are_not_kept() {
    let peer = Peer::start(|_, _| {
        answer(
            200,
            "content-type: application/json\r\nset-cookie: JSESSIONID=1; Path=/\r\n",
            &success().to_string(),
        )
    })
    .await;
    let client = peer.client();
    for _ in 0..3 {
        client.send(&offer(), &CallOptions::first(soon())).await;
    }
    assert!(peer.asked().iter().all(|asked| !asked.head.to_lowercase().contains("cookie")));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let to = "location: https://developer.servicenow.com/dev.do#!/home?wu=true\r\n";
    let (reply, asked) = sent_to(answer(302, to, "")).await;
    assert_eq!(asked, 1);
    assert_eq!(reply.answered.reply.name(), "not_servicenow");
    assert_eq!(reply.signal, Signal::Hibernating);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_in_doubt_and_sent_once() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"result\":{\"success\":true";
    for act in [Act::Hang, Act::Say(cut.as_bytes().to_vec())] {
        let hasty = |settings: &mut Settings| settings.request_timeout = Duration::from_millis(600);
        let (reply, asked) = sent_with(act, hasty).await;
        assert_eq!((reply.answered.reply.name(), asked), ("in_doubt", 1), "{reply:?}");
    }
    for act in [
        Act::Cut(Vec::new()),
        Act::Cut(b"HTTP/1.1 200".to_vec()),
        Act::Cut(b"garbage\r\n\r\n".to_vec()),
        Act::Cut(cut.as_bytes().to_vec()),
        answer(200, "content-type: application/json\r\n", ""),
        answer(
            200,
            "content-type: application/json\r\n",
            &format!("{{\"x\":\"{}\"}}", "y".repeat(1_100_000)),
        ),
    ] {
        let (reply, asked) = sent_to(act).await;
        assert_eq!(reply.answered.reply.name(), "in_doubt", "{reply:?}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn what_never_left_is_not_sent() {
    let peer = Peer::start(|_, _| Act::Hang).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = peer.settings();
    settings.base_url = BaseUrl::parse(&format!("http://{closed}")).unwrap();
    let reply = Client::new(settings).unwrap().send(&offer(), &CallOptions::first(soon())).await;
    assert_eq!(reply.answered.reply.name(), "not_sent", "{reply:?}");
    assert_eq!((reply.answered.answer.status, reply.signal), (None, Signal::Silent));
    assert!(
        !reply.answered.answer.message.contains("/api/now"),
        "{}",
        reply.answered.answer.message
    );
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline_and_no_answer_is_awaited_past_it() {
    let peer = Peer::start(|_, _| Act::Hang).await;
    let client = peer.client();
    let late = client.send(&offer(), &CallOptions::first(clock::now().minus(1))).await;
    assert_eq!(
        (late.answered.reply.name(), late.signal, late.requests),
        ("not_sent", Signal::Nothing, 0)
    );
    assert!(peer.asked().is_empty());
    // The request itself would be given more time than it has until its deadline.
    let tight = client.send(&offer(), &CallOptions::first(clock::now().plus(600))).await;
    assert_eq!(tight.answered.reply.name(), "in_doubt");
    assert!(tight.answered.elapsed_ms < 30_000, "{}", tight.answered.elapsed_ms);
}

#[tokio::test]
async fn busy_answers_say_how_long() {
    let (reply, _) = sent_to(answer(429, "retry-after: 417\r\n", "")).await;
    assert_eq!(reply.answered.reply, AwaReply::Busy { wait: Wait::RetryAfter(417_000) });
    assert_eq!(reply.signal, Signal::Hinted { ms: 417_000 });
    let rule = "retry-after: 417\r\nx-ratelimit-limit: 100\r\nx-ratelimit-reset: 1800000000\r\n";
    let (reply, _) = sent_to(answer(429, rule, "")).await;
    assert_eq!(reply.signal, Signal::RetryAfter { ms: 417_000 });
}

#[test]
fn settings_that_cannot_work_are_named() {
    let problem = |base_url: &str| {
        let settings = Settings {
            rate_limit: crate::awa::RateLimit::UNLIMITED,
            api_version: wire::ApiVersion::default(),
            base_url: BaseUrl::parse(base_url).unwrap(),
            request_timeout: Duration::from_secs(1),
            auth: None,
            client_certificate: None,
            ca: None,
            proxy: None,
            resolver: None,
            connection_age: None,
            channels: HashMap::new(),
        };
        Client::new(settings).map(|_| ()).map_err(|error| error.to_string())
    };
    for (base_url, says) in [
        ("http://example.service-now.com", "write https"),
        ("http://127.0.0.1.example.com", "write https"),
        ("https://example.service-now.com/api", "has a path"),
    ] {
        let error = problem(base_url).unwrap_err();
        assert!(error.contains(says) && error.starts_with("servicenow.instance: "), "{error}");
    }
    for base_url in [
        "http://127.0.0.1:1",
        "http://localhost:1/",
        "http://[::1]:1",
        "https://example.service-now.com",
    ] {
        assert_eq!(problem(base_url), Ok(()), "{base_url}");
    }
}
