//! Which offer an answer waits for, and what is said where nothing came.

use super::*;

fn named(id: &str) -> RoutingEvent {
    an_accept(id).with_item(sys_id('9'))
}

#[test]
fn an_answer_waits_for_an_earlier_offer_to_its_agent_even_if_it_names_a_work_item() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").in_queue("nowhere")).due(0, 1);
    scene.arrives(10, named("e2")).so_far().due(10, 2);
    scene.said(["reschedule 2 +600010 no_work_item"]);
}

#[test]
fn an_answer_does_not_wait_for_a_later_offer_or_one_to_a_queue() {
    let mut scene = Scene::new();
    scene.arrives(0, named("e1")).arrives(10, an_offer("e2")).so_far().due(10, 1);
    scene.said(["call 1 accept try 1 until +600000"]);
    let mut scene = Scene::new();
    let transfer = a_transfer("e1", TransferKind::Blind, to_queue("nowhere")).in_queue("sales");
    scene.arrives(0, transfer).due(0, 1).arrives(10, named("e2")).so_far().due(10, 2);
    scene.said(["call 2 accept try 1 until +600010"]);
}

#[test]
fn an_assignment_cannot_be_hoped_for_by_itself_or_by_what_came_before_it() {
    let mut scene = Scene::new();
    scene.arrives(0, an_assign("e1")).so_far().due(0, 1);
    scene.said(["reschedule 1 +2000 no_work_item"]);
    let mut scene = Scene::new();
    scene.arrives(0, an_accept("e1")).arrives(10, an_assign("e2").with_item(sys_id('9')));
    scene.so_far().due(10, 1).said(["reschedule 1 +2000 no_work_item"]);
    let mut scene = Scene::new();
    scene.arrives(0, an_assign("e1")).due(0, 1);
    scene.arrives(10, an_accept("e2")).so_far().due(10, 2);
    scene.said(["reschedule 2 +600010 no_work_item"]);
}

#[test]
fn a_document_whose_work_was_taken_meanwhile_is_not_closed() {
    let rules = Rules { withdraw: WithdrawAction::CloseDocument, ..rules() };
    let mut scene = Scene::under(rules.clone());
    scene.arrives(0, an_offer("e1")).lands(10, 1, Some(sys_id('9')));
    scene.arrives(20, an_accept("e2")).due(20, 2).arrives(30, a_withdraw("e3"));
    scene.answers(40, 2, AwaReply::Landed { work_item: None }).so_far().due(50, 3);
    scene.said(["settle 3 delivered done"]);
    let mut scene = Scene::under(rules);
    scene.arrives(0, an_offer("e1")).lands(10, 1, Some(sys_id('9')));
    scene.arrives(20, a_withdraw("e2")).so_far().due(20, 2);
    scene.said(["call 2 close_document try 1 until +600020"]);
}

#[test]
fn the_channel_of_the_conversation_chooses_the_queue() {
    let mut tables = tables();
    for channel in ["voice", "chat"] {
        let external_id = ExternalId::parse(&format!("x-{channel}")).unwrap();
        let channel = Channel::parse(channel).ok();
        assert!(tables.add_queue(QueueRow { queue: queue("both"), channel, external_id }));
    }
    let rules = Rules { directory: Arc::new(tables), ..rules() };
    let mut bind = a_bind("e1");
    bind.channel = Channel::parse("chat").ok();
    let mut scene = Scene::under(rules);
    scene.arrives(0, bind).arrives(10, an_offer("e2").in_queue("both")).due(10, 2);
    let AwaCall::Offer { queue, .. } = scene.call() else { panic!("an offer") };
    assert_eq!(queue.to_string(), "x-chat");
}

#[test]
fn what_never_came_is_said_in_a_sentence() {
    let words = |event: RoutingEvent| {
        let mut scene = Scene::new();
        scene.arrives(0, event).due(0, 1).so_far().due(2_000, 1);
        let Some(Effect::Settle { reason, .. }) = scene.effects.pop() else { panic!("an end") };
        reason.detail.expect("a sentence")
    };
    assert!(words(an_offer("e").without_document()).contains("names a document"));
    assert!(words(an_accept("e")).contains("no card of this agent is there on this leg"));
    let transfer = a_transfer("e", TransferKind::Blind, to_queue("care"));
    assert!(words(transfer).contains("names the queue it comes from"));
}

#[test]
fn two_offers_tell_the_same_only_within_two_seconds_of_each_other() {
    let offer_at = |id: &str, ms: u64| {
        let mut offer = an_offer(id).of_leg("s-1");
        offer.occurred_at = at(ms);
        offer
    };
    const REPEATED: &[&str] = &["enqueue 2", "settle 2 superseded logical_duplicate"];
    const ANOTHER: &[&str] = &["enqueue 2"];
    // A ring of the same leg that was over when the first one was made.
    const OLDER: &[&str] = &["enqueue 2", "settle 2 superseded leg_ended"];
    for (first, second, expected) in [
        (0, 0, REPEATED),
        (0, 1_999, REPEATED),
        (1_999, 0, REPEATED),
        (0, 2_000, ANOTHER),
        (2_000, 0, OLDER),
    ] {
        let mut scene = Scene::new();
        scene.arrives(5_000, offer_at("e1", first)).so_far().arrives(5_010, offer_at("e2", second));
        let said: Vec<String> = scene.effects.iter().map(scene::line).collect();
        assert_eq!(said, expected, "{first} and {second}");
    }
}

#[test]
fn all_retry_after_of_a_wait_is_added_up() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1);
    scene.answers(0, 1, AwaReply::Busy { wait: Wait::RetryAfter(1_000) });
    let waited = Waited { retry_after: 500, ..Waited::default() };
    scene.decide(Input::Due { entry: EntryId(1), waited, clock: None, at: at(1_500) });
    assert_eq!(scene.conversation.entries[0].story.waited.retry_after, 1_500);
}

#[test]
fn what_is_in_place_already_is_looked_up_only_for_the_work_item_of_an_offer() {
    let already = || AwaReply::AlreadyOurs { work_item: None };
    let mut scene = Scene::new();
    scene.arrives(0, named("e1")).due(0, 1).so_far().answers(10, 1, already());
    scene.said(["settle 1 delivered already_in_place"]);
    let mut scene = Scene::new();
    let transfer = a_transfer("e1", TransferKind::Blind, to_queue("care")).in_queue("sales");
    scene.arrives(0, transfer).due(0, 1).so_far().answers(10, 1, already());
    scene.said(["settle 1 delivered already_in_place"]);
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1).so_far().answers(10, 1, already());
    scene.said(["reschedule 1 +10 already_ours"]).due(10, 1).so_far().answers(20, 1, already());
    scene.said(["settle 1 delivered already_in_place"]);
}
