//! Random histories of two and three nodes over one database in memory: see `steps` for what may happen, `world` for how it is played.
//!
//! The promises, in words:
//! 1. What a vendor was told is taken is there once, and ends.
//! 2. Nothing is done twice at ServiceNow, unless a person replays it. The one exception: a node stands still between its last look
//!    at the clock and the first byte of a call, or its clocks stand still with it, until another has looked for the call in vain.
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
mod servicenow;
mod steps;
mod suite;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use faults::Fault;
use steps::any_history;
pub(super) use suite::{Memories, over_memory};
use world::{Allowed, DONE_TWICE, play};

use crate::explore::{Share, Told, explore};

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
