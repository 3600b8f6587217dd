//! What the page shows of the last hour and of each source is of all nodes, whichever is asked.

use serde_json::{Value, json};

use super::nodes::Pair;
use super::support::browser::Browser;
use super::support::program::Daemon;
use super::support::sign::NATIVE_SECRET;
use super::support::{an_offer, eventually, with};

/// Waits until a node answers so that this holds.
async fn says(daemon: &Daemon, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || Some(daemon.get(path).await).filter(|answer| holds(answer))).await
}

/// The first source's counts.
fn source(answer: &Value) -> &Value {
    &answer["sources"][0]
}

#[tokio::test]
async fn over_postgresql_every_node_shows_the_counts_of_all_and_a_killed_one_stays_in_the_hour() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    for number in 0..10 {
        let node = if number < 7 { &one } else { &two };
        let id = format!("e-{number}");
        assert_eq!(node.post(&an_offer(&id, &format!("c-{number}"))).await, Some(202));
        node.settled(&id).await;
    }
    let unreadable = with(an_offer("bad", "c-bad"), json!({ "kind": "ring" }));
    assert_eq!(two.post(&unreadable).await, Some(202));
    let wrong = NATIVE_SECRET.replace("MfKQ", "NfKQ");
    assert_eq!(one.post_signed("native", &an_offer("no", "c-no"), &wrong).await, Some(401));
    let counts = json!({
        "events": 10, "refused_signatures": 1, "unknown": 0, "unreadable": 1, "expired": 0, "dead": 1,
    });
    let mut last = Vec::new();
    for node in [&one, &two] {
        let activity = says(node, "/v1/activity", "all events", |answer| answer["events"] == 10);
        let activity = activity.await;
        assert_eq!(activity["nodes"], json!({ "counted": 2, "complete": true }));
        let calls = says(node, "/v1/activity", "all calls", |answer| answer["calls"] == 10).await;
        assert!(calls["p50_ms"].as_u64() <= calls["p99_ms"].as_u64(), "{calls}");
        let minutes = calls["minutes"].as_array().expect("minutes").iter();
        let calls: u64 = minutes.filter_map(|minute| minute["calls"].as_u64()).sum();
        assert_eq!(calls, 10);
        let sources = says(node, "/v1/sources", "the counts of both", |answer| {
            source(answer)["last_hour"] == counts && source(answer)["since_start"] == counts
        })
        .await;
        assert_eq!(sources["nodes"], json!({ "counted": 2, "complete": true }));
        last.push(source(&sources)["last_event_at"].clone());
    }
    assert!(last[0].is_string() && last[0] == last[1], "{last:?}");

    one.kill();
    let left = says(&two, "/v1/sources", "the killed node to be missed", |answer| {
        answer["nodes"]["counted"] == 1
    })
    .await;
    assert_eq!(source(&left)["last_hour"], counts, "the hour is of all");
    assert_eq!(source(&left)["since_start"]["events"], 3, "sums are of those that run");
    // The node comes back as another process: nothing is counted twice.
    let one = pair.homes[0].start().await;
    let back = says(&one, "/v1/sources", "both again", |answer| answer["nodes"]["counted"] == 2);
    assert_eq!(source(&back.await)["last_hour"], counts);

    pair.server.down();
    let alone = says(&two, "/v1/activity", "the database to be missed", |answer| {
        answer["nodes"] == json!({ "counted": 1, "complete": false })
    })
    .await;
    assert_eq!(alone["events"], 3, "what the node itself has counted");
}

#[tokio::test]
async fn over_postgresql_the_page_says_what_is_of_all_nodes_and_what_of_the_one_that_answers() {
    let Some(browser) = Browser::start(1200, 1000).await else { return };
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    assert_eq!(two.post(&an_offer("e-1", "c-1")).await, Some(202));
    two.settled("e-1").await;
    browser.goto(&format!("{}/", one.admin)).await;
    browser.fill("#token", &one.token()).await;
    browser.click("Sign in").await;
    browser.says("#events-caption", "1 in the last hour, of all 2 nodes").await;
    browser.says("#calls-caption", "of all 2 nodes: p50").await;
    let bridge = browser.text("#bridge").await;
    assert!(bridge.contains("State, this node") && bridge.contains("Pending\n"), "{bridge}");
    let calls = browser.text("#servicenow").await;
    for part in ["Breaker, this node", "In flight, this node", "Clock offset, this node", "Pace\n"]
    {
        assert!(calls.contains(part), "{part}: {calls}");
    }
    browser.click("Sources").await;
    browser.says("#sources-table", "Counts of all 2 nodes").await;
    pair.server.down();
    browser.click("Now").await;
    browser.says("#message", "database").await;
}
