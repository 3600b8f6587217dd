//! An event arrives: what it teaches, what it makes pointless, and the place that it gets in the lane.

use super::build::{not_allowed, window};
use super::on_end;
use super::{Lane, MAX_AHEAD};
use crate::routing::{
    Action, ClaimId, Conversation, Entry, EntryId, Outcome, Reason, ReasonCode, RoutingEvent,
    Rules, Stage, Story, TransferKind, UnixMillis, VendorTarget,
};

pub(super) fn event(
    lane: &mut Lane,
    id: EntryId,
    mut event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    believe(&mut event, at);
    if at.since(event.occurred_at) > rules.memory {
        too_old(lane, id, event, at, rules);
        return;
    }
    // What only tells an end needs no document: the bridge knows what it has put there.
    if matches!(event.action, Action::Withdraw | Action::Leave { .. }) {
        event.document = event.document.filter(|document| rules.allow(document));
    }
    learn(&mut lane.conversation, &event, rules);
    fill_in(&lane.conversation, &mut event);
    follow_queue(&mut lane.conversation, &event);
    if let Some(reason) = pointless(&lane.conversation, &event, rules) {
        lane.enqueue(entry(id, event, at, rules));
        lane.settle(id, Outcome::Superseded, reason, at);
        return;
    }
    match event.action {
        Action::Bind => {
            let (outcome, reason) = match event.document.as_ref().filter(|it| !rules.allow(it)) {
                Some(document) => (Outcome::Dead, not_allowed(document)),
                None => (Outcome::Delivered, Reason::plain(ReasonCode::Bound)),
            };
            lane.enqueue(entry(id, event, at, rules));
            lane.settle(id, outcome, reason, at);
        }
        Action::Withdraw => on_end::withdraw(lane, id, event, at, rules),
        Action::Leave { .. } => on_end::leave(lane, id, event, at, rules),
        Action::Offer { .. }
        | Action::Transfer { .. }
        | Action::Assign { .. }
        | Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. } => {
            lane.conversation.remember(&event);
            note_leg(lane, &event, at, rules);
            enqueue_or_expire(lane, entry(id, event, at, rules), at);
        }
    }
    lane.wake_held(at);
}

/// A sender's clock may run ahead a little. A moment that lies further ahead is none: it would outlast everything.
fn believe(event: &mut RoutingEvent, at: UnixMillis) {
    if event.occurred_at > at.plus(MAX_AHEAD) {
        event.occurred_at = at;
    }
}

/// Whether it was taken in before is not known any more, so it teaches nothing and calls nothing.
fn too_old(lane: &mut Lane, id: EntryId, event: RoutingEvent, at: UnixMillis, rules: &Rules) {
    let occurred_at = event.occurred_at;
    let is_ring = matches!(event.action, Action::Offer { .. });
    let entry = entry(id, event, at, rules);
    if is_ring && entry.deadline <= at {
        enqueue_or_expire(lane, entry, at);
        return;
    }
    lane.enqueue(entry);
    let reason = Reason::with(
        ReasonCode::TooOld,
        format_args!("it occurred at {occurred_at}, before the time for which ids are remembered"),
    );
    lane.settle(id, Outcome::Dead, reason, at);
}

/// Why an event need not be carried out: it repeats another, or what it is about is over already.
fn pointless(conversation: &Conversation, event: &RoutingEvent, rules: &Rules) -> Option<Reason> {
    if let Some(first) = conversation.repeated_by(event, rules.repeat_window) {
        return Some(Reason::with(ReasonCode::LogicalDuplicate, format_args!("of event {first}")));
    }
    let (whole, occurred_at) = (conversation.whole_end(&event.conversation), event.occurred_at);
    let whole = whole.filter(|ended| *ended >= occurred_at);
    let ended = match &event.action {
        // After its own end at the very same moment a leg may ring again, its conversation not.
        Action::Offer { agent, .. } => {
            let leg = (event.segment.as_ref(), Some(agent));
            let leg_end = conversation.leg_end(&event.conversation, leg.0, leg.1);
            let leg_end = leg_end.filter(|ended| *ended > occurred_at);
            whole.or(leg_end).or_else(|| conversation.rung_since(event))
        }
        Action::Transfer { target: VendorTarget::Agent(agent), .. } => {
            let segment = event.segment.as_ref();
            let leg_end = conversation.agents_end(&event.conversation, segment, agent);
            let leg_end = leg_end.filter(|ended| *ended > occurred_at);
            whole.or(leg_end).or_else(|| conversation.accepted_since(event))
        }
        Action::Transfer { .. } => whole.or_else(|| conversation.accepted_since(event)),
        Action::Assign { .. } => whole,
        Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
        | Action::Leave { .. }
        | Action::Bind => None,
    };
    ended.map(|at| Reason::with(ReasonCode::LegEnded, format_args!("it was over at {at} already")))
}

/// What an event says about its leg.
fn note_leg(lane: &mut Lane, event: &RoutingEvent, at: UnixMillis, rules: &Rules) {
    match &event.action {
        Action::Offer { assignment, .. } => {
            lane.conversation.rings(event);
            // What is accepted by itself is accepted when it is offered.
            if rules.offer.assignment(assignment).enable_auto_assign {
                lane.conversation.accepts(event);
            }
        }
        Action::Accept { .. } => lane.conversation.accepts(event),
        Action::Reject { .. } => {
            lane.conversation.ends(event);
            on_end::end_rings(lane, event, at);
        }
        Action::Transfer { target: VendorTarget::Agent(_), .. } => {
            lane.conversation.rings_by_transfer(event);
        }
        Action::Transfer { target: VendorTarget::Queue(_), .. }
        | Action::Assign { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
        | Action::Leave { .. }
        | Action::Bind => {}
    }
}

pub(super) fn replay(
    lane: &mut Lane,
    (id, mut claim): (EntryId, Option<ClaimId>),
    event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    match lane.conversation.entry(id) {
        Some(entry) if entry.ended.is_none() || entry.stage.is_in_flight() => return,
        Some(entry) => {
            claim = claim.max(entry.story.claim);
            lane.conversation.entries.retain(|entry| entry.id != id);
        }
        None => {}
    }
    lane.conversation.fails(&event, None);
    let mut again = entry(id, event, at, rules);
    again.story.claim = claim;
    enqueue_or_expire(lane, again, at);
}

fn enqueue_or_expire(lane: &mut Lane, entry: Entry, at: UnixMillis) {
    let (id, deadline) = (entry.id, entry.deadline);
    lane.enqueue(entry);
    if deadline <= at {
        let late = match at.since(deadline) {
            ms @ 0..1_000 => format!("{ms} ms"),
            ms => format!("{} s", ms / 1_000),
        };
        let reason = Reason::with(
            ReasonCode::LateOnArrival,
            format_args!("the ring time was over {late} before the event came in"),
        );
        lane.settle(id, Outcome::Expired, reason, at);
    }
}

pub(super) fn entry(id: EntryId, event: RoutingEvent, at: UnixMillis, rules: &Rules) -> Entry {
    Entry {
        id,
        deadline: deadline(&event, at, rules),
        event,
        received_at: at,
        due: at,
        stage: Stage::Waiting,
        story: Story::default(),
        ended: None,
    }
}

/// The end of the ring time for an offer; a vendor's clock that runs ahead does not lengthen it.
fn deadline(event: &RoutingEvent, at: UnixMillis, rules: &Rules) -> UnixMillis {
    match &event.action {
        Action::Offer { timeout_seconds, .. } => {
            window(event.occurred_at.min(at), *timeout_seconds, rules).deadline()
        }
        Action::Transfer { .. }
        | Action::Assign { .. }
        | Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
        | Action::Leave { .. }
        | Action::Bind => at.plus(rules.give_up_after),
    }
}

/// Remembers what the event says of its conversation. A document that is not called for is not the conversation's.
fn learn(conversation: &mut Conversation, event: &RoutingEvent, rules: &Rules) {
    if let Some(document) = event.document.as_ref().filter(|document| rules.allow(document)) {
        conversation.document = Some(document.clone());
    }
    if let Some(channel) = &event.channel {
        conversation.channel = Some(channel.clone());
    }
}

/// Gives the event what the conversation knew when it arrived: a later event must not change its meaning.
fn fill_in(conversation: &Conversation, event: &mut RoutingEvent) {
    if event.document.is_none() {
        event.document.clone_from(&conversation.document);
    }
    if event.channel.is_none() {
        event.channel.clone_from(&conversation.channel);
    }
    if let Action::Offer { .. } = &event.action
        && event.queue.is_none()
    {
        event.queue.clone_from(&conversation.last_queue);
    }
    if let Action::Transfer { source_queue, .. } = &mut event.action
        && source_queue.is_none()
    {
        *source_queue = conversation.last_queue.clone().or_else(|| event.queue.clone());
    }
}

/// The queue in which the conversation is once this event is carried out. While the queue that a transfer comes from
/// is not known at all, its target must not be taken for it.
fn follow_queue(conversation: &mut Conversation, event: &RoutingEvent) {
    if let Some(queue) = &event.queue {
        conversation.last_queue = Some(queue.clone());
    }
    if let Action::Transfer {
        kind: TransferKind::Blind,
        source_queue: Some(_),
        target: VendorTarget::Queue(queue),
    } = &event.action
    {
        conversation.last_queue = Some(queue.clone());
    }
}
