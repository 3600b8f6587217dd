//! Transfers, blind and consult, and the end of a consult.

use super::*;

fn in_conversation(fixture: &mut Fixture) -> SysId {
    let item = fixture.offered(GRACE);
    assert_eq!(fixture.accept(item, GRACE).status, 200);
    item
}

fn end(fixture: &mut Fixture, hand_over: &Value) -> Answer {
    let body = json!({ "document_sys_id": DOCUMENT, "hand_over": hand_over });
    fixture.ask("PUT", "/api/now/awa/consult/end", &body)
}

#[test]
fn a_blind_transfer_to_an_agent_makes_a_work_item_that_points_back() {
    let mut fixture = fixture();
    let first = in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("blind", "agent", ADA));
    let item = fixture.item(second);
    assert_eq!(item.previous_work_item, Some(first));
    assert_eq!(item.assigned_to, Some(id(ADA)));
    assert_eq!(item.state, WorkItemState::PendingAccept);
    assert!(!fixture.item(first).active);
    assert_eq!(work_item_of(&fixture.transfer("blind", "agent", ADA)), second, "repeated");
}

#[test]
fn a_blind_transfer_to_an_absent_agent_fails_in_its_own_words() {
    let mut fixture = fixture();
    let first = in_conversation(&mut fixture);
    fixture.world.set_available(id(ADA), false);
    let text = "Transfer failed - couldn't blind transfer to agent";
    assert_eq!(refusal(&fixture.transfer("blind", "agent", ADA)), (409, text.to_owned()));
    assert!(fixture.item(first).active);
}

#[test]
fn after_a_transfer_to_a_queue_the_new_work_item_can_be_offered() {
    let mut fixture = fixture();
    in_conversation(&mut fixture);
    let queued = work_item_of(&fixture.transfer("blind", "queue", "support-chat"));
    assert_eq!(fixture.item(queued).state, WorkItemState::Queued);
    assert_eq!(
        work_item_of(&fixture.transfer("blind", "queue", "support-chat")),
        queued,
        "repeated"
    );
    assert_eq!(fixture.offered(ADA), queued);
}

#[test]
fn a_transfer_of_a_document_without_work_item_makes_one_in_the_source_queue() {
    let mut fixture = fixture();
    let item = work_item_of(&fixture.transfer("blind", "agent", ADA));
    let first = fixture.item(item).previous_work_item.unwrap();
    assert_eq!(fixture.item(first).queue, id(QUEUE));
    assert_eq!(fixture.item(first).state, WorkItemState::Canceled);
}

#[test]
fn a_transfer_needs_its_parameters() {
    let mut fixture = fixture();
    let answer = fixture.offer_with(&json!({ "transfer": { "transfer_type": "blind" } }));
    assert_eq!(answer.status, 400);
    assert_eq!(fixture.transfer("warm", "agent", ADA).status, 400);
    assert_eq!(fixture.transfer("blind", "team", ADA).status, 400);
}

#[test]
fn a_consult_stands_beside_the_conversation_until_it_is_ended() {
    let mut fixture = fixture();
    let first = in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "agent", ADA));
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Requested));
    assert!(fixture.item(first).active);
    fixture.accept(second, ADA);
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Accepted));
    assert_eq!(fixture.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(GRACE)));

    let answer = end(&mut fixture, &json!(false));
    let expected =
        json!({ "result": { "success": true, "message": "Consult is successfully ended." } });
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Ended));
    assert!(fixture.item(first).active);

    let text = format!("Cannot find the work item for document ID: {DOCUMENT}");
    assert_eq!(refusal(&end(&mut fixture, &json!(false))), (404, text));
}

#[test]
fn handing_over_gives_the_document_to_the_consulted_agent() {
    let mut fixture = fixture();
    let first = in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "agent", ADA));
    fixture.accept(second, ADA);
    assert_eq!(end(&mut fixture, &json!("true")).status, 200);
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Transferred));
    assert!(!fixture.item(first).active);
    assert!(fixture.item(second).active);
    assert_eq!(fixture.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(ADA)));
    work_item_of(&fixture.transfer("blind", "agent", GRACE));
}

#[test]
fn a_consult_that_nobody_took_is_cancelled() {
    let mut fixture = fixture();
    in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "agent", ADA));
    assert_eq!(end(&mut fixture, &json!(true)).status, 200);
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Cancelled));
    assert_eq!(fixture.item(second).state, WorkItemState::Canceled);
}

#[test]
fn a_rejected_consult_is_cancelled_and_the_conversation_goes_on() {
    let mut fixture = fixture();
    let first = in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "agent", ADA));
    let reason = sys_id_of("voice Busy");
    let body = json!({ "agent_id": ADA, "work_item_id": second, "reject_reason_id": reason });
    assert_eq!(fixture.inbox("reject", &body).status, 200);
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Cancelled));
    assert!(fixture.item(first).active);
}

#[test]
fn a_consult_to_a_queue_is_offered_to_the_agent_whom_it_picks() {
    let mut fixture = fixture();
    in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "queue", "support-chat"));
    assert_eq!(fixture.offered(ADA), second);
    assert_eq!(fixture.transfer("consult", "agent", GRACE).status, 409, "one consult at a time");
}

#[test]
fn a_rejected_consult_may_wait_in_its_queue_instead() {
    let mut fixture = fixture();
    fixture.world.switches.rejected_consult = RejectedConsult::Queued;
    let first = in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("consult", "agent", ADA));
    assert_eq!(fixture.reject(second, ADA).status, 200);
    let item = fixture.item(second);
    assert_eq!((item.state, item.consult), (WorkItemState::Queued, Some(ConsultState::Requested)));
    assert!(item.rejected && item.assigned_to.is_none());
    assert!(fixture.item(first).active);
    assert_eq!(end(&mut fixture, &json!(false)).status, 200);
    assert_eq!(fixture.item(second).consult, Some(ConsultState::Cancelled));
}

#[test]
fn a_rejected_transfer_is_queued_or_canceled() {
    for (switch, state) in [
        (RejectedTransfer::Queued, WorkItemState::Queued),
        (RejectedTransfer::Canceled, WorkItemState::Canceled),
    ] {
        let mut fixture = fixture();
        fixture.world.switches.rejected_transfer = switch;
        in_conversation(&mut fixture);
        let second = work_item_of(&fixture.transfer("blind", "agent", ADA));
        assert_eq!(fixture.reject(second, ADA).status, 200);
        let item = fixture.item(second);
        assert_eq!((item.state, item.assigned_to, item.rejected), (state, None, true));
        let third = fixture.offered(GRACE);
        assert_eq!(third == second, switch == RejectedTransfer::Queued);
    }
}

#[test]
fn a_transfer_of_a_pending_card_is_allowed_or_refused() {
    let mut fixture = fixture();
    let first = fixture.offered(GRACE);
    fixture.world.switches.transfer_of_pending = TransferOfPending::Refused;
    let text = format!("Work Item is already assigned to {GRACE}");
    assert_eq!(refusal(&fixture.transfer("blind", "agent", ADA)), (409, text));
    fixture.world.switches.transfer_of_pending = TransferOfPending::Allowed;
    let second = work_item_of(&fixture.transfer("blind", "agent", ADA));
    assert_eq!(fixture.item(first).state, WorkItemState::Canceled);
    assert_eq!(fixture.item(second).assigned_to, Some(id(ADA)));
}

#[test]
fn only_who_has_the_card_is_busy_with_it_after_a_blind_transfer() {
    let mut fixture = fixture();
    in_conversation(&mut fixture);
    let second = work_item_of(&fixture.transfer("blind", "agent", ADA));
    let cards: Vec<_> = fixture.world.cards().map(|(item, agent)| (item.sys_id, agent)).collect();
    assert_eq!(cards, [(second, id(ADA))]);
}
