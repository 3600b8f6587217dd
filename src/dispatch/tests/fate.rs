//! What the reference model holds of one event: what it asks for, what ServiceNow has said of it, how it ended. Written
//! from the contract's words, without a look at stages, entries or effects.

use std::collections::HashMap;

use super::asked::Asked;
use super::history::{external_id, user};
use super::known::Known;
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
    pub(super) document: Option<DocumentRef>,
    queue: Option<VendorQueueId>,
    /// The tables lack something that it needs, and have lacked it at some time.
    unmapped: bool,
    pub(super) was_unmapped: bool,
    /// It says for certain what was just said under another id.
    pub(super) find_logical_duplicate: bool,
    /// A later withdraw has for certain taken it back.
    pub(super) withdrawn: bool,
    /// A person has given it up.
    pub(super) discarded: bool,
    pub(super) was_replayed: bool,
    /// It was carried out before a person replayed it.
    pub(super) done_before: bool,
    pub(super) end: Option<(Outcome, String)>,
    pub(super) asked: Asked,
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
        let queue = queue.filter(|_| !known.shared || event.queue.is_some());
        let queue = match &event.action {
            Action::Transfer { .. } if known.shared => None,
            _ => queue,
        };
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
            find_logical_duplicate: known.hears(&event, rules.repeat_window),
            withdrawn: false,
            discarded: false,
            was_replayed: false,
            done_before: false,
            end: None,
            asked: Asked::default(),
            event,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Whether it says that a leg, or the conversation, has ended.
    pub(super) fn is_end(&self) -> bool {
        [Kind::Withdraw, Kind::Leave, Kind::Reject].contains(&self.event.kind())
    }

    /// Whether a withdraw takes it back for certain.
    pub(super) fn is_taken_back_by(&self, withdraw: &RoutingEvent) -> bool {
        let kinds = [Kind::Offer, Kind::Transfer, Kind::Assign, Kind::Accept, Kind::Reject];
        let leg = withdraw.segment.is_none() || self.event.segment == withdraw.segment;
        let ours = self.event.conversation == withdraw.conversation;
        withdraw.kind() == Kind::Withdraw && leg && ours && kinds.contains(&self.event.kind())
    }

    /// Whether that event may have reported the end of its leg.
    pub(super) fn may_be_ended_by(&self, end: &Self) -> bool {
        let same_leg = same_leg(&self.event.segment, &end.event.segment);
        let same_agent = self.event.agent().is_some() && self.event.agent() == end.event.agent();
        end.is_end()
            && (same_leg || same_agent)
            && self.event.conversation == end.event.conversation
    }

    /// The one agent whom it puts work before.
    pub(super) const fn rings(&self) -> Option<&VendorAgentId> {
        agent_of(&self.event)
    }

    /// The agent who has, or is to have, the work by it.
    pub(super) fn brings_to(&self) -> Option<&VendorAgentId> {
        match &self.event.action {
            Action::Accept { agent, .. } => Some(agent),
            _ => self.rings(),
        }
    }

    /// Whether it stands where a person has put it.
    pub(super) fn is_replayed(&self) -> bool {
        self.was_replayed
    }

    /// Whether the agent has the work accepted by it.
    pub(super) fn accepts(&self) -> bool {
        match &self.event.action {
            Action::Accept { .. } | Action::Assign { .. } => true,
            Action::Offer { assignment, .. } => assignment.enable_auto_assign == Some(true),
            _ => false,
        }
    }

    /// When the bridge stops watching the card that it has put before an agent.
    pub(super) fn watched_until(&self, rules: &Rules) -> Option<UnixMillis> {
        let offer = self.event.kind() == Kind::Offer;
        let delivered = matches!(self.end, Some((Outcome::Delivered, _)));
        (offer && delivered).then(|| self.deadline.plus(rules.give_up_after))
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
            Action::Withdraw | Action::Leave { .. } | Action::Bind => false,
        }
    }

    /// Whether nothing that came of it so far could keep its call.
    pub(super) fn could_leave(&self, now: UnixMillis) -> bool {
        let calls = [Kind::Offer, Kind::Transfer, Kind::ConsultEnd].contains(&self.event.kind());
        let whole = !self.unmapped && !self.lacks_something();
        let fresh = self.asked.last.is_none() && self.ready_since <= now && now < self.deadline;
        calls && whole && fresh
    }

    /// Whether it surely waits for a mapping, which lets others pass.
    pub(super) fn lets_pass(&self, now: UnixMillis) -> bool {
        let ends = [Kind::Withdraw, Kind::Leave].contains(&self.event.kind());
        let fresh = self.asked.last.is_none() && self.ready_since <= now && !ends;
        fresh && self.unmapped && !self.lacks_something()
    }

    /// Whether it answers for an agent what that event puts before them: then it waits for it.
    pub(super) fn waits_for(&self, earlier: &Self) -> bool {
        let (Action::Accept { agent, .. } | Action::Reject { agent, .. }) = &self.event.action
        else {
            return false;
        };
        let same_leg = same_leg(&self.event.segment, &earlier.event.segment);
        let same_leg = same_leg && self.event.conversation == earlier.event.conversation;
        self.asked.last.is_none() && same_leg && agent_of(&earlier.event) == Some(agent)
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
            Action::Withdraw | Action::Leave { .. } => has("anna") && has("ben") && has("*"),
            Action::ConsultEnd { .. } | Action::Bind => true,
        }
    }

    /// What is wrong with a call that leaves for it, if anything is.
    pub(super) fn fault_of(&self, call: &AwaCall, items: &HashMap<SysId, usize>) -> Option<String> {
        let same_document = |document: &DocumentRef| match &self.document {
            Some(known) => known == document,
            None => true,
        };
        let same_queue = |queue: &ExternalId| match &self.queue {
            Some(known) => *queue == external_id(known.as_str()),
            None => true,
        };
        let is = |agent: &VendorAgentId, who: &SysId| user(agent.as_str()) == *who;
        let number = number_of(self.event.id.as_str());
        let known = |item: &SysId| items.contains_key(item);
        let before = |item: &SysId| items.get(item).is_some_and(|made_for| *made_for < number);
        let (segment, occurred_at) = (&self.event.segment, self.event.occurred_at);
        let fits = match (&self.event.action, call) {
            (
                Action::Offer { agent, timeout_seconds, .. },
                AwaCall::Offer { document, segment: leg, queue, agent: who, window, .. },
            ) => {
                let timeout_seconds = timeout_seconds.unwrap_or(30);
                let said = OfferWindow { offered_on: occurred_at, timeout_seconds };
                let same = same_document(document) && same_queue(queue) && leg == segment;
                // Never later than the event says; earlier where ServiceNow found that ahead of its clock.
                let window_fits = window.timeout_seconds == said.timeout_seconds
                    && window.offered_on <= said.offered_on;
                same && is(agent, who) && window_fits
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
                is(agent, who) && known(item)
            }
            (
                Action::ConsultEnd { hand_over },
                AwaCall::EndConsult { document, hand_over: theirs },
            ) => same_document(document) && hand_over == theirs,
            // The work is moved to the agent who is rung or has accepted.
            (
                Action::Offer { agent, .. } | Action::Accept { agent, .. },
                AwaCall::Transfer { document, target: TransferTarget::Agent(who), kind, .. },
            ) => {
                let consult = *kind == TransferKind::Consult;
                let rung = self.event.kind() == Kind::Offer;
                same_document(document) && is(agent, who) && (rung || !consult)
            }
            // Whoever has a card gives it up for it.
            (
                Action::Offer { .. } | Action::Accept { .. } | Action::Leave { .. },
                AwaCall::Reject { work_item: item, .. },
            ) => known(item),
            (Action::Withdraw, AwaCall::Reject { work_item: item, .. }) => before(item),
            (Action::Offer { agent, .. }, AwaCall::Accept { work_item: item, agent: who }) => {
                is(agent, who) && known(item)
            }
            (
                Action::Offer { .. }
                | Action::Transfer { .. }
                | Action::Accept { .. }
                | Action::Reject { .. }
                | Action::Withdraw
                | Action::Leave { .. },
                AwaCall::EndConsult { document, .. },
            ) => same_document(document),
            (Action::Withdraw, AwaCall::CloseDocument { document }) => {
                same_document(document) && self.event.segment.is_none()
            }
            _ => false,
        };
        (!fits).then(|| format!("asks ServiceNow for something else than the event says: {call:?}"))
    }
}

impl Fate {
    /// Whether that call does what the event asks for, and nothing that only prepares it.
    pub(super) fn asks_itself(&self, call: &AwaCall) -> bool {
        matches!(
            (&self.event.action, call),
            (Action::Offer { .. }, AwaCall::Offer { .. } | AwaCall::Transfer { .. })
                | (
                    Action::Transfer { .. },
                    AwaCall::Transfer { .. } | AwaCall::EndConsult { hand_over: true, .. },
                )
                | (Action::Assign { .. }, AwaCall::Assign { .. })
                | (Action::Accept { .. }, AwaCall::Accept { .. })
                | (Action::Reject { .. }, AwaCall::Reject { .. } | AwaCall::EndConsult { .. })
                | (Action::ConsultEnd { .. }, AwaCall::EndConsult { .. })
        )
    }

    /// Whether nothing may follow that call, once it has landed.
    pub(super) fn is_done_by(&self, call: &AwaCall) -> bool {
        let auto = matches!(
            &self.event.action,
            Action::Offer { assignment, .. } if assignment.enable_auto_assign == Some(true)
        );
        let more = [Kind::Accept, Kind::Transfer].contains(&self.event.kind());
        let last = !more || matches!(call, AwaCall::Transfer { .. });
        self.asks_itself(call) && last && (!auto || matches!(call, AwaCall::Offer { .. }))
    }

    /// Whether this is the answer to a ring that comes in after it: then the ring's card is accepted as well.
    pub(super) fn has_answered(&self, ring: &Self) -> bool {
        let answer = match &self.event.action {
            Action::Offer { assignment, .. } => assignment.enable_auto_assign == Some(true),
            action => matches!(action, Action::Accept { .. }),
        };
        let rings = matches!(ring.event.action, Action::Offer { .. });
        answer
            && rings
            && self.event.conversation == ring.event.conversation
            && self.event.occurred_at >= ring.event.occurred_at
    }

    /// Whether the event may need several calls.
    pub(super) fn has_steps(&self) -> bool {
        ![Kind::Assign, Kind::ConsultEnd, Kind::Bind].contains(&self.event.kind())
    }
}

/// Whether one event is about the other's leg: a leg that is not named is any.
fn same_leg(ours: &Option<SegmentId>, theirs: &Option<SegmentId>) -> bool {
    ours.is_none() || theirs.is_none() || ours == theirs
}

/// The one agent whom an event puts work before.
pub(super) const fn agent_of(event: &RoutingEvent) -> Option<&VendorAgentId> {
    match &event.action {
        Action::Offer { agent, .. }
        | Action::Assign { agent, .. }
        | Action::Transfer { target: VendorTarget::Agent(agent), .. } => Some(agent),
        _ => None,
    }
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
