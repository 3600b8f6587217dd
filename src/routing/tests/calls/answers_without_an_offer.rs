//! Accepts and rejects of what was never offered, or was offered in vain.

use super::*;

#[test]
fn end_superseded_once_nothing_more_can_come() {
    let mut call = a_call();
    call.accept(0, "anna", "s1").says(["1 waits until +2000: no_work_item"]);
    call.passes(2_000).says(["1 superseded: no_offer"]);
    call.reject(3_000, "anna", "s1").says(["2 waits until +5000: no_work_item"]);
    call.passes(5_000).says(["2 superseded: no_offer"]);
}

#[test]
fn wait_for_a_ring_that_comes_later() {
    let mut call = a_call();
    call.accept(500, "anna", "s1").so_far();
    call.late(600, 100, an_offer("e").of_leg("s1"));
    call.says(["1 waits until +600500: no_work_item", "2: offer to anna"]);
    call.landed('1').says(["2 delivered: confirmed", "1: accept of 1 by anna"]);
}

#[test]
fn are_carried_out_by_a_ring_that_comes_when_they_have_ended() {
    let mut call = a_call();
    call.accept(2_000, "anna", "s1").passes(4_000).so_far();
    call.late(6_000, 1_000, an_offer("e").of_leg("s1")).says(["2: offer to anna"]);
    call.landed('1').says(["2: accept of 1 by anna"]);
    call.landed('1').says(["2 delivered: confirmed"]);
}

#[test]
fn say_nothing_of_a_later_ring_of_the_same_agent() {
    let mut call = a_call();
    call.accept(2_000, "anna", "s1").passes(4_000).so_far();
    call.ring(6_000, "anna", "s2").says(["2: offer to anna"]);
    call.landed('1').says(["2 delivered: confirmed"]);
}

#[test]
fn end_with_the_reason_of_the_offer_that_has_failed() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").answered(AwaReply::DocumentClosed).so_far();
    call.accept(1_000, "anna", "s1").says(["2 superseded: document_closed"]);
    call.reject(2_000, "anna", "s1").says(["3 superseded: no_offer"]);
}

#[test]
fn told_twice_make_no_second_call() {
    let mut call = anna_talks(HandOver::Consult);
    call.accept(2_000, "anna", "s1").says(["3 delivered: already_in_place"]);
}
