//! Operators who ask for much: what they ask costs what it shows, and webhooks go on meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use awa_bridge::testing::sandbox::Switches;
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually, with};

/// How many events the list shows at most.
const PAGE: usize = 1_000;
/// How many events one conversation owes.
const CROWD: usize = 3_000;

/// An offer of its own leg that nothing makes pointless.
fn ring(conversation: &str, number: usize) -> Value {
    let offer = an_offer(&format!("{conversation}-{number}"), conversation);
    with(offer, json!({ "segment": format!("s-{number}"), "timeout_seconds": 3_600 }))
}

async fn held(home: &Home) -> Daemon {
    let daemon = home.start().await;
    assert_eq!(daemon.post_admin("/v1/hold").await.0, 200);
    daemon
}

async fn post_all(daemon: &Daemon, events: Vec<Value>) {
    for some in events.chunks(200) {
        assert_eq!(daemon.post(&Value::Array(some.to_vec())).await, Some(202));
    }
}

/// The CPU time of the daemon until now, in clock ticks.
pub(crate) fn ticks(daemon: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("its times");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].map(|field: usize| fields[field].parse::<u64>().expect("a number")).iter().sum()
}

/// What lists of a thousand events take of the CPU.
async fn cost_of_lists(daemon: &Daemon, query: &str) -> u64 {
    let before = ticks(daemon);
    for _ in 0..4 {
        let page = daemon.get(&format!("/v1/events?limit={PAGE}{query}")).await;
        assert_eq!(page["events"].as_array().map(Vec::len), Some(PAGE), "{}", page["title"]);
    }
    ticks(daemon) - before
}

#[tokio::test]
async fn a_list_costs_what_it_shows_and_webhooks_go_on_meanwhile() {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let calm = Home::new(&sandbox.url(), &Setup::default());
    let calm = held(&calm).await;
    let each_its_own = |number: usize| ring(&format!("c-{number}"), number);
    post_all(&calm, (0..PAGE).map(each_its_own).collect()).await;
    let calm_cost = cost_of_lists(&calm, "").await.max(4);
    drop(calm);

    let config = "[intake]\nmax_pending_per_conversation = 10000".to_owned();
    let crowded = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let crowded = held(&crowded).await;
    post_all(&crowded, (0..CROWD).map(|number| ring("crowd", number)).collect()).await;
    for query in ["", "&state=pending", "&source=native"] {
        let cost = cost_of_lists(&crowded, query).await;
        assert!(cost <= calm_cost * 4, "{query}: {cost} ticks against {calm_cost}");
    }

    let (done, lists) = (AtomicBool::new(false), AtomicUsize::new(0));
    let list = async || {
        while !done.load(Ordering::Relaxed) {
            let page = crowded.get(&format!("/v1/events?limit={PAGE}")).await;
            assert_eq!(page["events"].as_array().map(Vec::len), Some(PAGE), "{}", page["title"]);
            lists.fetch_add(1, Ordering::Relaxed);
        }
    };
    let go_on = async {
        let mut webhooks = 0;
        while lists.load(Ordering::Relaxed) < 6 || webhooks < 20 {
            let fresh = ring(&format!("fresh-{webhooks}"), webhooks);
            assert_eq!(crowded.post(&fresh).await, Some(202));
            assert_eq!(crowded.get("/livez").await, "ok\n");
            webhooks += 1;
        }
        done.store(true, Ordering::Relaxed);
        webhooks
    };
    let ((), (), webhooks) = tokio::join!(list(), list(), go_on);
    let lists = lists.load(Ordering::Relaxed);
    assert!(webhooks * 4 >= lists, "{webhooks} webhooks beside {lists} lists");
}

#[tokio::test]
async fn every_event_is_listed_once_while_the_conversation_goes_on() {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = held(&home).await;
    post_all(&daemon, (0..300).map(|number| ring("busy", number)).collect()).await;
    let mut cursor = String::new();
    let mut seen = Vec::new();
    for number in 300.. {
        assert_eq!(daemon.post(&ring("busy", number)).await, Some(202));
        let page = daemon.get(&format!("/v1/events?state=pending&limit=7&cursor={cursor}")).await;
        let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
        seen.extend(events.iter().map(|event| event["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let expected: Vec<_> = (0..=300).rev().map(|number| format!("busy-{number}")).collect();
    assert_eq!(seen, expected);
    let shown = daemon.get("/v1/conversations/native/busy").await;
    assert_eq!(shown["events"].as_array().map(Vec::len), Some(100));
    eventually("the metrics", async || {
        let page = daemon.get("/metrics").await;
        page.as_str().is_some_and(|page| page.contains("awa_bridge_pending_events")).then_some(())
    })
    .await;
}
