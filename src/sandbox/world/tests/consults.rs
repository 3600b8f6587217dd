//! Transfers, blind and consult, and the end of a consult.

use super::*;

fn in_conversation(bench: &mut Bench) -> SysId {
    let item = bench.offered(GRACE);
    assert_eq!(bench.accept(item, GRACE).status, 200);
    item
}

fn end(bench: &mut Bench, hand_over: &Value) -> Answer {
    let body = json!({ "document_sys_id": DOCUMENT, "hand_over": hand_over });
    bench.ask("PUT", "/api/now/awa/consult/end", &body)
}

#[test]
fn a_blind_transfer_to_an_agent_makes_a_work_item_that_points_back() {
    let mut bench = bench();
    let first = in_conversation(&mut bench);
    let second = landed(&bench.transfer("blind", "agent", ADA));
    let item = bench.item(second);
    assert_eq!(item.previous_work_item, Some(first));
    assert_eq!(item.assigned_to, Some(id(ADA)));
    assert_eq!(item.state, WorkItemState::PendingAccept);
    assert!(!bench.item(first).active);
    assert_eq!(landed(&bench.transfer("blind", "agent", ADA)), second, "repeated");
}

#[test]
fn a_blind_transfer_to_an_absent_agent_fails_in_its_own_words() {
    let mut bench = bench();
    let first = in_conversation(&mut bench);
    bench.world.set_available(id(ADA), false);
    let text = "Transfer failed - couldn't blind transfer to agent";
    assert_eq!(refusal(&bench.transfer("blind", "agent", ADA)), (409, text.to_owned()));
    assert!(bench.item(first).active);
}

#[test]
fn after_a_transfer_to_a_queue_the_new_work_item_can_be_offered() {
    let mut bench = bench();
    in_conversation(&mut bench);
    let queued = landed(&bench.transfer("blind", "queue", "support-chat"));
    assert_eq!(bench.item(queued).state, WorkItemState::Queued);
    assert_eq!(landed(&bench.transfer("blind", "queue", "support-chat")), queued, "repeated");
    assert_eq!(bench.offered(ADA), queued);
}

#[test]
fn a_transfer_of_a_document_without_work_item_makes_one_in_the_source_queue() {
    let mut bench = bench();
    let item = landed(&bench.transfer("blind", "agent", ADA));
    let first = bench.item(item).previous_work_item.unwrap();
    assert_eq!(bench.item(first).queue, id(QUEUE));
    assert_eq!(bench.item(first).state, WorkItemState::Canceled);
}

#[test]
fn a_transfer_needs_its_parameters() {
    let mut bench = bench();
    let answer = bench.offer_with(&json!({ "transfer": { "transfer_type": "blind" } }));
    assert_eq!(answer.status, 400);
    assert_eq!(bench.transfer("warm", "agent", ADA).status, 400);
    assert_eq!(bench.transfer("blind", "team", ADA).status, 400);
}

#[test]
fn a_consult_stands_beside_the_conversation_until_it_is_ended() {
    let mut bench = bench();
    let first = in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "agent", ADA));
    assert_eq!(bench.item(second).consult, Some(ConsultState::Requested));
    assert!(bench.item(first).active);
    bench.accept(second, ADA);
    assert_eq!(bench.item(second).consult, Some(ConsultState::Accepted));
    assert_eq!(bench.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(GRACE)));

    let answer = end(&mut bench, &json!(false));
    let expected =
        json!({ "result": { "success": true, "message": "Consult is successfully ended." } });
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(bench.item(second).consult, Some(ConsultState::Ended));
    assert!(bench.item(first).active);

    let text = format!("Cannot find the work item for document ID: {DOCUMENT}");
    assert_eq!(refusal(&end(&mut bench, &json!(false))), (404, text));
}

#[test]
fn handing_over_gives_the_document_to_the_consulted_agent() {
    let mut bench = bench();
    let first = in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "agent", ADA));
    bench.accept(second, ADA);
    assert_eq!(end(&mut bench, &json!("true")).status, 200);
    assert_eq!(bench.item(second).consult, Some(ConsultState::Transferred));
    assert!(!bench.item(first).active);
    assert!(bench.item(second).active);
    assert_eq!(bench.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(ADA)));
    landed(&bench.transfer("blind", "agent", GRACE));
}

#[test]
fn a_consult_that_nobody_took_is_cancelled() {
    let mut bench = bench();
    in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "agent", ADA));
    assert_eq!(end(&mut bench, &json!(true)).status, 200);
    assert_eq!(bench.item(second).consult, Some(ConsultState::Cancelled));
    assert_eq!(bench.item(second).state, WorkItemState::Canceled);
}

#[test]
fn a_rejected_consult_is_cancelled_and_the_conversation_goes_on() {
    let mut bench = bench();
    let first = in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "agent", ADA));
    let reason = sys_id_of("voice Busy");
    let body = json!({ "agent_id": ADA, "work_item_id": second, "reject_reason_id": reason });
    assert_eq!(bench.inbox("reject", &body).status, 200);
    assert_eq!(bench.item(second).consult, Some(ConsultState::Cancelled));
    assert!(bench.item(first).active);
}

#[test]
fn a_consult_to_a_queue_is_offered_to_the_agent_whom_it_picks() {
    let mut bench = bench();
    in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "queue", "support-chat"));
    assert_eq!(bench.offered(ADA), second);
    assert_eq!(bench.transfer("consult", "agent", GRACE).status, 409, "one consult at a time");
}

#[test]
fn a_rejected_consult_may_wait_in_its_queue_instead() {
    let mut bench = bench();
    bench.world.switches.rejected_consult = RejectedConsult::Queued;
    let first = in_conversation(&mut bench);
    let second = landed(&bench.transfer("consult", "agent", ADA));
    assert_eq!(bench.reject(second, ADA).status, 200);
    let item = bench.item(second);
    assert_eq!((item.state, item.consult), (WorkItemState::Queued, Some(ConsultState::Requested)));
    assert!(item.rejected && item.assigned_to.is_none());
    assert!(bench.item(first).active);
    assert_eq!(end(&mut bench, &json!(false)).status, 200);
    assert_eq!(bench.item(second).consult, Some(ConsultState::Cancelled));
}

#[test]
fn a_rejected_transfer_is_queued_or_canceled() {
    for (switch, state) in [
        (RejectedTransfer::Queued, WorkItemState::Queued),
        (RejectedTransfer::Canceled, WorkItemState::Canceled),
    ] {
        let mut bench = bench();
        bench.world.switches.rejected_transfer = switch;
        in_conversation(&mut bench);
        let second = landed(&bench.transfer("blind", "agent", ADA));
        assert_eq!(bench.reject(second, ADA).status, 200);
        let item = bench.item(second);
        assert_eq!((item.state, item.assigned_to, item.rejected), (state, None, true));
        let third = bench.offered(GRACE);
        assert_eq!(third == second, switch == RejectedTransfer::Queued);
    }
}

#[test]
fn a_transfer_of_a_pending_card_is_allowed_or_refused() {
    let mut bench = bench();
    let first = bench.offered(GRACE);
    bench.world.switches.transfer_of_pending = TransferOfPending::Refused;
    let text = format!("Work Item is already assigned to {GRACE}");
    assert_eq!(refusal(&bench.transfer("blind", "agent", ADA)), (409, text));
    bench.world.switches.transfer_of_pending = TransferOfPending::Allowed;
    let second = landed(&bench.transfer("blind", "agent", ADA));
    assert_eq!(bench.item(first).state, WorkItemState::Canceled);
    assert_eq!(bench.item(second).assigned_to, Some(id(ADA)));
}

#[test]
fn only_who_has_the_card_is_busy_with_it_after_a_blind_transfer() {
    let mut bench = bench();
    in_conversation(&mut bench);
    let second = landed(&bench.transfer("blind", "agent", ADA));
    let cards: Vec<_> = bench.world.cards().map(|(item, agent)| (item.sys_id, agent)).collect();
    assert_eq!(cards, [(second, id(ADA))]);
}
