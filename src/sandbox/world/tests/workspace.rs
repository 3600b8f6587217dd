//! What agents do with their cards themselves, and what becomes of a card that nobody takes.

use super::*;

#[test]
fn an_agent_takes_or_declines_the_card_that_is_pending() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    let told = bench.world.agent_accepts(id(ADA), bench.now);
    assert_eq!(told, Err("has no pending card".to_owned()));
    bench.world.agent_accepts(id(GRACE), bench.now).unwrap();
    assert_eq!(bench.item(item).state, WorkItemState::Accepted);
    assert_eq!(bench.world.document(id(DOCUMENT)).unwrap().assigned_to, Some(id(GRACE)));
    assert!(bench.world.agent_rejects(id(GRACE), bench.now).is_err());
}

#[test]
fn a_card_without_a_button_to_decline_is_not_declined() {
    let mut bench = bench();
    let mut body = offer_to(GRACE);
    body["assignment"]["allowed_to_decline"] = json!(false);
    let item = landed(&bench.offer_with(&body));
    assert!(bench.world.agent_rejects(id(GRACE), bench.now).is_err());
    assert_eq!(bench.item(item).state, WorkItemState::PendingAccept);
    let item = bench.offered(GRACE);
    bench.world.agent_rejects(id(GRACE), bench.now).unwrap();
    let item = bench.item(item);
    assert_eq!((item.state, item.assigned_to, item.rejected), (WorkItemState::Queued, None, true));
    assert_eq!(bench.world.rejections()[0].reason, sys_id_of("voice Busy"));
}

#[test]
fn a_card_whose_time_is_over_is_queued_or_canceled() {
    for (switch, state) in
        [(TimedOut::Queued, WorkItemState::Queued), (TimedOut::Canceled, WorkItemState::Canceled)]
    {
        let mut bench = bench();
        bench.world.switches.timed_out = switch;
        let item = bench.offered(GRACE);
        bench.pass(29_999);
        bench.world.tick(bench.now);
        assert_eq!(bench.item(item).state, WorkItemState::PendingAccept);
        bench.pass(1);
        bench.world.tick(bench.now);
        let found = bench.item(item);
        assert_eq!((found.state, found.assigned_to, found.timed_out), (state, None, true));
        assert_eq!(bench.offered(ADA) == item, switch == TimedOut::Queued);
    }
}

#[test]
fn a_cards_time_can_be_ended_by_hand() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    bench.world.card_times_out(id(GRACE), bench.now).unwrap();
    assert!(bench.item(item).timed_out);
    assert_eq!(bench.world.cards().count(), 0);
    bench.offered(ADA);
    bench.pass(29_000);
    bench.world.tick(bench.now);
    assert_eq!(bench.world.cards().count(), 1, "the old card's end is not the new one's");
}

#[test]
fn a_second_reject_may_close_the_interaction() {
    for (switch, open) in [(RejectedAgain::Queued, true), (RejectedAgain::ClosesDocument, false)] {
        let mut bench = bench();
        bench.world.switches.rejected_again = switch;
        let item = bench.offered(GRACE);
        assert_eq!(bench.reject(item, GRACE).status, 200);
        assert!(bench.world.document(id(DOCUMENT)).unwrap().is_open());
        assert_eq!(bench.offered(ADA), item);
        assert_eq!(bench.reject(item, ADA).status, 200);
        assert_eq!(bench.world.document(id(DOCUMENT)).unwrap().is_open(), open);
        let state = if open { WorkItemState::Queued } else { WorkItemState::Canceled };
        assert_eq!(bench.item(item).state, state);
    }
}
