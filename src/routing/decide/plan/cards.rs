//! Who has which card, as far as the bridge knows.

use super::{Plan, Stop, pointless};
use crate::routing::decide::build::{Need, is_same_or_unsaid};
use crate::routing::{
    Action, Channel, DocumentRef, Entry, EntryId, HandOver, ItemState, OpenConsult, ReasonCode,
    RejectReason, Rings, UnixMillis, VendorAgentId, VendorTarget, WorkItem,
};

impl Plan<'_> {
    /// The newest work item that is the agent's on this leg; else one that is with a queue and has no agent yet.
    pub(super) fn own_item(&self, agent: &VendorAgentId) -> Option<&WorkItem> {
        let ours = |item: &WorkItem| {
            item.conversation.as_ref().is_none_or(|theirs| *theirs == self.event.conversation)
        };
        let live = |item: &&WorkItem| {
            ours(item)
                && matches!(item.state, ItemState::Pending | ItemState::Accepted)
                && self.is_document_of(item)
        };
        let of_agent = |item: &&WorkItem| item.agent.as_ref() == Some(agent);
        let named =
            |item: &&WorkItem| self.event.segment.is_some() && item.segment == self.event.segment;
        let newest = || self.conversation.work_items.iter().rev().filter(live);
        let of_leg = |item: &&WorkItem| self.is_of_this_leg(item);
        newest()
            .find(|item| of_agent(item) && named(item))
            .or_else(|| newest().find(|item| of_agent(item) && of_leg(item)))
            .or_else(|| self.queued_item())
    }

    /// A work item that a transfer has put into a queue, for an agent whom the bridge has not rung.
    pub(super) fn queued_item(&self) -> Option<&WorkItem> {
        let rung = self.conversation.leg(self.event).is_some_and(|leg| leg.rung.is_some());
        let mut items = self.conversation.work_items.iter().rev();
        let queued = items.find(|item| item.agent.is_none() && item.state == ItemState::Queued);
        queued.filter(|_| !rung && self.entry.story.moves == 0)
    }

    pub(super) fn is_of_this_leg(&self, item: &WorkItem) -> bool {
        is_same_or_unsaid(self.event.segment.as_ref(), item.segment.as_ref())
    }

    /// Whether a card is before the agent for this ring already: by a transfer that came before it, or by the same ring
    /// reported again. Without a segment, a later ring is another one.
    pub(super) fn is_of_this_ring(&self, item: &WorkItem) -> bool {
        let rings_again = |rung: UnixMillis| {
            let names_leg = self.event.segment.is_some() && item.segment.is_some();
            !names_leg && self.event.occurred_at.since(rung) >= self.rules.repeat_window
        };
        self.is_of_this_leg(item) && !item.rung.is_some_and(rings_again)
    }

    /// The work item that an agent has, a consult's second one apart: pending or accepted.
    pub(super) fn holder(&self) -> Option<&WorkItem> {
        self.conversation.work_items.iter().rev().find(|item| self.is_held(item))
    }

    pub(super) fn holder_but(&self, other: &WorkItem) -> Option<&WorkItem> {
        let mut items = self.conversation.work_items.iter().rev();
        items.find(|item| item.sys_id != other.sys_id && self.is_held(item))
    }

    pub(super) fn is_held(&self, item: &WorkItem) -> bool {
        let held = match item.state {
            ItemState::Accepted => true,
            ItemState::Pending => item.until.is_none_or(|until| until > self.at),
            ItemState::Queued | ItemState::Returned => false,
        };
        held && !item.consult && item.agent.is_some() && self.is_document_of(item)
    }

    pub(super) fn consult(&self) -> Option<&OpenConsult> {
        let document = self.document();
        let ours =
            |consult: &&OpenConsult| document.as_ref().is_none_or(|d| *d == consult.document);
        self.conversation.consult.as_ref().filter(ours)
    }

    pub(super) fn consult_is_by_ring(&self) -> bool {
        self.consult().is_some_and(|consult| consult.by_ring.is_some())
    }

    /// The second agent's work item of the open consult.
    pub(super) fn consult_item(&self) -> Option<&WorkItem> {
        self.consult()?;
        let mut items = self.conversation.work_items.iter().rev();
        items.find(|item| item.consult && self.is_document_of(item))
    }

    pub(super) fn document(&self) -> Option<DocumentRef> {
        let brought =
            self.entry.story.brought.as_ref().and_then(|brought| brought.document.as_ref());
        let known = self.event.document.as_ref().or(brought);
        known.or(self.conversation.document.as_ref()).cloned()
    }

    pub(super) fn document_of(&self, item: &WorkItem) -> Result<DocumentRef, Stop> {
        let known = item.document.clone().or_else(|| self.document());
        known.ok_or(Stop::Unknown(Need::Document))
    }

    pub(super) fn is_document_of(&self, item: &WorkItem) -> bool {
        match (&item.document, self.document()) {
            (Some(theirs), Some(ours)) => *theirs == ours,
            (None, _) | (_, None) => true,
        }
    }

    pub(super) fn rings_several(&self) -> bool {
        self.event.style.rings == Rings::Several
    }

    pub(super) fn hand_over(&self) -> HandOver {
        self.event.style.hand_over.unwrap_or(self.rules.offer.hand_over)
    }

    pub(super) fn default_reason(&self) -> Option<RejectReason> {
        self.rules.directory.reason(None, self.channel())
    }

    pub(super) fn channel(&self) -> Option<&Channel> {
        self.event.channel.as_ref().or(self.conversation.channel.as_ref())
    }
}

/// How an answer to an offer that was never made ends.
pub(in crate::routing::decide) fn no_offer() -> Stop {
    pointless(
        ReasonCode::NoOffer,
        "no card of this agent is there on this leg: none was offered, or it has ended",
    )
}

impl WorkItem {
    /// Whether its card is before an agent, put there by this entry.
    pub(in crate::routing::decide) fn is_pending_by(&self, entry: EntryId) -> bool {
        self.state == ItemState::Pending && self.entry == Some(entry)
    }
}

impl Entry {
    /// Whether it puts work before a queue, and so before any agent.
    pub(in crate::routing::decide) const fn offers_to_any(&self) -> bool {
        matches!(self.event.action, Action::Transfer { target: VendorTarget::Queue(_), .. })
    }

    /// Whether it puts work before this agent, or before a queue.
    pub(in crate::routing::decide) fn offers(&self, agent: Option<&VendorAgentId>) -> bool {
        match &self.event.action {
            Action::Offer { agent: theirs, .. }
            | Action::Assign { agent: theirs, .. }
            | Action::Transfer { target: VendorTarget::Agent(theirs), .. } => {
                agent.is_none_or(|agent| agent == theirs)
            }
            Action::Transfer { target: VendorTarget::Queue(_), .. } => true,
            Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => false,
        }
    }

    /// Whether it may bring the work item that another entry lacks.
    pub(in crate::routing::decide) fn may_bring_item_to(&self, other: &Self) -> bool {
        let brings = match self.event.action {
            Action::Offer { .. } | Action::Transfer { .. } => self.id != other.id,
            Action::Assign { .. } => self.id < other.id,
            Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => false,
        };
        brings && self.ended.is_none()
    }
}
