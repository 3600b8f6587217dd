//! Another agent is rung while the one who has accepted is still there.

use super::*;

#[test]
fn is_a_consult_that_the_accept_ends_with_the_hand_over() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").says(["3: consult transfer from x-sales to ben"]);
    call.landed('2').says(["3 delivered: confirmed"]);
    call.accept(22_000, "ben", "s2").says(["4: accept of 2 by ben"]);
    call.landed('2').says(["4: consult end, handed over"]);
    call.answered(AwaReply::Landed { work_item: None })
        .says(["4 delivered: confirmed", "3 amended"]);
    call.leave(23_000, "anna", "s1").says(["5 delivered: noted"]);
}

#[test]
fn waits_for_the_first_to_leave_where_the_profile_says_so() {
    let mut call = anna_talks(HandOver::Leave);
    call.ring(20_000, "ben", "s2").landed('2').accept(22_000, "ben", "s2").so_far();
    call.landed('2').says(["4 delivered: confirmed", "3 amended"]);
    call.leave(23_000, "anna", "s1").says(["5 waits until +23500: card_of_another"]);
    call.passes(23_500).says(["5: consult end, handed over"]);
    call.answered(AwaReply::Landed { work_item: None }).says(["5 delivered: confirmed"]);
}

#[test]
fn goes_back_to_the_first_where_the_second_leaves() {
    let mut call = anna_talks(HandOver::Leave);
    call.ring(20_000, "ben", "s2").landed('2').accept(22_000, "ben", "s2").landed('2').so_far();
    call.leave(23_000, "ben", "s2").says(["5 waits until +23500: card_of_another"]);
    call.passes(23_500).says(["5: consult end"]);
}

#[test]
fn shows_nothing_before_the_accept_where_the_profile_says_so() {
    let mut call = anna_talks(HandOver::OnAccept);
    call.ring(20_000, "ben", "s2").says(["3 waits until +50000: card_of_another"]);
    call.accept(22_000, "ben", "s2").says(["3: blind transfer from x-sales to ben"]);
    call.landed('2').says(["3 delivered: confirmed", "4: accept of 2 by ben"]);
    call.landed('2').says(["4 delivered: confirmed", "3 amended"]);
}

#[test]
fn that_shows_nothing_ends_with_its_ring_time() {
    let mut call = anna_talks(HandOver::OnAccept);
    call.ring(20_000, "ben", "s2").so_far();
    call.passes(50_000).says(["3 expired: deadline"]);
}

#[test]
fn is_a_blind_transfer_at_the_ring_where_the_profile_says_so() {
    let mut call = anna_talks(HandOver::Blind);
    call.ring(20_000, "ben", "s2").says(["3: blind transfer from x-sales to ben"]);
    call.landed('2').says(["3 delivered: confirmed"]);
}

#[test]
fn fails_by_a_decline_and_the_first_keeps_the_card() {
    for hand_over in [HandOver::Consult, HandOver::Leave] {
        let mut call = anna_talks(hand_over);
        call.ring(20_000, "ben", "s2").landed('2').so_far();
        call.reject(25_000, "ben", "s2").says(["4: consult end"]);
        call.answered(AwaReply::Landed { work_item: None })
            .says(["4 delivered: confirmed", "3 amended"]);
        let items = &call.scene.conversation.work_items;
        assert_eq!(items[0].state, ItemState::Accepted, "{items:?}");
        assert_eq!(items.len(), 1, "{items:?}");
    }
}

#[test]
fn fails_by_the_end_of_the_leg() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.leg_ends(25_000, "s2").says(["4: consult end"]);
}

#[test]
fn fails_by_the_end_of_the_ring_time() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.passes(50_000).says(["3: consult end"]);
    call.answered(AwaReply::Landed { work_item: None }).says(["3 amended"]);
}

#[test]
fn fails_by_the_callers_hanging_up() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.caller_hangs_up(25_000).says(["4: consult end"]);
    call.answered(AwaReply::Landed { work_item: None })
        .says(["4 delivered: confirmed", "3 amended"]);
}

#[test]
fn goes_on_to_the_next_who_is_rung() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').so_far();
    call.ring(25_000, "cleo", "s3").says(["4: consult end"]);
    let landed = AwaReply::Landed { work_item: None };
    call.answered(landed).says(["4: consult transfer from x-sales to cleo"]);
}

#[test]
fn hands_over_also_where_the_first_leaves_before_the_accept() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').leave(21_000, "anna", "s1").so_far();
    call.accept(22_000, "ben", "s2").landed('2');
    call.says(["5: accept of 2 by ben", "5: consult end, handed over"]);
}

#[test]
fn hands_over_also_where_the_ends_of_both_overtake_the_accept() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').leave(21_000, "anna", "s1").so_far();
    call.leave(25_000, "ben", "s2").says(["5 waits until +25500: card_of_another"]);
    call.late(25_100, 22_000, an_accept("e").by("ben").of_leg("s2"));
    call.says(["5 waits until +25500: card_of_another", "6: accept of 2 by ben"]);
    call.landed('2').says(["6: consult end, handed over"]);
}

#[test]
fn fails_where_both_have_left_and_no_accept_comes() {
    let mut call = anna_talks(HandOver::Consult);
    call.ring(20_000, "ben", "s2").landed('2').leave(21_000, "anna", "s1").so_far();
    call.leave(25_000, "ben", "s2").says(["5 waits until +25500: card_of_another"]);
    call.passes(25_500).says(["5: consult end"]);
}

#[test]
fn across_conversations_of_one_document_is_the_same() {
    let mut call = anna_talks(HandOver::Consult);
    let other = ConversationId::parse("c-2").unwrap();
    let ring = an_offer("e").by("ben").of_leg("s1");
    let ring = RoutingEvent { conversation: other, ..ring };
    call.comes(20_000, ring).says(["3: consult transfer from x-sales to ben"]);
}
