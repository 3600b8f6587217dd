//! Bounds of what may be owed: whoever reaches one is turned away alone.

use awa_bridge::testing::sandbox::Switches;
use reqwest::Response;
use serde_json::{Value, json};

use super::operator_reads::ticks;
use super::support::bridge::{Bridge, Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::sign::NATIVE_SECRET;
use super::support::{an_offer, eventually, fresh_id, with};

/// Two sources that share the tables of contact centre `native`.
async fn bridge(intake: &str) -> Bridge {
    let config = format!(
        "[intake]\n{intake}\n[sources.second]\nvendor = \"native\"\ncontact_center = \"native\"\nsecrets = [\"{NATIVE_SECRET}\"]"
    );
    let bridge = Bridge::configured(&config).await;
    assert_eq!(bridge.post_admin("/v1/hold").await.0, 200);
    bridge
}

fn offers(prefix: &str, count: usize) -> Value {
    let one = |number: usize| {
        with(
            an_offer(&format!("{prefix}-{number}"), &format!("{prefix}-{number}")),
            json!({ "timeout_seconds": 3_600 }),
        )
    };
    Value::Array((0..count).map(one).collect())
}

async fn post(bridge: &Bridge, source: &str, body: &Value) -> Response {
    let id = fresh_id();
    bridge.deliver(source, &id, body.to_string().as_bytes()).await
}

/// The words of a request that is turned away for now.
async fn turned_away(response: Response) -> String {
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let problem: Value = response.json().await.expect("a problem");
    problem["detail"].as_str().expect("why").to_owned()
}

async fn counts(bridge: &Bridge, series: &str) -> bool {
    let (_, page) = bridge.get("/metrics").await;
    page.as_str().is_some_and(|page| page.contains(series))
}

#[tokio::test]
async fn a_source_at_its_share_leaves_room_for_others() {
    let bridge = bridge("max_pending = 20").await;
    assert_eq!(post(&bridge, "native", &offers("a", 10)).await.status(), 202);
    let why = turned_away(post(&bridge, "native", &offers("b", 1)).await).await;
    assert_eq!(why, "too much of this source is pending");
    assert_eq!(post(&bridge, "second", &offers("c", 10)).await.status(), 202);
    let series = "awa_bridge_rejected_requests_total{source=\"native\",limit=\"source\"} ";
    assert!(counts(&bridge, series).await);
}

#[tokio::test]
async fn what_waits_for_a_mapping_shuts_nobody_else_out() {
    let bridge = bridge("max_pending = 20").await;
    assert_eq!(bridge.post_admin("/v1/resume").await.0, 200);
    for round in 0..2 {
        let mut unmapped = offers(&format!("u{round}"), 5);
        for offer in unmapped.as_array_mut().expect("offers") {
            offer["queue"] = json!("nobody-knows-it");
        }
        assert_eq!(post(&bridge, "native", &unmapped).await.status(), 202);
    }
    eventually("all to be parked", async || {
        let (_, status) = bridge.get("/v1/status").await;
        (status["events"]["parked"] == 10).then_some(())
    })
    .await;
    let why = turned_away(post(&bridge, "native", &offers("x", 1)).await).await;
    assert_eq!(why, "too many events of this source wait for a mapping");
    assert_eq!(bridge.post_admin("/v1/hold").await.0, 200);
    assert_eq!(post(&bridge, "second", &offers("c", 10)).await.status(), 202);
}

#[tokio::test]
async fn a_conversation_at_its_bound_leaves_the_others_alone_and_a_restart_forgets_nothing() {
    let mut bridge = bridge("max_pending_per_conversation = 3").await;
    let more = |number: usize| {
        let waits = json!({ "segment": format!("s-{number}"), "queue": "unknown", "timeout_seconds": 3_600 });
        with(an_offer(&format!("e-{number}"), "crowd"), waits)
    };
    for number in 0..3 {
        bridge.accept(&more(number)).await;
    }
    let mixed = json!([an_offer("o-1", "other"), more(3)]);
    let why = turned_away(post(&bridge, "second", &mixed).await).await;
    assert_eq!(why, "too much of one conversation is pending");
    assert_eq!(bridge.get("/v1/events/second/o-1").await.0, 404, "nothing of it is stored");
    bridge.accept(&an_offer("o-2", "other")).await;
    bridge.restart().await;
    turned_away(post(&bridge, "native", &more(4)).await).await;
    assert_eq!(bridge.post_admin("/v1/events/native/e-2/discard").await.0, 200);
    bridge.accept(&more(4)).await;
}

/// CPU ticks and bytes that the daemon has spent until now.
fn spent(daemon: &Daemon) -> (u64, u64) {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", daemon.pid())).expect("its account")
    };
    let io = read("io");
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("a number");
    (ticks(daemon), written.parse().expect("a number"))
}

#[tokio::test]
async fn an_event_of_a_long_conversation_costs_little_more_than_one_of_a_short() {
    const MORE: usize = 100;
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let config = "[intake]\nmax_pending_per_conversation = 1100".to_owned();
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let daemon = home.start().await;
    assert_eq!(daemon.post_admin("/v1/hold").await.0, 200);
    let ring = |conversation: &str, number: usize| {
        let offer = an_offer(&format!("{conversation}-{number}"), conversation);
        with(offer, json!({ "segment": format!("s-{number}"), "timeout_seconds": 3_600 }))
    };
    let crowd: Vec<Value> = (0..1_000).map(|number| ring("crowd", number)).collect();
    for some in crowd.chunks(100) {
        assert_eq!(daemon.post(&Value::Array(some.to_vec())).await, Some(202));
    }
    let before = spent(&daemon);
    for number in 0..MORE {
        assert_eq!(daemon.post(&ring(&format!("fresh-{number}"), 0)).await, Some(202));
    }
    let between = spent(&daemon);
    for number in 0..MORE {
        assert_eq!(daemon.post(&ring("crowd", 1_000 + number)).await, Some(202));
    }
    let after = spent(&daemon);
    let fresh = (between.0 - before.0, between.1 - before.1);
    let crowded = (after.0 - between.0, after.1 - between.1);
    assert!(crowded.1 < fresh.1 * 5, "bytes: {crowded:?} against {fresh:?}");
    assert!(crowded.0 < fresh.0.max(10) * 5, "CPU: {crowded:?} against {fresh:?}");
}

#[tokio::test]
async fn a_head_is_bounded_however_it_comes() {
    let bridge = Bridge::start().await;
    for (bytes, wanted) in [(30_000, 200), (34_000, 431), (40_000, 431), (60_000, 431)] {
        let request = bridge.http.get(format!("{}/livez", bridge.intake));
        let answer = request.header("x-padding", "x".repeat(bytes)).send().await;
        assert_eq!(answer.expect("an answer").status(), wanted, "{bytes} bytes");
    }
    let request = bridge.http.get(format!("{}/livez", bridge.intake));
    let many = (0..80).fold(request, |request, number| {
        request.header(format!("x-padding-{number}"), "x".repeat(500))
    });
    assert_eq!(many.send().await.expect("an answer").status(), 431, "of many fields");
}

#[tokio::test]
async fn an_event_of_the_end_of_the_calendar_is_one_of_now() {
    let bridge = Bridge::start().await;
    for (number, moment) in ["9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"].iter().enumerate() {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        bridge.accept(&with(offer, json!({ "occurred_at": moment }))).await;
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
}

#[tokio::test]
async fn requests_of_the_last_hour_are_told_where_they_are_counted() {
    for (per_hour, told) in [("", Value::Null), ("per_hour = 1000", json!(2))] {
        let bridge = Bridge::configured(&format!("[rate_limit]\n{per_hour}")).await;
        bridge.accept(&an_offer("e-1", "c-1")).await;
        bridge.ends("e-1", "delivered").await;
        let (_, standing) = bridge.get("/v1/status").await;
        let used = &standing["servicenow"]["requests_last_hour"];
        assert!(used == &told || told.is_number() && used.as_u64() >= Some(1), "{used}");
    }
}
