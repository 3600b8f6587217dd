//! The file system turns read-only while the bridge runs, as Linux has it do after an error of the disk.

use awa_bridge::testing::sandbox::Switches;

use super::super::support::bridge::{Setup, start_sandbox};
use super::super::support::program::Home;
use super::super::support::{an_offer, eventually};
use super::machine::{Machine, READ_ONLY};
use super::{acknowledged, all_delivered_once};

#[tokio::test]
async fn a_disk_that_turns_read_only_stops_the_bridge_loudly_and_loses_nothing() {
    let Some(machine) = Machine::build() else { return };
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let mut daemon = home.started(machine.runs(home.command(&["run"]))).await;
    let ids = acknowledged(&daemon, 5).await;
    machine.disk_fails(READ_ONLY);
    let refused = daemon.post(&an_offer("late", "c-late")).await;
    assert!(matches!(refused, Some(503) | None), "nothing is acknowledged: {refused:?}");
    assert_eq!(daemon.ended().await, Some(1), "{}", daemon.log());
    let log = daemon.log();
    for words in ["the store failed", "Read-only file system", "check the disk of [store] path"] {
        assert!(log.contains(words), "no {words:?} in {log}");
    }
    drop(daemon);
    // Started again while the fault lasts, it says so again and ends again.
    let again = machine.runs(home.command(&["run"]));
    let (code, said) = super::refuses(again).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    machine.disk_fails(0);
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
    let late = eventually("the sender to come again", async || {
        daemon.post(&an_offer("late", "c-late")).await
    });
    assert!(matches!(late.await, 200 | 202));
    daemon.settled("late").await;
}

/// What cannot be written is not answered with 2xx, and what was is there after the next start.
#[tokio::test]
async fn a_sled_that_cannot_be_written_stops_the_bridge_loudly_and_loses_nothing() {
    let Some(machine) = Machine::build() else { return };
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let mut daemon = home.started(machine.runs(home.command(&["run"]))).await;
    let ids = acknowledged(&daemon, 5).await;
    machine.sled_fails(READ_ONLY);
    // What it writes of its own may fail first, and end it before it answers.
    let refused = daemon.post(&an_offer("unwritten", "c-unwritten")).await;
    assert!(matches!(refused, Some(503) | None), "nothing is acknowledged: {refused:?}");
    assert_eq!(daemon.ended().await, Some(1), "{}", daemon.log());
    assert!(daemon.log().contains("the store failed"), "{}", daemon.log());
    drop(daemon);
    machine.sled_fails(0);
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
}
