use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::awa::peer::{Act, Asked, Peer, answer, json};
use crate::awa::settings::Resolver;
use crate::awa::{Auth, Client, Grant, OAuth};
use crate::base_url::BaseUrl;
use crate::clock::by_hand;
use crate::routing::CallOptions;
use crate::routing::{AwaCall, SysId};

fn call() -> AwaCall {
    let id = SysId::parse("0d584509c323120095ccd02422d3ae5b").unwrap();
    AwaCall::Accept { work_item: id, agent: id }
}

fn options() -> CallOptions {
    CallOptions::first(clock::now().plus(60_000))
}

fn accepted() -> Act {
    json(200, &json!({ "result": {} }))
}

fn html(status: u16) -> Act {
    answer(status, "content-type: text/html\r\n", "<html><title>Bad gateway</title></html>")
}

fn connections(peer: &Peer) -> Vec<usize> {
    peer.asked().iter().map(|asked| asked.connection).collect()
}

/// Over which connections three calls go where the second one gets this answer.
async fn around(second: Act) -> Vec<usize> {
    let hangs = matches!(second, Act::Hang);
    let peer =
        Peer::start(move |number, _| if number == 1 { second.clone() } else { accepted() }).await;
    let mut settings = peer.settings();
    if hangs {
        settings.request_timeout = Duration::from_millis(600);
    }
    let client = Client::new(settings).unwrap();
    for _ in 0..3 {
        client.send(&call(), &options()).await;
    }
    connections(&peer)
}

#[tokio::test]
async fn after_an_answer_that_may_not_be_servicenows_the_next_request_connects_anew() {
    let page = "location: https://login.example.com/\r\n";
    for sick in [
        html(503),
        html(502),
        html(504),
        html(200),
        html(403),
        html(500),
        json(503, &json!({ "error": { "message": "upstream" } })),
        answer(302, page, ""),
        answer(200, "content-type: text/html\r\n", "Instance Hibernating page"),
        Act::Hang,
    ] {
        assert_eq!(around(sick.clone()).await, [1, 1, 2], "{sick:?}");
    }
}

#[tokio::test]
async fn what_servicenow_answers_itself_leaves_the_connection_in_use() {
    let error = |status| json(status, &json!({ "error": { "message": "no" } }));
    for well in [accepted(), error(400), error(404), error(409), error(500), answer(429, "", "")] {
        assert_eq!(around(well.clone()).await, [1, 1, 1], "{well:?}");
    }
}

#[tokio::test]
async fn a_connection_is_not_used_past_its_time() {
    let peer = Peer::start(|_, _| accepted()).await;
    let aged = |age| {
        let mut settings = peer.settings();
        settings.connection_age = age;
        Client::new(settings).unwrap()
    };
    let short = aged(Some(Duration::ZERO));
    let long = aged(None);
    for client in [&short, &short, &short, &long, &long] {
        assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    }
    assert_eq!(connections(&peer), [1, 2, 3, 4, 4]);
    assert!(LONGEST <= Duration::from_secs(300));
}

#[tokio::test]
async fn what_is_on_its_way_finishes_where_it_is() {
    let let_go = Arc::new(Notify::new());
    let late = Arc::clone(&let_go);
    let peer = Peer::start(move |number, _| match (number, accepted()) {
        (0, Act::Say(bytes)) => Act::Late(Arc::clone(&late), bytes),
        (1, _) => html(503),
        (_, well) => well,
    })
    .await;
    let client = Arc::new(peer.client());
    let slow = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.send(&call(), &options()).await }
    });
    while peer.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "in_doubt");
    assert_eq!(client.trouble().unwrap(), "a gateway answers 503 in its place");
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    let_go.notify_one();
    assert_eq!(slow.await.unwrap().answered.reply.name(), "landed");
    assert_eq!((connections(&peer), client.trouble()), (vec![1, 2, 3], None));
}

/// A name service that gives the addresses out in turn.
struct InTurn(Vec<SocketAddr>, AtomicUsize);

impl reqwest::dns::Resolve for InTurn {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        let address = self.0[turn.min(self.0.len() - 1)];
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as reqwest::dns::Addrs) })
    }
}

#[tokio::test]
async fn the_name_is_looked_up_anew_after_a_gateways_answer() {
    let old = Peer::start(|_, _| html(503)).await;
    let mut address = old.address;
    address.set_ip([127, 0, 0, 2].into());
    let new = Peer::start_at(address, |_, _| accepted()).await;
    let mut settings = old.settings();
    let url = format!("http://localhost:{}", old.address.port());
    settings.base_url = BaseUrl::parse(&url).unwrap();
    let addresses = vec![old.address, new.address];
    settings.resolver = Some(Resolver(Arc::new(InTurn(addresses, AtomicUsize::new(0)))));
    let client = Client::new(settings).unwrap();
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "in_doubt");
    client.probe().await;
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    assert_eq!((old.asked().len(), connections(&new)), (1, vec![1, 1]));
}

#[tokio::test]
async fn a_token_endpoint_behind_a_sick_gateway_is_reached_anew_too() {
    let is_token = |asked: &Asked| asked.line == "POST /oauth_token.do";
    let peer = Peer::start(move |_, asked| match (is_token(asked), asked.connection) {
        (true, 1) => html(503),
        (true, _) => json(200, &json!({ "access_token": "t", "expires_in": 600 })),
        (false, _) => accepted(),
    })
    .await;
    let mut settings = peer.settings();
    let grant = Grant::of_client("s");
    settings.auth = Some(Auth::OAuth(Box::new(OAuth::of_client("app", grant))));
    let client = Client::new(settings).unwrap();
    by_hand::stop();
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "not_sent");
    by_hand::wind(Duration::from_millis(300));
    assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    assert_eq!(connections(&peer), [1, 2, 2]);
}

#[tokio::test]
async fn every_request_asks_for_english_and_for_bytes_as_they_are() {
    let peer = Peer::start(|_, asked| match asked.line.as_str() {
        "POST /oauth_token.do" => json(200, &json!({ "access_token": "t", "expires_in": 600 })),
        _ => accepted(),
    })
    .await;
    let mut settings = peer.settings();
    let grant = Grant::of_client("s");
    settings.auth = Some(Auth::OAuth(Box::new(OAuth::of_client("app", grant))));
    let client = Client::new(settings).unwrap();
    client.send(&call(), &options()).await;
    client.probe().await;
    let asked = peer.asked();
    assert_eq!(asked.len(), 3);
    for Asked { head, .. } in asked {
        let head = head.to_lowercase();
        assert!(head.contains("accept-language: en\r\n"), "{head}");
        assert!(head.contains("accept-encoding: identity\r\n") || head.ends_with("identity"));
    }
}

#[tokio::test]
async fn a_refusal_is_read_by_its_charset() {
    let words = "{\"error\":{\"message\":\"nicht verf\u{fc}gbar: Agent is not available\"}}";
    let body: Vec<u8> = words.chars().map(|char| char as u8).collect();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 409 X\r\ncontent-type: application/json; charset=ISO-8859-1\r\ncontent-length: {length}\r\n\r\n"
    );
    let bytes = [head.into_bytes(), body].concat();
    let peer = Peer::start(move |_, _| Act::Say(bytes.clone())).await;
    let reply = peer.client().send(&call(), &options()).await;
    assert_eq!(reply.answered.reply.name(), "agent_unavailable");
    assert_eq!(reply.answered.answer.message, "nicht verf\u{fc}gbar: Agent is not available");
    assert_eq!(Value::Null, json!(peer.client().trouble()));
}
