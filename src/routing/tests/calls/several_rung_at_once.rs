//! Several agents are rung at once.

use super::*;

#[test]
fn the_first_has_the_card_and_the_others_wait() {
    let mut call = a_call().rings_several();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(100, "ben", "s2").says(["2 waits until +30000: card_of_another"]);
}

#[test]
fn the_accept_of_another_moves_the_card() {
    let mut call = a_call().rings_several();
    call.ring(0, "anna", "s1").landed('1').ring(100, "ben", "s2").so_far();
    call.accept(3_000, "ben", "s2").says(["2: reject of 1 by anna"]);
    call.landed('1').says(["2: offer to ben"]);
    call.landed('1').says(["2 delivered: confirmed", "3: accept of 1 by ben"]);
    call.landed('1').says(["3 delivered: confirmed"]);
}

#[test]
fn the_accept_of_another_is_a_blind_transfer_where_the_card_cannot_be_taken() {
    let mut call = a_call().rings_several().replaces(Replace::Wait);
    call.ring(0, "anna", "s1").landed('1').ring(100, "ben", "s2").so_far();
    call.accept(3_000, "ben", "s2").says(["2: blind transfer from x-sales to ben"]);
    call.landed('2').says(["2 delivered: confirmed", "3: accept of 2 by ben"]);
}

#[test]
fn a_decline_offers_it_to_the_next_who_still_rings() {
    let mut call = a_call().rings_several();
    call.ring(0, "anna", "s1").landed('1').ring(100, "ben", "s2").so_far();
    call.reject(3_000, "anna", "s1");
    call.says(["2 waits until +30100: card_of_another", "3: reject of 1 by anna"]);
    call.landed('1').says(["3 delivered: confirmed", "2: offer to ben"]);
}

#[test]
fn who_waits_and_declines_is_not_offered() {
    let mut call = a_call().rings_several();
    call.ring(0, "anna", "s1").landed('1').ring(100, "ben", "s2").so_far();
    call.reject(3_000, "ben", "s2").says(["2 superseded: withdrawn", "3 superseded: no_offer"]);
}

#[test]
fn who_waits_ends_when_another_has_accepted() {
    let mut call = a_call().rings_several();
    call.ring(0, "anna", "s1").landed('1').ring(100, "ben", "s2").so_far();
    call.accept(3_000, "anna", "s1");
    call.says(["2 waits until +30000: card_of_another", "3: accept of 1 by anna"]);
    call.landed('1');
    call.says(["3 delivered: confirmed", "2 superseded: answered_by_another"]);
}
