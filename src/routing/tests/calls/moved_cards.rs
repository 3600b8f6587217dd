//! Accepts of cards that have gone or moved meanwhile.

use super::*;

/// ServiceNow says that nobody has the work item any more.
const fn nobody() -> AwaReply {
    AwaReply::TakenBy { agent: None, work_item: None, accepted: false }
}

#[test]
fn the_accept_of_a_card_that_is_gone_moves_the_work_back() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').accept(3_000, "anna", "s1").so_far();
    let why = "not in pending accept state".to_owned();
    call.answered(AwaReply::Conflict { why }).answered(nobody()).so_far();
    assert_eq!(call.scene.conversation.entries.len(), 1);
    call.landed('2').says(["2: accept of 2 by anna"]);
    call.landed('2').says(["2 delivered: confirmed"]);
}

#[test]
fn an_accept_after_the_time_of_the_card_moves_the_work_back() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').accept(29_990, "anna", "s1").so_far();
    call.answered(AwaReply::TooLate).says(["2: blind transfer from x-sales to anna"]);
}

#[test]
fn an_accept_that_comes_after_the_next_ring_waits_for_the_end_of_that() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').ring(5_000, "ben", "s2").landed('1').landed('1');
    call.so_far().late(5_500, 4_900, an_accept("e").of_leg("s1"));
    call.says(["3 waits until +35000: card_of_another"]);
    call.reject(8_000, "ben", "s2").landed('1').so_far();
    call.landed('2').says(["3: accept of 2 by anna"]);
}

#[test]
fn an_accept_that_another_has_overtaken_moves_nothing() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').ring(5_000, "ben", "s2").landed('1').landed('1');
    call.accept(6_000, "ben", "s2").landed('1').so_far();
    call.late(6_500, 4_900, an_accept("e").of_leg("s1"));
    call.says(["4 superseded: answered_by_another"]);
}
