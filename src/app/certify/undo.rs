//! Takes back what a certification put before agents: cards, consults, a presence. It runs after each probe and at
//! every end, also of one that was interrupted, and says what it could not take back.

use std::time::Duration;

use super::at_stake::Card;
use super::session::Session;
use crate::awa::observe::Observed;
use crate::routing::{AwaCall, AwaReply, SysId, Wait};

/// Each request is tried so often.
const TRIES: u32 = 3;
/// No pause between two tries is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What was taken back, and what was not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) done: Vec<String>,
    pub(crate) left: Vec<String>,
}

/// How a request of an undo ended.
enum Ended {
    Done,
    /// There was nothing to take back any more.
    Gone,
    Failed,
}

impl Session<'_> {
    /// Takes back all that is before agents now. What cannot be stays at stake.
    pub(super) async fn take_back(&mut self) {
        self.restore_presence().await;
        self.end_consult().await;
        self.take_back_cards().await;
    }

    /// Takes back the cards alone.
    pub(super) async fn take_back_cards(&mut self) {
        if !self.at_stake.cards.is_empty() {
            self.sweep().await;
        }
    }

    /// Rejects every card that is pending with the agents, and those that are remembered: a row may be late.
    pub(super) async fn sweep(&mut self) {
        let agents: Vec<SysId> =
            [Some(self.subject.agent), self.subject.second_agent].into_iter().flatten().collect();
        if let Some(items) = self.undo_look("what is left before the agents").await {
            let stake = &mut self.at_stake;
            // Where rows are shown, they tell of offers whose answers were lost.
            let shown = self.reads == Some(true) || !items.is_empty();
            stake.cards.retain(|card| card.work_item.is_some() || !shown);
            for agent in agents {
                for item in items.iter().filter(|item| item.is_pending_with(agent)) {
                    let is_it =
                        |card: &Card| (card.agent, card.work_item) == (agent, Some(item.sys_id));
                    if !stake.cards.iter().any(is_it) {
                        stake.cards.push(Card {
                            agent,
                            work_item: Some(item.sys_id),
                            timed: false,
                        });
                    }
                }
            }
        }
        for card in self.at_stake.cards.clone() {
            let Some(work_item) = card.work_item else { continue };
            let call = AwaCall::Reject {
                work_item,
                agent: card.agent,
                reason: self.subject.reason.clone(),
            };
            match self.insist("undo: reject the card", &call).await {
                Ended::Done => {
                    let done = format!("rejected work item {work_item} of agent {}", card.agent);
                    self.undone.done.push(done);
                }
                // Of what is left at the end it is said then.
                Ended::Gone | Ended::Failed => {}
            }
        }
    }

    /// Says what is left for good.
    pub(super) fn leave(&mut self) {
        let mut left = Vec::new();
        for Card { agent, work_item, timed } in &self.at_stake.cards {
            let what = match work_item {
                Some(work_item) => format!("work item {work_item} is pending with agent {agent}"),
                None => format!(
                    "the answer to an offer to agent {agent} was lost, and may have left a card there"
                ),
            };
            let end = if *timed {
                format!("it goes by itself {} s after its offer", super::session::RING)
            } else {
                "let the agent reject it, or close the document".to_owned()
            };
            left.push(format!("{what}: {end}"));
        }
        if self.at_stake.consult {
            left.push(format!("a consult on document {} may be open", self.document()));
        }
        if self.at_stake.presence.is_some() {
            let agent = self.subject.agent;
            left.push(format!("agent {agent} has not the presence of before"));
        }
        if let Some((work_item, agent)) = self.at_stake.accepted {
            left.push(format!(
                "agent {agent} has accepted work item {work_item}: accepted work cannot be taken back, close the document"
            ));
        }
        for document in &self.at_stake.routed {
            left.push(format!(
                "document {document} has a work item, which waits in a queue where no agent has it: no API takes it out; close \
                 the document when it is not needed any more"
            ));
        }
        self.undone.left = left;
    }

    async fn restore_presence(&mut self) {
        let Some(presence) = self.at_stake.presence.clone() else { return };
        for round in 1..=TRIES {
            let observed = self.undo_presence("undo: the agent's presence", &presence).await;
            if observed.is_done() {
                self.at_stake.presence = None;
                let done = format!("agent {} has its presence again", self.subject.agent);
                self.undone.done.push(done);
                return;
            }
            if !self.again(&observed, round).await {
                return;
            }
        }
    }

    async fn end_consult(&mut self) {
        if !self.at_stake.consult {
            return;
        }
        let call = AwaCall::EndConsult { document: self.document(), hand_over: false };
        if let Ended::Done = self.insist("undo: end the consult", &call).await {
            let done = format!("ended the consult on {}", self.document());
            self.undone.done.push(done);
        }
    }

    /// Sends a call until it has ended one way or another.
    async fn insist(&mut self, what: &str, call: &AwaCall) -> Ended {
        let mut round = 0;
        loop {
            round += 1;
            let observed = self.undo(what, call).await;
            match &observed.reply {
                AwaReply::Landed { .. } => return Ended::Done,
                AwaReply::AlreadyOurs { .. }
                | AwaReply::Conflict { .. }
                | AwaReply::TakenBy { .. }
                | AwaReply::NoConsult
                | AwaReply::DocumentClosed => return Ended::Gone,
                _ => {}
            }
            if !self.again(&observed, round).await {
                return Ended::Failed;
            }
        }
    }

    /// Waits before another try; false where none is worth it, or where the end is wanted at once.
    async fn again(&self, observed: &Observed, round: u32) -> bool {
        let wait = match &observed.reply {
            AwaReply::Busy { wait: Wait::RetryAfter(ms) } => Duration::from_millis(*ms),
            AwaReply::Busy { .. } | AwaReply::InDoubt { .. } | AwaReply::NotSent { .. } => {
                Duration::from_millis(500) * round
            }
            _ => return false,
        };
        if round >= TRIES {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(wait.min(LONGEST_PAUSE)) => true,
            () = self.shutdown.hurried() => false,
        }
    }
}
