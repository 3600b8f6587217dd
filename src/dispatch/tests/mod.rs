//! Random histories of events, answers, crashes, reloads and clock jumps against a simple reference model: see
//! `witness` for the promises, `history` for what may happen, `play` for how it is played.

mod asked;
mod calls;
mod defects;
mod departures;
mod dispatched;
mod endings;
mod fate;
mod history;
mod kept;
mod known;
mod lanes;
mod play;
mod pure;
mod servicenow;
mod stored;
mod witness;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::explore::{Share, Told, explore};
use calls::{CALLS, STORED_CALLS};
use dispatched::{Dispatched, Line};
use history::{NAMES, Step, any_history};
use kept::{Clock, Kept};
use play::play;
use pure::Pure;
use stored::Stored;
use tokio::runtime::{self, Runtime};
use witness::Witness;

use crate::routing::{Rules, UnixMillis};

// A step over a real store costs a hundred times one of the decisions alone, and the decisions are where most can go
// wrong.
const DECISIONS: Share = Share {
    property: "whatever_happens_the_decisions_keep_every_promise",
    of_a_million: 880_000,
    shortenings: 20_000,
};

const STORE: Share = Share {
    property: "whatever_happens_the_store_keeps_every_promise",
    of_a_million: 50_000,
    shortenings: 1_000,
};

const DISPATCHER: Share = Share {
    property: "whatever_happens_the_dispatcher_keeps_every_promise",
    of_a_million: 15_000,
    shortenings: 1_000,
};

const _: () = assert!(
    DECISIONS.of_a_million
        + STORE.of_a_million
        + DISPATCHER.of_a_million
        + CALLS.of_a_million
        + STORED_CALLS.of_a_million
        >= 1_000_000,
    "all properties together play a million steps"
);

#[test]
fn whatever_happens_the_decisions_keep_every_promise() {
    explore(&DECISIONS, any_history, |history, telling| {
        let rules = history.policy.rules(&NAMES);
        reported(rules.clone(), telling, |witness| play(history, Pure::new(rules), witness))
    });
}

#[test]
fn whatever_happens_the_store_keeps_every_promise() {
    static AT: AtomicI64 = AtomicI64::new(0);
    let clock = Clock { at: &AT, now: || UnixMillis(AT.load(Ordering::SeqCst)) };
    let runtime = a_runtime();
    explore(&STORE, any_history, |history, telling| {
        let rules = history.policy.rules(&NAMES);
        let kept = Kept::new(&runtime, clock, rules.clone());
        reported(rules, telling, |witness| play(history, Stored::new(kept), witness))
    });
}

#[test]
fn whatever_happens_the_dispatcher_keeps_every_promise() {
    static AT: AtomicI64 = AtomicI64::new(0);
    let clock = Clock { at: &AT, now: || UnixMillis(AT.load(Ordering::SeqCst)) };
    let (runtime, line) = (a_runtime(), Line::default());
    let client = line.client();
    explore(&DISPATCHER, any_history, |history, telling| {
        let rules = history.policy.rules(&NAMES);
        let kept = Kept::new(&runtime, clock, rules.clone());
        let bridge = Dispatched::new(kept, line.clone(), Arc::clone(&client));
        reported(rules, telling, |witness| play(history, bridge, witness))
    });
}

#[test]
fn a_history_that_breaks_a_promise_is_told_in_as_few_steps_as_it_goes() {
    let share = Share { property: "this", of_a_million: 1_000_000, shortenings: 5_000 };
    let broken = catch_unwind(AssertUnwindSafe(|| {
        explore(&share, any_history, |history, telling| {
            let steps = history.steps.iter();
            let arrives = steps.clone().any(|step| matches!(step, Step::Arrives(_)));
            let crashes = steps.clone().any(|step| matches!(step, Step::Crashes { .. }));
            let breach = (arrives && crashes).then(|| "it is lost".to_owned());
            let story = telling.then(|| format!("in {} steps", steps.len()));
            Told { breach, story: story.into_iter().collect() }
        });
    }));
    let reported = *broken.unwrap_err().downcast::<String>().unwrap();
    assert!(reported.starts_with("a promise is broken: it is lost\n"), "{reported}");
    assert!(reported.contains("\nin 2 steps\n"), "{reported}");
    assert!(reported.contains("TEST_SEED="), "{reported}");
}

fn reported(rules: Rules, telling: bool, play: impl FnOnce(&mut Witness)) -> Told {
    let mut witness = Witness::new(rules, &NAMES, telling);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(&mut witness))) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        witness.must(false, || format!("panicked: {}", text.unwrap_or_default()));
    }
    Told { breach: witness.breach.clone(), story: witness.into_story() }
}

fn a_runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_time().build().unwrap()
}
