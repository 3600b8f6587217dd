//! An event arrives: what it teaches, what it makes pointless, and the place that it gets in the lane.

use super::Lane;
use super::build::{same_segment, window};
use crate::routing::{
    Action, Conversation, Entry, EntryId, EventId, Latest, Outcome, Reason, RoutingEvent, Rules,
    Stage, Story, TransferKind, UnixMillis, VendorTarget, WithdrawAction,
};

pub(super) fn event(
    lane: &mut Lane,
    id: EntryId,
    mut event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    learn(&mut lane.conversation, &event);
    fill_in(&lane.conversation, &mut event);
    follow_queue(&mut lane.conversation, &event);
    lane.wake_held(at);
    match event.action {
        Action::Bind => {
            lane.enqueue(entry(id, event, at, rules));
            lane.settle(id, Outcome::Delivered, Reason::plain("bound"), at);
        }
        Action::Withdraw => {
            lane.conversation.latest = None;
            withdraw(lane, id, event, at, rules);
        }
        Action::Offer { .. }
        | Action::Transfer { .. }
        | Action::Assign { .. }
        | Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. } => match told_before(&lane.conversation, &event, rules) {
            Some(first) => {
                let reason = Reason::with("logical_duplicate", format_args!("of event {first}"));
                lane.enqueue(entry(id, event, at, rules));
                lane.settle(id, Outcome::Superseded, reason, at);
            }
            None => {
                lane.conversation.latest = latest(&event);
                enqueue_or_expire(lane, entry(id, event, at, rules), at);
            }
        },
    }
}

/// The event right before this one, if it told the same: kind, leg and agent, at nearly the same moment.
fn told_before(
    conversation: &Conversation,
    event: &RoutingEvent,
    rules: &Rules,
) -> Option<EventId> {
    let (before, now) = (conversation.latest.as_ref()?, latest(event)?);
    let apart =
        before.occurred_at.since(now.occurred_at) + now.occurred_at.since(before.occurred_at);
    let same =
        before.kind == now.kind && before.segment == now.segment && before.agent == now.agent;
    (same && apart < rules.told_twice).then(|| before.event.clone())
}

/// What work an event puts before an agent on a leg; none where it does not name both.
fn latest(event: &RoutingEvent) -> Option<Latest> {
    let agent = match &event.action {
        Action::Offer { agent, .. }
        | Action::Assign { agent, .. }
        | Action::Transfer { target: VendorTarget::Agent(agent), .. } => agent,
        // Told twice, these ring nobody twice: ServiceNow's state answers for them.
        Action::Transfer { target: VendorTarget::Queue(_), .. }
        | Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
        | Action::Bind => return None,
    };
    Some(Latest {
        event: event.id.clone(),
        kind: event.kind(),
        segment: event.segment.clone()?,
        agent: agent.clone(),
        occurred_at: event.occurred_at,
    })
}

pub(super) fn replay(
    lane: &mut Lane,
    id: EntryId,
    event: RoutingEvent,
    at: UnixMillis,
    rules: &Rules,
) {
    if lane.position(id).is_none() {
        enqueue_or_expire(lane, entry(id, event, at, rules), at);
    }
}

fn enqueue_or_expire(lane: &mut Lane, entry: Entry, at: UnixMillis) {
    let (id, deadline) = (entry.id, entry.deadline);
    lane.enqueue(entry);
    if deadline <= at {
        let late = at.since(deadline);
        let reason = Reason::with(
            "late_on_arrival",
            format_args!("the ring time was over {late} ms before the event came in"),
        );
        lane.settle(id, Outcome::Expired, reason, at);
    }
}

fn entry(id: EntryId, event: RoutingEvent, at: UnixMillis, rules: &Rules) -> Entry {
    Entry {
        id,
        deadline: deadline(&event, at, rules),
        event,
        received_at: at,
        due: at,
        stage: Stage::Waiting,
        story: Story::default(),
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
        | Action::Bind => at.plus(rules.give_up_after),
    }
}

/// Remembers what the event says of its conversation.
fn learn(conversation: &mut Conversation, event: &RoutingEvent) {
    if let Some(document) = &event.document {
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

/// Takes back what is not sent, marks what is on the way, and stays in the lane where something is left to undo.
fn withdraw(lane: &mut Lane, id: EntryId, event: RoutingEvent, at: UnixMillis, rules: &Rules) {
    let segment = event.segment.clone();
    let pointless = |entry: &&Entry| {
        let taken_back = match entry.event.action {
            Action::Offer { .. }
            | Action::Transfer { .. }
            | Action::Assign { .. }
            | Action::Accept { .. }
            | Action::Reject { .. } => true,
            Action::ConsultEnd { .. } | Action::Withdraw | Action::Bind => false,
        };
        taken_back && same_segment(segment.as_ref(), entry.event.segment.as_ref())
    };
    let concerned: Vec<EntryId> =
        lane.conversation.entries.iter().filter(pointless).map(|entry| entry.id).collect();
    let mut on_the_way = false;
    for other in concerned {
        match lane.entry_mut(other).map(|entry| (&entry.stage, &mut entry.story)) {
            Some((Stage::Sending | Stage::InDoubt | Stage::LookingUp, story)) => {
                story.withdrawn = true;
                on_the_way = true;
            }
            Some((Stage::Waiting | Stage::Held | Stage::Parked { .. }, _)) => {
                let reason = Reason::with("withdrawn", format_args!("by event {}", event.id));
                lane.settle(other, Outcome::Superseded, reason, at);
            }
            None => {}
        }
    }
    let to_undo = on_the_way
        || lane
            .conversation
            .consult
            .as_ref()
            .is_some_and(|consult| consult.is_of(segment.as_ref()))
        || lane.conversation.work_items.iter().any(|item| item.is_open_for(segment.as_ref()));
    let acts = rules.withdraw != WithdrawAction::None || rules.withdraw_ends_consult;
    lane.enqueue(entry(id, event, at, rules));
    if !(acts && to_undo) {
        let code = if to_undo { "no_action_configured" } else { "nothing_left_to_withdraw" };
        lane.settle(id, Outcome::Delivered, Reason::plain(code), at);
    }
}
