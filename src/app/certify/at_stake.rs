//! What a certification has put before agents, and is not known to be gone. Pure.

use serde_json::Value;

use super::probes::NOBODY;
use crate::awa::observe::Observed;
use crate::routing::{AwaCall, AwaReply, DocumentRef, SysId, TransferKind, TransferTarget};

/// A card that was put before an agent and is not known to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) agent: SysId,
    /// None where the answer to the offer was lost.
    pub(super) work_item: Option<SysId>,
    /// Whether it goes by itself when its time is over.
    pub(super) timed: bool,
}

/// What has to be undone.
#[derive(Debug, Default)]
pub(super) struct AtStake {
    pub(super) cards: Vec<Card>,
    pub(super) consult: bool,
    /// A work item that an agent has accepted.
    pub(super) accepted: Option<(SysId, SysId)>,
    /// The agent's presence before it was changed.
    pub(super) presence: Option<Value>,
    /// Documents that have a work item by now, which waits in a queue when no agent has it.
    pub(super) routed: Vec<DocumentRef>,
}

impl AtStake {
    /// Takes in what a call and its answer change.
    pub(super) fn note(&mut self, call: &AwaCall, observed: &Observed) {
        let lost = matches!(observed.reply, AwaReply::InDoubt { .. });
        let done = observed.is_done();
        match call {
            // Nobody is not shown a card.
            AwaCall::Offer { agent, .. } if lost && agent.to_string() == NOBODY => {}
            AwaCall::Offer { document, agent, .. } if done || lost => {
                self.route(document);
                self.show(Card { agent: *agent, work_item: observed.work_item(), timed: true });
            }
            AwaCall::Transfer { document, kind, target, .. } if done || lost => {
                self.route(document);
                self.consult |= *kind == TransferKind::Consult;
                if let TransferTarget::Agent(agent) = target {
                    let work_item = observed.work_item();
                    self.show(Card { agent: *agent, work_item, timed: false });
                }
                if *kind == TransferKind::Blind && done {
                    self.accepted = None;
                }
            }
            AwaCall::Accept { work_item, agent } if done => {
                self.cards.retain(|card| card.work_item != Some(*work_item));
                self.accepted = Some((*work_item, *agent));
            }
            AwaCall::Reject { work_item, agent, .. } if done || is_gone(&observed.reply) => {
                self.cards
                    .retain(|card| (card.work_item, card.agent) != (Some(*work_item), *agent));
            }
            AwaCall::EndConsult { .. } if done || observed.reply == AwaReply::NoConsult => {
                self.consult = false;
            }
            AwaCall::CloseDocument { document } if done => {
                self.routed.retain(|routed| routed != document);
                self.accepted = None;
                self.consult = false;
            }
            AwaCall::Offer { .. }
            | AwaCall::Transfer { .. }
            | AwaCall::Assign { .. }
            | AwaCall::Accept { .. }
            | AwaCall::Reject { .. }
            | AwaCall::EndConsult { .. }
            | AwaCall::CloseDocument { .. } => {}
        }
    }

    fn show(&mut self, card: Card) {
        if !self.cards.contains(&card) {
            self.cards.push(card);
        }
    }

    fn route(&mut self, document: &DocumentRef) {
        if !self.routed.contains(document) {
            self.routed.push(document.clone());
        }
    }

    /// Whether nothing is before an agent that has to be taken back.
    pub(super) const fn is_clear(&self) -> bool {
        self.cards.is_empty() && !self.consult && self.presence.is_none()
    }
}

/// Whether the answer to a reject says that the card is not pending with the agent.
fn is_gone(reply: &AwaReply) -> bool {
    matches!(
        reply,
        AwaReply::AlreadyOurs { .. }
            | AwaReply::Conflict { .. }
            | AwaReply::TakenBy { .. }
            | AwaReply::DocumentClosed
    )
}
