//! Stopping with calls in flight: nothing that was answered is lost, nothing is done twice, and the end comes in time.

use std::collections::BTreeSet;

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Sandbox, Switches};
use serde_json::json;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually};

const CALLS: usize = 20;

async fn twenty_in_flight(fault: Misbehaviour, config: &str) -> (Sandbox, Home, Daemon) {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let config = format!("[servicenow]\nmax_in_flight = 20\n{config}");
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    sandbox.inject(Fault::on(Endpoint::Offer, fault).times(20));
    let daemon = home.start().await;
    for number in 0..CALLS {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
    }
    eventually("20 calls to be in flight", async || {
        (sandbox.calls_to(Endpoint::Offer).len() == CALLS).then_some(())
    })
    .await;
    (sandbox, home, daemon)
}

/// Waits until nobody takes connections there.
async fn is_closed(intake: &str) {
    let address = intake.trim_start_matches("http://");
    eventually("the intake to be closed", async || {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
}

/// All were delivered, each by one offer that ServiceNow carried out.
async fn each_was_done_once(sandbox: &Sandbox, home: &Home) {
    let daemon = home.start().await;
    for number in 0..CALLS {
        let event = daemon.settled(&format!("e-{number}")).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
    let offers = sandbox.calls_to(Endpoint::Offer);
    let documents: BTreeSet<_> = offers.iter().map(|call| call.path.clone()).collect();
    assert_eq!((offers.len(), documents.len()), (CALLS, CALLS));
}

#[tokio::test]
async fn sigterm_with_20_calls_in_flight_loses_nothing_and_doubles_nothing() {
    let slow = Misbehaviour::DelayAfterEffect { ms: 1_500 };
    let (sandbox, home, mut daemon) = twenty_in_flight(slow, "request_timeout = \"5s\"\n").await;
    daemon.signal("TERM");
    is_closed(&daemon.intake).await;
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    drop(daemon);
    each_was_done_once(&sandbox, &home).await;
}

#[tokio::test]
async fn a_second_sigterm_hurries_and_what_was_in_flight_is_looked_up() {
    let config = "request_timeout = \"30s\"\n";
    let (sandbox, home, mut daemon) = twenty_in_flight(Misbehaviour::HangAfterEffect, config).await;
    daemon.signal("TERM");
    is_closed(&daemon.intake).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    assert!(!daemon.log().contains("drain_ms"), "it hurries: {}", daemon.log());
    drop(daemon);
    each_was_done_once(&sandbox, &home).await;
    let daemon = home.start().await;
    assert_eq!(daemon.settled("e-1").await["reason"], json!("found_by_look_up"));
}
