//! Random histories of two and three nodes over one database, in memory and of a PostgreSQL server (`server`): see
//! `steps` for what may happen, `world` for how it is played.
//!
//! The promises, in words:
//! 1. What a vendor was told is taken is there once, and ends.
//! 2. Nothing is done twice at ServiceNow, unless a person replays it. The one exception: a node stands still between
//!    its last look at the clock and the first byte of a call, or its clocks stand still with it, until another has
//!    looked for the call in vain.
//! 3. Every call that leaves was claimed, leaves once under its claim, and not after the moment that the claim says.
//! 4. An answer for another claim than the last one changes nothing.
//! 5. Calls about one conversation or document leave one at a time, and first in the order of acceptance.
//! 6. When the disturbances end, everything ends.

mod calls;
mod database;
mod ends;
mod engine;
mod faults;
mod listed;
mod node;
mod reader;
mod server;
mod servicenow;
mod steps;
mod suite;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use faults::Fault;
use server::Server;
use steps::{History, NODES, any_history, any_plain_history, any_plain_history_of};
pub(super) use suite::{Memories, over_memory};
use world::{Allowed, DONE_TWICE, LANDED, play, play_over};

use crate::explore::{Share, Told, explore, histories};

const CLUSTER: Share = Share {
    property: "whatever_happens_to_several_nodes_every_promise_is_kept",
    of_a_million: 800_000,
    shortenings: 2_000,
};

const LATE_WRITES: Share = Share {
    property: "only_a_node_that_stands_still_before_the_first_byte_of_a_call_does_something_twice",
    of_a_million: 200_000,
    shortenings: 2_000,
};

const _: () = assert!(CLUSTER.of_a_million + LATE_WRITES.of_a_million >= 1_000_000);

#[test]
fn whatever_happens_to_several_nodes_every_promise_is_kept() {
    let allowed = Allowed { late_writes: false, fault: None };
    explore(&CLUSTER, any_history, |history, telling| told(|| play(history, allowed, telling)));
}

#[test]
fn only_a_node_that_stands_still_before_the_first_byte_of_a_call_does_something_twice() {
    let allowed = Allowed { late_writes: true, fault: None };
    explore(&LATE_WRITES, any_history, |history, telling| told(|| play(history, allowed, telling)));
    assert!(DONE_TWICE.get() > 0, "it does not happen that a call is written too late");
}

#[test]
fn whatever_happens_to_several_nodes_every_promise_is_kept_over_postgresql() {
    plays_over_server(
        "whatever_happens_to_several_nodes_every_promise_is_kept_over_postgresql",
        true,
    );
}

#[test]
fn whatever_happens_to_nodes_of_plain_means_every_promise_is_kept_over_postgresql() {
    plays_over_server(
        "whatever_happens_to_nodes_of_plain_means_every_promise_is_kept_over_postgresql",
        false,
    );
}

/// Fewer steps: a server takes its time. To begin and to end takes it more than a step, so that histories are long.
fn plays_over_server(property: &'static str, locks: bool) {
    let Some(server) = Server::start(NODES) else { return };
    let share = Share { property, of_a_million: 2_000, shortenings: 40 };
    let allowed = Allowed { late_writes: false, fault: None };
    LANDED.set(0);
    explore(
        &share,
        || any_plain_history_of(locks, 80..160),
        |history, telling| told(|| play_over(Some(&server), history, allowed, telling)),
    );
    assert!(LANDED.get() > 0 && server.cuts() > 0, "no call has landed, or no COMMIT was cut off");
}

/// Histories by which a fault is found in memory show it over a server, too; and none without it.
#[test]
fn each_fault_that_can_be_put_in_over_postgresql_is_found() {
    const HISTORIES: usize = 20_000;
    const TRIES: usize = 8;
    let Some(server) = Server::start(NODES) else { return };
    let breach = |server, history: &History, fault| {
        let allowed = Allowed { late_writes: false, fault };
        told(|| play_over(server, history, allowed, false)).breach
    };
    for fault in Fault::ALL.into_iter().filter(|fault| !fault.needs_a_pause()) {
        let all = histories(|| any_plain_history(20..60)).take(HISTORIES);
        let mut found = all.filter(|history| breach(None, history, Some(fault)).is_some());
        let mut tries = found.by_ref().take(TRIES);
        let shows = tries.find(|history| breach(Some(&server), history, Some(fault)).is_some());
        let history = shows.unwrap_or_else(|| panic!("{fault:?} is not found"));
        let without = breach(Some(&server), &history, None);
        assert_eq!(without, None, "{fault:?} is found where it is not");
    }
}

fn told(play: impl FnOnce() -> Told) -> Told {
    match catch_unwind(AssertUnwindSafe(play)) {
        Ok(told) => told,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let breach = Some(format!("panicked: {}", text.unwrap_or_default()));
            Told { breach, story: Vec::new() }
        }
    }
}

#[test]
fn each_fault_that_is_put_in_is_found() {
    for fault in Fault::ALL {
        let share = Share { property: "this", of_a_million: 300_000, shortenings: 0 };
        let found = catch_unwind(AssertUnwindSafe(|| {
            explore(&share, any_history, |history, _| {
                let allowed = Allowed { late_writes: false, fault: Some(fault) };
                let Told { breach, .. } = told(|| play(history, allowed, false));
                if let Some(breach) = breach {
                    std::panic::panic_any(Found(breach));
                }
                Told { breach: None, story: Vec::new() }
            });
        }));
        let panic = found.expect_err(&format!("{fault:?} is not found"));
        let Some(Found(breach)) = panic.downcast_ref::<Found>() else { panic!("{fault:?}") };
        assert!(!breach.is_empty(), "{fault:?}");
    }
}

struct Found(String);
