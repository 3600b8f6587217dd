//! Another agent is rung, while the card is with the one before.

use super::*;

#[test]
fn takes_the_card_of_who_did_not_answer() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').says(["1: offer to anna", "1 delivered: confirmed"]);
    call.ring(5_000, "ben", "s2").says(["2: reject of 1 by anna"]);
    call.landed('1').says(["2: offer to ben"]);
    call.landed('1').says(["2 delivered: confirmed"]);
}

#[test]
fn changes_nothing_where_it_comes_in_after_a_later_one() {
    let mut call = a_call();
    call.ring(9_000, "ben", "s2").landed('1').so_far();
    call.late(9_500, 1_000, an_offer("e").of_leg("s1"));
    call.says(["2 superseded: rung_since"]);
}

#[test]
fn is_offered_at_once_where_the_card_has_gone_by_itself() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(30_500, "ben", "s2").says(["2: offer to ben"]);
}

#[test]
fn is_offered_at_once_where_the_agent_has_declined() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').reject(4_000, "anna", "s1").landed('1').so_far();
    call.ring(5_000, "ben", "s2").says(["3: offer to ben"]);
}

#[test]
fn waits_for_the_end_of_the_card_where_nothing_is_to_be_rejected() {
    let mut call = a_call().replaces(Replace::Wait);
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(5_000, "ben", "s2").says(["2 waits until +30000: card_of_another"]);
    call.passes(30_000).says(["2: offer to ben"]);
}

#[test]
fn waits_for_the_end_of_the_card_where_there_is_no_reason_to_reject_it_with() {
    let mut call = a_call().without_reasons();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(5_000, "ben", "s2").says(["2 waits until +30000: card_of_another"]);
}

#[test]
fn waits_only_inside_its_own_ring_time() {
    let mut call = a_call().replaces(Replace::Wait);
    call.ring(0, "anna", "s1").landed('1').so_far();
    let mut short = an_offer("e").by("ben").of_leg("s2");
    if let Action::Offer { timeout_seconds, .. } = &mut short.action {
        *timeout_seconds = Some(10);
    }
    call.comes(5_000, short).says(["2 waits until +15000: card_of_another"]);
    call.passes(15_000).says(["2 expired: deadline"]);
}

#[test]
fn goes_on_where_servicenow_does_not_let_the_card_be_rejected() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').ring(5_000, "ben", "s2").so_far();
    let what = "the reject reason is not there".to_owned();
    call.answered(AwaReply::Misconfigured { what });
    call.says(["2 waits until +30000: card_of_another"]);
}

#[test]
fn is_a_hand_over_where_the_agent_has_accepted_in_servicenow_itself() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').ring(5_000, "ben", "s2").so_far();
    let why = "not in pending accept state".to_owned();
    call.answered(AwaReply::Conflict { why })
        .says(["2 waits until +5000: conflict", "2: look up reject of 1 by anna"]);
    let taken = AwaReply::TakenBy {
        agent: Some(sys_id('a').to_string()),
        work_item: Some(sys_id('1')),
        accepted: true,
    };
    call.answered(taken).says(["2: consult transfer from x-sales to ben"]);
}

#[test]
fn of_the_same_agent_on_another_leg_is_offered_anew() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(5_000, "anna", "s2").says(["2: reject of 1 by anna"]);
    call.landed('1').says(["2: offer to anna"]);
}

#[test]
fn told_again_under_another_id_rings_nobody() {
    let mut call = a_call();
    call.ring(0, "anna", "s1").landed('1').so_far();
    call.ring(500, "anna", "s1").says(["2 superseded: logical_duplicate"]);
}

#[test]
fn whose_end_came_first_is_not_offered() {
    let mut call = a_call();
    call.leave(1_000, "anna", "s1").so_far();
    call.late(1_200, 200, an_offer("e").of_leg("s1")).says(["2 superseded: leg_ended"]);
}
