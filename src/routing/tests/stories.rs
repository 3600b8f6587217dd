//! Stories of several events: what a conversation learns, and what a withdraw, a transfer or a consult makes of it.

use super::*;

#[test]
fn an_offer_says_all_that_was_asked_for() {
    let mut scene = Scene::new();
    let mut offer = an_offer("e1").of_leg("s1");
    offer.occurred_at = START.minus(1_500);
    scene.arrives(0, offer).due(0, 1);
    let expected = AwaCall::Offer {
        document: document(),
        segment: Some(segment("s1")),
        queue: ExternalId::parse("x-sales").unwrap(),
        agent: sys_id('a'),
        window: OfferWindow { offered_on: START.minus(1_500), timeout_seconds: 30 },
        assignment: OfferDefaults::default().assignment(&AssignmentWish::default()),
    };
    assert_eq!(scene.call(), expected);
}

#[test]
fn an_offer_that_comes_after_its_ring_time_is_never_sent() {
    let mut scene = Scene::new();
    scene.arrives(30_000, an_offer("e1")).said(["enqueue 1", "settle 1 expired late_on_arrival"]);
}

#[test]
fn a_vendor_clock_that_runs_ahead_does_not_lengthen_the_ring_time() {
    let mut scene = Scene::new();
    let offer = RoutingEvent { occurred_at: START.plus(60_000), ..an_offer("e1") };
    scene.arrives(0, offer).so_far().due(0, 1).said(["call 1 offer try 1 until +30000"]);
}

#[test]
fn events_go_one_after_the_other_in_the_order_of_arrival() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).arrives(0, an_accept("e2")).so_far().next(Some((1, 0)));
    scene.lands(1, 1, Some(sys_id('1'))).so_far().next(Some((2, 0)));
    scene.lands(2, 2, None);
    scene.said(["call 2 accept try 1 until +600000", "settle 2 delivered confirmed"]);
    assert_eq!(scene.conversation.work_items[0].state, ItemState::Accepted);
}

#[test]
fn a_reject_takes_the_mapped_reason_and_the_work_item_of_its_own_leg() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").of_leg("s1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, an_offer("e2").of_leg("s2")).lands(1, 2, Some(sys_id('2')));
    scene.arrives(2, a_reject("e3").of_leg("s1").with_item(sys_id('9'))).due(2, 3);
    let reason = RejectReason::SysId(sys_id('e'));
    let reject = AwaCall::Reject { work_item: sys_id('1'), agent: sys_id('a'), reason };
    assert_eq!(scene.call(), reject);
}

#[test]
fn a_work_item_that_only_the_vendor_knows_is_taken_as_it_is() {
    let mut scene = Scene::new();
    scene.arrives(0, an_accept("e1").with_item(sys_id('9'))).due(0, 1);
    let accept = AwaCall::Accept { work_item: sys_id('9'), agent: sys_id('a') };
    assert_eq!(scene.call(), accept);
}

#[test]
fn a_reject_without_any_reason_in_the_tables_is_parked() {
    let mut scene = Scene::new();
    scene.arrives(0, a_reject("e1").with_item(sys_id('9'))).so_far();
    scene.rules.directory = Arc::new(tables_without_reasons());
    scene.due(0, 1).said([
        "park 1: reject reason `*` is not in reject_reasons.csv, and no default (*) is there",
    ]);
}

#[test]
fn a_transfer_leaves_from_the_queue_in_which_it_found_the_conversation() {
    let mut scene = Scene::new();
    scene.arrives(0, a_bind("e1").in_queue("sales"));
    scene.arrives(1, a_transfer("e2", TransferKind::Blind, to_queue("care")));
    scene.arrives(2, an_offer("e3").in_queue("care")).due(2, 2);
    let expected = AwaCall::Transfer {
        document: document(),
        segment: None,
        source_queue: ExternalId::parse("x-sales").unwrap(),
        kind: TransferKind::Blind,
        target: TransferTarget::Queue(ExternalId::parse("x-care").unwrap()),
    };
    assert_eq!(scene.call(), expected);
    assert_eq!(scene.conversation.last_queue, Some(queue("care")));
}

#[test]
fn a_blind_transfer_to_a_queue_moves_the_conversation_there_and_a_consult_does_not() {
    for (kind, then) in [(TransferKind::Blind, "care"), (TransferKind::Consult, "sales")] {
        let mut scene = Scene::new();
        scene.arrives(0, a_bind("e1").in_queue("sales"));
        scene.arrives(1, a_transfer("e2", kind, to_queue("care")));
        assert_eq!(scene.conversation.last_queue, Some(queue(then)), "{kind:?}");
    }
}

#[test]
fn the_agent_who_takes_a_transfer_from_a_queue_accepts_its_work_item() {
    let mut scene = Scene::new();
    scene.arrives(0, a_bind("e1").in_queue("sales"));
    scene.arrives(1, a_transfer("e2", TransferKind::Blind, to_queue("care")));
    scene.lands(1, 2, Some(sys_id('2'))).arrives(2, an_accept("e3").by("ben")).due(2, 3);
    assert_eq!(scene.call(), AwaCall::Accept { work_item: sys_id('2'), agent: sys_id('b') });
}

#[test]
fn a_consult_is_open_from_its_transfer_to_its_end() {
    let mut scene = Scene::new();
    scene.arrives(0, a_bind("e1").in_queue("sales"));
    scene.arrives(1, a_transfer("e2", TransferKind::Consult, to_agent("ben"))).lands(7, 2, None);
    let open = OpenConsult {
        document: document(),
        conversation: ConversationId::parse("c-1").ok(),
        segment: None,
        entry: Some(EntryId(2)),
        since: at(7),
        by_ring: None,
    };
    assert_eq!(scene.conversation.consult, Some(open));
    scene.arrives(8, a_consult_end("e3")).lands(9, 3, None);
    assert_eq!(scene.conversation.consult, None);
}

#[test]
fn an_assignment_goes_to_the_newest_work_item_and_loses_its_window_after_the_ring_time() {
    for (ms, windowed) in [(29_999, true), (30_000, false)] {
        let mut scene = Scene::new();
        scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
        scene.arrives(1, an_assign("e2").by("ben")).due(ms, 2);
        let AwaCall::Assign { work_item, agent, window, .. } = scene.call() else {
            panic!("an assign")
        };
        let seen = (work_item, agent, window.is_some());
        assert_eq!(seen, (sys_id('1'), sys_id('b'), windowed));
    }
}

#[test]
fn a_later_document_does_not_change_an_event_that_had_one() {
    let mut scene = Scene::new();
    let other = DocumentRef { sys_id: sys_id('f'), ..document() };
    scene.arrives(0, a_bind("e1")).arrives(1, an_offer("e2").without_document());
    scene.arrives(2, RoutingEvent { document: Some(other.clone()), ..a_bind("e3") }).due(2, 2);
    let AwaCall::Offer { document: asked_for, .. } = scene.call() else { panic!("an offer") };
    assert_eq!(asked_for, document());
    assert_eq!(scene.conversation.document, Some(other));
}

#[test]
fn a_withdraw_of_a_leg_leaves_the_other_legs_alone() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").of_leg("s1")).arrives(0, an_offer("e2").of_leg("s2"));
    scene.arrives(0, an_offer("e3")).so_far().arrives(1, a_withdraw("e4").of_leg("s1"));
    scene.said([
        "settle 1 superseded withdrawn",
        "settle 3 superseded withdrawn",
        "enqueue 4",
        "settle 4 delivered nothing_left_to_withdraw",
    ]);
    scene.stands(["2 waiting +0"]);
}

#[test]
fn a_withdraw_ends_the_consult_and_rejects_the_open_work_item() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::Reject;
    scene.rules.withdraw_ends_consult = true;
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    let consult = a_transfer("e2", TransferKind::Consult, to_agent("ben"));
    scene.arrives(1, consult).lands(1, 2, Some(sys_id('2')));
    scene.arrives(2, a_withdraw("e3")).so_far();
    scene
        .lands(3, 3, None)
        .said(["call 3 end_consult try 1 until +600002", "reschedule 3 +3 next_step"]);
    scene.so_far().due(4, 3);
    let (work_item, agent) = (sys_id('1'), sys_id('a'));
    let reason = RejectReason::SysId(sys_id('e'));
    assert_eq!(scene.call(), AwaCall::Reject { work_item, agent, reason });
    scene.so_far().answers(4, 3, AwaReply::Landed { work_item: None });
    scene.said(["settle 3 delivered confirmed"]).stands([]);
}

#[test]
fn a_withdraw_takes_back_an_offer_that_was_in_flight_once_it_has_landed() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::CloseDocument;
    scene.arrives(0, an_offer("e1")).due(0, 1).arrives(1, a_withdraw("e2")).so_far();
    scene.stands(["1 sending +0", "2 waiting +1"]);
    scene.answers(2, 1, AwaReply::Landed { work_item: Some(sys_id('1')) }).due(2, 2);
    assert_eq!(scene.call(), AwaCall::CloseDocument { document: document() });
    scene.so_far().answers(3, 2, AwaReply::Landed { work_item: None });
    scene.said(["settle 2 delivered confirmed"]);
}

#[test]
fn a_withdraw_has_nothing_to_take_back_from_an_answered_work_item() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::Reject;
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, an_accept("e2")).lands(1, 2, None).so_far();
    scene.arrives(2, a_withdraw("e3"));
    scene.said(["enqueue 3", "settle 3 delivered nothing_left_to_withdraw"]);
}

#[test]
fn a_replayed_offer_goes_to_the_end_of_the_lane_and_is_not_stamped_anew() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).discards(0, 1).arrives(1, an_offer("e2")).so_far();
    scene.replays(2, 1, an_offer("e1")).stands(["2 waiting +1", "1 waiting +2"]);
    scene.discards(3, 1).so_far().replays(30_000, 1, an_offer("e1"));
    scene.said(["enqueue 1", "settle 1 expired late_on_arrival"]);
}

#[test]
fn urgent_calls_go_by_receipt_and_offers_by_deadline() {
    let due = |event| Scene::new().arrives(5, event).conversation.next_due().map(|due| due.urgency);
    assert_eq!(due(an_offer("e")), Some(Urgency::Offer(at(30_000))));
    assert_eq!(due(an_assign("e")), Some(Urgency::Offer(at(600_005))));
    for event in [an_accept("e"), a_reject("e"), a_consult_end("e")] {
        assert_eq!(due(event), Some(Urgency::Live(at(5))));
    }
    assert!(Urgency::Live(at(900)) < Urgency::Offer(at(1)));
}

#[test]
fn only_the_newest_work_items_are_remembered() {
    let mut scene = Scene::new();
    for number in 1..=20u64 {
        let item = SysId::parse(&format!("{number:032x}")).unwrap();
        let digit = char::from_digit(u32::try_from(number).unwrap() % 16, 16).unwrap();
        let assign = an_assign("e").with_item(item).of_document(digit);
        scene.arrives(0, assign).lands(0, number, Some(item));
    }
    assert_eq!(scene.conversation.work_items.len(), Conversation::WORK_ITEMS);
    assert_eq!(scene.conversation.work_items[0].sys_id.to_string(), format!("{:032x}", 5));
}
