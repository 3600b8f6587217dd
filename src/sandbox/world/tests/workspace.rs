//! What agents do with their cards themselves, and what becomes of a card that nobody takes.

use super::*;

#[test]
fn an_agent_takes_or_declines_the_card_that_is_pending() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    let taken = fixture.world.agent_accepts(id(ADA), fixture.now);
    assert_eq!(taken, Err("has no pending card".to_owned()));
    fixture.world.agent_accepts(id(GRACE), fixture.now).unwrap();
    assert_eq!(fixture.item(item).state, WorkItemState::Accepted);
    assert_eq!(fixture.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(GRACE)));
    assert!(fixture.world.agent_rejects(id(GRACE), fixture.now).is_err());
}

#[test]
fn a_card_without_a_button_to_decline_is_not_declined() {
    let mut fixture = fixture();
    let mut body = offer_to(GRACE);
    body["assignment"]["allowed_to_decline"] = json!(false);
    let item = work_item_of(&fixture.offer_with(&body));
    assert!(fixture.world.agent_rejects(id(GRACE), fixture.now).is_err());
    assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
    let item = fixture.offered(GRACE);
    fixture.world.agent_rejects(id(GRACE), fixture.now).unwrap();
    let item = fixture.item(item);
    assert_eq!((item.state, item.assigned_to, item.rejected), (WorkItemState::Queued, None, true));
}

#[test]
fn a_card_whose_time_is_over_is_queued_or_canceled() {
    for (switch, state) in
        [(TimedOut::Queued, WorkItemState::Queued), (TimedOut::Canceled, WorkItemState::Canceled)]
    {
        let mut fixture = fixture();
        fixture.world.switches.timed_out = switch;
        let item = fixture.offered(GRACE);
        fixture.pass(29_999);
        fixture.world.tick(fixture.now);
        assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
        fixture.pass(1);
        fixture.world.tick(fixture.now);
        let found = fixture.item(item);
        assert_eq!((found.state, found.assigned_to, found.timed_out), (state, None, true));
        assert_eq!(fixture.offered(ADA) == item, switch == TimedOut::Queued);
    }
}

#[test]
fn a_cards_time_can_be_ended_by_hand() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    fixture.world.card_times_out(id(GRACE), fixture.now).unwrap();
    assert!(fixture.item(item).timed_out);
    assert_eq!(fixture.world.cards().count(), 0);
    fixture.offered(ADA);
    fixture.pass(29_000);
    fixture.world.tick(fixture.now);
    assert_eq!(fixture.world.cards().count(), 1, "the old card's end is not the new one's");
}

#[test]
fn a_second_reject_may_close_the_interaction() {
    for (switch, open) in [(RejectedAgain::Queued, true), (RejectedAgain::ClosesDocument, false)] {
        let mut fixture = fixture();
        fixture.world.switches.rejected_again = switch;
        let item = fixture.offered(GRACE);
        assert_eq!(fixture.reject(item, GRACE).status, 200);
        assert!(fixture.world.document(id(DOCUMENT)).unwrap().is_open());
        assert_eq!(fixture.offered(ADA), item);
        assert_eq!(fixture.reject(item, ADA).status, 200);
        assert_eq!(fixture.world.document(id(DOCUMENT)).unwrap().is_open(), open);
        let state = if open { WorkItemState::Queued } else { WorkItemState::Canceled };
        assert_eq!(fixture.item(item).state, state);
    }
}
