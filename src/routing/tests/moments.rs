//! Moments that cannot be believed: before the time for which ids are remembered, or far ahead.

use super::*;

const DAY: u64 = 86_400_000;

fn every_kind() -> Vec<RoutingEvent> {
    let consult = TransferKind::Consult;
    vec![
        an_offer("e"),
        an_assign("e"),
        an_accept("e"),
        a_reject("e"),
        a_leave("e"),
        a_consult_end("e"),
        a_transfer("e", TransferKind::Blind, to_queue("care")),
        a_transfer("e", consult, to_agent("ben")),
        event("e", Action::Withdraw),
        event("e", Action::Bind),
    ]
}

fn remembering() -> Scene {
    Scene::under(Rules { memory: 3 * DAY, ..rules() })
}

#[test]
fn what_occurred_before_ids_are_remembered_calls_nothing_whatever_its_kind() {
    for event in every_kind() {
        let mut scene = remembering();
        let kind = event.kind();
        let rings = kind == Kind::Offer;
        scene.arrives(3 * DAY + 1, event);
        let end = if rings { "settle 1 expired late_on_arrival" } else { "settle 1 dead too_old" };
        scene.said(["enqueue 1", end]);
        assert_eq!(scene.conversation, Conversation::default(), "{kind} teaches nothing");
    }
}

#[test]
fn what_is_still_remembered_is_taken() {
    let mut scene = remembering();
    scene.arrives(3 * DAY, an_assign("e")).said(["enqueue 1"]);
}

#[test]
fn a_moment_far_ahead_is_that_of_receipt_and_one_a_little_ahead_stays() {
    for (ahead, believed) in [(MAX_AHEAD, MAX_AHEAD), (MAX_AHEAD + 1, 0), (7_000 * 365 * DAY, 0)] {
        let mut scene = remembering();
        scene.arrives(0, RoutingEvent { occurred_at: START.plus(ahead), ..an_offer("e") });
        let occurred_at = scene.conversation.entries[0].event.occurred_at;
        assert_eq!(occurred_at, START.plus(believed), "{ahead}");
    }
}

#[test]
fn an_end_far_ahead_does_not_outlast_the_rings_that_follow() {
    let mut scene = remembering();
    let end = event("e1", Action::Withdraw);
    scene.arrives(0, RoutingEvent { occurred_at: START.plus(400 * DAY), ..end }).so_far();
    scene.arrives(1_000, RoutingEvent { occurred_at: START.plus(1_000), ..an_offer("e2") });
    scene.said(["enqueue 2"]);
}
