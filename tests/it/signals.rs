//! Signals are caught before anything that may take its time at the start.

use std::fs::File;

use serde_json::json;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually, with};

/// Whether a signal is in the sets of that name on the process's own page of /proc.
fn is_in(sets: &str, pid: u32, signal: u32) -> bool {
    let page = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = page.lines().find_map(|line| line.strip_prefix(sets));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (signal - 1)) != 0
}

const HUP: u32 = 1;
const INT: u32 = 2;
const TERM: u32 = 15;

/// A home whose store exists, and the lock that keeps the next daemon from opening it.
async fn slow_home(instance: &str) -> (Home, File) {
    let home = Home::new(instance, &Setup::default());
    let mut daemon = home.start().await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    let db =
        File::options().read(true).write(true).open(home.directory.path().join("state.sled/db"));
    let db = db.expect("the store's file");
    db.lock().expect("a lock");
    (home, db)
}

async fn catches_all(starting: &Daemon) {
    eventually("the signals to be caught while the store is locked", async || {
        [HUP, INT, TERM]
            .iter()
            .all(|signal| is_in("SigCgt:", starting.pid(), *signal))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_asked_for_during_a_slow_start_is_an_orderly_one() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let (home, db) = slow_home(&sandbox.url()).await;
    for signal in ["TERM", "INT"] {
        let mut starting = home.starting(home.command(&["run"]));
        catches_all(&starting).await;
        starting.signal(signal);
        assert_eq!(starting.ended().await, Some(0), "{}", starting.log());
    }
    drop(db);
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202), "the store is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_is_asked_for_during_a_slow_start_does_not_end_it() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let (home, db) = slow_home(&sandbox.url()).await;
    let starting = home.starting(home.command(&["run"]));
    catches_all(&starting).await;
    let tables = home.directory.path().join("mappings/sources/native");
    let queues = "queue,channel,external_id\nnight,,support-voice\n";
    std::fs::write(tables.join("queues.csv"), queues).expect("the table");
    starting.signal("HUP");
    eventually("the signal to be taken", async || {
        (!is_in("ShdPnd:", starting.pid(), HUP)).then_some(())
    })
    .await;
    drop(db);
    let daemon = home.arrived(starting).await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "queue": "night", "timeout_seconds": 60 }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered", "the table was read again");
}
