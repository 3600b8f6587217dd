//! Random histories of events, answers, crashes, reloads and clock jumps against a simple reference model: see `witness` for
//! the promises, `history` for what may happen, `play` for how it is played.

mod explore;
mod fate;
mod history;
mod play;
mod pure;
mod servicenow;
mod witness;

use explore::{Share, Told, explore};
use history::{History, NAMES};
use play::play;
use pure::Pure;
use witness::Witness;

const DECISIONS: Share = Share {
    property: "whatever_happens_the_decisions_keep_every_promise",
    of_a_million: 880_000,
    shortenings: 20_000,
};

#[test]
fn whatever_happens_the_decisions_keep_every_promise() {
    explore(&DECISIONS, |history, telling| {
        let rules = history.policy.rules(&NAMES);
        told(history, rules.clone(), telling, |witness| play(history, Pure::new(rules), witness))
    });
}

fn told(
    _: &History,
    rules: crate::routing::Rules,
    telling: bool,
    play: impl FnOnce(&mut Witness),
) -> Told {
    let mut witness = Witness::new(rules, &NAMES, telling);
    play(&mut witness);
    Told { breach: witness.breach.clone(), story: witness.into_story() }
}
