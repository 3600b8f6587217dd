//! What came before an operator's replay stays in the event's story, also over a restart.

use awa_bridge::testing::routing::{DocumentRef, SysId, TableName};
use awa_bridge::testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home, run};
use super::support::{an_offer, document, eventually, with};

/// Puts the interaction of a conversation into a state.
fn set_state(sandbox: &Sandbox, conversation: &str, state: &str) {
    let sys_id = SysId::parse(&document(conversation)).expect("a sys_id");
    let table = TableName::parse("interaction").expect("a table");
    let document = DocumentRef { table, sys_id };
    sandbox.with_world(|world| world.add_document(&document, state));
}

fn says(home: &Home, arguments: &[&str]) -> String {
    let (code, shown, errors) = run(home.command(arguments).env("USER", "night-shift"));
    assert_eq!(code, 0, "{arguments:?}: {shown}{errors}");
    shown
}

async fn delivered(daemon: &Daemon, id: &str) -> Value {
    eventually("the replayed event to be delivered", async || {
        let event = daemon.get(&format!("/v1/events/native/{id}")).await;
        (event["state"] == "delivered").then_some(event)
    })
    .await
}

/// That these parts are in the text in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("`{part}` is not there, or not in its place:\n{text}");
        };
        rest = after;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_offer_tells_both_its_ends_also_after_a_restart() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let mut daemon = home.start().await;
    set_state(&sandbox, "c-1", "closed_complete");
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 600 }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "dead");

    set_state(&sandbox, "c-1", "new");
    says(&home, &["events", "replay", "e-1"]);
    let event = delivered(&daemon, "e-1").await;
    assert_eq!(event["attempts"], 1, "since the replay: {event:#}");
    let earlier = event["earlier"].as_array().expect("earlier ends");
    assert_eq!(earlier.len(), 1, "{event:#}");
    assert_eq!(
        (&earlier[0]["state"], &earlier[0]["reason"]),
        (&json!("dead"), &json!("document_closed"))
    );
    assert_eq!(earlier[0]["attempts"], 1);
    assert_eq!(earlier[0]["calls"][0]["message"], "Document is not active");
    let calls = |event: &Value| {
        let calls = event["calls"].as_array().cloned().unwrap_or_default();
        calls.into_iter().map(|call| call["meaning"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(calls(&event), ["document_closed", "landed"], "one story, in order: {event:#}");
    assert!(earlier[0]["settled_at"].as_str() < event["settled_at"].as_str(), "{event:#}");

    for restarted in [false, true] {
        if restarted {
            daemon.signal("TERM");
            assert_eq!(daemon.ended().await, Some(0));
            daemon = home.start().await;
        }
        let trace = says(&home, &["trace", "c-1"]);
        let whole = [
            "offer e-1 received from native",
            "Offer the work: the document is closed (HTTP 409",
            "“Document is not active”",
            "offer e-1 is dead (document closed",
            "offer e-1: night-shift replayed",
            "Offer the work: done (HTTP 200",
            "offer e-1 is delivered",
        ];
        in_order(&trace, &whole);
        let story = says(&home, &["events", "show", "e-1"]);
        let calls = [
            "offer e-1 from native is delivered",
            "1. ",
            "“Document is not active”",
            "dead (document closed",
            "night-shift replayed",
            "2. ",
            "Offer the work: done",
        ];
        in_order(&story, &calls);
        let machine = says(&home, &["trace", "c-1", "--json"]);
        let machine: Value = serde_json::from_str(&machine).expect("JSON");
        assert_eq!(machine["events"][0]["earlier"], event["earlier"]);
        assert_eq!(machine["events"][0]["calls"], event["calls"]);
        let shown = says(&home, &["events", "show", "e-1", "--json"]);
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(shown["calls"], event["calls"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_again_tells_its_last_three_ends_and_so_does_a_discarded_one() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    set_state(&sandbox, "c-1", "closed_complete");
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 600 }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    daemon.settled("e-1").await;
    for _ in 0..4 {
        let ended = daemon.get("/v1/events/native/e-1").await["settled_at"].clone();
        says(&home, &["events", "replay", "e-1"]);
        eventually("the offer to be dead again", async || {
            let event = daemon.get("/v1/events/native/e-1").await;
            (event["state"] == "dead" && event["settled_at"] != ended).then_some(())
        })
        .await;
    }
    says(&home, &["hold"]);
    says(&home, &["events", "replay", "e-1"]);
    daemon.signal("KILL");
    drop(daemon);
    let daemon = home.start().await;
    says(&home, &["resume"]);
    let event = daemon.settled("e-1").await;
    assert_eq!(event["state"], "dead", "{event:#}");
    assert_eq!(event["earlier"].as_array().map(Vec::len), Some(3), "{event:#}");
    says(&home, &["events", "discard", "e-1"]);
    let event = daemon.get("/v1/events/native/e-1").await;
    assert_eq!(event["earlier"][2]["reason"], "document_closed", "{event:#}");
    // Of the last three ends, each once and in order.
    let calls: Vec<_> = event["calls"].as_array().expect("calls").iter().collect();
    assert_eq!(calls.len(), 3, "{event:#}");
    assert!(calls.is_sorted_by(|one, next| one["at"].as_str() < next["at"].as_str()), "{event:#}");
    let story = says(&home, &["events", "show", "e-1"]);
    in_order(
        &story,
        &["is discarded", "“Document is not active”", "dead (", "night-shift discarded"],
    );
}
