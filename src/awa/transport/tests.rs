use std::time::Duration;

use serde_json::{Value, json};

use crate::awa::peer::{Act, Peer, answer, json};
use crate::awa::samples::{WORK_ITEM, offer_at};
use crate::awa::{Client, Reply};
use crate::clock;
use crate::routing::CallOptions;

async fn send(client: &Client) -> Reply {
    let offer = offer_at(clock::now().minus(100));
    client.send(&offer, &CallOptions::first(clock::now().plus(30_000))).await
}

fn success() -> Value {
    json!({ "result": { "work_item": { "sys_id": WORK_ITEM }, "success": true } })
}

fn bytes(act: Act) -> Vec<u8> {
    match act {
        Act::Say(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// A client that does not wait long for that peer.
fn hasty(peer: &Peer) -> Client {
    let mut settings = peer.settings();
    settings.request_timeout = Duration::from_millis(400);
    Client::new(settings).unwrap()
}

#[tokio::test]
async fn informational_answers_are_not_the_answer() {
    let hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let reported = [hints.to_vec(), bytes(json(200, &success()))].concat();
    let peer = Peer::start(move |_, _| Act::Say(reported.clone())).await;
    assert_eq!(send(&peer.client()).await.answered.reply.name(), "landed");
    let only = b"HTTP/1.1 102 Processing\r\n\r\n".to_vec();
    let peer = Peer::start(move |_, _| Act::Say(only.clone())).await;
    assert_eq!(send(&hasty(&peer)).await.answered.reply.name(), "in_doubt");
}

#[tokio::test]
async fn what_follows_an_answer_unasked_is_nobodys_answer() {
    let refused = json!({ "error": { "message": "Agent is not available", "detail": "" } });
    let peer = Peer::start(move |number, _| match number {
        0 => {
            let twice = [bytes(json(409, &refused)), bytes(json(200, &success()))].concat();
            Act::Say(twice)
        }
        _ => json(409, &refused),
    })
    .await;
    let client = peer.client();
    for _ in 0..2 {
        assert_eq!(send(&client).await.answered.reply.name(), "agent_unavailable");
    }
    assert_eq!(peer.asked().last().unwrap().connection, 2, "the connection is not trusted again");
}

#[tokio::test]
async fn an_answer_that_is_shorter_than_it_says_leaves_doubt_and_its_connection() {
    let body = success().to_string();
    let head = "content-type: application/json\r\n";
    let whole = bytes(answer(200, head, &body));
    let cut = whole[..whole.len() - 3].to_vec();
    for act in [Act::Cut(cut.clone()), Act::Say(cut)] {
        let peer = Peer::start(move |number, _| match number {
            0 => act.clone(),
            _ => json(200, &success()),
        })
        .await;
        let client = hasty(&peer);
        assert_eq!(send(&client).await.answered.reply.name(), "in_doubt");
        assert_eq!(send(&client).await.answered.reply.name(), "landed");
        assert_eq!(peer.asked().last().unwrap().connection, 2);
    }
}
