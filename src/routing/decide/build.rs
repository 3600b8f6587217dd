//! From an entry's step to the call that it is: every id translated, or what is missing.

use super::plan::Stop;
use crate::routing::{
    Action, AwaCall, Brought, Channel, Conversation, DocumentRef, Entry, ExternalId, ForeignText,
    Missing, OfferWindow, Outcome, Reason, ReasonCode, Rules, SegmentId, Step, SysId, TransferKind,
    TransferTarget, UnixMillis, VendorAgentId, VendorQueueId, VendorTarget,
};

/// What a conversation may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Document,
    WorkItem,
    Queue,
    SourceQueue,
    /// An unsettled offer of the lane may bring the work item.
    OfferOwed,
}

impl Need {
    pub(super) const fn code(self) -> ReasonCode {
        match self {
            Self::Document => ReasonCode::NoDocument,
            Self::WorkItem | Self::OfferOwed => ReasonCode::NoWorkItem,
            Self::Queue => ReasonCode::NoQueue,
            Self::SourceQueue => ReasonCode::NoSourceQueue,
        }
    }

    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Document => {
                "neither the event nor an earlier one of the conversation names a document"
            }
            Self::WorkItem | Self::OfferOwed => {
                "no offer of the conversation brought a work item, and the event names none"
            }
            Self::Queue => "neither the event nor an earlier one of the conversation names a queue",
            Self::SourceQueue => {
                "neither the event nor an earlier one of the conversation names the queue it comes from"
            }
        }
    }
}

/// Builds the call of an entry's step as things stand at `at`.
pub(super) fn call(
    conversation: &Conversation,
    entry: &Entry,
    step: &Step,
    at: UnixMillis,
    rules: &Rules,
) -> Result<AwaCall, Stop> {
    let brought = brought(conversation, entry);
    Build { conversation, entry, brought, at, rules }.call(step)
}

/// Why nothing is called for a document.
pub(super) fn not_allowed(document: &DocumentRef) -> Reason {
    let table = &document.table;
    let detail = format_args!(
        "{document}: {table} is not among the tables that are called for; add it to servicenow.tables if it is meant"
    );
    Reason::with(ReasonCode::TableNotAllowed, detail)
}

/// The document, if it may be called for.
pub(super) fn allowed(document: DocumentRef, rules: &Rules) -> Result<DocumentRef, Stop> {
    if rules.allow(&document) {
        return Ok(document);
    }
    Err(Stop::Done(Outcome::Dead, not_allowed(&document)))
}

/// What the entry takes from its conversation: what it took when it was first sent, else what is known now.
pub(super) fn brought(conversation: &Conversation, entry: &Entry) -> Brought {
    if let Some(brought) = &entry.story.brought {
        return brought.clone();
    }
    let event = &entry.event;
    let leaves_queue_unsaid = match &event.action {
        Action::Offer { .. } => event.queue.is_none(),
        Action::Transfer { source_queue, .. } => source_queue.is_none(),
        // An accept may have to bring the work to its agent.
        Action::Accept { .. } => event.queue.is_none(),
        Action::Assign { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
        | Action::Leave { .. }
        | Action::Bind => false,
    };
    Brought {
        document: conversation.document.clone().filter(|_| event.document.is_none()),
        channel: conversation.channel.clone().filter(|_| event.channel.is_none()),
        queue: conversation.last_queue.clone().filter(|_| leaves_queue_unsaid),
    }
}

/// How an event's own window is set; the deadline of an offer is its end.
pub(super) fn window(occurred_at: UnixMillis, timeout: Option<u32>, rules: &Rules) -> OfferWindow {
    OfferWindow {
        offered_on: occurred_at,
        timeout_seconds: timeout.unwrap_or(rules.offer.timeout_seconds),
    }
}

struct Build<'a> {
    conversation: &'a Conversation,
    entry: &'a Entry,
    brought: Brought,
    at: UnixMillis,
    rules: &'a Rules,
}

impl Build<'_> {
    fn call(&self, step: &Step) -> Result<AwaCall, Stop> {
        match step {
            Step::Own => self.own(),
            Step::TakeBack { work_item, agent } => self.reject(*work_item, agent, None),
            Step::HandOver { kind } => {
                let agent = self.entry.event.agent().ok_or(Stop::Unknown(Need::WorkItem))?;
                self.transfer(*kind, TransferTarget::Agent(self.agent(agent)?))
            }
            Step::Accept { work_item } => {
                let agent = self.entry.event.agent().ok_or(Stop::Unknown(Need::WorkItem))?;
                Ok(AwaCall::Accept { work_item: *work_item, agent: self.agent(agent)? })
            }
            Step::Reject { work_item } => match &self.entry.event.action {
                Action::Reject { agent, reason, .. } => {
                    self.reject(*work_item, agent, reason.as_ref().map(ForeignText::as_str))
                }
                _ => Err(Stop::Unknown(Need::WorkItem)),
            },
            Step::EndConsult { document, hand_over } => {
                let document = allowed(document.clone(), self.rules)?;
                Ok(AwaCall::EndConsult { document, hand_over: *hand_over })
            }
            Step::CloseDocument { document } if document.is_interaction() => {
                let document = allowed(document.clone(), self.rules)?;
                Ok(AwaCall::CloseDocument { document })
            }
            Step::CloseDocument { document } => {
                Err(Stop::Done(Outcome::Dead, not_allowed(document)))
            }
        }
    }

    fn own(&self) -> Result<AwaCall, Stop> {
        let event = &self.entry.event;
        match &event.action {
            Action::Offer { agent, timeout_seconds, assignment } => Ok(AwaCall::Offer {
                document: self.document()?,
                segment: event.segment.clone(),
                queue: self.own_or_last_queue(event.queue.as_ref(), Need::Queue)?,
                agent: self.agent(agent)?,
                window: window(event.occurred_at, *timeout_seconds, self.rules),
                assignment: self.rules.offer.assignment(assignment),
            }),
            Action::Transfer { kind, target, .. } => {
                let target = match target {
                    VendorTarget::Agent(agent) => TransferTarget::Agent(self.agent(agent)?),
                    VendorTarget::Queue(queue) => TransferTarget::Queue(self.queue(queue)?),
                };
                self.transfer(*kind, target)
            }
            Action::Assign { agent, work_item, timeout_seconds, assignment } => {
                let window = window(event.occurred_at, *timeout_seconds, self.rules);
                Ok(AwaCall::Assign {
                    work_item: self.item_to_assign(*work_item)?,
                    agent: self.agent(agent)?,
                    window: Some(window).filter(|window| window.deadline() > self.at),
                    assignment: self.rules.offer.assignment(assignment),
                })
            }
            Action::ConsultEnd { hand_over } => {
                Ok(AwaCall::EndConsult { document: self.document()?, hand_over: *hand_over })
            }
            Action::Accept { .. }
            | Action::Reject { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => Err(Stop::Unknown(Need::WorkItem)),
        }
    }

    fn transfer(&self, kind: TransferKind, target: TransferTarget) -> Result<AwaCall, Stop> {
        let event = &self.entry.event;
        let own = match &event.action {
            Action::Transfer { source_queue, .. } => source_queue.as_ref(),
            _ => event.queue.as_ref(),
        };
        Ok(AwaCall::Transfer {
            document: self.document()?,
            segment: event.segment.clone(),
            source_queue: self.own_or_last_queue(own, Need::SourceQueue)?,
            kind,
            target,
        })
    }

    fn reject(
        &self,
        work_item: SysId,
        agent: &VendorAgentId,
        reason: Option<&str>,
    ) -> Result<AwaCall, Stop> {
        let mapped = self.rules.directory.reason(reason, self.channel());
        let missing = || Missing::RejectReasons { reason: reason.unwrap_or("*").to_owned() };
        Ok(AwaCall::Reject {
            agent: self.agent(agent)?,
            reason: mapped.ok_or_else(|| Stop::Missing(missing()))?,
            work_item,
        })
    }

    fn document(&self) -> Result<DocumentRef, Stop> {
        let known = self.entry.event.document.as_ref().or(self.brought.document.as_ref());
        let known = known.cloned().ok_or(Stop::Unknown(Need::Document))?;
        allowed(known, self.rules)
    }

    fn channel(&self) -> Option<&Channel> {
        self.entry.event.channel.as_ref().or(self.brought.channel.as_ref())
    }

    fn queue(&self, queue: &VendorQueueId) -> Result<ExternalId, Stop> {
        self.rules.directory.queue(queue, self.channel()).ok_or_else(|| {
            Stop::Missing(Missing::Queues {
                queue: queue.to_string(),
                channel: self.channel().map(ToString::to_string),
            })
        })
    }

    fn own_or_last_queue(
        &self,
        own: Option<&VendorQueueId>,
        need: Need,
    ) -> Result<ExternalId, Stop> {
        let queue = own.or(self.brought.queue.as_ref());
        self.queue(queue.ok_or(Stop::Unknown(need))?)
    }

    fn agent(&self, agent: &VendorAgentId) -> Result<SysId, Stop> {
        self.rules
            .directory
            .agent(agent)
            .ok_or_else(|| Stop::Missing(Missing::Agents { agent: agent.to_string() }))
    }

    fn item_to_assign(&self, named: Option<SysId>) -> Result<SysId, Stop> {
        let newest = || self.conversation.work_items.last().map(|item| item.sys_id);
        let known = self.item_asked_for().or(named).or_else(newest);
        let brings = |entry: &Entry| entry.may_bring_item_to(self.entry) && entry.offers(None);
        let owed = || self.conversation.entries().any(brings);
        known.ok_or_else(|| Stop::Unknown(if owed() { Need::OfferOwed } else { Need::WorkItem }))
    }

    /// The work item of the call that was sent already: a later offer must not change what is repeated or looked up.
    fn item_asked_for(&self) -> Option<SysId> {
        let story = &self.entry.story;
        story.first_sent.and(story.work_item)
    }
}

/// Whether two things can be of one leg: only if both name their segment and these differ, they are not.
pub(super) fn is_same_or_unsaid(ours: Option<&SegmentId>, theirs: Option<&SegmentId>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, _) | (_, None) => true,
    }
}
