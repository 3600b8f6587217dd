//! Refusals that time may heal: words that nobody documents, a document that is not there yet, a pause of unknown
//! origin.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup, start_sandbox};
use super::support::program::Home;
use super::support::{an_offer, eventually, with};

fn refusal(status: u16, message: &str, headers: &[(&str, &str)]) -> Misbehaviour {
    let body = json!({ "error": { "message": message, "detail": null }, "status": "failure" });
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Misbehaviour::Status { status, body, headers: headers.collect() }
}

#[tokio::test]
async fn a_refusal_in_another_language_is_looked_up_and_tried_again() {
    let bridge = Bridge::start().await;
    let refused = refusal(409, "L\u{2019}agent n\u{2019}est pas disponible", &[]);
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refused));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let event = bridge.ends("e-1", "delivered").await;
    let meanings: Vec<_> =
        event["calls"].as_array().expect("calls").iter().map(|call| &call["meaning"]).collect();
    assert_eq!(meanings, ["unexplained", "not_landed", "landed"], "{event:#}");
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 2);
}

#[tokio::test]
async fn a_refusal_in_another_language_that_stays_ends_dead_in_its_own_words() {
    let bridge = Bridge::start().await;
    let refused = refusal(409, "Der Agent fehlt", &[]);
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refused).times(1_000));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let event = bridge.ends("e-1", "dead").await;
    assert!(event.to_string().contains("Der Agent fehlt"), "{event:#}");
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 3, "one more for each pause");
}

#[tokio::test]
async fn a_document_that_servicenow_inserts_a_moment_later_gets_its_card() {
    let bridge = Bridge::start().await;
    let absent = refusal(404, "No Record found", &[]);
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, absent).times(2));
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 3);
}

#[tokio::test]
async fn one_pause_of_unknown_origin_does_not_cost_the_rings_that_come_in_it() {
    let bridge = Bridge::start().await;
    let pause = [("retry-after", "3600")];
    bridge.sandbox.inject(Fault::on(Endpoint::Offer, refusal(429, "slow down", &pause)));
    for number in 0..3 {
        let (id, conversation) = (format!("e-{number}"), format!("c-{number}"));
        bridge.accept(&an_offer(&id, &conversation)).await;
    }
    for number in 0..3 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
}

#[tokio::test]
async fn a_person_ends_the_pause_that_a_rate_limit_rule_asks_for() {
    for way in ["/v1/resume", "/v1/reload"] {
        let bridge = Bridge::start().await;
        let rule = [("retry-after", "3600"), ("x-ratelimit-limit", "10")];
        bridge
            .sandbox
            .inject(Fault::on(Endpoint::Offer, refusal(429, "Rate limit exceeded", &rule)));
        let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 120 }));
        bridge.accept(&offer).await;
        eventually("the pause", async || {
            let (_, status) = bridge.get("/v1/status").await;
            status["servicenow"]["retry_after_until"].is_string().then_some(())
        })
        .await;
        bridge.post_admin(way).await;
        let event = bridge.ends("e-1", "delivered").await;
        assert_eq!(bridge.calls(Endpoint::Offer).len(), 2, "{event:#}");
        assert_eq!(
            bridge.get("/v1/status").await.1["servicenow"]["retry_after_until"],
            Value::Null
        );
    }
}

#[tokio::test]
async fn a_long_pause_is_told_of_with_its_end_and_a_short_one_is_not() {
    for (seconds, told) in [("3600", true), ("2", false)] {
        let setup = Setup::default();
        let sandbox = start_sandbox(setup.switches.clone()).await;
        let rule = [("retry-after", seconds), ("x-ratelimit-limit", "10")];
        let refused = refusal(429, "Rate limit exceeded", &rule);
        sandbox.inject(Fault::on(Endpoint::Offer, refused));
        let home = Home::new(&sandbox.url(), &setup);
        let daemon = home.start().await;
        for number in 1..=2 {
            let id = format!("e-{number}");
            assert_eq!(daemon.post(&an_offer(&id, &id)).await, Some(202));
        }
        let log = eventually("the pause, or both offers where it was short", async || {
            let log = daemon.log();
            let delivered = log.matches("\"state\":\"delivered\"").count() == 2;
            (delivered || told && log.contains("Calls wait")).then_some(log)
        })
        .await;
        let line = log.lines().find(|line| line.contains("Calls wait"));
        assert_eq!(line.is_some(), told, "{log}");
        if let Some(line) = line {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["level"], "WARN");
            assert!(line["until"].is_string(), "{line}");
        }
    }
}
