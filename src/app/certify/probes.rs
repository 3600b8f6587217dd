//! The steps of each probe. What they mean is [`super::judge`]'s to say, what they leave is taken back by the caller.

mod accepted;
mod presence;

use super::finding::{Finding, Probe};
use super::judge::{self, says};
use super::session::{Halt, RING, Session, Tried, landed};
use crate::awa::observe::{Look, Observed, SeenItem, SeenQueue};
use crate::routing::{AwaCall, AwaReply, ExternalId, SysId, TransferKind, TransferTarget};

/// The id that no record has.
pub(super) const NOBODY: &str = "00000000000000000000000000000000";
/// How long a work item is looked for after its offer, in milliseconds.
const LOOKED_FOR: u64 = 10_000;
/// The ring time of the card that is left alone, in seconds, and how long its end is waited for, in milliseconds.
const SHORT_RING: u32 = 5;
const RUNG_OUT: u64 = 60_000;
/// How far ahead the time of an offer lies that is to be refused, in milliseconds.
const AHEAD: u64 = 30_000;

/// Probes that share their steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Refusal,
    First,
    QueueIds,
    Repeat,
    Another,
    TimeOut,
    Blind,
    Pending,
    BlindToQueue,
    OfferedOn,
    Presence,
    Accepted,
    Close,
}

impl Group {
    /// In the order in which they are tried. `First` goes before all others that show cards, since on some instances a
    /// second reject ends the document.
    pub(super) const ALL: [Self; 13] = [
        Self::Refusal,
        Self::First,
        Self::QueueIds,
        Self::Repeat,
        Self::Another,
        Self::TimeOut,
        Self::Blind,
        Self::Pending,
        Self::BlindToQueue,
        Self::OfferedOn,
        Self::Presence,
        Self::Accepted,
        Self::Close,
    ];

    /// What it finds out.
    pub(super) const fn probes(self) -> &'static [Probe] {
        match self {
            Self::Refusal => &[Probe::RefusedCall, Probe::Language],
            Self::First => &[
                Probe::SharedExternalId,
                Probe::ReplyQueue,
                Probe::LookUp,
                Probe::UnknownField,
                Probe::Reject,
                Probe::RejectAgain,
            ],
            Self::QueueIds => &[Probe::QueueIds],
            Self::Repeat => &[Probe::RepeatOffer],
            Self::Another => &[Probe::OfferToAnother],
            Self::TimeOut => &[Probe::TimeOut],
            Self::Blind => &[Probe::BlindToAgent, Probe::RejectedTransfer, Probe::CanceledSpelling],
            Self::Pending => &[Probe::TransferOfPending],
            Self::BlindToQueue => &[Probe::BlindToQueue],
            Self::OfferedOn => &[Probe::OfferedOn],
            Self::Presence => &[Probe::PresenceLag],
            Self::Accepted => &[
                Probe::Accept,
                Probe::Consult,
                Probe::RejectedConsult,
                Probe::EndConsult,
                Probe::TransferOfAccepted,
            ],
            Self::Close => &[Probe::CloseDocument],
        }
    }
}

impl Session<'_> {
    /// Takes the steps of a group.
    pub(super) async fn try_group(&mut self, group: Group, found: &mut Vec<Finding>) -> Tried<()> {
        match group {
            Group::Refusal => self.refusal(found).await,
            Group::First => self.first(found).await,
            Group::QueueIds => self.queue_ids(found).await,
            Group::Repeat => self.repeat(found).await,
            Group::Another => self.another(found).await,
            Group::TimeOut => self.time_out(found).await,
            Group::Blind => self.blind(found).await,
            Group::Pending => self.pending(found).await,
            Group::BlindToQueue => self.blind_to_queue(found).await,
            Group::OfferedOn => self.offered_on(found).await,
            Group::Presence => self.presence(found).await,
            Group::Accepted => self.accepted(found).await,
            Group::Close => self.close(found).await,
        }
    }

    fn second_agent(&self) -> Tried<SysId> {
        let missing = || Halt::Untried("no second agent is named: --second-agent".to_owned());
        self.subject.second_agent.ok_or_else(missing)
    }

    /// Rejects a card in its agent's name.
    async fn reject(&mut self, what: &str, work_item: SysId, agent: SysId) -> Tried<()> {
        let reason = self.subject.reason.clone();
        let observed = self.call(what, &AwaCall::Reject { work_item, agent, reason }).await?;
        if observed.is_done() {
            return Ok(());
        }
        Err(Halt::Untried(format!("{what} was refused: {}", says(&observed))))
    }

    async fn item(&mut self, what: &str, work_item: SysId) -> Tried<Option<SeenItem>> {
        let items = self.items(what).await?.unwrap_or_default();
        Ok(items.into_iter().find(|item| item.sys_id == work_item))
    }

    async fn refusal(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let nobody = SysId::parse(NOBODY).map_err(|why| Halt::Untried(why.to_string()))?;
        let call = self.an_offer(nobody, self.queue.clone(), RING, 0);
        let observed = self.call("an offer to a user who does not exist", &call).await?;
        match &observed.reply {
            AwaReply::DocumentClosed => return Err(Halt::Closed),
            AwaReply::NotThere { what } => return Err(Halt::Untried(what.clone())),
            _ => found.extend(judge::refused_call(&observed)),
        }
        Ok(())
    }

    async fn first(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let agent = self.subject.agent;
        let queues = self.queues().await?;
        let external = match &queues {
            Ok((external, _)) => external.clone(),
            Err(_) => self.subject.queue.clone(),
        };
        let call = self.an_offer(agent, external.clone(), RING, 0);
        let mut offer = self.call("an offer by the queue's external id", &call).await?;
        let several = queues.as_ref().is_ok_and(|(_, queues)| queues.len() > 1);
        let refused = several && matches!(offer.reply, AwaReply::NotThere { .. });
        if refused {
            let call = self.an_offer(agent, self.queue.clone(), RING, 0);
            offer = self.call("an offer by the queue's sys_id", &call).await?;
        }
        let item = landed("an offer to the agent", &offer)?;
        let pending = |items: &[SeenItem]| {
            items.iter().any(|it| it.sys_id == item && it.is_pending_with(agent))
        };
        let (items, took) = self.until("the work item of the offer", LOOKED_FOR, pending).await?;
        let row = items.iter().find(|it| it.sys_id == item).cloned();
        let looked = self.log.last().map(|exchanged| exchanged.observed.clone());
        if let Some(looked) = &looked {
            found.push(judge::look_up(looked, took));
        }
        self.reads = Some(row.is_some());
        match queues {
            Ok((_, queues)) => {
                let taken = row.as_ref().map(|row| row.queue.as_str()).filter(|_| !refused);
                found.push(judge::shared_external_id(&queues, taken));
            }
            Err(why) => found.push(Finding::not_tried(Probe::SharedExternalId, why)),
        }
        found.push(if SysId::parse(external.as_str()).is_ok() || refused {
            Finding::not_tried(Probe::ReplyQueue, "no offer named the queue by an external id")
        } else {
            judge::reply_queue(&offer, external.as_str())
        });
        if row.is_some() {
            let document = self.document();
            let look = Look::WorkItemsByUnknownField(&document);
            let rows = self.look("the work items by an unknown field", &look).await?;
            found.push(judge::unknown_field(rows.items(&document).len()));
        } else {
            found.push(Finding::not_tried(Probe::UnknownField, "work items cannot be read"));
        }
        self.reject("the reject of the card", item, agent).await?;
        let row = self.item("the work item after the reject", item).await?;
        let again = self.offer("an offer after the reject", agent).await?;
        found.push(judge::reject(row.as_ref(), &again, false));
        let Ok(item) = landed("an offer after the reject", &again) else { return Ok(()) };
        self.reject("the second reject", item, agent).await?;
        let row = self.item("the work item after the second reject", item).await?;
        let third = self.offer("an offer after the second reject", agent).await?;
        found.push(judge::reject(row.as_ref(), &third, true));
        Ok(())
    }

    /// The external id of the queue, and the queues that have it; a text where they cannot be had.
    pub(super) async fn queues(&mut self) -> Tried<Result<(ExternalId, Vec<SeenQueue>), String>> {
        let given = self.subject.queue.clone();
        if given.as_str().contains('^') || given.as_str().trim_start().starts_with("javascript:") {
            return Ok(Err("the external id cannot stand in a query".to_owned()));
        }
        let mut external = given.as_str().to_owned();
        if SysId::parse(given.as_str()).is_ok() {
            let look = Look::Queues { field: "sys_id", value: given.as_str() };
            let rows = self.look("the queue", &look).await?.queues("sys_id", given.as_str());
            match rows.first().filter(|queue| !queue.external_id.is_empty()) {
                Some(queue) => external.clone_from(&queue.external_id),
                None => return Ok(Err("the queue's external id cannot be read".to_owned())),
            }
        }
        let look = Look::Queues { field: "external_id", value: &external };
        let observed = self.look("the queues with the external id", &look).await?;
        let queues = observed.queues("external_id", &external);
        if !observed.is_done() || queues.is_empty() {
            let why = format!("no queue with the external id can be read: {}", says(&observed));
            return Ok(Err(why));
        }
        if queues.len() > 1 && self.queue == given && SysId::parse(given.as_str()).is_err() {
            // Unambiguous from here on.
            let first = queues.first().map(|queue| queue.sys_id.to_string()).unwrap_or_default();
            self.queue = ExternalId::parse(&first).unwrap_or(given);
        }
        let external =
            ExternalId::parse(&external).map_err(|why| Halt::Untried(why.to_string()))?;
        Ok(Ok((external, queues)))
    }

    async fn queue_ids(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let (external, queues) = self.queues().await?.map_err(Halt::Untried)?;
        let sys_id = queues.first().map(|queue| queue.sys_id.to_string()).unwrap_or_default();
        let sys_id = ExternalId::parse(&sys_id).map_err(|why| Halt::Untried(why.to_string()))?;
        let call = self.an_offer(self.subject.agent, external, RING, 0);
        let by_external_id = self.call("an offer by the queue's external id", &call).await?;
        may_judge(&by_external_id)?;
        self.take_back().await;
        let call = self.an_offer(self.subject.agent, sys_id, RING, 0);
        let by_sys_id = self.call("an offer by the queue's sys_id", &call).await?;
        may_judge(&by_sys_id)?;
        found.push(judge::queue_ids(&by_external_id, &by_sys_id));
        Ok(())
    }

    async fn repeat(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let call = self.an_offer(self.subject.agent, self.queue.clone(), RING, 0);
        let first = self.call("an offer to the agent", &call).await?;
        let first = landed("an offer to the agent", &first)?;
        let again = self.call("the same offer again", &call).await?;
        found.push(judge::repeat_offer(first, &again));
        Ok(())
    }

    async fn another(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let (first, second) = (self.subject.agent, self.second_agent()?);
        self.offered("an offer to the agent", first).await?;
        let observed = self.offer("an offer to the second agent", second).await?;
        may_judge(&observed)?;
        let items = self.items("the work items after it").await?;
        found.push(judge::offer_to_another(&observed, items.as_deref(), first));
        Ok(())
    }

    async fn time_out(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        if self.reads == Some(false) {
            return Err(Halt::Untried("work items cannot be read".to_owned()));
        }
        let agent = self.subject.agent;
        let call = self.an_offer(agent, self.queue.clone(), SHORT_RING, 0);
        let observed = self.call("an offer with a short ring", &call).await?;
        let item = landed("an offer with a short ring", &observed)?;
        let ended = |items: &[SeenItem]| {
            items.iter().any(|it| it.sys_id == item && !it.is_pending_with(agent))
        };
        let (items, took) = self.until("the work item after its time", RUNG_OUT, ended).await?;
        let row = items.iter().find(|it| it.sys_id == item && took.is_some());
        found.push(judge::time_out(row, took.unwrap_or(RUNG_OUT)));
        Ok(())
    }

    async fn blind(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let target = self.subject.second_agent.unwrap_or(self.subject.agent);
        let call = self.a_transfer(TransferKind::Blind, TransferTarget::Agent(target));
        let observed = self.call("a blind transfer to an agent", &call).await?;
        may_judge(&observed)?;
        found.push(judge::transfer(Probe::BlindToAgent, &observed));
        let Ok(item) = landed("a blind transfer to an agent", &observed) else { return Ok(()) };
        self.reject("the reject of the transfer", item, target).await?;
        let items = self.items("the work items after it").await?.unwrap_or_default();
        let row = items.iter().find(|it| it.sys_id == item);
        found.push(judge::rejected(Probe::RejectedTransfer, row));
        found.push(judge::canceled_spelling(&items));
        Ok(())
    }

    async fn pending(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let second = self.second_agent()?;
        self.offered("an offer to the agent", self.subject.agent).await?;
        let call = self.a_transfer(TransferKind::Blind, TransferTarget::Agent(second));
        let observed = self.call("a blind transfer of the pending card", &call).await?;
        may_judge(&observed)?;
        found.push(judge::transfer_of_pending(&observed));
        Ok(())
    }

    async fn blind_to_queue(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let missing = || Halt::Untried("no second queue is named: --second-queue".to_owned());
        let second = self.subject.second_queue.clone().ok_or_else(missing)?;
        let call = self.a_transfer(TransferKind::Blind, TransferTarget::Queue(second));
        let observed = self.call("a blind transfer to a queue", &call).await?;
        may_judge(&observed)?;
        found.push(judge::transfer(Probe::BlindToQueue, &observed));
        if observed.is_done() {
            let back = TransferTarget::Queue(self.queue.clone());
            let call = self.a_transfer(TransferKind::Blind, back);
            self.call("undo: a blind transfer back to the first queue", &call).await?;
        }
        Ok(())
    }

    async fn offered_on(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let call = self.an_offer(self.subject.agent, self.queue.clone(), RING, AHEAD);
        let observed = self.call("an offer whose time lies ahead", &call).await?;
        may_judge(&observed)?;
        found.push(judge::offered_on(&observed));
        Ok(())
    }

    async fn close(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let document = self.document();
        let close = AwaCall::CloseDocument { document: document.clone() };
        let offered = self.offered("an offer to the agent", self.subject.agent).await;
        let closed = self.call("the closing of the document", &close).await?;
        let item = offered?;
        let row = self.item("the work item of the closed document", item).await?;
        found.push(judge::close_document(&closed, row.as_ref()));
        Ok(())
    }
}

/// Whether an answer says something about the instance, and not about the document or the agent at hand.
pub(super) fn may_judge(observed: &Observed) -> Tried<()> {
    match &observed.reply {
        AwaReply::DocumentClosed => Err(Halt::Closed),
        AwaReply::AgentUnavailable => landed("the offer", observed).map(drop),
        _ => Ok(()),
    }
}
