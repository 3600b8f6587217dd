//! Transfers that the vendor tells itself.

use super::*;
use TransferKind::{Blind, Consult};

#[test]
fn a_consult_is_ended_by_its_consult_end() {
    for (hand_over, end) in [(true, "5: consult end, handed over"), (false, "5: consult end")] {
        let mut call = anna_talks(HandOver::Consult);
        call.transfer(20_000, Consult, to_agent("ben"), "s2");
        call.says(["3: consult transfer from x-sales to ben"]).landed('2').so_far();
        call.accept(21_000, "ben", "s2").landed('2');
        call.says(["4: accept of 2 by ben", "4 delivered: confirmed"]);
        call.consult_end(30_000, hand_over).says([end]);
    }
}

#[test]
fn a_consult_that_was_rung_just_before_is_one_all_the_same() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.transfer(20_001, Consult, to_agent("ben"), "s2")
        .says(["4 delivered: already_in_place", "3 amended"]);
    call.accept(21_000, "ben", "s2").landed('2');
    call.says(["5: accept of 2 by ben", "5 delivered: confirmed"]);
}

#[test]
fn a_consult_end_without_a_consult_is_pointless() {
    let mut call = anna_talks(HandOver::Consult);
    call.consult_end(20_000, true).answered(AwaReply::NoConsult);
    call.says(["3: consult end, handed over", "3 superseded: no_consult"]);
}

#[test]
fn a_blind_transfer_to_an_agent_is_made_as_it_is_told() {
    let mut call = anna_talks(HandOver::Consult);
    call.transfer(20_000, Blind, to_agent("ben"), "s2");
    call.says(["3: blind transfer from x-sales to ben"]);
    call.landed('2').so_far().accept(21_000, "ben", "s2").says(["4: accept of 2 by ben"]);
}

#[test]
fn a_ring_after_the_transfer_to_its_agent_asks_nothing() {
    let mut call = anna_talks(HandOver::Consult);
    call.transfer(20_000, Blind, to_agent("ben"), "s2").landed('2').so_far();
    call.ring(20_500, "ben", "s2").says(["4 delivered: already_in_place"]);
}

#[test]
fn after_a_transfer_to_a_queue_the_next_ring_is_offered_from_there() {
    let mut call = anna_talks(HandOver::Consult);
    call.transfer(20_000, Blind, to_queue("care"), "s1").landed('2').so_far();
    call.comes(25_000, an_offer("e").by("ben").of_leg("s2").in_queue("care"));
    call.says(["4: offer to ben"]);
}

#[test]
fn a_blind_transfer_ends_the_consult_that_a_ring_has_begun() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.transfer(25_000, Blind, to_queue("care"), "s1").says(["4: consult end"]);
    let landed = AwaReply::Landed { work_item: None };
    call.answered(landed).says(["4: blind transfer to x-care"]);
}
