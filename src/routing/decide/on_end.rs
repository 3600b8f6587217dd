//! The end of a leg, or of the whole conversation: what is not sent of it is taken back, what is sent is left to the
//! entry's turn.

use super::Lane;
use super::on_event::entry;
use super::plan::{self, Subject, concerns};
use crate::routing::leg::same_leg;
use crate::routing::{
    Action, Entry, EntryId, ItemState, Outcome, Reason, ReasonCode, RoutingEvent, Rules, Stage,
    Step, UnixMillis, WithdrawAction, WorkItem,
};

/// Takes back what is not sent, marks what is in flight, and stays in the lane where something is left to undo.
pub(super) fn withdraw(
    lane: &mut Lane,
    id: EntryId,
    event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    lane.conversation.ends(&event);
    let pointless = |entry: &Entry| {
        let taken_back = match entry.event.action {
            Action::Offer { .. }
            | Action::Transfer { .. }
            | Action::Assign { .. }
            | Action::Accept { .. }
            | Action::Reject { .. } => true,
            Action::ConsultEnd { .. } | Action::Withdraw | Action::Leave { .. } | Action::Bind => {
                false
            }
        };
        taken_back && concerns(&lane.conversation, &event, Subject::of(entry))
    };
    let concerned: Vec<EntryId> = lane
        .conversation
        .entries()
        .filter(|entry| entry.ended.is_none() && pointless(entry))
        .map(|entry| entry.id)
        .collect();
    let in_flight = take_back(lane, &concerned, &event, at);
    let conversation = &lane.conversation;
    let open = |item: &WorkItem| {
        item.state == ItemState::Pending && concerns(conversation, &event, Subject::of_item(item))
    };
    let consult = conversation.consult.as_ref();
    let in_consult =
        consult.is_some_and(|consult| concerns(conversation, &event, Subject::of_consult(consult)));
    let pending = conversation.work_items.iter().any(open);
    let by_ring = consult.is_some_and(|consult| consult.by_ring.is_some());
    let entry = entry(id, event, at, rules);
    // The end of a leg may end or complete a consult, also one that the vendor reported.
    let step = plan::next(conversation, &entry, at, rules);
    let ends_consult = by_ring || matches!(step, Ok(Step::EndConsult { .. }));
    let to_undo = in_flight || in_consult || ends_consult || pending;
    let acts =
        rules.withdraw != WithdrawAction::None || rules.withdraw_ends_consult || ends_consult;
    lane.enqueue(entry);
    if !(acts && to_undo) {
        let code = if to_undo {
            ReasonCode::NoActionConfigured
        } else {
            ReasonCode::NothingLeftToWithdraw
        };
        lane.settle(id, Outcome::Delivered, Reason::plain(code), at);
    }
}

/// An agent's leg has ended and the caller stays.
pub(super) fn leave(
    lane: &mut Lane,
    id: EntryId,
    event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    lane.conversation.ends(&event);
    let concerned = rings_ended_by(lane, &event);
    let in_flight = take_back(lane, &concerned, &event, at);
    let conversation = &lane.conversation;
    let pending = conversation.work_items.iter().any(|item| item.state == ItemState::Pending);
    let owed = conversation.entries().any(|entry| entry.ended.is_none());
    let may_act = in_flight || owed || pending || conversation.consult.is_some();
    lane.enqueue(entry(id, event, at, rules));
    if !may_act {
        lane.settle(id, Outcome::Delivered, Reason::plain(ReasonCode::Noted), at);
    }
}

/// A declined leg is not offered any more; also not again, where a call turns out not to have landed.
pub(super) fn end_rings(lane: &mut Lane, event: &RoutingEvent, at: UnixMillis) {
    let concerned = rings_ended_by(lane, event);
    take_back(lane, &concerned, event, at);
}

fn rings_ended_by(lane: &Lane, event: &RoutingEvent) -> Vec<EntryId> {
    let rings = |entry: &&Entry| {
        let offer = matches!(entry.event.action, Action::Offer { .. }) && entry.ended.is_none();
        offer && is_ended_by(&entry.event, event)
    };
    lane.conversation.entries().filter(rings).map(|entry| entry.id).collect()
}

/// Settles those that are not sent, and marks the others; whether a call of one is in flight.
fn take_back(lane: &mut Lane, ids: &[EntryId], event: &RoutingEvent, at: UnixMillis) -> bool {
    let mut in_flight = false;
    for id in ids {
        match lane.entry_mut(*id).map(|entry| (&entry.stage, &mut entry.story)) {
            Some((Stage::Sending | Stage::InDoubt | Stage::LookingUp, story)) => {
                story.withdrawn = true;
                in_flight = true;
            }
            Some((Stage::Waiting | Stage::Held | Stage::Parked { .. }, _)) => {
                let reason =
                    Reason::with(ReasonCode::Withdrawn, format_args!("by event {}", event.id));
                lane.settle(*id, Outcome::Superseded, reason, at);
            }
            None => {}
        }
    }
    in_flight
}

/// Whether the leg of a ring is the one that has ended, and not before it was rung.
fn is_ended_by(ring: &RoutingEvent, end: &RoutingEvent) -> bool {
    let same = same_leg((ring.segment.as_ref(), ring.agent()), (end.segment.as_ref(), end.agent()));
    ring.conversation == end.conversation && same && ring.occurred_at <= end.occurred_at
}
