//! Stories that once went wrong, as short as they go.

use super::super::pure::Pure;
use super::play::play;
use super::rules;
use super::story::{Act, Delivery, Does, End, Legs, Manner, Post, Rung, Story, What};
use crate::routing::{HandOver, Replace, Rings, Style};

const fn manner() -> Manner {
    Manner {
        style: Style { rings: Rings::One, hand_over: None },
        replace: Replace::Reject,
        legs: Legs::Own,
        bound: false,
        hangs_up: false,
    }
}

const fn unnamed() -> Manner {
    Manner { legs: Legs::Unnamed, ..manner() }
}

const fn several() -> Manner {
    Manner { style: Style { rings: Rings::Several, hand_over: None }, ..manner() }
}

const fn hands_over(hand_over: HandOver) -> Manner {
    Manner { style: Style { rings: Rings::One, hand_over: Some(hand_over) }, ..manner() }
}

/// Something that happens so many milliseconds after what came before it.
const fn then(after: u64, what: What) -> Act {
    Act { after, what, post: Post { late: 0, again: None } }
}

const fn late(after: u64, what: What, late: u64) -> Act {
    Act { after, what, post: Post { late, again: None } }
}

const fn rings(who: &'static str) -> What {
    What::Rings { who, before: End::Reject }
}

const ANSWERS: What = What::Answers { which: 0, others: End::Reject };

const fn leaves(reported: End) -> What {
    What::Leaves { which: 0, reported }
}

const fn consults(to: &'static str, rung: Rung) -> What {
    What::Transfers { to, consult: true, rung, reported: End::Leave }
}

const fn transfers(to: &'static str, rung: Rung) -> What {
    What::Transfers { to, consult: false, rung, reported: End::Leave }
}

const TO_QUEUE: What = What::TransfersToQueue { reported: End::Reject };

#[track_caller]
fn goes_well<const N: usize>(manner: Manner, acts: [Act; N]) {
    let late = acts.iter().any(|act| act.post.late > 0 || act.post.again.is_some());
    let delivery = if late { Delivery::Shuffled } else { Delivery::Undisturbed };
    let story = Story { manner, delivery, acts: acts.to_vec() };
    let reported = play(&story, Pure::new(rules(manner)), true);
    assert_eq!(reported.breach, None, "\n{}", reported.story.join("\n"));
}

#[test]
fn a_ring_just_before_a_told_consult_does_not_hand_over() {
    goes_well(
        manner(),
        [
            then(100, rings("cleo")),
            then(100, ANSWERS),
            then(100, consults("anna", Rung::Before)),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn a_ring_just_before_a_told_blind_transfer_is_no_consult() {
    let reported = transfers("anna", Rung::Before);
    goes_well(
        manner(),
        [then(100, rings("ben")), then(100, ANSWERS), then(100, reported), then(10_000, ANSWERS)],
    );
}

#[test]
fn a_late_ring_takes_nothing_from_who_has_answered_since() {
    goes_well(
        manner(),
        [
            late(100, rings("cleo"), 1_400),
            then(100, ANSWERS),
            then(100, rings("anna")),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn who_puts_the_card_away_and_answers_all_the_same_has_it() {
    let rejects = What::InServiceNow { who: "cleo", does: Does::Rejects };
    goes_well(manner(), [then(100, rings("cleo")), then(100, rejects), then(100, ANSWERS)]);
}

#[test]
fn who_puts_a_consults_card_away_and_answers_all_the_same_has_it() {
    let rejects = What::InServiceNow { who: "anna", does: Does::Rejects };
    goes_well(
        unnamed(),
        [
            then(100, rings("ben")),
            then(100, ANSWERS),
            then(100, rings("anna")),
            then(100, rejects),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn who_puts_a_transfers_card_away_and_answers_all_the_same_has_it() {
    let rejects = What::InServiceNow { who: "ben", does: Does::Rejects };
    goes_well(
        manner(),
        [
            then(100, rings("cleo")),
            then(100, ANSWERS),
            then(100, transfers("ben", Rung::No)),
            then(100, rejects),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn who_leaves_and_is_rung_again_is_there_again() {
    goes_well(
        manner(),
        [
            then(100, rings("cleo")),
            then(100, ANSWERS),
            then(100, leaves(End::Reject)),
            then(100, rings("cleo")),
            then(100, ANSWERS),
            then(100, rings("anna")),
        ],
    );
}

#[test]
fn a_late_transfer_to_who_has_declined_leaves_no_card() {
    goes_well(
        manner(),
        [
            then(100, rings("anna")),
            then(100, ANSWERS),
            late(100, transfers("ben", Rung::After), 1_400),
            then(1_000, What::RingEnds { which: 0, reported: End::Reject }),
        ],
    );
}

#[test]
fn the_one_who_stays_has_the_work_however_the_other_leaves() {
    for reported in [End::Leave, End::Reject, End::Withdraw] {
        goes_well(
            manner(),
            [
                then(100, rings("anna")),
                then(100, ANSWERS),
                then(100, consults("ben", Rung::No)),
                then(100, ANSWERS),
                then(100, leaves(reported)),
            ],
        );
    }
}

#[test]
fn a_late_accept_is_not_tried_on_what_waits_in_a_queue() {
    goes_well(
        manner(),
        [
            then(100, rings("anna")),
            late(100, ANSWERS, 1_400),
            late(100, TO_QUEUE, 30),
            then(10_000, What::Nothing),
        ],
    );
    goes_well(
        manner(),
        [
            then(100, rings("anna")),
            then(100, ANSWERS),
            then(1_000, TO_QUEUE),
            late(300, rings("ben"), 1_400),
            then(300, ANSWERS),
        ],
    );
    goes_well(
        unnamed(),
        [late(100, rings("anna"), 1_400), then(100, ANSWERS), then(100, TO_QUEUE)],
    );
}

#[test]
fn an_accept_before_its_second_ring_is_not_taken_for_the_first() {
    goes_well(
        unnamed(),
        [
            then(100, rings("cleo")),
            then(100, ANSWERS),
            then(100, TO_QUEUE),
            late(100, rings("cleo"), 1_400),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn an_accept_of_another_conversation_is_not_tried_on_an_old_card() {
    goes_well(
        unnamed(),
        [
            then(100, rings("anna")),
            then(40_000, What::OtherConversation { ends: false }),
            late(100, rings("anna"), 1_400),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn a_card_that_stays_is_not_offered_to_its_agent_again() {
    let manner = Manner { replace: Replace::Wait, ..manner() };
    let untold = What::RingEnds { which: 0, reported: End::Untold };
    goes_well(
        manner,
        [then(100, rings("anna")), then(100, untold), then(100, rings("anna")), then(100, ANSWERS)],
    );
}

#[test]
fn an_old_reject_leaves_the_card_of_a_newer_ring() {
    goes_well(
        unnamed(),
        [
            late(100, rings("cleo"), 1_400),
            then(100, rings("anna")),
            then(100, rings("cleo")),
            then(3_000, What::Nothing),
        ],
    );
    let unnamed_several = Manner { legs: Legs::Unnamed, ..several() };
    goes_well(
        unnamed_several,
        [
            then(100, rings("ben")),
            then(100, rings("cleo")),
            then(100, What::Answers { which: 1, others: End::Reject }),
            then(100, rings("ben")),
            then(1_000, What::Nothing),
        ],
    );
}

#[test]
fn an_old_reject_does_not_make_forgotten_that_the_agent_was_rung() {
    let rejects = What::InServiceNow { who: "cleo", does: Does::Rejects };
    goes_well(
        unnamed(),
        [
            then(100, rings("cleo")),
            late(100, rings("anna"), 400),
            then(100, rings("cleo")),
            then(100, rejects),
            then(300, ANSWERS),
        ],
    );
}

#[test]
fn a_late_transfer_does_not_undo_a_newer_accept() {
    goes_well(
        unnamed(),
        [
            then(100, rings("anna")),
            then(100, ANSWERS),
            late(100, TO_QUEUE, 1_400),
            then(100, rings("anna")),
            then(100, ANSWERS),
        ],
    );
}

#[test]
fn a_told_transfer_leaves_no_card_of_the_consult_before_it() {
    let hung_up = Manner { hangs_up: true, ..hands_over(HandOver::Leave) };
    goes_well(
        hung_up,
        [
            then(100, rings("ben")),
            then(100, ANSWERS),
            then(100, rings("cleo")),
            then(100, What::RingEnds { which: 0, reported: End::Untold }),
            then(100, TO_QUEUE),
        ],
    );
}

#[test]
fn a_reject_that_lands_late_leaves_the_card_of_the_next() {
    let rejects = What::InServiceNow { who: "ben", does: Does::Rejects };
    goes_well(
        several(),
        [
            then(100, rings("ben")),
            then(100, rejects),
            then(100, rings("cleo")),
            late(100, What::Answers { which: 1, others: End::Reject }, 30),
        ],
    );
}

#[test]
fn an_old_accept_takes_nothing_from_a_newer_one() {
    goes_well(
        several(),
        [
            then(100, rings("cleo")),
            then(100, ANSWERS),
            late(100, rings("anna"), 1_400),
            then(300, leaves(End::Reject)),
            late(300, ANSWERS, 1_400),
            then(300, rings("cleo")),
            late(300, ANSWERS, 400),
        ],
    );
}

#[test]
fn a_transfer_to_who_has_a_card_of_an_untold_ring_makes_it_the_card_of_its_leg() {
    let no_answer = |reported| What::RingEnds { which: 0, reported };
    goes_well(
        hands_over(HandOver::Leave),
        [
            then(100, rings("anna")),
            then(100, ANSWERS),
            then(100, rings("ben")),
            late(100, no_answer(End::Untold), 10),
            then(100, transfers("ben", Rung::No)),
            then(1_000, no_answer(End::Reject)),
        ],
    );
}
