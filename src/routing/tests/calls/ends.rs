//! The caller hangs up, or one leg ends.

use super::*;

#[test]
fn hanging_up_while_it_rings_takes_the_card_away() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.caller_hangs_up(5_000).says(["2: reject of 1 by anna"]);
    call.landed('1').says(["2 delivered: confirmed"]);
}

#[test]
fn hanging_up_while_nobody_is_rung_asks_nothing() {
    let mut call = a_call();
    call.comes(0, a_bind("e")).so_far();
    call.caller_hangs_up(5_000).says(["2 delivered: nothing_left_to_withdraw"]);
}

#[test]
fn hanging_up_after_the_accept_asks_nothing() {
    let mut call = anna_talks(HandOver::Consult);
    call.caller_hangs_up(60_000).says(["3 delivered: nothing_left_to_withdraw"]);
}

#[test]
fn the_end_of_one_leg_leaves_the_card_of_another() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').ring(5_000, "ben", "s2").landed('1').landed('1');
    call.so_far().leg_ends(6_000, "s1").says(["3 delivered: nothing_left_to_withdraw"]);
    call.leg_ends(7_000, "s2").says(["4: reject of 1 by ben"]);
}

#[test]
fn the_end_of_one_leg_never_closes_the_document() {
    let mut call = a_call();
    call.scene.rules.withdraw = WithdrawAction::CloseDocument;
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.leg_ends(6_000, "s1").says(["2: reject of 1 by anna"]);
}

#[test]
fn the_end_of_the_conversation_closes_the_document_where_that_is_wanted() {
    let mut call = a_call();
    call.scene.rules.withdraw = WithdrawAction::CloseDocument;
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.caller_hangs_up(6_000).says(["2: close"]);
}
