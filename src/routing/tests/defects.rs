//! Stories that went wrong once, or would have.

use super::*;

const NOT_SENT: fn() -> AwaReply = || AwaReply::NotSent { why: String::new() };

#[test]
fn a_head_that_waits_past_its_deadline_is_expired_at_its_deadline_though_another_is_due_sooner() {
    let mut scene = Scene::new();
    let accept = an_accept("e1").by("nobody").with_item(sys_id('9'));
    scene.arrives(0, accept).due(0, 1).stands(["1 parked +600000"]);
    scene.arrives(0, an_offer("e2")).due(0, 2);
    scene.answers(0, 2, AwaReply::Busy { wait: Wait::RetryAfter(900_000) });
    scene.stands(["1 parked +600000", "2 waiting +900000"]).next(Some((2, 30_000)));
}

#[test]
fn what_waits_behind_a_busy_head_expires_at_its_own_deadline() {
    let mut scene = Scene::new();
    scene.arrives(0, an_accept("e1").with_item(sys_id('1'))).due(0, 1);
    scene.arrives(10, an_offer("e2"));
    scene.answers(20, 1, AwaReply::Busy { wait: Wait::RetryAfter(60_000) }).so_far();
    scene.next(Some((2, 30_000))).due(30_000, 2).said(["settle 2 expired deadline"]);
    scene.next(Some((1, 60_020)));
}

#[test]
fn a_late_notice_neither_sends_a_second_call_nor_overtakes_the_head() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).arrives(0, an_offer("e2")).so_far();
    scene.due(1, 2).said([]).due(1, 1).said(["call 1 offer try 1 until +30000"]);
    scene.due(2, 2).said([]).stands(["1 sending +0", "2 waiting +0"]);
}

#[test]
fn a_deferred_entry_does_not_overtake_an_earlier_event_in_its_back_off() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").without_document()).due(0, 1);
    scene.arrives(1, a_transfer("e2", TransferKind::Blind, to_agent("nobody"))).due(1, 2);
    scene.due(1, 1).answers(2, 1, NOT_SENT());
    scene.stands(["1 waiting +702", "2 parked +600001"]);
    let mut tables = tables();
    assert!(tables.add_agent(agent("nobody"), sys_id('f')));
    scene.reloads(3, tables).stands(["1 waiting +702", "2 held +3"]).next(Some((1, 702)));
    scene.so_far().due(3, 2).said([]);
}

#[test]
fn of_two_due_at_one_moment_the_earlier_event_goes_first() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").without_document()).due(0, 1).stands(["1 held +2000"]);
    scene.arrives(5, a_transfer("e2", TransferKind::Blind, to_agent("ben")));
    scene.stands(["1 held +5", "2 waiting +5"]).next(Some((1, 5)));
}

#[test]
fn an_accept_waits_for_an_offer_that_was_parked_and_is_now_between_tries() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").by("cleo")).due(0, 1);
    let mut tables = tables();
    scene.arrives(1, an_accept("e2").by("cleo"));
    assert!(tables.add_agent(agent("cleo"), sys_id('c')));
    scene.reloads(9_000, tables).due(9_000, 2).stands(["1 held +9000", "2 held +600001"]);
    scene.due(9_000, 1).answers(9_100, 1, NOT_SENT()).so_far();
    scene.arrives(9_200, a_bind("e3")).due(9_200, 2);
    scene.stands(["1 waiting +9800", "2 held +9200"]).so_far();
    scene.lands(9_800, 1, Some(sys_id('1'))).so_far();
    scene.due(9_801, 2).said(["call 2 accept try 1 until +600001"]);
}

#[test]
fn an_accept_that_came_before_its_offer_waits_while_the_offer_is_tried() {
    let mut scene = Scene::new();
    scene.arrives(0, an_accept("e1")).due(0, 1).stands(["1 held +2000"]);
    scene.arrives(100, an_offer("e2")).due(100, 1).due(100, 2);
    scene.answers(150, 2, AwaReply::Busy { wait: Wait::RetryAfter(5_000) }).so_far();
    scene.stands(["1 held +600000", "2 waiting +5150"]).next(Some((2, 5_150)));
    scene.lands(5_150, 2, Some(sys_id('1'))).next(Some((1, 5_150)));
}

#[test]
fn an_accept_does_not_wait_for_a_parked_offer_to_somebody_else() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, an_offer("e2").by("nobody")).due(1, 2);
    scene.arrives(2, an_accept("e3")).so_far();
    scene.due(2, 3).said(["call 3 accept try 1 until +600002"]);
}

#[test]
fn an_accept_of_a_known_work_item_does_not_wait_for_a_parked_transfer_to_a_queue() {
    let mut scene = Scene::new();
    let transfer = a_transfer("e1", TransferKind::Blind, to_queue("nowhere")).in_queue("sales");
    scene.arrives(0, transfer).due(0, 1).stands(["1 parked +600000"]);
    scene.arrives(1, an_offer("e2")).lands(1, 2, Some(sys_id('1')));
    scene.arrives(2, an_accept("e3")).so_far();
    scene.due(2, 3).said(["call 3 accept try 1 until +600002"]);
}

#[test]
fn an_accept_is_told_at_once_that_its_parked_offer_was_discarded() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").in_queue("nowhere")).due(0, 1);
    scene.arrives(1, an_accept("e2")).due(1, 2).stands(["1 parked +30000", "2 held +600001"]);
    scene.discards(5_000, 1).so_far().next(Some((2, 5_000)));
    scene.due(5_000, 2).said(["settle 2 superseded discarded_by_operator"]);
}

#[test]
fn a_ring_does_not_wait_for_a_reject_that_waits_for_it() {
    let mut scene = Scene::new();
    let assign = an_assign("e1").with_item(sys_id('1')).of_leg("s1");
    scene.arrives(0, assign).lands(0, 1, None);
    scene.arrives(1, a_ring("e2", "anna", "s2", 1)).arrives(2, a_reject("e3")).so_far();
    scene.due(2, 3).said([]);
    scene.due(2, 2).said(["call 2 reject try 1 until +30001"]);
}

#[test]
fn a_ring_that_was_declined_while_its_offer_was_in_doubt_is_not_offered_again() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1);
    scene.answers(10, 1, AwaReply::InDoubt { why: String::new() }).due(10, 1);
    scene.arrives(20, RoutingEvent { occurred_at: at(20), ..a_reject("e2") }).so_far();
    scene.answers(30, 1, AwaReply::NotLanded).said(["settle 1 superseded withdrawn"]);
}

#[test]
fn a_call_in_flight_cannot_be_discarded_under_the_lane() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1).so_far();
    scene.discards(1, 1).said([]).stands(["1 sending +0"]);
}

#[test]
fn a_transfer_to_a_queue_does_not_take_its_target_for_its_source() {
    let mut scene = Scene::new();
    scene.arrives(0, a_transfer("e1", TransferKind::Blind, to_queue("care"))).so_far();
    scene.due(0, 1).said(["reschedule 1 +2000 no_source_queue"]);
    scene.arrives(9, a_bind("e2").in_queue("sales")).due(9, 1);
    let AwaCall::Transfer { source_queue, .. } = scene.call() else { panic!("a transfer") };
    assert_eq!(source_queue.as_str(), "x-sales");
}

#[test]
fn a_transfer_comes_from_the_queue_that_the_conversation_was_in_before_it() {
    let mut scene = Scene::new();
    scene.arrives(0, a_bind("e1").in_queue("sales"));
    scene.arrives(1, a_transfer("e2", TransferKind::Blind, to_agent("ben")).in_queue("care"));
    scene.due(1, 2);
    let AwaCall::Transfer { source_queue, .. } = scene.call() else { panic!("a transfer") };
    assert_eq!(source_queue.as_str(), "x-sales");
    assert_eq!(scene.conversation.last_queue, Some(queue("care")));
}

#[test]
fn a_transfer_event_of_an_unknown_conversation_comes_from_its_own_queue() {
    let mut scene = Scene::new();
    scene.arrives(1, a_transfer("e1", TransferKind::Blind, to_agent("ben")).in_queue("care"));
    scene.due(1, 1);
    let AwaCall::Transfer { source_queue, .. } = scene.call() else { panic!("a transfer") };
    assert_eq!(source_queue.as_str(), "x-care");
}

#[test]
fn the_same_told_again_at_once_under_another_id_is_passed_over() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").of_leg("s1")).so_far();
    scene
        .arrives(5, an_offer("e2").of_leg("s1"))
        .said(["enqueue 2", "settle 2 superseded logical_duplicate"]);
    // Another leg, no leg at all, another kind: never the same. What came between does not matter.
    scene.arrives(6, an_offer("e3").of_leg("s2")).said(["enqueue 3"]);
    scene.arrives(7, an_offer("e4")).said(["enqueue 4"]);
    scene.arrives(8, an_offer("e5")).said(["enqueue 5"]);
    scene.arrives(9, an_accept("e6").of_leg("s2")).said(["enqueue 6"]);
    scene
        .arrives(9, an_offer("e7").of_leg("s2"))
        .said(["enqueue 7", "settle 7 superseded logical_duplicate"]);
}

#[test]
fn an_offer_without_a_queue_is_from_the_queue_that_the_conversation_is_in() {
    let mut scene = Scene::new();
    let bare = || {
        let mut offer = an_offer("e1");
        offer.queue = None;
        offer
    };
    scene.arrives(0, bare()).so_far();
    scene.due(0, 1).said(["reschedule 1 +2000 no_queue"]);
    scene.arrives(9, a_bind("e2").in_queue("sales")).due(9, 1);
    let AwaCall::Offer { queue, .. } = scene.call() else { panic!("an offer") };
    assert_eq!(queue.as_str(), "x-sales");
    let mut scene = Scene::new();
    scene.arrives(0, bare()).due(0, 1).so_far();
    scene.due(2_000, 1).said(["settle 1 dead no_queue"]);
}

#[test]
fn the_look_up_of_an_accept_asks_about_the_work_item_that_was_accepted() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").of_leg("s1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, an_offer("e2").of_leg("s2").in_queue("nowhere")).due(1, 2);
    scene.arrives(2, an_accept("e3").of_leg("s1")).due(2, 3);
    scene.answers(3, 3, AwaReply::InDoubt { why: String::new() });
    scene.conversation.work_items.push(WorkItem {
        sys_id: sys_id('2'),
        agent: Some(agent("anna")),
        segment: Some(segment("s1")),
        entry: None,
        document: None,
        conversation: None,
        state: ItemState::Pending,
        rung: None,
        until: None,
        consult: false,
    });
    scene.so_far().due(3, 3);
    let AwaCall::Accept { work_item, .. } = scene.call() else { panic!("an accept") };
    assert_eq!(work_item, sys_id('1'));
}

#[test]
fn a_withdraw_of_one_leg_does_not_close_the_document_for_another_leg() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::CloseDocument;
    scene.arrives(0, an_offer("e1").of_leg("s2")).lands(0, 1, Some(sys_id('1'))).so_far();
    scene.arrives(1, a_withdraw("e2").of_leg("s1"));
    scene.said(["enqueue 2", "settle 2 delivered nothing_left_to_withdraw"]);
}

#[test]
fn a_withdraw_goes_on_to_the_other_work_items_where_one_is_taken() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    let other = an_offer("e2").by("ben").of_document('f');
    scene.arrives(1, other).lands(1, 2, Some(sys_id('2')));
    scene.arrives(2, a_withdraw("e3")).due(2, 3).so_far();
    scene.answers(3, 3, taken_by("cleo"));
    scene.said(["reschedule 3 +3 next_step"]).due(3, 3);
    let AwaCall::Reject { work_item, .. } = scene.call() else { panic!("a reject") };
    assert_eq!(work_item, sys_id('1'));
}

#[test]
fn a_withdraw_ends_though_the_answer_names_another_work_item() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, a_withdraw("e2")).so_far().lands(2, 2, Some(sys_id('9')));
    scene.said(["call 2 reject try 1 until +600001", "settle 2 delivered confirmed"]);
}

#[test]
fn the_time_of_a_withdrawn_event_is_accounted_for() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).so_far().arrives(70, a_withdraw("e2"));
    let Some(Effect::Settle { settled, .. }) = scene.effects.first() else { panic!("settled") };
    assert_eq!(settled.story.waited, Waited { lane: 70, ..Waited::default() });
}

#[test]
fn the_time_of_a_discarded_event_is_accounted_for() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").by("nobody")).due(5, 1).so_far().discards(70, 1);
    let Some(Effect::Settle { settled, .. }) = scene.effects.first() else { panic!("settled") };
    assert_eq!(settled.story.waited, Waited { lane: 5, mapping: 65, ..Waited::default() });
}

#[test]
fn an_answer_that_no_look_up_can_give_does_not_clear_the_doubt() {
    for reply in [AwaReply::AgentUnavailable, AwaReply::ClockSkew] {
        let mut scene = Scene::new();
        scene.arrives(0, an_offer("e1")).due(0, 1).recovers(1, 1).due(1, 1).so_far();
        scene.answers(2, 1, reply).stands(["1 in doubt +702"]);
    }
}

#[test]
fn an_answer_that_only_a_look_up_can_give_is_not_believed_of_a_call() {
    for reply in [AwaReply::NotLanded, AwaReply::LookUpForbidden] {
        let mut scene = Scene::new();
        scene.arrives(0, an_offer("e1")).due(0, 1).so_far();
        scene.answers(2, 1, reply).stands(["1 in doubt +702"]);
    }
}

#[test]
fn only_refusals_to_serve_count_for_the_back_off() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1).answers(0, 1, NOT_SENT());
    scene.due(700, 1).answers(700, 1, NOT_SENT());
    assert_eq!(scene.conversation.entries[0].story.tries, 2);
    scene.due(1_400, 1).answers(1_400, 1, AwaReply::AgentUnavailable);
    assert_eq!(scene.conversation.entries[0].story.tries, 0);
}

#[test]
fn an_entry_that_can_only_expire_asks_for_no_call() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1);
    scene.answers(0, 1, AwaReply::Busy { wait: Wait::RetryAfter(60_000) });
    let due = scene.conversation.next_due().unwrap();
    assert_eq!((due.at, due.calls), (at(30_000), false));
}

#[test]
fn a_call_that_is_repeated_or_looked_up_keeps_the_document_that_it_was_sent_with() {
    let other = DocumentRef { sys_id: sys_id('f'), ..document() };
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").without_document());
    scene.arrives(1, a_bind("e2")).due(1, 1);
    scene.arrives(2, RoutingEvent { document: Some(other), ..a_bind("e3") });
    scene.recovers(3, 1).so_far().due(3, 1);
    let AwaCall::Offer { document: asked_for, .. } = scene.call() else { panic!("an offer") };
    assert_eq!(asked_for, document());
}

#[test]
fn a_withdraw_of_one_leg_leaves_the_consult_of_another_open() {
    let mut scene = Scene::new();
    scene.rules.withdraw_ends_consult = true;
    scene.arrives(0, a_bind("e1").in_queue("sales"));
    let consult = a_transfer("e2", TransferKind::Consult, to_agent("ben")).of_leg("s2");
    scene.arrives(0, consult).lands(0, 2, None).so_far();
    scene.arrives(1, a_withdraw("e3").of_leg("s1"));
    scene.said(["enqueue 3", "settle 3 delivered nothing_left_to_withdraw"]);
    scene.arrives(2, a_withdraw("e4").of_leg("s2")).so_far().due(2, 4);
    scene.said(["call 4 end_consult try 1 until +600002"]);
}

#[test]
fn a_withdraw_that_waited_for_a_mapping_leaves_alone_what_was_offered_after_it() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::Reject;
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.reloads(1, tables_without("anna")).arrives(1, a_withdraw("e2")).due(1, 2);
    scene.stands(["2 parked +600001"]);
    let other = an_offer("e3").by("ben").of_document('f');
    scene.arrives(2, other).lands(2, 3, Some(sys_id('2')));
    scene.reloads(3, tables()).due(3, 2);
    let AwaCall::Reject { work_item, .. } = scene.call() else { panic!("a reject") };
    assert_eq!(work_item, sys_id('1'));
    scene.so_far().answers(4, 2, AwaReply::Landed { work_item: None });
    scene.said(["settle 2 delivered confirmed"]);
}

#[test]
fn a_withdraw_that_waited_for_a_mapping_leaves_open_the_consult_begun_after_it() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::Reject;
    scene.rules.withdraw_ends_consult = true;
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.reloads(1, tables_without("anna")).arrives(1, a_withdraw("e2")).due(1, 2);
    let consult = a_transfer("e3", TransferKind::Consult, to_agent("ben"));
    scene.arrives(2, consult).lands(2, 3, Some(sys_id('2'))).so_far();
    scene.reloads(3, tables()).so_far().due(3, 2);
    scene.said(["call 2 reject try 1 until +600001"]);
}
