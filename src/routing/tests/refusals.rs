//! Refusals in words that nobody documents, and documents that are not there yet: tried again inside the ring.

use super::*;

fn unexplained() -> AwaReply {
    AwaReply::Unexplained { why: "L'agent n'est pas disponible".to_owned() }
}

fn not_there() -> AwaReply {
    AwaReply::NotThere { what: "no such interaction".to_owned() }
}

fn sent() -> Scene {
    let mut scene = Scene::new();
    scene.rules.unavailable_pauses = vec![500, 1_000];
    scene.arrives(0, an_offer("e1")).due(0, 1).so_far();
    scene
}

#[test]
fn an_unexplained_refusal_is_looked_up_and_then_tried_again_like_an_agent_who_is_not_available() {
    for nothing in [AwaReply::NotLanded, AwaReply::LookUpForbidden] {
        let mut scene = sent();
        scene.answers(10, 1, unexplained()).said(["reschedule 1 +10 unexplained"]);
        scene.stands(["1 in doubt +10"]).due(10, 1).so_far();
        scene.answers(20, 1, nothing).stands(["1 waiting +520"]);
        scene.so_far().due(520, 1).said(["call 1 offer try 2 until +30000"]);
        scene.answers(530, 1, AwaReply::Landed { work_item: Some(sys_id('1')) });
        scene.said(["settle 1 delivered confirmed"]);
    }
}

#[test]
fn an_unexplained_refusal_of_what_is_in_place_is_no_failure() {
    let mut scene = sent();
    scene.answers(10, 1, unexplained()).due(10, 1).so_far();
    scene.answers(20, 1, AwaReply::Landed { work_item: Some(sys_id('1')) });
    scene.said(["settle 1 delivered found_by_look_up"]);
    let mut scene = sent();
    scene.answers(10, 1, AwaReply::InDoubt { why: String::new() }).due(10, 1);
    scene.answers(20, 1, AwaReply::LookUpForbidden).due(720, 1);
    scene.answers(730, 1, unexplained()).due(730, 1).so_far();
    scene.answers(740, 1, AwaReply::LookUpForbidden);
    scene.said(["settle 1 delivered presumed_in_place"]);
}

#[test]
fn an_unexplained_refusal_that_stays_is_given_up_in_its_own_words() {
    let mut scene = sent();
    let says = |claim: u64, ms: u64, reply: AwaReply, message: &str| Input::Reply {
        entry: EntryId(1),
        claim: ClaimId::of_number(claim).unwrap(),
        answered: Answered {
            reply,
            answer: Answer { status: Some(409), message: message.to_owned() },
            elapsed_ms: 5,
        },
        retry_in: 700,
        at: at(ms),
    };
    for (claim, start) in [(1, 0), (3, 600), (5, 1_700)] {
        let (said, looked_up) = (unexplained(), AwaReply::NotLanded);
        scene.due(start, 1).decide(says(claim, start + 10, said, "pas disponible"));
        scene.due(start + 10, 1).decide(says(claim + 1, start + 20, looked_up, "looked up"));
    }
    let Some(Effect::Settle { outcome, reason, .. }) = scene.effects.pop() else {
        panic!("an end")
    };
    assert_eq!(
        (outcome, reason),
        (Outcome::Dead, Reason::with(ReasonCode::Misconfigured, "pas disponible"))
    );
}

#[test]
fn a_document_that_is_not_there_yet_is_tried_again_inside_the_ring() {
    let mut scene = sent();
    scene.answers(10, 1, not_there()).said(["reschedule 1 +510 not_there"]);
    scene.due(510, 1).answers(520, 1, not_there()).so_far();
    scene.due(1_520, 1).said(["call 1 offer try 3 until +30000"]);
    scene.answers(1_530, 1, not_there()).said(["settle 1 dead misconfigured"]);
    let mut scene = sent();
    scene.answers(29_800, 1, not_there()).said(["settle 1 dead misconfigured"]);
}
