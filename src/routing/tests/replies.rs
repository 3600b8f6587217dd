//! What each answer makes of an offer whose call, or whose look-up, it answers.

use super::*;

/// The answer, what it makes of a call, what it makes of a look-up.
fn rows() -> Vec<(AwaReply, [&'static str; 2], [&'static str; 2])> {
    use AwaReply as R;
    let text = || "words".to_owned();
    let both = |effect| ([effect, ""], [effect, ""]);
    let row = |reply, (call, look_up)| (reply, call, look_up);
    let item = Some(sys_id('1'));
    vec![
        (
            R::Landed { work_item: item },
            ["settle 1 delivered confirmed", ""],
            ["settle 1 delivered found_by_look_up", ""],
        ),
        row(R::AlreadyOurs { work_item: item }, both("settle 1 delivered already_in_place")),
        row(taken_by("words"), both("settle 1 dead taken_by_another")),
        row(R::DocumentClosed, both("settle 1 dead document_closed")),
        row(R::TooLate, both("settle 1 expired too_late_for_servicenow")),
        row(R::Misconfigured { what: text() }, both("settle 1 dead misconfigured")),
        (
            R::AgentUnavailable,
            ["reschedule 1 +600 agent_unavailable", "1 waiting +600"],
            ["reschedule 1 +800 agent_unavailable", "1 in doubt +800"],
        ),
        (
            R::Conflict { why: text() },
            ["reschedule 1 +100 conflict", "1 in doubt +100"],
            ["reschedule 1 +800 conflict", "1 in doubt +800"],
        ),
        (
            R::ClockSkew,
            ["reschedule 1 +100 clock_skew", "1 waiting +100"],
            ["reschedule 1 +800 clock_skew", "1 in doubt +800"],
        ),
        (
            R::Busy { wait: Wait::RetryAfter(5_000) },
            ["reschedule 1 +5100 busy", "1 waiting +5100"],
            ["reschedule 1 +5100 busy", "1 in doubt +5100"],
        ),
        (
            R::Busy { wait: Wait::BackOff },
            ["reschedule 1 +800 busy", "1 waiting +800"],
            ["reschedule 1 +800 busy", "1 in doubt +800"],
        ),
        (
            R::NotSent { why: text() },
            ["reschedule 1 +800 not_sent", "1 waiting +800"],
            ["reschedule 1 +800 not_sent", "1 in doubt +800"],
        ),
        (
            R::Unauthorised { why: text() },
            ["reschedule 1 +800 unauthorised", "1 waiting +800"],
            ["reschedule 1 +800 unauthorised", "1 in doubt +800"],
        ),
        (
            R::InDoubt { why: text() },
            ["reschedule 1 +100 in_doubt", "1 in doubt +100"],
            ["reschedule 1 +800 in_doubt", "1 in doubt +800"],
        ),
        (
            R::NotServiceNow { what: text() },
            ["reschedule 1 +800 not_servicenow", "1 in doubt +800"],
            ["reschedule 1 +800 not_servicenow", "1 in doubt +800"],
        ),
        (
            R::NotLanded,
            ["reschedule 1 +800 not_landed", "1 in doubt +800"],
            ["reschedule 1 +800 not_landed", "1 waiting +800"],
        ),
        (
            R::LookUpForbidden,
            ["reschedule 1 +800 look_up_forbidden", "1 in doubt +800"],
            ["reschedule 1 +800 look_up_forbidden", "1 waiting +800"],
        ),
    ]
}

fn sent() -> Scene {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1);
    scene
}

fn looked_up() -> Scene {
    let mut scene = sent();
    scene.recovers(1, 1).due(1, 1);
    scene
}

#[test]
fn every_answer_to_a_call_and_to_a_look_up_has_its_one_consequence() {
    for (reply, of_call, of_look_up) in rows() {
        for (mut scene, expected) in [(sent(), of_call), (looked_up(), of_look_up)] {
            scene.so_far().answers(100, 1, reply.clone());
            let mut seen: Vec<String> = scene.effects.iter().map(scene::line).collect();
            seen.push(scene::stand(&scene.conversation).join(", "));
            assert_eq!(seen, expected, "{reply:?}");
        }
    }
}

#[test]
fn what_was_withdrawn_in_flight_is_not_called_again_whatever_the_answer() {
    for (reply, of_call, of_look_up) in rows() {
        for (mut scene, expected) in [(sent(), of_call), (looked_up(), of_look_up)] {
            scene.rules.withdraw = WithdrawAction::None;
            scene.arrives(50, a_withdraw("w")).so_far().answers(100, 1, reply.clone());
            let withdrawn = ["settle 1 superseded withdrawn", ""];
            let expected = if expected[1].contains("waiting") { withdrawn } else { expected };
            let mut seen: Vec<String> = scene.effects.iter().map(scene::line).collect();
            seen.push(scene::stand(&scene.conversation).join(", "));
            assert_eq!(seen, expected, "{reply:?}");
        }
    }
}

#[test]
fn an_agent_who_stays_away_uses_up_the_pauses_inside_the_ring_time() {
    let mut scene = sent();
    let mut now = 0;
    for pause in [500, 1_000, 2_000, 4_000] {
        scene.so_far().answers(now, 1, AwaReply::AgentUnavailable);
        now += pause;
        scene.stands([&format!("1 waiting +{now}")]).due(now, 1);
    }
    scene.so_far().answers(now, 1, AwaReply::AgentUnavailable);
    scene.said(["settle 1 dead agent_unavailable"]);
}

#[test]
fn no_pause_for_an_absent_agent_reaches_past_the_deadline() {
    let mut scene = sent();
    scene.so_far().answers(29_500, 1, AwaReply::AgentUnavailable);
    scene.said(["settle 1 dead agent_unavailable"]);
}

#[test]
fn a_corrected_offered_on_is_tried_once() {
    let mut scene = sent();
    scene.answers(10, 1, AwaReply::ClockSkew).due(10, 1).so_far();
    scene.answers(20, 1, AwaReply::ClockSkew).said(["settle 1 dead clock_skew"]);
}

#[test]
fn where_doubt_is_to_end_a_forbidden_look_up_makes_a_dead_letter() {
    let mut scene = looked_up();
    scene.rules.doubt = Doubt::Dead;
    scene.so_far().answers(100, 1, AwaReply::LookUpForbidden);
    scene.said(["settle 1 dead in_doubt"]);
}

#[test]
fn a_withdraw_finds_a_closed_document_in_place() {
    let mut scene = Scene::new();
    scene.rules.withdraw = WithdrawAction::CloseDocument;
    scene.arrives(0, an_offer("e1")).lands(0, 1, Some(sys_id('1')));
    scene.arrives(1, a_withdraw("e2")).so_far();
    scene.due(1, 2).said(["call 2 close_document try 1 until +600001"]);
    scene.answers(2, 2, AwaReply::DocumentClosed);
    scene.said(["settle 2 delivered already_in_place"]);
}

#[test]
fn the_story_keeps_the_answer_word_for_word() {
    let mut scene = sent();
    let answer = Answer { status: Some(429), message: "slow down".to_owned() };
    let (entry, reply) = (EntryId(1), AwaReply::Busy { wait: Wait::BackOff });
    let (elapsed_ms, retry_in, at) = (40, 700, at(40));
    let claim = scene.claim_of(1);
    let answered = Answered { reply, answer: answer.clone(), elapsed_ms };
    scene.decide(Input::Reply { entry, claim, answered, retry_in, at });
    let story = &scene.conversation.entries[0].story;
    assert_eq!(story.last_answer.as_ref(), Some(&answer));
    let attempt = Attempt {
        call: CallKind::Offer,
        at: START,
        elapsed_ms: Some(40),
        status: Some(429),
        meaning: Some(Meaning::Busy.into()),
        message: Some("slow down".to_owned()),
    };
    assert_eq!(story.calls, [attempt]);
}

#[test]
fn an_answer_to_another_claim_changes_nothing() {
    let mut scene = sent();
    scene.answers(10, 1, AwaReply::NotSent { why: "refused".to_owned() }).due(800, 1).so_far();
    let (claim, before) = (scene.claim_of(1), scene.conversation.clone());
    let landed = AwaReply::Landed { work_item: None };
    let answered = Answered { reply: landed, answer: Answer::default(), elapsed_ms: 40 };
    let stale = ClaimId::after(None);
    assert_eq!(claim, ClaimId::after(Some(stale)));
    let (entry, retry_in) = (EntryId(1), 700);
    scene.decide(Input::Reply { entry, claim: stale, answered, retry_in, at: at(900) }).said([]);
    assert_eq!(scene.conversation, before);
    scene
        .answers(901, 1, AwaReply::Landed { work_item: None })
        .said(["settle 1 delivered confirmed"]);
}

#[test]
fn a_call_leaves_before_its_answer_could_come_too_late_for_its_claim() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(100, 1);
    let options = scene.effects.iter().find_map(|effect| match effect {
        Effect::Call { options, .. } => Some(*options),
        _ => None,
    });
    let options = options.expect("a call");
    assert_eq!((options.claim, options.leave_by), (ClaimId::after(None), at(5_100)));
    assert!(options.leave_by <= options.deadline);
}

#[test]
fn a_repeat_says_when_the_offer_was_first_made() {
    let window = |scene: &mut Scene| {
        let call = scene.effects.iter().rev().find_map(|effect| match effect {
            Effect::Call { call: AwaCall::Offer { window, .. }, .. } => Some(*window),
            _ => None,
        });
        call.expect("an offer").offered_on
    };
    let mut scene = sent();
    scene.due(0, 1);
    let first = scene.conversation.entries[0].story.offered_on.expect("it is kept");
    let busy = AwaReply::Busy { wait: Wait::BackOff };
    scene.answers(10, 1, busy).so_far();
    scene.due(800, 1);
    assert_eq!(window(&mut scene), first);
}

#[test]
fn not_to_find_a_call_proves_nothing_while_it_may_still_land() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(100, 1);
    scene.is_taken_over(6_000, 1, 19_000).due(6_100, 1).answers(6_200, 1, AwaReply::NotLanded);
    scene.effects.clear();
    assert_eq!(scene.conversation.next_due().map(|due| due.at), Some(at(19_000)));
    scene.due(19_000, 1).said(["look up 1 offer since +100 until +30000"]);
    scene.answers(19_100, 1, AwaReply::NotLanded).due(19_400, 1);
    assert!(scene.effects.iter().any(|effect| matches!(effect, Effect::Call { .. })));
}

#[test]
fn a_look_up_that_began_while_the_call_could_still_land_proves_nothing_when_it_is_answered_later() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(100, 1);
    scene.is_taken_over(6_000, 1, 8_000).due(7_900, 1).answers(8_100, 1, AwaReply::NotLanded);
    scene.effects.clear();
    scene.due(8_100, 1).said(["look up 1 offer since +100 until +30000"]);
    scene
        .answers(8_200, 1, AwaReply::Landed { work_item: None })
        .said(["settle 1 delivered found_by_look_up"]);
}

#[test]
fn a_look_up_that_is_taken_over_leaves_the_call_in_doubt_as_long_as_it_was() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(100, 1);
    scene.is_taken_over(6_000, 1, 19_000).due(6_100, 1);
    scene.is_taken_over(12_000, 1, 25_000).due(12_100, 1).answers(12_200, 1, AwaReply::NotLanded);
    assert_eq!(scene.conversation.next_due().map(|due| due.at), Some(at(19_000)));
}

#[test]
fn an_answer_from_before_a_replay_does_not_count_for_the_call_after_it() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(100, 1);
    let before = scene.conversation.entries[0].story.claim;
    scene.recovers(200, 1).discards(300, 1);
    let (entry, event, at) = (EntryId(1), an_offer("e1"), at(400));
    scene.decide(Input::Replay { entry, event, claim: before, at }).due(500, 1);
    let claim = scene.conversation.entries[0].story.claim;
    assert!(claim > before, "{claim:?}");
}
