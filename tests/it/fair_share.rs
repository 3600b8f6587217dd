//! What one source does must not cost another its calls: rate and budget are for calls that leave, and the most urgent
//! goes first.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, RecordedCall};
use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, document, eventually, from_now, with};

#[tokio::test]
async fn what_parks_dies_or_is_over_leaves_rate_and_budget_to_what_is_called() {
    let bridge = Bridge::configured(
        "[rate_limit]\nper_second = 2\nburst = 2\nper_hour = 10\nreserve = 0.5\n[offer]\ntimeout = \"60s\"",
    )
    .await;
    let names =
        |what: &str, number: usize| (format!("{what}-{number}"), format!("c-{what}-{number}"));
    let mut events = Vec::new();
    for number in 0..15 {
        let (id, conversation) = names("unmapped", number);
        events.push(with(an_offer(&id, &conversation), json!({ "queue": "nobody-knows-it" })));
        let (id, conversation) = names("late", number);
        let late = json!({ "occurred_at": from_now(-30_000), "timeout_seconds": 5 });
        events.push(with(an_offer(&id, &conversation), late));
        let (id, conversation) = names("unoffered", number);
        events.push(with(an_event("accept", &id, &conversation), json!({ "agent": "ada" })));
        let (id, conversation) = names("foreign", number);
        let document = json!({ "table": "sys_user", "sys_id": "59616aba87bd5210be070d48dabb35e6" });
        events.push(with(an_offer(&id, &conversation), json!({ "document": document })));
    }
    for some in events.chunks(20) {
        bridge.accept(&Value::Array(some.to_vec())).await;
    }
    // Five of the ten are for offers.
    for number in 0..4 {
        let (id, conversation) = names("good", number);
        bridge.accept(&an_offer(&id, &conversation)).await;
        bridge.ends(&id, "delivered").await;
    }
    assert_eq!(bridge.writes().len(), 4);
    let event = bridge.settled("good-0").await;
    assert_eq!(event["waited_ms"]["budget"].as_u64().unwrap_or(0), 0, "{event:#}");
}

#[tokio::test]
async fn a_call_that_is_put_off_and_then_pointless_is_charged_once() {
    let bridge = Bridge::configured(
        "[rate_limit]\nper_hour = 8\nreserve = 0.5\n[offer]\ntimeout = \"60s\"\n[retry]\ninitial = \"2s\"\nmax = \"2s\"",
    )
    .await;
    bridge.sandbox.inject(
        Fault::on(Endpoint::Offer, Misbehaviour::TooManyRequests { retry_after: Some(1) }).times(1),
    );
    bridge.accept(&an_offer("again", "c-again")).await;
    eventually("the refusal", async || {
        bridge.calls(Endpoint::Offer).first().and_then(|call| call.status).map(drop)
    })
    .await;
    for number in 0..20 {
        let conversation = format!("c-{number}");
        bridge.accept(&an_offer(&format!("o-{number}"), &conversation)).await;
        bridge.accept(&an_event("withdraw", &format!("w-{number}"), &conversation)).await;
    }
    bridge.ends("again", "delivered").await;
    for number in 0..20 {
        bridge.ends(&format!("o-{number}"), "superseded").await;
    }
    bridge.accept(&an_offer("last", "c-last")).await;
    bridge.ends("last", "delivered").await;
}

#[tokio::test]
async fn a_flood_of_offers_holds_up_neither_answers_nor_offers_that_end_sooner() {
    const FLOOD: usize = 400;
    let bridge = Bridge::configured("[rate_limit]\nper_second = 20\nburst = 5").await;
    bridge.accept(&an_offer("ringing", "c-ringing")).await;
    bridge.ends("ringing", "delivered").await;
    let flood = |number: usize| {
        let offer = an_offer(&format!("f-{number}"), &format!("f-{number}"));
        with(offer, json!({ "timeout_seconds": 3_600 }))
    };
    let flood: Vec<Value> = (0..FLOOD).map(flood).collect();
    for some in flood.chunks(100) {
        bridge.accept(&Value::Array(some.to_vec())).await;
    }
    let accept = with(
        an_event("accept", "answer", "c-ringing"),
        json!({
            "agent": "ada", "segment": "segment-c-ringing",
        }),
    );
    bridge.accept(&accept).await;
    bridge.accept(&with(an_offer("soon", "c-soon"), json!({ "timeout_seconds": 20 }))).await;
    let before = bridge.sandbox.calls().len();
    bridge.ends("answer", "delivered").await;
    bridge.ends("soon", "delivered").await;
    let calls = bridge.sandbox.calls();
    let path = format!("/{}/offer", document("c-soon"));
    let turn = |is_it: &dyn Fn(&RecordedCall) -> bool| {
        calls.iter().position(is_it).expect("it was called").saturating_sub(before)
    };
    let turns =
        [turn(&|call| call.endpoint == Endpoint::Accept), turn(&|call| call.path.ends_with(&path))];
    assert!(turns.iter().all(|turn| *turn < 20), "as many calls were made before them: {turns:?}");
}
