//! Three clocks: the vendor's, the bridge's and ServiceNow's. An offer says the same moment over all its repeats.

use std::collections::BTreeSet;

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Switches};
use serde_json::json;

use super::support::bridge::{Bridge, Setup};
use super::support::{an_offer, from_now, with};

fn offered_on(bridge: &Bridge) -> Vec<UnixMillis> {
    let moment = |body: serde_json::Value| {
        let text = body["assignment"]["offered_on"].as_str().expect("a moment").to_owned();
        assert_eq!(text.len(), "2026-11-21T16:00:00.123".len(), "{text}");
        UnixMillis::from_rfc3339(&format!("{text}Z")).expect("a moment")
    };
    let calls = bridge.calls(Endpoint::Offer);
    calls.into_iter().map(|call| moment(call.body.expect("a body"))).collect()
}

fn unwell(bridge: &Bridge) {
    for what in [
        Misbehaviour::Status { status: 503, body: json!({}), headers: Vec::new() },
        Misbehaviour::TooManyRequests { retry_after: None },
        Misbehaviour::Reset,
    ] {
        bridge.sandbox.inject(Fault::on(Endpoint::Offer, what));
    }
}

#[tokio::test]
async fn every_repeat_says_the_vendors_own_moment() {
    let bridge = Bridge::start().await;
    unwell(&bridge);
    let offer = with(an_offer("e-1", "c-1"), json!({ "occurred_at": from_now(-700) }));
    bridge.accept(&offer).await;
    bridge.ends("e-1", "delivered").await;
    let said = offered_on(&bridge);
    let vendors = offer["occurred_at"].as_str().and_then(UnixMillis::from_rfc3339);
    assert_eq!(said, [vendors.expect("a time"); 4]);
}

#[tokio::test]
async fn a_vendor_ahead_is_held_behind_servicenows_clock_the_same_over_all_repeats() {
    for clock_offset_ms in [0, -30_000, 30_000] {
        let switches = Switches { documents_appear: true, clock_offset_ms, ..Switches::default() };
        let bridge = Bridge::with(Setup { switches, ..Setup::default() }).await;
        unwell(&bridge);
        let ahead = clock_offset_ms + 5_000;
        let offer = json!({ "occurred_at": from_now(ahead), "timeout_seconds": 90 });
        bridge.accept(&with(an_offer("e-1", "c-1"), offer)).await;
        bridge.ends("e-1", "delivered").await;
        let said = offered_on(&bridge);
        assert_eq!(said.len(), 4);
        assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), 1, "{said:?}");
        let came = bridge.calls(Endpoint::Offer)[0].at;
        let behind = came.0 + clock_offset_ms - said[0].0;
        assert!((200..20_000).contains(&behind), "{clock_offset_ms}: {behind} ms behind");
    }
}

#[tokio::test]
async fn what_servicenow_refuses_for_its_clock_is_corrected_once() {
    let bridge = Bridge::start().await;
    // Too little to be sure of by headers of a second's resolution, or a rule of the instance's own.
    let message = "Offered time (2026-11-21T16:00:00.000) must be before the current time, otherwise agent will have more time to accept the work item";
    let refusal = Misbehaviour::SuccessFalse { message: message.to_owned() };
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refusal.clone()));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let said = offered_on(&bridge);
    assert_eq!(said.len(), 2);
    assert!(said[1] < said[0], "{said:?}");
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refusal).times(10));
    bridge.sandbox.forget_calls();
    bridge.accept(&an_offer("e-2", "c-2")).await;
    let event = bridge.ends("e-2", "dead").await;
    assert_eq!(event["reason"], "clock_skew");
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 2);
}

#[tokio::test]
async fn the_offset_is_shown_and_an_instance_ahead_still_takes_offers() {
    let switches =
        Switches { documents_appear: true, clock_offset_ms: 7_000, ..Switches::default() };
    let bridge = Bridge::with(Setup { switches, ..Setup::default() }).await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
    let (_, page) = bridge.get("/metrics").await;
    let page = page.as_str().expect("a text").to_owned();
    let line = page.lines().find(|line| line.starts_with("awa_bridge_clock_offset_seconds "));
    assert!(line.is_some(), "{page}");
}
