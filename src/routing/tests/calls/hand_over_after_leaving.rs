//! The agent who has accepted leaves, and another is rung.

use super::*;

#[test]
fn is_a_blind_transfer_whose_accept_accepts_it() {
    for hand_over in [HandOver::Consult, HandOver::Leave, HandOver::OnAccept, HandOver::Blind] {
        let mut call = anna_talks(hand_over);
        call.leave(20_000, "anna", "s1").so_far();
        call.ring(21_000, "ben", "s2").says(["4: blind transfer from x-sales to ben"]);
        call.landed('2').says(["4 delivered: confirmed"]);
        call.accept(22_000, "ben", "s2").says(["5: accept of 2 by ben"]);
        call.landed('2').says(["5 delivered: confirmed", "4 amended"]);
    }
}

#[test]
fn is_the_same_after_the_end_of_the_leg_by_other_words() {
    let ends: [fn(&mut Call) -> &mut Call; 2] =
        [|call| call.leg_ends(20_000, "s1"), |call| call.reject(20_000, "anna", "s1")];
    for end in ends {
        let mut call = anna_talks(HandOver::Consult);
        end(&mut call).so_far();
        call.ring(21_000, "ben", "s2").says(["4: blind transfer from x-sales to ben"]);
    }
}

#[test]
fn takes_the_card_back_when_nobody_answers() {
    let mut call = anna_talks(HandOver::Consult);
    call.leave(20_000, "anna", "s1").ring(21_000, "ben", "s2").landed('2').so_far();
    call.passes(51_000).says(["4: reject of 2 by ben"]);
    call.landed('2').says(["4 amended"]);
}

#[test]
fn goes_to_the_next_agent_when_the_first_does_not_answer() {
    let mut call = anna_talks(HandOver::Consult);
    call.leave(20_000, "anna", "s1").ring(21_000, "ben", "s2").landed('2').so_far();
    call.ring(30_000, "cleo", "s3").says(["5: reject of 2 by ben"]);
    call.landed('2').says(["5: offer to cleo"]);
}
