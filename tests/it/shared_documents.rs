//! A vendor that opens a new conversation for a transfer: both name the same document, and its card is moved in one
//! order.

use awa_bridge::testing::sandbox::world::{WorkItem, WorkItemState};
use awa_bridge::testing::sandbox::{
    Endpoint, Fault, Misbehaviour, RecordedCall, Sandbox, Switches,
};
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home, run};
use super::support::{ADA, GRACE, document, eventually, now, with};

/// An event of one of the conversations, without a document.
fn of(kind: &str, id: &str, conversation: &str, members: Value) -> Value {
    let event = json!({
        "id": id,
        "kind": kind,
        "conversation": conversation,
        "segment": format!("leg-{conversation}"),
        "occurred_at": now(),
    });
    with(event, members)
}

fn about() -> Value {
    json!({ "document": { "table": "interaction", "sys_id": document("the work") } })
}

fn a_ring(id: &str, conversation: &str, agent: &str, seconds: u32) -> Value {
    let ring = json!({ "agent": agent, "queue": "support", "timeout_seconds": seconds });
    of("offer", id, conversation, ring)
}

fn by(agent: &str) -> Value {
    json!({ "agent": agent })
}

/// The cards that are pending or accepted, with who has them.
fn cards(sandbox: &Sandbox) -> Vec<(String, WorkItemState)> {
    let id = document("the work").parse().expect("a sys_id");
    let card = |item: &WorkItem| {
        let live = matches!(item.state, WorkItemState::PendingAccept | WorkItemState::Accepted);
        item.assigned_to
            .filter(|_| live && item.active)
            .map(|agent| (agent.to_string(), item.state))
    };
    let mut cards: Vec<_> =
        sandbox.with_world(|world| world.work_items_of(id).filter_map(card).collect());
    cards.sort_by(|one: &(String, WorkItemState), other| one.0.cmp(&other.0));
    cards
}

fn done(sandbox: &Sandbox) -> Vec<Endpoint> {
    let kind = |call: &RecordedCall| {
        let asks = matches!(
            call.endpoint,
            Endpoint::TableRead | Endpoint::RejectReasons | Endpoint::Token
        );
        (!asks && call.performed == Some(200)).then_some(call.endpoint)
    };
    sandbox.calls().iter().filter_map(kind).collect()
}

async fn world() -> (Sandbox, Home) {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let setup = Setup { config: "[retry]\nhold = \"20s\"".to_owned(), ..Setup::default() };
    let home = Home::new(&sandbox.url(), &setup);
    (sandbox, home)
}

async fn post(daemon: &Daemon, event: Value) {
    assert_eq!(daemon.post(&event).await, Some(202), "{event}");
}

async fn delivered(daemon: &Daemon, id: &str) -> Value {
    let event = daemon.settled(id).await;
    assert_eq!(event["state"], "delivered", "{event:#}");
    event
}

/// Ada has accepted by conversation `c-1`.
async fn talking(daemon: &Daemon) {
    post(daemon, with(a_ring("ring-ada", "c-1", "ada", 30), about())).await;
    post(daemon, of("accept", "accept-ada", "c-1", by("ada"))).await;
    delivered(daemon, "accept-ada").await;
}

#[tokio::test]
async fn a_transfer_by_a_new_conversation_moves_the_card_from_the_first_to_the_second_agent() {
    for leaves_first in [true, false] {
        let (sandbox, home) = world().await;
        let daemon = home.start().await;
        talking(&daemon).await;
        if leaves_first {
            post(&daemon, of("leave", "leave-ada", "c-1", by("ada"))).await;
        }
        post(&daemon, with(a_ring("ring-grace", "c-2", "grace", 30), about())).await;
        delivered(&daemon, "ring-grace").await;
        let mut both = vec![(GRACE.to_owned(), WorkItemState::PendingAccept)];
        if !leaves_first {
            both.push((ADA.to_owned(), WorkItemState::Accepted));
        }
        assert_eq!(cards(&sandbox), both);
        post(&daemon, of("accept", "accept-grace", "c-2", by("grace"))).await;
        delivered(&daemon, "accept-grace").await;
        assert_eq!(cards(&sandbox), [(GRACE.to_owned(), WorkItemState::Accepted)]);
        let record = daemon.get("/v1/conversations/native/c-2").await;
        assert_eq!(record["shared_with"], json!(["c-1"]), "{record:#}");
        let (code, reported, errors) = trace(&home, "c-1").await;
        assert_eq!(code, 0, "{errors}");
        assert!(reported.contains("shared with"), "{reported}");
        assert!(reported.contains("ring-grace (of c-2)"), "{reported}");
    }
}

async fn trace(home: &Home, conversation: &str) -> (i32, String, String) {
    let mut command = home.command(&["trace", conversation]);
    tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs")
}

#[tokio::test]
async fn a_document_that_is_named_after_the_ring_and_a_kill_still_makes_one_lane() {
    let (sandbox, home) = world().await;
    let daemon = home.start().await;
    talking(&daemon).await;
    post(&daemon, a_ring("ring-grace", "c-2", "grace", 30)).await;
    post(&daemon, of("accept", "accept-grace", "c-2", by("grace"))).await;
    daemon.kill();
    let daemon = home.start().await;
    post(&daemon, of("bind", "name", "c-2", about())).await;
    delivered(&daemon, "accept-grace").await;
    assert_eq!(cards(&sandbox), [(GRACE.to_owned(), WorkItemState::Accepted)]);
    assert_eq!(daemon.get("/v1/events?state=pending").await["events"], json!([]));
}

#[tokio::test]
async fn a_kill_between_the_merge_and_the_answers_of_both_does_nothing_twice() {
    let (sandbox, home) = world().await;
    let daemon = home.start().await;
    sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect).times(2));
    post(&daemon, with(a_ring("one", "c-1", "ada", 30), about())).await;
    let other = json!({ "document": { "table": "interaction", "sys_id": document("other") } });
    post(&daemon, with(a_ring("two", "c-2", "grace", 30), other)).await;
    eventually("both offers to be done", async || (done(&sandbox).len() == 2).then_some(())).await;
    post(&daemon, of("bind", "name", "c-2", about())).await;
    post(&daemon, of("accept", "three", "c-1", by("ada"))).await;
    daemon.kill();
    let daemon = home.start().await;
    for id in ["one", "two"] {
        let event = delivered(&daemon, id).await;
        assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
    }
    delivered(&daemon, "three").await;
    let offers = sandbox.calls_to(Endpoint::Offer);
    assert_eq!(offers.len(), 2, "none was repeated");
    assert_eq!(cards(&sandbox), [(ADA.to_owned(), WorkItemState::Accepted)]);
}

#[tokio::test]
async fn a_consult_that_nobody_answers_is_ended_by_the_bridge_after_the_ring() {
    for killed in [false, true] {
        let (sandbox, home) = world().await;
        let mut daemon = home.start().await;
        talking(&daemon).await;
        post(&daemon, with(a_ring("ring-grace", "c-2", "grace", 4), about())).await;
        delivered(&daemon, "ring-grace").await;
        assert_eq!(cards(&sandbox).len(), 2, "Ada keeps the card, Grace is asked");
        let pending = daemon.get("/v1/events?state=pending").await;
        assert_eq!(pending["events"], json!([]), "{pending:#}");
        eventually("nothing to be counted as pending", async || {
            let metrics = daemon.get("/metrics").await.to_string();
            metrics.contains("awa_bridge_pending_events 0").then_some(())
        })
        .await;
        if killed {
            daemon.kill();
            daemon = home.start().await;
        }
        assert_eq!(sandbox.calls_to(Endpoint::EndConsult).len(), 0);
        let event = eventually("the consult to be ended", async || {
            let event = daemon.get("/v1/events/native/ring-grace").await;
            let ended = |call: &Value| call["call"] == "end_consult" && call["status"] == 200;
            let calls = event["calls"].as_array().cloned().unwrap_or_default();
            calls.iter().any(ended).then_some(event)
        })
        .await;
        assert_eq!(event["state"], "delivered", "{event:#}");
        assert_eq!(cards(&sandbox), [(ADA.to_owned(), WorkItemState::Accepted)]);
        let (code, reported, errors) = trace(&home, "c-2").await;
        assert_eq!(code, 0, "{errors}");
        assert!(reported.to_lowercase().contains("consult"), "{reported}");
    }
}
