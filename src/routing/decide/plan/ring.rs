//! A ring, or a transfer that the vendor tells: whoever has the card gives it up first, or keeps it until the other has
//! answered.

use super::answer::is_ring_of;
use super::{Plan, Stop, done, pointless};
use crate::routing::decide::build::is_same_or_unsaid;
use crate::routing::{
    Action, Entry, HandOver, ItemState, OpenConsult, ReasonCode, Replace, Rings, Step,
    TransferKind, UnixMillis, VendorAgentId, WorkItem,
};

impl Plan<'_> {
    /// A ring: the agent gets the card, once whoever has it has given it up.
    pub(super) fn ring(&self, agent: &VendorAgentId, auto: bool) -> Result<Step, Stop> {
        let auto = auto || self.conversation.has_answered(self.event);
        let answered = auto || self.is_answered(agent);
        if let Some(consult) = self.consult() {
            match self.consult_item() {
                Some(item) if item.agent.as_ref() == Some(agent) => return self.has(item, auto),
                Some(item) if item.agent.is_some() => {
                    return self.ring_beside_consult(consult, item, answered);
                }
                // A consult with a queue is offered to the agent whom the queue's router picks.
                Some(_) | None => return Ok(Step::Own),
            }
        }
        let Some(item) = self.holder() else { return Ok(Step::Own) };
        let theirs = item.agent.as_ref() == Some(agent);
        match item.state {
            ItemState::Accepted if theirs => Err(Stop::Has(item.sys_id)),
            ItemState::Accepted => self.ring_for_hand_over(item, answered),
            ItemState::Pending if theirs && self.is_of_this_ring(item) => self.has(item, auto),
            ItemState::Pending if self.end_is_owed(item) => Err(Stop::Wait(self.entry.deadline)),
            ItemState::Pending => {
                let rings = self.conversation.left_at(item).is_none();
                if self.rings_several() && rings && !answered && !theirs {
                    return Err(self.wait_for(item));
                }
                let since = item.rung.is_some_and(|rung| rung > self.event.occurred_at);
                if since && rings && !answered && !theirs {
                    return Err(pointless(
                        ReasonCode::RungSince,
                        "another agent has been rung since",
                    ));
                }
                self.make_room(item, answered)
            }
            ItemState::Queued | ItemState::Returned => Ok(Step::Own),
        }
    }

    /// A ring while a second agent is consulted.
    pub(super) fn ring_beside_consult(
        &self,
        consult: &OpenConsult,
        item: &WorkItem,
        answered: bool,
    ) -> Result<Step, Stop> {
        if item.state == ItemState::Accepted
            && let Some(step) = self.consult_step()
        {
            return Ok(step);
        }
        let rings = self.conversation.left_at(item).is_none();
        let keeps = match item.state {
            ItemState::Accepted => rings,
            ItemState::Pending => rings && self.rings_several(),
            ItemState::Queued | ItemState::Returned => false,
        };
        if keeps && !answered {
            return Err(Stop::Wait(self.entry.deadline));
        }
        Ok(Step::EndConsult { document: consult.document.clone(), hand_over: false })
    }

    /// A ring while another agent has accepted: a hand-over, which may still fail.
    pub(super) fn ring_for_hand_over(&self, item: &WorkItem, answered: bool) -> Result<Step, Stop> {
        let accepted = self.conversation.accepted_at(item);
        let before = |accepted: &UnixMillis| match self.event.style.rings {
            Rings::Several => self.event.occurred_at <= *accepted,
            Rings::One => self.event.occurred_at < *accepted,
        };
        let mine = self.conversation.leg(self.event).and_then(|leg| leg.accepted);
        let over = match (answered, mine) {
            (true, Some(mine)) => accepted.is_some_and(|theirs| mine < theirs),
            (true, None) => false,
            (false, _) => accepted.as_ref().is_some_and(before),
        };
        if over {
            return Err(pointless(
                ReasonCode::AnsweredByAnother,
                "another agent, who was rung too, has accepted",
            ));
        }
        let kind = match self.hand_over() {
            _ if self.conversation.left_at(item).is_some() => TransferKind::Blind,
            HandOver::Consult | HandOver::OnAccept if answered => TransferKind::Blind,
            HandOver::OnAccept => return Err(Stop::Wait(self.entry.deadline)),
            HandOver::Consult | HandOver::Leave => TransferKind::Consult,
            HandOver::Blind => TransferKind::Blind,
        };
        Ok(Step::HandOver { kind })
    }

    /// The agent of the ring has the card before the ring.
    pub(super) fn has(&self, item: &WorkItem, auto: bool) -> Result<Step, Stop> {
        match item.state {
            ItemState::Pending if auto => Ok(Step::Accept { work_item: item.sys_id }),
            ItemState::Pending => Err(Stop::Has(item.sys_id)),
            ItemState::Accepted | ItemState::Queued | ItemState::Returned => {
                Err(done(ReasonCode::AlreadyInPlace))
            }
        }
    }

    /// Takes the card from whoever has it; where that is not possible, waits for its end.
    pub(super) fn make_room(&self, item: &WorkItem, answered: bool) -> Result<Step, Stop> {
        match self.take_back(item) {
            Some(step) => Ok(step),
            // An older card of the agent's own.
            None if item.agent.as_ref() == self.event.agent() => Err(Stop::Has(item.sys_id)),
            None if answered => Ok(Step::HandOver { kind: TransferKind::Blind }),
            None => Err(self.wait_for(item)),
        }
    }

    /// Whether the agent's own answer, which is to be carried out next, takes the card away. One that may be the answer
    /// to this ring waits for it.
    pub(super) fn end_is_owed(&self, item: &WorkItem) -> bool {
        let ends = |entry: &Entry| match &entry.event.action {
            Action::Reject { agent, .. } => {
                item.agent.as_ref() == Some(agent)
                    && is_same_or_unsaid(entry.event.segment.as_ref(), item.segment.as_ref())
                    && !(entry.id > self.entry.id && is_ring_of(self.entry, entry, agent))
            }
            _ => false,
        };
        let next = |entry: &&Entry| !entry.stage.is_deferred() && entry.ended.is_none();
        self.conversation.entries().filter(next).any(ends)
    }

    pub(super) fn wait_for(&self, item: &WorkItem) -> Stop {
        Stop::Wait(item.until.unwrap_or(self.entry.deadline))
    }

    /// The reject of a pending card, where there is a reason for it and it has not failed before.
    pub(super) fn take_back(&self, item: &WorkItem) -> Option<Step> {
        let agent = item.agent.clone()?;
        let may = self.rules.offer.replace == Replace::Reject && !self.entry.story.no_room;
        let known = self.rules.directory.agent(&agent).is_some();
        let step = Step::TakeBack { work_item: item.sys_id, agent };
        (may && known && self.default_reason().is_some()).then_some(step)
    }

    /// A transfer to an agent that the vendor tells; a ring of that agent may have come before it.
    pub(super) fn transfer(&self, kind: TransferKind, agent: &VendorAgentId) -> Result<Step, Stop> {
        let theirs = |item: &WorkItem| item.agent.as_ref() == Some(agent);
        let consult = self.consult_item().filter(|item| theirs(item));
        match (kind, consult) {
            (TransferKind::Blind, Some(item)) if item.state == ItemState::Accepted => {
                Ok(Step::EndConsult { document: self.document_of(item)?, hand_over: true })
            }
            (TransferKind::Consult | TransferKind::Blind, Some(item)) => {
                Err(Stop::Has(item.sys_id))
            }
            (TransferKind::Consult | TransferKind::Blind, None) => match self.holder() {
                Some(item) if theirs(item) => Err(Stop::Has(item.sys_id)),
                Some(_) | None => Ok(self.own_after_consult(kind)),
            },
        }
    }

    /// The transfer itself; a blind one ends the consult that is open first, whose card would stay otherwise.
    pub(super) fn own_after_consult(&self, kind: TransferKind) -> Step {
        match (kind, self.consult(), self.consult_item()) {
            (TransferKind::Blind, Some(consult), Some(_)) => {
                Step::EndConsult { document: consult.document.clone(), hand_over: false }
            }
            (TransferKind::Blind | TransferKind::Consult, _, _) => Step::Own,
        }
    }

    /// Whether the agent of the ring has accepted already, by an event that came in before its turn.
    fn is_answered(&self, agent: &VendorAgentId) -> bool {
        let leg = self.conversation.leg(self.event);
        let accept = |entry: &Entry| {
            matches!(&entry.event.action, Action::Accept { agent: theirs, .. } if theirs == agent)
                && entry.event.conversation == self.event.conversation
                && is_same_or_unsaid(self.event.segment.as_ref(), entry.event.segment.as_ref())
        };
        leg.is_some_and(|leg| leg.accepted.is_some() && leg.rung.is_some())
            || self.conversation.entries().any(accept)
    }
}
