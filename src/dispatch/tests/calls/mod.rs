//! Whole calls: a caller comes, agents are rung, answer, hand over and leave, and at the end the right agent has the
//! card. See `truth` for who that is, `story` for what may happen, `stage` for what is watched.

mod found;
mod instance;
mod judge;
mod play;
mod stage;
mod story;
mod truth;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::a_runtime;
use super::kept::{Clock, Kept};
use super::pure::Pure;
use super::stored::Stored;
use crate::explore::{Share, explore};
use crate::routing::{OfferDefaults, Rules, UnixMillis};
use play::play;
use story::{Manner, any_story};

pub(super) const CALLS: Share = Share {
    property: "whatever_happens_in_a_call_the_right_agent_has_the_card",
    of_a_million: 50_000,
    shortenings: 2_000,
};

pub(super) const STORED_CALLS: Share = Share {
    property: "whatever_happens_in_a_call_the_store_keeps_it_right",
    of_a_million: 5_000,
    shortenings: 500,
};

#[test]
fn whatever_happens_in_a_call_the_right_agent_has_the_card() {
    explore(&CALLS, any_story, |story, telling| {
        play(story, Pure::new(rules(story.manner)), telling)
    });
}

#[test]
fn whatever_happens_in_a_call_the_store_keeps_it_right() {
    static AT: AtomicI64 = AtomicI64::new(0);
    let clock = Clock { at: &AT, now: || UnixMillis(AT.load(Ordering::SeqCst)) };
    let runtime = a_runtime();
    explore(&STORED_CALLS, any_story, |story, telling| {
        let kept = Kept::new(&runtime, clock, rules(story.manner));
        play(story, Stored::new(kept), telling)
    });
}

fn rules(manner: Manner) -> Rules {
    Rules {
        directory: Arc::new(instance::tables()),
        offer: OfferDefaults { replace: manner.replace, ..OfferDefaults::default() },
        ..Rules::default()
    }
}
