//! The rate as ServiceNow sees it, its Retry-After, and the rate limit rule that it shows.

use awa_bridge::testing::sandbox::{Access, Endpoint, Fault, Misbehaviour, RateLimit, Switches};
use serde_json::{Value, json};

use super::seed::test_seed;
use super::support::bridge::{Bridge, Setup};
use super::support::{an_offer, eventually, with};

/// The most requests that any window of a second saw, of any kind.
pub(super) fn most_in_a_second(times: &[i64]) -> usize {
    let in_window =
        |from: &i64| times.iter().filter(|at| (*from..*from + 1_000).contains(*at)).count();
    times.iter().map(in_window).max().unwrap_or(0)
}

#[tokio::test]
async fn no_second_sees_more_than_the_quota() {
    let bridge =
        Bridge::configured("[rate_limit]\nper_second = 20\nburst = 5\n[offer]\ntimeout = \"60s\"")
            .await;
    let lost = Fault::on(Endpoint::Offer, Misbehaviour::DropResponseAfterEffect);
    bridge.sandbox.inject(Fault {
        when: awa_bridge::testing::sandbox::Match {
            probability: Some(0.2),
            seed: test_seed(),
            ..lost.when.clone()
        },
        times: 20,
        ..lost
    });
    let offers: Vec<Value> =
        (0..120).map(|number| an_offer(&format!("e-{number}"), &format!("c-{number}"))).collect();
    for some in offers.chunks(20) {
        bridge.accept(&Value::Array(some.to_vec())).await;
    }
    for number in 0..120 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    let times: Vec<i64> = bridge.sandbox.calls().iter().map(|call| call.at.0).collect();
    assert!(times.len() >= 135, "look-ups count too: {}", times.len());
    assert!(most_in_a_second(&times) <= 20, "{} in a second", most_in_a_second(&times));
}

#[tokio::test]
async fn tokens_count_in_the_second_too() {
    let oauth = "[servicenow]\nauth = { kind = \"oauth\", grant = \"client_credentials\", client_id = \"app\", client_secret = \"s\" }\n\
                 [rate_limit]\nper_second = 5\nburst = 5";
    let bridge = Bridge::configured(oauth).await;
    bridge.sandbox.with_access(|access| {
        *access = Access::nobody().with_client("app", "s", Some("bridge")).with_token_seconds(1);
    });
    for number in 0..10 {
        bridge.accept(&an_offer(&format!("e-{number}"), &format!("c-{number}"))).await;
    }
    for number in 0..10 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    let times: Vec<i64> = bridge.sandbox.calls().iter().map(|call| call.at.0).collect();
    assert!(!bridge.calls(Endpoint::Token).is_empty());
    assert!(most_in_a_second(&times) <= 5, "{times:?}");
}

#[tokio::test]
async fn a_retry_after_is_kept_by_all_and_then_calls_flow_again() {
    let bridge = Bridge::start().await;
    bridge.sandbox.inject(Fault::next(Misbehaviour::TooManyRequests { retry_after: Some(2) }));
    bridge.accept(&an_offer("e-0", "c-0")).await;
    let reported = eventually("the refusal", async || {
        let calls = bridge.calls(Endpoint::Offer);
        calls.first().filter(|call| call.status == Some(429)).map(|call| call.at)
    })
    .await;
    for number in 1..6 {
        bridge.accept(&an_offer(&format!("e-{number}"), &format!("c-{number}"))).await;
    }
    for number in 0..6 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    let calls = bridge.sandbox.calls();
    assert_eq!(calls.len(), 7);
    let knocked: Vec<u64> = calls[1..].iter().map(|call| call.at.since(reported)).collect();
    assert!(knocked.iter().all(|ms| *ms >= 1_990), "{knocked:?}");
    let event = bridge.settled("e-0").await;
    assert!(event["waited_ms"]["retry_after"].as_u64() >= Some(1_900), "{event:#}");
}

#[tokio::test]
async fn a_caller_who_is_gone_does_not_wait_for_half_an_hour() {
    let bridge = Bridge::start().await;
    bridge.sandbox.inject(Fault::next(Misbehaviour::TooManyRequests { retry_after: Some(1_800) }));
    let ring = |id: &str, seconds: u32| {
        with(an_offer(id, &format!("c-{id}")), json!({ "timeout_seconds": seconds }))
    };
    bridge.accept(&ring("first", 2)).await;
    eventually("the refusal", async || {
        bridge.calls(Endpoint::Offer).first().and_then(|call| call.status).map(drop)
    })
    .await;
    bridge.accept(&ring("second", 1)).await;
    for id in ["second", "first"] {
        let event = bridge.ends(id, "expired").await;
        assert!(event["waited_ms"]["retry_after"].as_u64() > Some(0), "{event:#}");
        assert!(
            event["detail"].as_str().is_some_and(|text| text.contains("retry_after")),
            "{event:#}"
        );
    }
    assert_eq!(bridge.sandbox.calls().len(), 1, "nobody knocked again");
}

#[tokio::test]
async fn the_rate_limit_rule_of_the_instance_is_shown() {
    let rule = "6b7bfb2bd7832100f20bc8170e610385";
    let switches = Switches {
        documents_appear: true,
        rate_limit: Some(RateLimit::per_hour(4_711)),
        ..Switches::default()
    };
    let bridge = Bridge::with(Setup { switches, ..Setup::default() }).await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let (_, page) = bridge.get("/metrics").await;
    let page = page.as_str().expect("a text").to_owned();
    let limit = format!("awa_bridge_servicenow_rate_limit_requests{{rule=\"{rule}\"}} 4711");
    assert!(page.contains(&limit), "{page}");
    assert!(page.contains("awa_bridge_servicenow_rate_limit_reset_timestamp_seconds{"), "{page}");
}

#[tokio::test]
async fn what_needs_no_call_uses_up_neither_rate_nor_budget() {
    let bridge = Bridge::configured(
        "[rate_limit]\nper_second = 2\nburst = 2\nper_hour = 20\n[offer]\ntimeout = \"60s\"",
    )
    .await;
    let unmapped = |number: usize| {
        let offer = an_offer(&format!("u-{number}"), &format!("u-{number}"));
        with(offer, json!({ "queue": "nobody-knows-it" }))
    };
    let offers: Vec<Value> = (0..60).map(unmapped).collect();
    for some in offers.chunks(20) {
        bridge.accept(&Value::Array(some.to_vec())).await;
    }
    // At two a second those before it would take longer than it rings.
    let good = with(an_offer("good", "c-good"), json!({ "timeout_seconds": 20 }));
    bridge.accept(&good).await;
    bridge.ends("good", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
    eventually("all others to be parked", async || {
        let (_, status) = bridge.get("/v1/status").await;
        (status["events"]["parked"] == 60).then_some(())
    })
    .await;
}
