//! Where an entry's time goes: each millisecond is booked once, under its cause.

use super::*;

#[track_caller]
fn waited(scene: &mut Scene) -> Waited {
    let settled = scene.effects.drain(..).find_map(|effect| match effect {
        Effect::Settle { settled, .. } => Some(settled.story.waited),
        Effect::Enqueue { .. }
        | Effect::Call { .. }
        | Effect::LookUp { .. }
        | Effect::Reschedule { .. }
        | Effect::Park { .. }
        | Effect::Resume { .. }
        | Effect::Amend { .. } => None,
    });
    settled.expect("a settled entry")
}

fn due_after(scene: &mut Scene, ms: u64, waited: Waited) {
    scene.decide(Input::Due { entry: EntryId(1), waited, clock: None, at: at(ms) });
}

const NONE: Waited = Waited {
    lane: 0,
    rate_limit: 0,
    backoff: 0,
    retry_after: 0,
    breaker: 0,
    answer: 0,
    mapping: 0,
};

#[test]
fn each_cause_gets_its_own_time_and_all_of_it_adds_up() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1"));
    due_after(&mut scene, 50, Waited { rate_limit: 30, ..NONE });
    scene.answers(90, 1, AwaReply::Busy { wait: Wait::BackOff });
    due_after(&mut scene, 800, Waited { breaker: 4, ..NONE });
    scene.answers(900, 1, AwaReply::Busy { wait: Wait::RetryAfter(1_000) });
    due_after(&mut scene, 1_900, NONE);
    scene.answers(2_000, 1, AwaReply::Landed { work_item: None });
    let expected = Waited {
        lane: 20 + 6,
        rate_limit: 30,
        backoff: 700,
        retry_after: 1_000,
        breaker: 4,
        answer: 40 + 100 + 100,
        mapping: 0,
    };
    assert_eq!(waited(&mut scene), expected);
    assert_eq!(expected.total(), 2_000);
}

#[test]
fn a_dispatcher_that_tells_more_than_went_by_is_cut_short() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1"));
    due_after(&mut scene, 50, Waited { rate_limit: 40, breaker: 40, ..NONE });
    scene.answers(50, 1, AwaReply::Landed { work_item: None });
    assert_eq!(waited(&mut scene), Waited { rate_limit: 40, breaker: 10, ..NONE });
}

#[test]
fn waiting_for_a_document_or_a_mapping_is_told_as_mapping() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1").by("nobody").without_document()).due(0, 1);
    scene.arrives(400, a_bind("b")).so_far().due(400, 1).due(30_000, 1);
    assert_eq!(waited(&mut scene), Waited { mapping: 30_000, ..NONE });
}

#[test]
fn a_pause_that_the_deadline_cut_short_counts_only_what_went_by() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).due(0, 1);
    scene.answers(10, 1, AwaReply::Busy { wait: Wait::RetryAfter(90_000) }).due(30_000, 1);
    assert_eq!(waited(&mut scene), Waited { answer: 10, retry_after: 29_990, ..NONE });
}

#[test]
fn time_is_read_as_a_sentence_of_causes() {
    assert_eq!(NONE.to_string(), "no time");
    let some = Waited { rate_limit: 120, answer: 35, ..NONE };
    assert_eq!(some.to_string(), "rate_limit 120 ms, answer 35 ms");
}
