//! The machine's clock is set back by an hour while the bridge runs.

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Switches};
use serde_json::json;

use super::super::support::bridge::{Setup, start_sandbox};
use super::super::support::program::Home;
use super::super::support::{an_event, an_offer, eventually, with};
use super::machine::Machine;
use super::{all_delivered_once, heal, outage};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn a_clock_set_back_an_hour_prolongs_no_pause_by_an_hour() {
    let Some(machine) = Machine::build() else { return };
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let config = "[retry]\nagent_unavailable = [\"30s\"]\n[offer]\ntimeout = \"10m\"".to_owned();
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let daemon = home.started(machine.runs(home.command(&["run"]))).await;
    let busy = Misbehaviour::SuccessFalse { message: "Agent is not available".to_owned() };
    sandbox.inject(Fault::on(Endpoint::Offer, busy).times(3));
    let mut ids = Vec::new();
    let offer_now = async |ids: &mut Vec<String>| {
        let id = format!("e-{}", ids.len());
        let offer = an_offer(&id, &format!("c-{}", ids.len()));
        assert_eq!(daemon.post(&offer).await, Some(202));
        eventually("its call", async || {
            let event = daemon.get(&format!("/v1/events/native/{id}")).await;
            event["calls"][0]["meaning"].is_string().then_some(())
        })
        .await;
        ids.push(id);
    };
    for _ in 0..3 {
        offer_now(&mut ids).await;
    }
    let reported = Misbehaviour::TooManyRequests { retry_after: Some(1_800) };
    sandbox.inject(Fault::on(Endpoint::Offer, reported));
    offer_now(&mut ids).await;
    let standing = daemon.get("/v1/status").await;
    assert!(standing["servicenow"]["retry_after_until"].is_string(), "{standing:#}");
    assert_eq!(standing["events"]["pending"], 4, "{standing:#}");

    machine.clock_off_by(-HOUR);
    all_delivered_once(&daemon, &sandbox, &ids).await;
    let now = awa_bridge::testing::clock::now();
    for call in sandbox.calls_to(Endpoint::Offer) {
        let body = call.body.expect("a body");
        let said = body["assignment"]["offered_on"].as_str().expect("a moment");
        let moment = UnixMillis::from_rfc3339(&format!("{said}Z")).expect("a moment");
        assert!(now.since(moment) < 1_800_000, "{said} is not the vendor's moment, it is {now}");
    }
}

#[tokio::test]
async fn signatures_are_judged_by_the_machines_clock_and_nothing_else_is_lost_over_it() {
    let Some(machine) = Machine::build() else { return };
    let (sandbox, home) = outage().await;
    heal(&sandbox);
    let daemon = home.started(machine.runs(home.command(&["run"]))).await;
    assert_eq!(daemon.post(&an_offer("e-0", "c-0")).await, Some(202));
    daemon.settled("e-0").await;
    machine.clock_off_by(-HOUR);
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(401), "signed in its future");
    let log = daemon.says("Rejected a webhook").await;
    assert!(log.contains("clock"), "{log}");
    machine.clock_off_by(0);
    assert_eq!(daemon.post(&an_offer("e-0", "c-0")).await, Some(200), "still remembered");
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    let accept = with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    assert_eq!(daemon.settled("e-2").await["state"], "delivered");
    let ids = ["e-0", "e-1"].map(str::to_owned);
    all_delivered_once(&daemon, &sandbox, &ids).await;
}
