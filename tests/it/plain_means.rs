//! What nodes share by `means = "plain"` alone: the order of settling, pushing, counts. On a server that serializes, as
//! the databases do for which that is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::nodes::Pair;
use super::support::program::Daemon;
use super::support::receiver::Receiver;
use super::support::{an_event, an_offer, eventually, with};

const PLAIN: &str = "[store.postgres]\nmeans = \"plain\"\n";
const CALLS: usize = 30;

async fn pair(receiver: &Receiver) -> Option<Pair> {
    let pair = Pair::with(PLAIN).await?;
    pair.server.sql("ALTER SYSTEM SET default_transaction_isolation = 'serializable'");
    pair.server.sql("SELECT pg_reload_conf()");
    for home in &pair.homes {
        let config = std::fs::read_to_string(home.config()).expect("the configuration");
        assert!(config.contains("means = \"plain\""), "{config}");
        let section = receiver.section("outcomes = [\"delivered\", \"dead\"]");
        std::fs::write(home.config(), format!("{config}\n{section}")).expect("a file");
    }
    Some(pair)
}

/// Ring and answer of a call, each to another node; both at once for several calls.
async fn stream(nodes: [&Daemon; 2], numbers: std::ops::Range<usize>) {
    let call = async |number: usize| {
        let conversation = format!("c-{number}");
        let offer = an_offer(&format!("offer-{number}"), &conversation);
        let offer = with(offer, json!({ "timeout_seconds": 120 }));
        let accept = an_event("accept", &format!("accept-{number}"), &conversation);
        let accept = with(accept, json!({ "agent": "ada" }));
        insisted(nodes[number % 2], &offer).await;
        insisted(nodes[(number + 1) % 2], &accept).await;
    };
    let half = numbers.start + numbers.len() / 2;
    let calls = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            call(number).await;
        }
    };
    tokio::join!(calls(numbers.start..half), calls(half..numbers.end));
}

async fn insisted(node: &Daemon, event: &Value) {
    eventually("an event to be taken", async || match node.post(event).await {
        Some(200 | 202) => Some(()),
        Some(503) | None => None,
        other => panic!("{other:?}"),
    })
    .await;
}

fn all(numbers: std::ops::Range<usize>) -> BTreeSet<String> {
    numbers.flat_map(|number| [format!("offer-{number}"), format!("accept-{number}")]).collect()
}

/// Each of them at least once; of each call the ring first. An event that came again came before, so the first of each
/// count.
fn in_order(ids: &[String], numbers: std::ops::Range<usize>) {
    let place =
        |id: String| ids.iter().position(|one| *one == id).unwrap_or_else(|| panic!("{id}"));
    for number in numbers {
        assert!(place(format!("offer-{number}")) < place(format!("accept-{number}")), "{ids:?}");
    }
}

fn ids(events: &Value) -> Vec<String> {
    let events = events.as_array().unwrap_or_else(|| panic!("{events}")).iter();
    events.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_plain_means_all_that_settles_is_pushed_in_order_and_told_and_counted_by_each_node() {
    let receiver = Receiver::start().await;
    let Some(pair) = pair(&receiver).await else { return };
    let [one, two] = pair.start().await;
    eventually("a node to push", async || {
        let own = async |node: &Daemon| node.get("/v1/status").await["notify"]["own"] == true;
        (own(&one).await || own(&two).await).then_some(())
    })
    .await;
    let cursor = one.get("/v1/changes").await["cursor"].as_str().expect("a cursor").to_owned();
    stream([&one, &two], 0..CALLS).await;
    for number in 0..CALLS {
        for id in [format!("offer-{number}"), format!("accept-{number}")] {
            assert_eq!(two.settled(&id).await["state"], "delivered");
        }
    }
    pair.offered_once(CALLS);
    let pushed = receiver.takes(2 * CALLS).await;
    assert_eq!((pushed.len(), pushed.iter().cloned().collect()), (2 * CALLS, all(0..CALLS)));
    in_order(&pushed, 0..CALLS);
    for node in [&one, &two] {
        let told = eventually("all to be told", async || {
            let changes = node.get(&format!("/v1/changes?after={cursor}&limit=1000")).await;
            let told = ids(&changes["events"]);
            (told.len() >= 2 * CALLS).then_some(told)
        })
        .await;
        assert_eq!(told, pushed, "the order is one for all");
    }

    // Whoever pushes is killed in the midst of it.
    let one_pushes = one.get("/v1/status").await["notify"]["own"] == true;
    let (killed, left) = if one_pushes { (one, two) } else { (two, one) };
    stream([&killed, &left], CALLS..CALLS + 6).await;
    killed.kill();
    stream([&left, &left], CALLS + 6..2 * CALLS).await;
    eventually("all to be pushed", async || {
        let taken: BTreeSet<_> = receiver.pushes().iter().map(|push| push.event_id()).collect();
        (taken == all(0..2 * CALLS)).then_some(())
    })
    .await;
    let pushed: Vec<_> = receiver.pushes().iter().map(|push| push.event_id()).collect();
    in_order(&pushed, 0..2 * CALLS);
    pair.offered_once(2 * CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_plain_means_every_node_shows_the_counts_of_all() {
    let receiver = Receiver::start().await;
    let Some(pair) = pair(&receiver).await else { return };
    let [one, two] = pair.start().await;
    stream([&one, &two], 0..CALLS).await;
    let unreadable = with(an_offer("bad", "c-bad"), json!({ "kind": "ring" }));
    insisted(&two, &unreadable).await;
    let events = 2 * CALLS;
    let counts = json!({
        "events": events, "refused_signatures": 0, "unknown": 0, "unreadable": 1, "expired": 0, "dead": 1,
    });
    for node in [&one, &two] {
        let sources = eventually("the counts of both", async || {
            let sources = node.get("/v1/sources").await;
            let source = &sources["sources"][0];
            (source["last_hour"] == counts && source["since_start"] == counts).then_some(sources)
        })
        .await;
        assert_eq!(sources["nodes"], json!({ "counted": 2, "complete": true }));
        let activity = eventually("all calls", async || {
            let activity = node.get("/v1/activity").await;
            (activity["events"] == events && activity["calls"] == events).then_some(activity)
        })
        .await;
        assert_eq!(activity["nodes"], json!({ "counted": 2, "complete": true }));
    }
    assert_ne!(pair.server.sql("SELECT count(DISTINCT node) FROM awa_bridge.counted"), "1");
    one.kill();
    let left = eventually("the killed node to be missed", async || {
        let sources = two.get("/v1/sources").await;
        (sources["nodes"]["counted"] == 1).then_some(sources)
    })
    .await;
    assert_eq!(left["sources"][0]["last_hour"], counts, "the hour is of all");
}
