//! The end of a leg, of a conversation, or of a ring that was never answered: consults and cards that must not outlive
//! it.

use super::{Plan, Stop, done};
use crate::routing::leg::same_leg;
use crate::routing::{
    Action, Conversation, ConversationId, Entry, EntryId, HandOver, ItemState, OpenConsult,
    ReasonCode, RoutingEvent, SegmentId, Step, VendorAgentId, WithdrawAction, WorkItem,
};

/// How long the leave of one agent waits for the leave or the accept of the other, in milliseconds: so much vendors'
/// requests overtake each other.
const DISORDER: u64 = 500;

impl Plan<'_> {
    /// A withdraw: ends the consult that it concerns, then takes back what was offered.
    pub(super) fn withdraw(&self) -> Result<Step, Stop> {
        let concerned = |by: Option<EntryId>| by.is_none_or(|by| by < self.entry.id);
        if let Some(consult) = self.consult()
            && self.rules.withdraw_ends_consult
            && concerned(consult.entry)
            && concerns(self.conversation, self.event, Subject::of_consult(consult))
        {
            return Ok(Step::EndConsult { document: consult.document.clone(), hand_over: false });
        }
        if let Some(step) = self.consult_step() {
            return Ok(step);
        }
        let mut items = self.conversation.work_items.iter().rev().filter(|item| {
            item.state == ItemState::Pending
                && concerned(item.entry)
                && concerns(self.conversation, self.event, Subject::of_item(item))
        });
        match (self.rules.withdraw, &self.event.segment) {
            (WithdrawAction::None, _) => Err(done(ReasonCode::Done)),
            (WithdrawAction::CloseDocument, None) if self.may_close() => {
                match (items.find(|item| self.is_document_of(item)), self.document()) {
                    (Some(_), Some(document)) if !self.is_shared() => {
                        Ok(Step::CloseDocument { document })
                    }
                    (Some(_) | None, Some(_) | None) => Err(done(ReasonCode::Done)),
                }
            }
            (WithdrawAction::CloseDocument | WithdrawAction::Reject, _) => {
                self.withdraw_card(items.next())
            }
        }
    }

    /// Whether the document is one that may be closed, if it is known: no other record than an interaction is written
    /// to.
    fn may_close(&self) -> bool {
        let document = self.document();
        document.is_none_or(|it| it.is_interaction() && self.rules.allow(&it))
    }

    pub(super) fn withdraw_card(&self, item: Option<&WorkItem>) -> Result<Step, Stop> {
        let Some((item, agent)) = item.and_then(|item| Some((item, item.agent.clone()?))) else {
            return Err(done(ReasonCode::Done));
        };
        if self.default_reason().is_none() {
            return Err(done(ReasonCode::NoDefaultReason));
        }
        Ok(Step::TakeBack { work_item: item.sys_id, agent })
    }

    /// Whether another conversation works on the document too.
    pub(super) fn is_shared(&self) -> bool {
        let others = |conversation: Option<&ConversationId>| {
            conversation.is_some_and(|other| *other != self.event.conversation)
        };
        let held = |item: &WorkItem| {
            let with_agent = matches!(item.state, ItemState::Pending | ItemState::Accepted);
            with_agent && others(item.conversation.as_ref())
        };
        let owed = |entry: &Entry| entry.ended.is_none() && others(Some(&entry.event.conversation));
        self.conversation.work_items.iter().any(held) || self.conversation.entries().any(owed)
    }

    /// An agent's leg has ended: the consult may be over, and a card that is still pending goes.
    pub(super) fn leave(&self) -> Result<Step, Stop> {
        let patience = self.entry.received_at.plus(self.rules.hold);
        if let Some(step) = self.consult_step() {
            // Who of the two has left first decides, if the second has accepted: what tells of it may be on its way.
            let known = self.consult_item().is_some_and(|item| {
                let first = self.holder_but(item).and_then(|it| self.conversation.left_at(it));
                let both = first.is_some() && self.conversation.left_at(item).is_some();
                both && item.state == ItemState::Accepted
            });
            let disorder = self.entry.received_at.plus(self.rules.hold.min(DISORDER));
            if self.at < disorder && !known {
                return Err(Stop::Wait(disorder));
            }
            return Ok(step);
        }
        let left = |item: &&WorkItem| {
            let of_leg = same_leg(
                (item.segment.as_ref(), item.agent.as_ref()),
                (self.event.segment.as_ref(), self.event.agent()),
            );
            item.state == ItemState::Pending
                && item.entry.is_none_or(|by| by < self.entry.id)
                && item.conversation.as_ref().is_none_or(|c| *c == self.event.conversation)
                && of_leg
                && self.conversation.left_at(item).is_some()
        };
        let item = self.conversation.work_items.iter().rev().find(left);
        // Who leaves had answered: the accept may be on its way.
        if item.is_some() && self.at < patience {
            return Err(Stop::Wait(patience));
        }
        match self.rules.withdraw {
            WithdrawAction::None => Err(done(ReasonCode::Noted)),
            WithdrawAction::Reject | WithdrawAction::CloseDocument => self.withdraw_card(item),
        }
    }

    /// The ring time is over: the card that a transfer has put before the agent, and that ServiceNow leaves there,
    /// goes.
    pub(super) fn watch(&self) -> Result<Step, Stop> {
        let ours = |item: &&WorkItem| item.is_pending_by(self.entry.id);
        let Some(item) = self.conversation.work_items.iter().find(ours) else {
            return Err(done(ReasonCode::Done));
        };
        if self.answers_wait(item) {
            return Err(done(ReasonCode::Done));
        }
        if item.consult && self.consult_is_by_ring() {
            let document = self.document_of(item)?;
            return Ok(Step::EndConsult { document, hand_over: false });
        }
        self.withdraw_card(Some(item))
    }

    /// Whether an accept of the agent is still to be carried out.
    pub(super) fn answers_wait(&self, item: &WorkItem) -> bool {
        self.conversation.entries().any(|entry| {
            matches!(entry.event.action, Action::Accept { .. })
                && entry.event.agent() == item.agent.as_ref()
        })
    }

    /// What ends the open consult now: a leg of it has ended, or the second agent has answered.
    pub(super) fn consult_step(&self) -> Option<Step> {
        let (consult, item) = (self.consult()?, self.consult_item()?);
        item.agent.as_ref()?;
        let holder = self.holder_but(item);
        let first = holder.and_then(|first| self.conversation.left_at(first));
        let second = self.conversation.left_at(item);
        let accepted = item.state == ItemState::Accepted;
        let hand_over = match (accepted, second, first) {
            // What `hand_over` does before the second has accepted no page says.
            (false, Some(_), _) => consult.by_ring.map(|_| false),
            (false, None, _) => None,
            (true, Some(second), Some(first)) => Some(first < second),
            (true, Some(_), None) => Some(false),
            (true, None, Some(_)) => Some(true),
            (true, None, None) => match consult.by_ring {
                // An accept that came late hands nothing over from who has accepted after it.
                Some(HandOver::Consult | HandOver::OnAccept | HandOver::Blind) => {
                    let moment = |item| self.conversation.accepted_at(item);
                    Some(moment(item) >= holder.and_then(moment))
                }
                // Who has answered in ServiceNow alone does not leave at the vendor.
                Some(HandOver::Leave) => {
                    let accepted = holder.and_then(|first| self.conversation.accepted_at(first));
                    (holder.is_some() && accepted.is_none()).then_some(true)
                }
                None => None,
            },
        };
        let document = consult.document.clone();
        hand_over.map(|hand_over| Step::EndConsult { document, hand_over })
    }
}

/// What the end of a leg or of a conversation may concern.
#[derive(Debug, Clone, Copy)]
pub(in crate::routing::decide) struct Subject<'a> {
    conversation: Option<&'a ConversationId>,
    segment: Option<&'a SegmentId>,
    agent: Option<&'a VendorAgentId>,
}

impl<'a> Subject<'a> {
    pub(in crate::routing::decide) fn of(entry: &'a Entry) -> Self {
        let event = &entry.event;
        let conversation = Some(&event.conversation);
        Self { conversation, segment: event.segment.as_ref(), agent: event.agent() }
    }

    pub(in crate::routing::decide) const fn of_item(item: &'a WorkItem) -> Self {
        let conversation = item.conversation.as_ref();
        Self { conversation, segment: item.segment.as_ref(), agent: item.agent.as_ref() }
    }

    pub(in crate::routing::decide) const fn of_consult(consult: &'a OpenConsult) -> Self {
        let conversation = consult.conversation.as_ref();
        Self { conversation, segment: consult.segment.as_ref(), agent: None }
    }
}

/// Whether a withdraw concerns it: without a segment all of its conversation, with one only what is of that leg. What
/// names no segment is of the leg whose agent it is.
pub(in crate::routing::decide) fn concerns(
    conversation: &Conversation,
    withdraw: &RoutingEvent,
    subject: Subject<'_>,
) -> bool {
    if subject.conversation.is_some_and(|theirs| *theirs != withdraw.conversation) {
        return false;
    }
    match (&withdraw.segment, subject.segment) {
        (None, _) => true,
        (Some(ours), Some(theirs)) => ours == theirs,
        (Some(ours), None) => {
            let mut legs = conversation.legs.iter().rev();
            let leg = legs.find(|leg| leg.segment.as_ref() == Some(ours) && leg.agent.is_some());
            let agents = leg.and_then(|leg| leg.agent.as_ref()).zip(subject.agent);
            agents.is_none_or(|(ours, theirs)| ours == theirs)
        }
    }
}
