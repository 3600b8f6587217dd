//! A node beside rows and tables of a newer version: it leaves them to others, says so, and goes on with the rest.

use serde_json::json;

use super::nodes::{Pair, is_held};
use super::support::program::Daemon;
use super::support::{an_offer, eventually};

/// All of a conversation's rows, as they are.
fn rows_of(pair: &Pair, conversation: &str) -> String {
    pair.server.sql(&format!(
        "SELECT lane::text || string_agg(event::text, ' ') FROM awa_bridge.lane JOIN awa_bridge.event
         ON event.conversation = lane.conversation WHERE lane.name LIKE '%\"{conversation}\"%' GROUP BY lane"
    ))
}

async fn left(daemon: &Daemon, count: u32) {
    eventually("the conversations of newer nodes to be counted", async || {
        let status = daemon.get("/v1/status").await;
        (status["database"]["newer_conversations"] == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_conversation_of_a_newer_version_is_left_alone_and_the_others_go_on() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    assert_eq!(one.post_admin("/v1/hold?by=ada").await.0, 200);
    is_held(&two, true).await;
    for id in ["newer", "known"] {
        assert_eq!(one.post(&an_offer(id, &format!("c-{id}"))).await, Some(202));
    }
    let newer = "UPDATE awa_bridge.lane SET row_version = 2 WHERE name LIKE '%\"c-newer\"%'";
    pair.server.sql(newer);
    let before = rows_of(&pair, "c-newer");
    left(&two, 1).await;
    assert_eq!(two.post_admin("/v1/resume?by=ada").await.1["changed"], true);
    assert_eq!(two.settled("known").await["state"], "delivered");
    for daemon in [&one, &two] {
        assert_eq!(daemon.post(&an_offer("next", "c-newer")).await, Some(503));
        assert_eq!(daemon.post(&an_offer("newer", "c-newer")).await, Some(200), "it is known");
        let (status, answer) = daemon.post_admin("/v1/events/native/newer/discard?by=ada").await;
        assert_eq!(status, 503, "{answer}");
        assert!(answer.to_string().contains("a newer version of awa-bridge"), "{answer}");
        assert_eq!(daemon.get("/v1/events/native/newer").await["state"], "pending");
        assert_eq!(daemon.get("/v1/status").await["ready"], true);
        let nodes = daemon.get("/v1/status").await["database"]["nodes"].clone();
        assert_eq!((&nodes[0]["rows_up_to"], &nodes[1]["rows_up_to"]), (&json!(1), &json!(1)));
    }
    assert_eq!(rows_of(&pair, "c-newer"), before, "not a byte of it has changed");
    let page = one.get("/metrics").await;
    let refused = "awa_bridge_rejected_requests_total{source=\"native\",limit=\"newer\"} 1";
    assert!(page.as_str().is_some_and(|page| page.contains(refused)), "{page}");

    pair.server.sql("UPDATE awa_bridge.lane SET row_version = 1");
    assert_eq!(two.settled("newer").await["state"], "delivered");
    left(&one, 0).await;
}

#[tokio::test]
async fn tables_that_only_newer_versions_may_write_are_refused_and_nothing_ends() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    assert_eq!(one.post(&an_offer("before", "c-0")).await, Some(202));
    pair.server.sql("UPDATE awa_bridge.meta SET oldest = 99");
    for daemon in [&one, &two] {
        assert_eq!(daemon.post(&an_offer("meanwhile", "c-1")).await, Some(503));
        eventually("the reason to be told", async || {
            let ready = daemon.get("/readyz").await.to_string();
            ready.contains("schema 99 or newer").then_some(())
        })
        .await;
    }
    pair.server.sql("UPDATE awa_bridge.meta SET oldest = 1");
    for (daemon, id) in [(&one, "one"), (&two, "two")] {
        eventually("webhooks to be taken again", async || {
            (daemon.post(&an_offer(id, "c-2")).await == Some(202)).then_some(())
        })
        .await;
    }
    assert_eq!(two.settled("one").await["state"], "delivered");
}
