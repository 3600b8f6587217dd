//! What the reference model holds of one event: what it asks for, what ServiceNow has said of it, how it ended. Written from
//! the contract's words, without a look at stages, entries or effects.

use std::collections::HashMap;

use super::history::{external_id, user};
use super::witness::number_of;
use crate::routing::*;

/// One accepted event.
pub(super) struct Fate {
    pub(super) event: RoutingEvent,
    /// Its place among all that was accepted; a replay goes to the end.
    pub(super) order: usize,
    /// Since when nothing but its turn keeps its call: accepted, replayed, or mapped again.
    pub(super) ready_since: UnixMillis,
    /// Nothing leaves for it from this moment on.
    pub(super) deadline: UnixMillis,
    /// What it means, as far as it was known when it came.
    document: Option<DocumentRef>,
    queue: Option<VendorQueueId>,
    /// The tables lack something that it needs, and have lacked it at some time.
    unmapped: bool,
    pub(super) was_unmapped: bool,
    /// It says what was just said under another id.
    pub(super) told_before: bool,
    /// A later withdraw has taken it back.
    pub(super) withdrawn: bool,
    /// A person has given it up.
    pub(super) discarded: bool,
    pub(super) end: Option<(Outcome, String)>,
    pub(super) asked: Asked,
}

/// What was asked of ServiceNow for an event, and what that has brought.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) on_the_way: bool,
    /// A call may have been carried out, and no look-up has cleared that.
    pub(super) doubt: bool,
    /// The policy or a person has allowed to repeat what may have been carried out.
    pub(super) excused: bool,
    /// The first call; a repeat must ask for the same.
    pub(super) first: Option<AwaCall>,
    pub(super) calls: usize,
    /// Answers that ask for the call again.
    pub(super) invitations: usize,
    pub(super) unavailable: usize,
    pub(super) skewed: usize,
    /// ServiceNow has said that it is done.
    pub(super) confirmed: bool,
    /// It was refused for a state that is probably the one that was wanted.
    pub(super) presumed: bool,
    pub(super) refused: bool,
    pub(super) too_late: bool,
    /// The last answer leaves nothing to be done.
    pub(super) settled: bool,
}

/// What a conversation has told so far.
#[derive(Default)]
pub(super) struct Known {
    document: Option<DocumentRef>,
    queue: Option<VendorQueueId>,
    /// The last event but binds, if it put work before one agent on a leg.
    ring: Option<Ring>,
}

struct Ring {
    kind: Kind,
    leg: SegmentId,
    agent: VendorAgentId,
    occurred_at: UnixMillis,
}

impl Fate {
    /// The event as it is understood on arrival.
    pub(super) fn new(
        event: RoutingEvent,
        known: &mut Known,
        at: UnixMillis,
        rules: &Rules,
    ) -> Self {
        let document = event.document.clone().or_else(|| known.document.clone());
        let queue = match &event.action {
            Action::Transfer { .. } => known.queue.clone().or_else(|| event.queue.clone()),
            _ => event.queue.clone().or_else(|| known.queue.clone()),
        };
        known.document.clone_from(&document);
        if event.queue.is_some() {
            known.queue.clone_from(&event.queue);
        }
        if let Action::Transfer {
            kind: TransferKind::Blind, target: VendorTarget::Queue(to), ..
        } = &event.action
            && queue.is_some()
        {
            known.queue = Some(to.clone());
        }
        Self {
            order: 0,
            ready_since: at,
            deadline: deadline(&event, at, rules),
            document,
            queue,
            unmapped: false,
            was_unmapped: false,
            told_before: known.hears(&event, rules.told_twice),
            withdrawn: false,
            discarded: false,
            end: None,
            asked: Asked::default(),
            event,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn is_withdraw(&self) -> bool {
        self.event.kind() == Kind::Withdraw
    }

    /// Whether a withdraw of this leg takes it back.
    pub(super) fn is_taken_back_by(&self, withdraw: &RoutingEvent) -> bool {
        let kept = [Kind::ConsultEnd, Kind::Withdraw, Kind::Bind].contains(&self.event.kind());
        let same_leg = same_leg(&self.event.segment, &withdraw.segment);
        !kept && same_leg && self.event.conversation == withdraw.conversation
    }

    /// Whether it may have to wait for something that neither it nor its conversation has said.
    pub(super) fn lacks_something(&self) -> bool {
        match &self.event.action {
            Action::Offer { .. } | Action::Transfer { .. } => {
                self.document.is_none() || self.queue.is_none()
            }
            Action::ConsultEnd { .. } => self.document.is_none(),
            // They want a work item, which only ServiceNow's answer to an offer brings.
            Action::Assign { .. } | Action::Accept { .. } | Action::Reject { .. } => true,
            Action::Withdraw | Action::Bind => false,
        }
    }

    /// Whether nothing that came of it so far could keep its call.
    pub(super) fn could_leave(&self, now: UnixMillis) -> bool {
        let calls = !matches!(self.event.kind(), Kind::Withdraw | Kind::Bind);
        let whole = !self.unmapped && !self.lacks_something();
        let fresh = self.asked.calls == 0 && self.ready_since <= now && now < self.deadline;
        calls && whole && fresh
    }

    /// Whether it surely waits for a mapping, which lets others pass.
    pub(super) fn lets_pass(&self, now: UnixMillis) -> bool {
        let fresh = self.asked.calls == 0 && self.ready_since <= now && !self.is_withdraw();
        fresh && self.unmapped && !self.lacks_something()
    }

    /// Whether it answers for an agent what that event puts before them: then it waits for it.
    pub(super) fn waits_for(&self, earlier: &Self) -> bool {
        let (Action::Accept { agent, .. } | Action::Reject { agent, .. }) = &self.event.action
        else {
            return false;
        };
        let same_leg = same_leg(&self.event.segment, &earlier.event.segment);
        self.asked.calls == 0 && same_leg && agent_of(&earlier.event) == Some(agent)
    }

    /// The tables have these names now.
    pub(super) fn maps(&mut self, names: &[&str], now: UnixMillis) {
        let unmapped = !self.is_mapped_by(names);
        let before = std::mem::replace(&mut self.unmapped, unmapped);
        self.was_unmapped |= self.unmapped;
        if before && !self.unmapped {
            self.ready_since = self.ready_since.max(now);
        }
    }

    /// Whether the tables with these names have all that it needs.
    fn is_mapped_by(&self, names: &[&str]) -> bool {
        let has = |name: &str| names.contains(&name);
        let queue = self.queue.as_ref().is_none_or(|queue| has(queue.as_str()));
        match &self.event.action {
            Action::Offer { agent, .. } => has(agent.as_str()) && queue,
            Action::Transfer { target: VendorTarget::Agent(agent), .. } => {
                has(agent.as_str()) && queue
            }
            Action::Transfer { target: VendorTarget::Queue(to), .. } => has(to.as_str()) && queue,
            Action::Assign { agent, .. } | Action::Accept { agent, .. } => has(agent.as_str()),
            Action::Reject { agent, .. } => has(agent.as_str()) && has("*"),
            Action::Withdraw => has("anna") && has("ben") && has("*"),
            Action::ConsultEnd { .. } | Action::Bind => true,
        }
    }

    /// What is wrong with a call that leaves for it, if anything is.
    pub(super) fn fault_of(
        &self,
        call: &AwaCall,
        items: &HashMap<(SysId, ConversationId), usize>,
    ) -> Option<String> {
        let same_document = |document: &DocumentRef| match &self.document {
            Some(known) => known == document,
            None => true,
        };
        let same_queue = |queue: &ExternalId| match &self.queue {
            Some(known) => *queue == external_id(known.as_str()),
            None => true,
        };
        let is = |agent: &VendorAgentId, who: &SysId| user(agent.as_str()) == *who;
        let made_for = |item: &SysId| items.get(&(*item, self.event.conversation.clone()));
        let ours = |item: &SysId| made_for(item).is_some();
        let (segment, occurred_at) = (&self.event.segment, self.event.occurred_at);
        let fits = match (&self.event.action, call) {
            (
                Action::Offer { agent, timeout_seconds, .. },
                AwaCall::Offer { document, segment: leg, queue, agent: who, window, .. },
            ) => {
                let timeout_seconds = timeout_seconds.unwrap_or(30);
                let said = OfferWindow { offered_on: occurred_at, timeout_seconds };
                let same = same_document(document) && same_queue(queue) && leg == segment;
                same && is(agent, who) && *window == said
            }
            (
                Action::Transfer { kind, target, .. },
                AwaCall::Transfer { document, segment: leg, source_queue, kind: how, target: to },
            ) => {
                let same_target = match (target, to) {
                    (VendorTarget::Agent(agent), TransferTarget::Agent(who)) => is(agent, who),
                    (VendorTarget::Queue(queue), TransferTarget::Queue(to)) => {
                        *to == external_id(queue.as_str())
                    }
                    _ => false,
                };
                let same = same_document(document) && same_queue(source_queue) && leg == segment;
                same && kind == how && same_target
            }
            (Action::Assign { agent, .. }, AwaCall::Assign { work_item: item, agent: who, .. })
            | (Action::Accept { agent, .. }, AwaCall::Accept { work_item: item, agent: who })
            | (Action::Reject { agent, .. }, AwaCall::Reject { work_item: item, agent: who, .. }) => {
                is(agent, who) && ours(item)
            }
            (
                Action::ConsultEnd { hand_over },
                AwaCall::EndConsult { document, hand_over: theirs },
            ) => same_document(document) && hand_over == theirs,
            (Action::Withdraw, AwaCall::EndConsult { hand_over, .. }) => !hand_over,
            (Action::Withdraw, AwaCall::CloseDocument { document }) => same_document(document),
            (Action::Withdraw, AwaCall::Reject { work_item: item, .. }) => {
                made_for(item).is_some_and(|offer| *offer < number_of(self.event.id.as_str()))
            }
            _ => false,
        };
        (!fits).then(|| format!("asks ServiceNow for something else than the event says: {call:?}"))
    }
}

impl Known {
    /// Whether this says what was just said under another id; remembers it if not.
    fn hears(&mut self, event: &RoutingEvent, told_twice: u64) -> bool {
        if event.kind() == Kind::Bind {
            return false;
        }
        let ring = ring(event);
        let again = match (&self.ring, &ring) {
            (Some(before), Some(now)) => {
                before.kind == now.kind
                    && before.leg == now.leg
                    && before.agent == now.agent
                    && before.occurred_at.0.abs_diff(now.occurred_at.0) < told_twice
            }
            (None, _) | (_, None) => false,
        };
        if !again {
            self.ring = ring;
        }
        again
    }
}

/// Whether one event is about the other's leg: a leg that is not named is any.
fn same_leg(ours: &Option<SegmentId>, theirs: &Option<SegmentId>) -> bool {
    ours.is_none() || theirs.is_none() || ours == theirs
}

/// The one agent whom an event puts work before.
const fn agent_of(event: &RoutingEvent) -> Option<&VendorAgentId> {
    match &event.action {
        Action::Offer { agent, .. }
        | Action::Assign { agent, .. }
        | Action::Transfer { target: VendorTarget::Agent(agent), .. } => Some(agent),
        _ => None,
    }
}

fn ring(event: &RoutingEvent) -> Option<Ring> {
    let agent = agent_of(event)?.clone();
    let (kind, leg) = (event.kind(), event.segment.clone()?);
    Some(Ring { kind, leg, agent, occurred_at: event.occurred_at })
}

/// The work item that an event brings along.
pub(super) fn named_item(event: &RoutingEvent) -> Option<SysId> {
    match event.action {
        Action::Assign { work_item, .. }
        | Action::Accept { work_item, .. }
        | Action::Reject { work_item, .. } => work_item,
        _ => None,
    }
}

/// The end of the ring time, or of all patience; a vendor's clock that runs ahead prolongs nothing.
pub(super) fn deadline(event: &RoutingEvent, at: UnixMillis, rules: &Rules) -> UnixMillis {
    if let Action::Offer { timeout_seconds, .. } = event.action {
        event.occurred_at.min(at).plus(u64::from(timeout_seconds.unwrap_or(30)) * 1_000)
    } else {
        at.plus(rules.give_up_after)
    }
}
