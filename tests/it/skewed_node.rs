//! Two nodes over one PostgreSQL, of which one has its clock an hour wrong: order, limits and deadlines are as they
//! were, and an operator is told. Not run where PostgreSQL or libfaketime is not installed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::nodes::{Pair, is_held};
use super::pace::most_in_a_second;
use super::support::bridge::http_client;
use super::support::program::{Daemon, Home, skipped};
use super::support::{an_event, an_offer, eventually, with};

/// A sender whose requests say no time: the key alone is looked at.
const PROFILE: &str = "[request]\ndecode = \"json\"\n[verify]\nscheme = \"header\"\nheader = \"x-api-key\"\n\
    [options]\ndocument_attribute = \"\"\ntimeout_seconds = 0\nchannel = \"\"\n";
const KEY: &str = "a-key-that-nobody-else-has";
/// What is remembered for less than the clock is wrong by.
const CONFIG: &str = "[store]\nretention = \"20m\"\nbody_retention = \"10m\"\n[rate_limit]\nper_second = 20\nburst = 5\n\
    [sources.keyed]\nvendor = \"keyed\"\ncontact_center = \"native\"\nsecrets = [\"a-key-that-nobody-else-has\"]\n";
const HOUR_MS: i64 = 3_600_000;

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let found = files.find(|file| file.exists());
    if found.is_none() {
        skipped("libfaketime is not installed (Debian: faketime)");
    }
    found
}

/// Two nodes, of which the first has its clock set by `by`.
struct Apart {
    pair: Pair,
    skewed: Daemon,
    right: Daemon,
}

impl Apart {
    async fn by(by: &str) -> Option<Self> {
        let library = library()?;
        let pair = Pair::with(CONFIG).await?;
        for home in &pair.homes {
            home.own_vendor("keyed", PROFILE, "own_events");
        }
        let skewed = skewed(&pair.homes[0], &library, by).await;
        let right = pair.homes[1].start().await;
        Some(Self { pair, skewed, right })
    }
}

async fn skewed(home: &Home, library: &std::path::Path, by: &str) -> Daemon {
    let mut command = home.command(&["run"]);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", by)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
    home.started(command).await
}

async fn post(daemon: &Daemon, event: &Value) -> u16 {
    let request = http_client()
        .post(format!("{}/webhooks/keyed", daemon.intake))
        .header("x-api-key", KEY)
        .json(event);
    request.send().await.expect("an answer").status().as_u16()
}

async fn settled(daemon: &Daemon, id: &str) -> Value {
    eventually(&format!("event {id} to be settled"), async || {
        let event = daemon.get(&format!("/v1/events/keyed/{id}")).await;
        event.get("settled_at").is_some_and(Value::is_string).then_some(event)
    })
    .await
}

/// A ring that ends after so long.
fn ring(id: &str, seconds: u32) -> Value {
    with(an_offer(id, &format!("c-{id}")), json!({ "timeout_seconds": seconds }))
}

async fn an_hour(by: &str, ahead_ms: i64) {
    let Some(apart) = Apart::by(by).await else { return };
    apart.is_told(ahead_ms).await;
    apart.keeps_order_and_limits().await;
    apart.keeps_deadlines().await;
    apart.remembers().await;
    apart.takes_up_calls(by).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_an_hour_ahead_does_what_the_other_does_and_says_so() {
    an_hour("+1h", -HOUR_MS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_an_hour_behind_does_what_the_other_does_and_says_so() {
    an_hour("-1h", HOUR_MS).await;
}

impl Apart {
    /// The database's clock is so far ahead of the node's: its log, its status and its metric say so, and only its.
    async fn is_told(&self, ahead_ms: i64) {
        let log = self.skewed.says("This machine's clock and the database's are apart").await;
        let said = log.lines().filter(|line| line.contains("are apart"));
        let said: Vec<Value> = said.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((said.len(), &said[0]["level"]), (1, &json!("WARN")), "{said:?}");
        let seconds = said[0]["database_ahead_seconds"].as_f64().expect("seconds");
        assert!((seconds - ahead_ms as f64 / 1_000.0).abs() < 2.0, "{seconds}");
        for (daemon, ahead_ms) in [(&self.skewed, ahead_ms), (&self.right, 0)] {
            let status = daemon.get("/v1/status").await;
            let said = status["database"]["clock_ahead_ms"].as_i64().expect("milliseconds");
            assert!((said - ahead_ms).abs() < 2_000, "{status:#}");
            let nodes = status["database"]["nodes"].as_array().expect("nodes");
            let lags = nodes.iter().filter_map(|node| node["lag_ms"].as_u64());
            assert!(lags.max() < Some(60_000), "{status:#}");
            let page = daemon.get("/metrics").await;
            let name = "awa_bridge_database_clock_offset_seconds ";
            let line =
                page.as_str().expect("a page").lines().find_map(|line| line.strip_prefix(name));
            let said: f64 = line.expect("the metric").parse().expect("a number");
            assert!((said - ahead_ms as f64 / 1_000.0).abs() < 2.0, "{said}");
        }
        assert!(!self.right.log().contains("are apart"), "{}", self.right.log());
        // A signature that says when it was made is judged by the node's own clock.
        let offer = an_offer("signed", "c-signed");
        assert_eq!(self.skewed.post(&offer).await, Some(401));
        assert!(self.skewed.says("check this machine's clock").await.contains("too far from now"));
        assert_eq!(self.right.post(&offer).await, Some(202));
        let event = self.right.settled("signed").await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }

    /// Ring and answer of each call, each at another node, also twice.
    async fn keeps_order_and_limits(&self) {
        let nodes = [&self.skewed, &self.right];
        for number in 0..40 {
            let conversation = format!("c-{number}");
            let offer = with(
                an_offer(&format!("offer-{number}"), &conversation),
                json!({ "timeout_seconds": 120 }),
            );
            let accept = an_event("accept", &format!("accept-{number}"), &conversation);
            let accept = with(accept, json!({ "agent": "ada" }));
            assert_eq!(post(nodes[number % 2], &offer).await, 202);
            assert_eq!(post(nodes[(number + 1) % 2], &accept).await, 202);
            assert_eq!(post(nodes[(number + 1) % 2], &offer).await, 200, "it is known");
        }
        for number in 0..40 {
            for id in [format!("offer-{number}"), format!("accept-{number}")] {
                let event = settled(&self.skewed, &id).await;
                assert_eq!(event["state"], "delivered", "{event:#}");
                assert_eq!(settled(&self.right, &id).await, event, "both say the same");
                let took = event["settled_at"].as_str() >= event["received_at"].as_str();
                assert!(took, "{event:#}");
            }
        }
        self.pair.offered_once(41);
        assert_eq!(self.pair.sandbox.calls_to(Endpoint::Accept).len(), 40);
        let mut times: Vec<i64> = self.pair.sandbox.calls().iter().map(|call| call.at.0).collect();
        times.sort_unstable();
        assert!(most_in_a_second(&times) <= 20, "{}: {times:?}", most_in_a_second(&times));
        let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let changes = self.right.get("/v1/changes?after=0&limit=1000").await;
        for change in changes["events"].as_array().unwrap_or(&Vec::new()) {
            let text = |key: &str| change[key].as_str().expect("a text").to_owned();
            order.entry(text("conversation")).or_default().push(text("kind"));
        }
        for (conversation, kinds) in order.iter().filter(|(name, _)| *name != "c-signed") {
            assert_eq!(kinds, &["offer", "accept"], "{conversation}");
        }
        for daemon in nodes {
            let activity = eventually("the events of both nodes", async || {
                let activity = daemon.get("/v1/activity").await;
                (activity["events"] == 81 && activity["calls"] == 81).then_some(activity)
            })
            .await;
            assert!(activity["p99_ms"].as_u64() < Some(60_000), "{activity:#}");
        }
    }

    /// Rings and holds end when they would with a right clock, whichever node they came to.
    async fn keeps_deadlines(&self) {
        for (node, other, at) in
            [(&self.skewed, &self.right, "s"), (&self.right, &self.skewed, "r")]
        {
            let began = clock::instant();
            assert_eq!(node.post_admin("/v1/hold?by=ada&for=5s").await.0, 200);
            is_held(other, true).await;
            for (daemon, to) in [(node, "own"), (other, "other")] {
                assert_eq!(post(daemon, &ring(&format!("short-{at}-{to}"), 3)).await, 202);
                assert_eq!(post(daemon, &ring(&format!("long-{at}-{to}"), 90)).await, 202);
            }
            for to in ["own", "other"] {
                let event = settled(other, &format!("short-{at}-{to}")).await;
                assert_eq!(event["state"], "expired", "{event:#}");
            }
            let expired = began.elapsed();
            assert!(
                (Duration::from_millis(1_500)..Duration::from_millis(4_900)).contains(&expired),
                "{expired:?}"
            );
            for daemon in [node, other] {
                let oldest = daemon.get("/metrics").await;
                let name = "awa_bridge_oldest_pending_seconds ";
                let page = oldest.as_str().expect("a page").lines();
                let mut age = page.filter_map(|line| line.strip_prefix(name));
                let age: f64 = age.next().expect("the metric").parse().expect("a number");
                assert!((0.0..60.0).contains(&age), "{age}");
            }
            for to in ["own", "other"] {
                let event = settled(node, &format!("long-{at}-{to}")).await;
                assert_eq!(event["state"], "delivered", "{event:#}");
            }
            let ended = began.elapsed();
            assert!((Duration::from_secs(4)..Duration::from_secs(9)).contains(&ended), "{ended:?}");
        }
    }

    /// What is remembered for 20 minutes is so after several rounds of forgetting.
    async fn remembers(&self) {
        tokio::time::sleep(Duration::from_secs(6)).await;
        for daemon in [&self.skewed, &self.right] {
            assert_eq!(post(daemon, &an_offer("offer-0", "c-0")).await, 200, "it is known");
            let body = daemon.get("/v1/events/keyed/offer-0/body").await;
            assert_eq!(body["id"], "offer-0", "{body}");
        }
    }

    /// A call of a killed node is looked up by the other when its lease is over, and not before.
    async fn takes_up_calls(self, by: &str) {
        let Self { pair, skewed: one, right: two } = self;
        pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
        let before = pair.offers().len();
        assert_eq!(post(&one, &ring("left-s", 120)).await, 202);
        eventually("the offer to be done", async || (pair.offers().len() > before).then_some(()))
            .await;
        one.kill();
        let killed = clock::instant();
        let event = settled(&two, "left-s").await;
        assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
        // Its lease is 5 s long, and it said a second ago at most that it is alive.
        assert!(killed.elapsed() > Duration::from_millis(3_500), "{:?}", killed.elapsed());

        let Some(library) = library() else { return };
        let one = skewed(&pair.homes[0], &library, by).await;
        pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
        let before = pair.offers().len();
        assert_eq!(post(&two, &ring("left-r", 120)).await, 202);
        eventually("the offer to be done", async || (pair.offers().len() > before).then_some(()))
            .await;
        two.kill();
        let killed = clock::instant();
        let event = settled(&one, "left-r").await;
        assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
        assert!(killed.elapsed() > Duration::from_millis(3_500), "{:?}", killed.elapsed());
    }
}
