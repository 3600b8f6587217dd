//! Refusals that only the work item's state explains, and offers that are in place but name no work item.

use super::*;

const fn conflict() -> AwaReply {
    AwaReply::Conflict { why: String::new() }
}

const fn lost() -> AwaReply {
    AwaReply::InDoubt { why: String::new() }
}

fn sent() -> Scene {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1).so_far();
    scene
}

#[test]
fn a_conflict_is_looked_up_before_anything_else() {
    let mut scene = sent();
    scene.answers(10, 1, conflict()).said(["reschedule 1 +10 conflict"]);
    scene.stands(["1 in doubt +10"]).due(10, 1).so_far();
    scene.answers(20, 1, AwaReply::Landed { work_item: Some(sys_id('1')) });
    scene.said(["settle 1 delivered found_by_look_up"]);
}

#[test]
fn a_conflict_that_no_look_up_explains_is_called_once_more_and_then_given_up() {
    let mut scene = sent();
    scene.answers(10, 1, conflict()).due(10, 1).so_far();
    scene.answers(20, 1, AwaReply::NotLanded).said(["reschedule 1 +720 not_landed"]);
    scene.due(720, 1).answers(730, 1, conflict()).due(730, 1).so_far();
    scene.answers(740, 1, AwaReply::NotLanded).said(["settle 1 dead refused"]);
}

#[test]
fn a_conflict_that_may_not_be_looked_up_is_given_up_at_once() {
    let mut scene = sent();
    scene.answers(10, 1, conflict()).due(10, 1).so_far();
    scene.answers(20, 1, AwaReply::LookUpForbidden).said(["settle 1 dead refused"]);
}

#[test]
fn a_conflict_after_a_lost_answer_that_may_not_be_looked_up_counts_as_its_own_success() {
    for (policy, end) in [
        (Doubt::Repeat, "settle 1 delivered presumed_in_place"),
        (Doubt::Dead, "settle 1 dead in_doubt"),
    ] {
        let mut scene = sent();
        scene.rules.doubt = policy;
        scene.answers(10, 1, lost()).due(10, 1).so_far();
        scene.answers(20, 1, AwaReply::LookUpForbidden);
        if policy == Doubt::Repeat {
            scene.due(720, 1).answers(730, 1, conflict()).due(730, 1).so_far();
            scene.answers(740, 1, AwaReply::LookUpForbidden);
        }
        scene.said([end]);
    }
}

#[test]
fn an_offer_in_place_is_looked_up_once_for_its_work_item_and_is_done_whatever_that_brings() {
    for (found, item) in [
        (AwaReply::Landed { work_item: Some(sys_id('1')) }, Some(sys_id('1'))),
        (AwaReply::NotLanded, None),
        (AwaReply::LookUpForbidden, None),
        (lost(), None),
    ] {
        let mut scene = sent();
        scene.answers(10, 1, AwaReply::AlreadyOurs { work_item: None });
        scene.said(["reschedule 1 +10 already_ours"]).due(10, 1).so_far();
        scene.answers(20, 1, found).said(["settle 1 delivered already_in_place"]);
        assert_eq!(scene.conversation.work_items.last().map(|item| item.sys_id), item);
    }
}

#[test]
fn an_offer_in_place_that_was_not_looked_up_in_its_ring_time_is_delivered_all_the_same() {
    let mut scene = sent();
    scene.answers(10, 1, AwaReply::AlreadyOurs { work_item: None }).so_far();
    scene.due(30_000, 1).said(["settle 1 delivered already_in_place"]);
}

#[test]
fn a_withdraw_whose_first_step_was_in_place_expires_with_its_second() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(0, an_offer("e2").of_document('f')).lands(0, 2, Some(sys_id('2')));
    scene.arrives(1, a_withdraw("e3")).due(1, 3);
    scene.answers(2, 3, AwaReply::AlreadyOurs { work_item: None }).so_far();
    scene.due(600_001, 3).said(["settle 3 expired deadline"]);
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_call_and_not_of_its_look_up() {
    let mut scene = sent();
    let says = |claim: u64, message: &str, reply: AwaReply, ms: u64| Input::Reply {
        entry: EntryId(1),
        claim: ClaimId::of_number(claim).unwrap(),
        answered: Answered {
            reply,
            answer: Answer { status: Some(400), message: message.to_owned() },
            elapsed_ms: 5,
        },
        retry_in: 700,
        at: at(ms),
    };
    scene.decide(says(1, "the state is wrong", conflict(), 10)).due(10, 1).so_far();
    scene.decide(says(2, "forbidden", AwaReply::LookUpForbidden, 20));
    let Some(Effect::Settle { reason, .. }) = scene.effects.pop() else { panic!("an end") };
    assert_eq!(reason, Reason::with(ReasonCode::Refused, "the state is wrong"));
}
