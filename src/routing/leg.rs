//! What a conversation remembers of its legs: whom it rang, who accepted, whose leg has ended, and when each of it
//! happened.
//!
//! The moments are the vendor's own (`occurred_at`), so that what comes in the wrong order is still understood.
//! Bounded: the oldest is forgotten first, those that have ended before the others.

use serde::{Deserialize, Serialize};

use super::{
    Action, Conversation, ConversationId, Entry, EventId, Kind, Reason, RoutingEvent, SegmentId,
    UnixMillis, VendorAgentId, VendorTarget, WorkItem,
};

/// One leg; without segment and agent, the conversation as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) conversation: ConversationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<SegmentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<VendorAgentId>,
    /// When the agent was last rung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rung: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<UnixMillis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<UnixMillis>,
    /// Why its ring has brought no card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<Reason>,
}

/// An event that put work before one agent on one leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    pub(crate) event: EventId,
    pub(crate) conversation: ConversationId,
    pub(crate) kind: Kind,
    pub(crate) segment: SegmentId,
    pub(crate) agent: VendorAgentId,
    pub(crate) occurred_at: UnixMillis,
}

impl Leg {
    fn of(event: &RoutingEvent) -> Self {
        Self {
            conversation: event.conversation.clone(),
            segment: event.segment.clone(),
            agent: event.agent().cloned(),
            rung: None,
            accepted: None,
            ended: None,
            failed: None,
        }
    }

    /// Whether this stands for the conversation as a whole.
    pub(super) const fn is_whole(&self) -> bool {
        self.segment.is_none() && self.agent.is_none()
    }

    /// Whether this is the leg that is named so.
    pub(super) fn is(
        &self,
        conversation: &ConversationId,
        segment: Option<&SegmentId>,
        agent: Option<&VendorAgentId>,
    ) -> bool {
        self.conversation == *conversation
            && same_leg((self.segment.as_ref(), self.agent.as_ref()), (segment, agent))
    }
}

/// Whether two names of a leg, each a segment, an agent or both, can be of the same one: what both say has to agree,
/// and something has to be said by both.
pub(super) fn same_leg(
    ours: (Option<&SegmentId>, Option<&VendorAgentId>),
    theirs: (Option<&SegmentId>, Option<&VendorAgentId>),
) -> bool {
    let segments = ours.0.zip(theirs.0).map(|(ours, theirs)| ours == theirs);
    let agents = ours.1.zip(theirs.1).map(|(ours, theirs)| ours == theirs);
    match (segments, agents) {
        (Some(segments), Some(agents)) => segments && agents,
        (Some(same), None) | (None, Some(same)) => same,
        (None, None) => false,
    }
}

impl Conversation {
    /// How many legs are remembered.
    pub(crate) const LEGS: usize = 32;
    /// How many events are remembered that the next may repeat.
    pub(crate) const RECENT: usize = 16;

    /// The newest leg of that name.
    pub(super) fn leg(&self, event: &RoutingEvent) -> Option<&Leg> {
        let (segment, agent) = (event.segment.as_ref(), event.agent());
        self.legs.iter().rev().find(|leg| leg.is(&event.conversation, segment, agent))
    }

    fn leg_mut(&mut self, event: &RoutingEvent) -> &mut Leg {
        let (segment, agent) = (event.segment.as_ref(), event.agent());
        let whole = segment.is_none() && agent.is_none();
        let named = |leg: &Leg| {
            if whole {
                leg.is_whole() && leg.conversation == event.conversation
            } else {
                leg.is(&event.conversation, segment, agent)
            }
        };
        let position = match self.legs.iter().rposition(named) {
            Some(position) => position,
            None => self.add_leg(Leg::of(event)),
        };
        &mut self.legs[position]
    }

    fn add_leg(&mut self, leg: Leg) -> usize {
        if self.legs.len() >= Self::LEGS {
            let over = self.legs.iter().position(|leg| leg.ended.is_some() && !leg.is_whole());
            self.legs.remove(over.unwrap_or(0));
        }
        self.legs.push(leg);
        self.legs.len() - 1
    }

    /// Notes that the agent of an offer is rung.
    pub(super) fn rings(&mut self, event: &RoutingEvent) {
        let known = self.legs.iter().rposition(|leg| {
            let same = leg.is(&event.conversation, event.segment.as_ref(), event.agent());
            same && (leg.rung.is_none() || leg.segment == event.segment)
        });
        let again = |leg: &Leg| leg.segment.is_none() && leg.rung.is_some();
        let position = match known.filter(|position| !again(&self.legs[*position])) {
            Some(position) => position,
            None => self.add_leg(Leg::of(event)),
        };
        let leg = &mut self.legs[position];
        leg.agent = event.agent().cloned();
        leg.segment = event.segment.clone().or_else(|| leg.segment.take());
        let again = leg.rung.is_some();
        if again && leg.accepted.is_some_and(|accepted| accepted <= event.occurred_at) {
            leg.accepted = None;
        }
        if leg.ended.is_some_and(|ended| ended <= event.occurred_at) {
            leg.ended = None;
        }
        leg.failed = None;
        leg.rung = Some(event.occurred_at);
    }

    /// Notes that the vendor rings the agent of a transfer. Its segment may be that of the agent who transfers.
    pub(super) fn rings_by_transfer(&mut self, event: &RoutingEvent) {
        let of_another = |leg: &Leg| {
            leg.segment.is_some()
                && leg.segment == event.segment
                && leg.agent.as_ref() != event.agent()
        };
        if self.legs.iter().any(of_another) {
            self.rings(&RoutingEvent { segment: None, ..event.clone() });
        } else {
            self.rings(event);
        }
    }

    /// Notes that the agent of an accept has answered; after the end of the leg it is another one, whose ring is on its
    /// way.
    pub(super) fn accepts(&mut self, event: &RoutingEvent) {
        let over = |leg: &Leg| {
            let rung_since = |ended| leg.rung.is_some_and(|rung| rung > ended);
            leg.ended.is_some_and(|ended| ended < event.occurred_at && !rung_since(ended))
        };
        if self.leg(event).is_some_and(over) {
            self.add_leg(Leg::of(event));
        }
        let leg = self.leg_mut(event);
        leg.accepted = Some(leg.accepted.map_or(event.occurred_at, |at| at.min(event.occurred_at)));
    }

    /// Notes that a leg, or the conversation as a whole, has ended.
    pub(super) fn ends(&mut self, event: &RoutingEvent) {
        let leg = self.leg_mut(event);
        leg.ended = Some(leg.ended.map_or(event.occurred_at, |at| at.max(event.occurred_at)));
    }

    /// Notes what became of a ring that brought no card; none once it may bring one again.
    pub(super) fn fails(&mut self, event: &RoutingEvent, why: Option<Reason>) {
        let (segment, agent) = (event.segment.as_ref(), event.agent());
        let rung = |leg: &&mut Leg| leg.is(&event.conversation, segment, agent);
        if let Some(leg) = self.legs.iter_mut().rev().find(rung) {
            leg.failed = why;
        }
    }

    /// The end of the leg of that name.
    pub(super) fn leg_end(
        &self,
        conversation: &ConversationId,
        segment: Option<&SegmentId>,
        agent: Option<&VendorAgentId>,
    ) -> Option<UnixMillis> {
        let legs = self.legs.iter().filter(|leg| leg.is(conversation, segment, agent));
        legs.filter_map(|leg| leg.ended).max()
    }

    /// The end of that leg, where it is known to be this agent's.
    pub(super) fn agents_end(
        &self,
        conversation: &ConversationId,
        segment: Option<&SegmentId>,
        agent: &VendorAgentId,
    ) -> Option<UnixMillis> {
        let legs = self.legs.iter().filter(|leg| {
            leg.agent.as_ref() == Some(agent) && leg.is(conversation, segment, Some(agent))
        });
        legs.filter_map(|leg| leg.ended).max()
    }

    /// Whether the agent of a ring has answered it, by an accept that has given up waiting for the ring.
    pub(super) fn has_answered(&self, ring: &RoutingEvent) -> bool {
        let answer = |entry: &Entry| {
            matches!(entry.event.action, Action::Accept { .. })
                && entry.event.agent() == ring.agent()
                && entry.event.conversation == ring.conversation
        };
        let accepted = self.leg(ring).and_then(|leg| leg.accepted);
        accepted.is_some_and(|accepted| accepted >= ring.occurred_at) && !self.entries().any(answer)
    }

    /// When the same leg was rung again, later than by this event.
    pub(super) fn rung_since(&self, event: &RoutingEvent) -> Option<UnixMillis> {
        let same = |leg: &&Leg| {
            leg.segment == event.segment
                && leg.is(&event.conversation, event.segment.as_ref(), event.agent())
        };
        let rung = self.legs.iter().filter(same).filter_map(|leg| leg.rung).max();
        rung.filter(|rung| *rung > event.occurred_at)
    }

    /// When another agent whom the bridge has rung has accepted, later than a transfer was made.
    pub(super) fn accepted_since(&self, event: &RoutingEvent) -> Option<UnixMillis> {
        let other = |leg: &&Leg| {
            leg.conversation == event.conversation
                && leg.rung.is_some()
                && leg.agent.as_ref() != event.agent()
        };
        let accepted = self.legs.iter().filter(other).filter_map(|leg| leg.accepted).max();
        accepted.filter(|accepted| *accepted > event.occurred_at)
    }

    /// When the conversation as a whole has ended.
    pub(super) fn whole_end(&self, conversation: &ConversationId) -> Option<UnixMillis> {
        let whole = |leg: &&Leg| leg.is_whole() && leg.conversation == *conversation;
        self.legs.iter().find(whole).and_then(|leg| leg.ended)
    }

    /// When the agent who has a work item has left it; none while the leg goes on.
    pub(super) fn left_at(&self, item: &WorkItem) -> Option<UnixMillis> {
        let conversation = item.conversation.as_ref()?;
        let (segment, agent) = (item.segment.as_ref(), item.agent.as_ref());
        let ends = [self.leg_end(conversation, segment, agent), self.whole_end(conversation)];
        let leg = self.leg_of(item);
        let begun = leg.and_then(|leg| leg.accepted.max(leg.rung));
        ends.into_iter().flatten().filter(|ended| begun.is_none_or(|begun| begun <= *ended)).min()
    }

    /// When the agent who has a work item has accepted it, where an event reported it.
    pub(super) fn accepted_at(&self, item: &WorkItem) -> Option<UnixMillis> {
        self.leg_of(item).and_then(|leg| leg.accepted)
    }

    /// The newest leg of the agent who has a work item.
    pub(super) fn leg_of(&self, item: &WorkItem) -> Option<&Leg> {
        let conversation = item.conversation.as_ref()?;
        let (segment, agent) = (item.segment.as_ref(), item.agent.as_ref());
        self.legs.iter().rev().find(|leg| leg.is(conversation, segment, agent))
    }

    /// The event that this one repeats: the same kind, leg and agent at nearly the same moment.
    pub(super) fn repeated_by(&self, event: &RoutingEvent, window: u64) -> Option<&EventId> {
        let now = Recent::of(event)?;
        let same = |before: &&Recent| {
            let apart = before.occurred_at.since(now.occurred_at)
                + now.occurred_at.since(before.occurred_at);
            before.kind == now.kind
                && before.conversation == now.conversation
                && before.segment == now.segment
                && before.agent == now.agent
                && apart < window
        };
        self.recent.iter().rev().find(same).map(|before| &before.event)
    }

    /// Remembers an event for [`Self::repeated_by`].
    pub(super) fn remember(&mut self, event: &RoutingEvent) {
        if let Some(recent) = Recent::of(event) {
            if self.recent.len() >= Self::RECENT {
                self.recent.remove(0);
            }
            self.recent.push(recent);
        }
    }
}

impl Recent {
    /// None where the event does not put work before an agent, or does not name the leg.
    fn of(event: &RoutingEvent) -> Option<Self> {
        let agent = match &event.action {
            Action::Offer { agent, .. }
            | Action::Assign { agent, .. }
            | Action::Transfer { target: VendorTarget::Agent(agent), .. } => agent,
            // Repeated, these ring nobody: ServiceNow's state answers for them.
            Action::Transfer { target: VendorTarget::Queue(_), .. }
            | Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => return None,
        };
        Some(Self {
            event: event.id.clone(),
            conversation: event.conversation.clone(),
            kind: event.kind(),
            segment: event.segment.clone()?,
            agent: agent.clone(),
            occurred_at: event.occurred_at,
        })
    }
}
