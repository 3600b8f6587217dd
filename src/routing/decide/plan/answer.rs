//! An accept or a reject: of the agent's own card, and of no other.

use super::cards::no_offer;
use super::{Plan, Stop, done, pointless};
use crate::routing::decide::build::{Need, is_same_or_unsaid};
use crate::routing::{
    Entry, ItemState, Leg, Outcome, Reason, ReasonCode, Step, SysId, TransferKind, UnixMillis,
    VendorAgentId, WorkItem,
};

/// How often an accept may have the work moved to its agent.
const MOVES: u32 = 2;

impl Plan<'_> {
    /// An accept: of the agent's own card, else of one that has to be moved to the agent first.
    pub(super) fn accept(&self, agent: &VendorAgentId, named: Option<SysId>) -> Result<Step, Stop> {
        self.waits_for_ring(agent)?;
        if let Some(item) = self.own_item(agent) {
            if item.state != ItemState::Accepted {
                return Ok(Step::Accept { work_item: item.sys_id });
            }
            return self.consult_step().ok_or_else(|| done(ReasonCode::AlreadyInPlace));
        }
        let leg = self.conversation.leg(self.event);
        if let Some(reason) = leg.and_then(|leg| leg.failed.clone()) {
            return Err(Stop::Done(Outcome::Superseded, reason));
        }
        let need = self.need_of_item(agent);
        let rung = leg.filter(|leg| leg.rung.is_some() && need != Need::OfferOwed);
        match (rung, named) {
            (Some(leg), _) => self.move_to(agent, leg),
            (None, Some(work_item)) if self.entry.story.moves == 0 => {
                Ok(Step::Accept { work_item })
            }
            (None, Some(_) | None) => Err(Stop::Unknown(need)),
        }
    }

    /// The agent was rung and has accepted, and the card is not there: with another agent, or gone.
    pub(super) fn move_to(&self, agent: &VendorAgentId, leg: &Leg) -> Result<Step, Stop> {
        let mine = leg.accepted.unwrap_or(self.event.occurred_at);
        let over = |ended: Option<UnixMillis>| ended.is_some_and(|ended| ended >= mine);
        if over(leg.ended) || over(self.conversation.whole_end(&leg.conversation)) {
            return Err(pointless(ReasonCode::LegEnded, "the leg has ended since"));
        }
        let later = |other: &Leg| {
            other.agent.as_ref() != Some(agent) && other.accepted.is_some_and(|at| at > mine)
        };
        if self.conversation.legs.iter().any(later) {
            return Err(pointless(
                ReasonCode::AnsweredByAnother,
                "another agent has accepted since",
            ));
        }
        if self.entry.story.moves >= MOVES {
            let reason = Reason::with(
                ReasonCode::CardGone,
                "ServiceNow does not leave the work with the agent",
            );
            return Err(Stop::Done(Outcome::Dead, reason));
        }
        if let Some(consult) = self.consult() {
            return Ok(Step::EndConsult { document: consult.document.clone(), hand_over: false });
        }
        match self.holder() {
            // Rung after the accept: perhaps to take over, which its own answer tells.
            Some(item) if item.state == ItemState::Pending && self.is_rung_after(item, mine) => {
                Err(self.wait_for(item))
            }
            Some(item) if item.state == ItemState::Pending => self.make_room(item, true),
            Some(_) | None => Ok(Step::HandOver { kind: TransferKind::Blind }),
        }
    }

    pub(super) fn is_rung_after(&self, item: &WorkItem, moment: UnixMillis) -> bool {
        let leg = self.conversation.leg_of(item);
        let rung = item.rung.or_else(|| leg.and_then(|leg| leg.rung));
        rung.is_some_and(|rung| rung > moment) && self.conversation.left_at(item).is_none()
    }

    /// A reject: of the agent's own pending card, of no other.
    pub(super) fn reject(&self, agent: &VendorAgentId, named: Option<SysId>) -> Result<Step, Stop> {
        self.waits_for_ring(agent)?;
        // Without segments a later ring of the same agent has a moment of its own.
        let names_leg = |item: &WorkItem| self.event.segment.is_some() && item.segment.is_some();
        let of_ring = |item: &&WorkItem| {
            names_leg(item) || item.rung.is_none_or(|rung| rung <= self.event.occurred_at)
        };
        if let Some(item) = self.own_item(agent).filter(of_ring) {
            return match item.state {
                // The agent's leg has ended: that may end a consult.
                ItemState::Accepted => self
                    .consult_step()
                    .ok_or_else(|| pointless(ReasonCode::Answered, "the agent had accepted it")),
                ItemState::Pending if item.consult && self.consult_is_by_ring() => {
                    Ok(Step::EndConsult { document: self.document_of(item)?, hand_over: false })
                }
                ItemState::Pending | ItemState::Queued | ItemState::Returned => {
                    Ok(Step::Reject { work_item: item.sys_id })
                }
            };
        }
        let leg = self.conversation.leg(self.event);
        let need = self.need_of_item(agent);
        let known = leg.is_some_and(|leg| leg.rung.is_some() || leg.failed.is_some());
        match named {
            _ if known && need != Need::OfferOwed => Err(no_offer()),
            Some(work_item) => Ok(Step::Reject { work_item }),
            None => Err(Stop::Unknown(need)),
        }
    }

    /// An earlier ring of the agent has to be carried out first.
    fn waits_for_ring(&self, agent: &VendorAgentId) -> Result<(), Stop> {
        let names_agent =
            |entry: &Entry| !entry.offers_to_any() && is_ring_of(entry, self.entry, agent);
        let earlier = |entry: &&Entry| entry.id < self.entry.id;
        let waits = self.conversation.entries().filter(earlier).any(names_agent);
        if waits { Err(Stop::Unknown(Need::OfferOwed)) } else { Ok(()) }
    }

    /// Whether an offer that is still owed may bring the work item, also one that came in after its answer. Of later
    /// assignments it cannot be hoped for: they wait for one themselves.
    fn need_of_item(&self, agent: &VendorAgentId) -> Need {
        let brings = |entry: &&Entry| entry.may_bring_item_to(self.entry);
        if self
            .conversation
            .entries()
            .filter(brings)
            .any(|entry| is_ring_of(entry, self.entry, agent))
        {
            Need::OfferOwed
        } else {
            Need::WorkItem
        }
    }
}

/// Whether an entry that is still owed may be the ring of an agent's answer.
pub(super) fn is_ring_of(ring: &Entry, answer: &Entry, agent: &VendorAgentId) -> bool {
    let (rung, answered) = (&ring.event, &answer.event);
    ring.ended.is_none()
        && ring.offers(Some(agent))
        && rung.conversation == answered.conversation
        && is_same_or_unsaid(answered.segment.as_ref(), rung.segment.as_ref())
}
