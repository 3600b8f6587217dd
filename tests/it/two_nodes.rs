//! Two nodes over one PostgreSQL: the rate, Retry-After and refused credentials hold for both; a broken way to the
//! instance for its own node alone. Not run where PostgreSQL is not installed.

use std::time::Duration;

use awa_bridge::testing::Shutdown;
use awa_bridge::testing::app::{self, Listeners};
use awa_bridge::testing::config::Settings;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::database_faults::insist;
use super::nodes::Pair;
use super::pace::most_in_a_second;
use super::postgres::Server;
use super::support::bridge::{Bridge, Setup, config, write_mappings};
use super::support::{an_offer, eventually};

/// A node beside another.
struct Node {
    intake: String,
    running: app::Bridge,
    _directory: TempDir,
}

impl Node {
    /// With the same sandbox, or with an instance of its own.
    async fn beside(bridge: &Bridge, instance: Option<&str>, more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_mappings(directory.path(), &Setup::default());
        let sandbox = bridge.sandbox.url();
        let text = config(directory.path(), instance.unwrap_or(&sandbox), more);
        let settings = Settings::parse(&text, "node.toml").expect("the test's configuration");
        let bind = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listeners = Listeners { intake: bind().await, admin: bind().await };
        let running = app::start(settings, listeners, Shutdown::new()).await.expect("it starts");
        let intake = format!("http://{}", running.intake);
        Self { intake, running, _directory: directory }
    }
}

/// Two nodes that know of each other, with this added to the configuration.
async fn two_nodes(server: &Server, instance: Option<&str>, more: &str) -> (Bridge, Node) {
    let url = server.url();
    let more = format!("[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\n{more}");
    let bridge = Bridge::configured(&more).await;
    let node = Node::beside(&bridge, instance, &more).await;
    eventually("both nodes to share the pace", async || {
        let (_, status) = bridge.get("/v1/status").await;
        (status["servicenow"]["shared_by_nodes"] == 2).then_some(())
    })
    .await;
    bridge.sandbox.forget_calls();
    (bridge, node)
}

/// Delivers an event to that intake.
async fn accept_at(bridge: &mut Bridge, intake: &str, body: &Value) {
    let own = std::mem::replace(&mut bridge.intake, intake.to_owned());
    bridge.accept(body).await;
    bridge.intake = own;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_sees_more_than_the_limit_of_both_nodes_and_nearly_all_of_it_is_used() {
    let Some(server) = Server::start(&[]) else { return };
    let rate = "[rate_limit]\nper_second = 20\nburst = 5\n[offer]\ntimeout = \"60s\"";
    let (mut bridge, node) = two_nodes(&server, None, rate).await;
    let offers: Vec<Value> =
        (0..160).map(|number| an_offer(&format!("e-{number}"), &format!("c-{number}"))).collect();
    for some in offers.chunks(40) {
        bridge.accept(&Value::Array(some[..20].to_vec())).await;
        let intake = node.intake.clone();
        accept_at(&mut bridge, &intake, &Value::Array(some[20..].to_vec())).await;
    }
    for number in 0..160 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    let mut times: Vec<i64> = bridge.sandbox.calls().iter().map(|call| call.at.0).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 160, "each once");
    assert!(most_in_a_second(&times) <= 20, "{} in a second: {times:?}", most_in_a_second(&times));
    let took = (times[159] - times[0]) as f64 / 1_000.0;
    assert!(160.0 / took >= 20.0 * 0.85, "{took} s for 160 calls at 20 a second");
    node.running.stop().await.expect("an orderly stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_instance_says_to_one_node_holds_for_both() {
    let Some(server) = Server::start(&[]) else { return };
    let (mut bridge, node) = two_nodes(&server, None, "[offer]\ntimeout = \"60s\"").await;
    let unauthorised = Misbehaviour::Status { status: 401, body: json!({}), headers: Vec::new() };
    let rule = [
        ("Retry-After", "2"),
        ("X-RateLimit-Limit", "100"),
        ("X-RateLimit-Rule", "6b7bfb2bd7832100f20bc8170e610385"),
    ];
    let headers = rule.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let limited = Misbehaviour::Status { status: 429, body: json!({}), headers };
    let refusals = [(limited, 429), (unauthorised, 401)];
    for (refusal, status) in refusals {
        bridge.sandbox.forget_calls();
        bridge.sandbox.inject(Fault::on(Endpoint::Offer, refusal));
        bridge.accept(&an_offer(&format!("{status}-0"), &format!("{status}-0"))).await;
        let refused = eventually("the refusal", async || {
            let calls = bridge.calls(Endpoint::Offer);
            calls.first().filter(|call| call.status == Some(status)).map(|call| call.at)
        })
        .await;
        // As long as it takes the other node to hear of it.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let intake = node.intake.clone();
        for number in 1..6 {
            let name = format!("{status}-{number}");
            accept_at(&mut bridge, &intake, &an_offer(&name, &name)).await;
        }
        for number in 0..6 {
            bridge.ends(&format!("{status}-{number}"), "delivered").await;
        }
        let calls = bridge.sandbox.calls();
        let after: Vec<u64> = calls[1..].iter().map(|call| call.at.since(refused)).collect();
        assert!(after.iter().all(|ms| *ms >= 1_950), "{status}: {after:?}");
    }
    node.running.stop().await.expect("an orderly stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_reach_the_instance_leaves_its_work_to_the_other() {
    let Some(server) = Server::start(&[]) else { return };
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("its address"))
    };
    let (mut bridge, node) = two_nodes(&server, Some(&closed), "[offer]\ntimeout = \"60s\"").await;
    let intake = node.intake.clone();
    for number in 0..20 {
        let name = format!("first-{number}");
        accept_at(&mut bridge, &intake, &an_offer(&name, &name)).await;
    }
    for number in 0..20 {
        bridge.ends(&format!("first-{number}"), "delivered").await;
    }
    let (_, status) = bridge.get("/v1/status").await;
    assert_eq!(status["servicenow"]["breaker_open_until"], Value::Null, "{status:#}");
    for number in 0..5 {
        let name = format!("then-{number}");
        accept_at(&mut bridge, &intake, &an_offer(&name, &name)).await;
    }
    for number in 0..5 {
        let event = bridge.ends(&format!("then-{number}"), "delivered").await;
        assert_eq!(event["attempts"], 1, "the node that is cut off has not tried: {event:#}");
    }
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 25);
    node.running.stop().await.expect("an orderly stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_while_nodes_and_the_database_die_freeze_and_come_back() {
    let Some(pair) = Pair::with("[rate_limit]\nper_second = 20\nburst = 10\n").await else {
        return;
    };
    let [one, two] = pair.start().await;
    insist(&[&one, &two], 0..60).await;
    one.kill();
    let one = pair.homes[0].start().await;
    insist(&[&two, &one], 60..120).await;
    two.signal("STOP");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    two.signal("CONT");
    pair.server.down();
    pair.server.up();
    insist(&[&one, &two], 120..180).await;
    for number in 0..180 {
        let event = one.settled(&format!("e-{number}")).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
    let calls = pair.sandbox.calls();
    let mut times: Vec<i64> = calls.iter().map(|call| call.at.0).collect();
    times.sort_unstable();
    assert!(most_in_a_second(&times) <= 20, "{} in a second: {times:?}", most_in_a_second(&times));
    pair.offered_once(180);
}
