//! A disk that takes no more: the daemon says so, stops, and a fresh start has everything that was answered.

use awa_bridge::testing::sandbox::Switches;

use super::super::support::bridge::{Bridge, Setup, start_sandbox};
use super::super::support::program::Home;
use super::super::support::{an_offer, eventually};

#[tokio::test]
async fn a_full_disk_fails_the_store_loudly_and_loses_nothing() {
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    // 1.5 MiB: sled's segments are of 512 KiB.
    let mut daemon = home.start_limited(1_536).await;
    let (mut accepted, mut refused) = (Vec::new(), None);
    for number in 0..4_000 {
        let mut offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        offer["ignored"] = "x".repeat(4_000).into();
        match daemon.post(&offer).await {
            Some(202) => accepted.push(format!("e-{number}")),
            other => {
                refused = Some(other);
                break;
            }
        }
    }
    let refused = refused.expect("the disk was full before 4,000 events");
    assert!(matches!(refused, Some(503) | None), "{refused:?}");
    assert!(!accepted.is_empty());
    assert_eq!(daemon.ended().await, Some(1), "{}", daemon.log());
    let log = daemon.log();
    assert!(log.contains("the store failed"), "{log}");
    assert!(log.contains("check the disk of [store] path"), "{log}");
    drop(daemon);
    let daemon = home.start().await;
    for id in &accepted {
        let event = daemon.settled(id).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
}

#[tokio::test]
async fn intake_stops_before_the_disk_is_full_and_says_so() {
    let bridge = Bridge::configured("[store]\nfree_space_floor = 1125899906842624").await;
    let problem = eventually("the disk to be looked at", async || {
        let (status, answer) = bridge.get("/readyz").await;
        (status == 503).then_some(answer)
    })
    .await;
    assert!(problem.to_string().contains("free_space_floor"), "{problem}");
    let (status, answer) = bridge.post(&an_offer("e-1", "c-1")).await;
    assert_eq!(status, 503, "{answer}");
    let (_, metrics) = bridge.get("/metrics").await;
    assert!(metrics.to_string().contains("awa_bridge_store_free_bytes"));
}
