//! From an entry to the call that it asks for: every id translated, or what is missing.

use crate::routing::{
    Action, AwaCall, Brought, Channel, Conversation, DocumentRef, Entry, ExternalId, Missing,
    OfferWindow, OpenConsult, Rules, SegmentId, SysId, TransferTarget, UnixMillis, VendorAgentId,
    VendorQueueId, VendorTarget, WithdrawAction, WorkItem,
};

/// What can be done for an entry.
pub(super) enum Ready {
    /// This call.
    Call(AwaCall),
    /// The tables lack an id.
    Missing(Missing),
    /// The conversation lacks something that a later event may bring.
    Unknown(Need),
    /// Nothing is left to do.
    Done,
}

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
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Document => "no_document",
            Self::WorkItem | Self::OfferOwed => "no_work_item",
            Self::Queue => "no_queue",
            Self::SourceQueue => "no_source_queue",
        }
    }

    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Document => {
                "neither the event nor an earlier one of the conversation names a document"
            }
            Self::WorkItem | Self::OfferOwed => {
                "no offer of the conversation brought a work item for this agent, and the event names none"
            }
            Self::Queue => "neither the event nor an earlier one of the conversation names a queue",
            Self::SourceQueue => {
                "neither the event nor an earlier one of the conversation names the queue it comes from"
            }
        }
    }
}

/// Builds the call of an entry as things stand at `at`.
pub(super) fn call(
    conversation: &Conversation,
    entry: &Entry,
    at: UnixMillis,
    rules: &Rules,
) -> Ready {
    let brought = brought(conversation, entry);
    Build { conversation, entry, brought, at, rules }.call().unwrap_or_else(|stop| stop)
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
        Action::Assign { .. }
        | Action::Accept { .. }
        | Action::Reject { .. }
        | Action::ConsultEnd { .. }
        | Action::Withdraw
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
    fn call(&self) -> Result<Ready, Ready> {
        let event = &self.entry.event;
        let segment = event.segment.clone();
        Ok(Ready::Call(match &event.action {
            Action::Offer { agent, timeout_seconds, assignment } => AwaCall::Offer {
                document: self.document()?,
                segment,
                queue: self.own_or_last_queue(event.queue.as_ref(), Need::Queue)?,
                agent: self.agent(agent)?,
                window: window(event.occurred_at, *timeout_seconds, self.rules),
                assignment: self.rules.offer.assignment(assignment),
            },
            Action::Transfer { kind, source_queue, target } => AwaCall::Transfer {
                document: self.document()?,
                segment,
                source_queue: self.own_or_last_queue(source_queue.as_ref(), Need::SourceQueue)?,
                kind: *kind,
                target: match target {
                    VendorTarget::Agent(agent) => TransferTarget::Agent(self.agent(agent)?),
                    VendorTarget::Queue(queue) => TransferTarget::Queue(self.queue(queue)?),
                },
            },
            Action::Assign { agent, work_item, timeout_seconds, assignment } => {
                let window = window(event.occurred_at, *timeout_seconds, self.rules);
                AwaCall::Assign {
                    work_item: self.item_to_assign(*work_item)?,
                    agent: self.agent(agent)?,
                    window: Some(window).filter(|window| window.deadline() > self.at),
                    assignment: self.rules.offer.assignment(assignment),
                }
            }
            Action::Accept { agent, work_item } => AwaCall::Accept {
                agent: self.agent(agent)?,
                work_item: self.item_of(agent, *work_item)?,
            },
            Action::Reject { agent, work_item, reason } => {
                let mapped = self.rules.directory.reason(reason.as_deref(), self.channel());
                AwaCall::Reject {
                    agent: self.agent(agent)?,
                    reason: mapped.ok_or_else(|| {
                        Ready::Missing(Missing::RejectReasons {
                            reason: reason.clone().unwrap_or_else(|| "*".to_owned()),
                        })
                    })?,
                    work_item: self.item_of(agent, *work_item)?,
                }
            }
            Action::ConsultEnd { hand_over } => {
                AwaCall::EndConsult { document: self.document()?, hand_over: *hand_over }
            }
            Action::Withdraw => return self.withdraw(),
            Action::Bind => return Ok(Ready::Done),
        }))
    }

    fn document(&self) -> Result<DocumentRef, Ready> {
        let known = self.entry.event.document.as_ref().or(self.brought.document.as_ref());
        known.cloned().ok_or(Ready::Unknown(Need::Document))
    }

    fn channel(&self) -> Option<&Channel> {
        self.entry.event.channel.as_ref().or(self.brought.channel.as_ref())
    }

    fn queue(&self, queue: &VendorQueueId) -> Result<ExternalId, Ready> {
        self.rules.directory.queue(queue, self.channel()).ok_or_else(|| {
            Ready::Missing(Missing::Queues {
                queue: queue.to_string(),
                channel: self.channel().map(ToString::to_string),
            })
        })
    }

    fn own_or_last_queue(
        &self,
        own: Option<&VendorQueueId>,
        need: Need,
    ) -> Result<ExternalId, Ready> {
        let queue = own.or(self.brought.queue.as_ref());
        self.queue(queue.ok_or(Ready::Unknown(need))?)
    }

    fn agent(&self, agent: &VendorAgentId) -> Result<SysId, Ready> {
        self.rules
            .directory
            .agent(agent)
            .ok_or_else(|| Ready::Missing(Missing::Agents { agent: agent.to_string() }))
    }

    fn item_to_assign(&self, named: Option<SysId>) -> Result<SysId, Ready> {
        let newest = || self.conversation.work_items.last().map(|item| item.sys_id);
        let known = self.item_asked_for().or(named).or_else(newest);
        known.ok_or_else(|| Ready::Unknown(self.need_of_work_item(|entry| entry.offers(None))))
    }

    /// The work item that this agent answers: the one from the bridge's own offer, else the one that the event names.
    fn item_of(&self, agent: &VendorAgentId, named: Option<SysId>) -> Result<SysId, Ready> {
        if let Some(asked_for) = self.item_asked_for() {
            return Ok(asked_for);
        }
        let segment = self.entry.event.segment.as_ref();
        let ours = |entry: &Entry| {
            entry.offers(Some(agent)) && same_segment(segment, entry.event.segment.as_ref())
        };
        let names_agent = |entry: &Entry| !entry.offers_to_any() && ours(entry);
        let earlier = |entry: &&Entry| entry.id < self.entry.id;
        if self.conversation.entries.iter().filter(earlier).any(names_agent) {
            return Err(Ready::Unknown(Need::OfferOwed));
        }
        let own = own_item(&self.conversation.work_items, agent, segment);
        own.or(named).ok_or_else(|| Ready::Unknown(self.need_of_work_item(ours)))
    }

    /// The work item of the call that was sent already: a later offer must not change what is repeated or looked up.
    fn item_asked_for(&self) -> Option<SysId> {
        let story = &self.entry.story;
        story.first_sent.and(story.work_item)
    }

    /// Whether an offer that is still owed may bring the work item, also one that came in after its answer. Of later
    /// assignments it cannot be hoped for: they wait for one themselves.
    fn need_of_work_item(&self, ours: impl Fn(&Entry) -> bool) -> Need {
        let brings = |entry: &&Entry| match entry.event.action {
            Action::Offer { .. } | Action::Transfer { .. } => entry.id != self.entry.id,
            Action::Assign { .. } => entry.id < self.entry.id,
            Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Bind => false,
        };
        if self.conversation.entries.iter().filter(brings).any(ours) {
            Need::OfferOwed
        } else {
            Need::WorkItem
        }
    }

    /// The next step of a withdraw: end the consult, then take back what was offered.
    fn withdraw(&self) -> Result<Ready, Ready> {
        if let Some(consult) = &self.conversation.consult
            && self.rules.withdraw_ends_consult
            && consult.is_ended_by(self.entry)
        {
            let document = consult.document.clone();
            return Ok(Ready::Call(AwaCall::EndConsult { document, hand_over: false }));
        }
        match self.rules.withdraw {
            WithdrawAction::None => Ok(Ready::Done),
            WithdrawAction::Reject => self.withdraw_by_reject(),
            WithdrawAction::CloseDocument => {
                let mut items = self.conversation.work_items.iter();
                let sent = items.any(|item| item.is_taken_back_by(self.entry));
                match self.document() {
                    Ok(document) if sent => Ok(Ready::Call(AwaCall::CloseDocument { document })),
                    Ok(_) | Err(_) => Ok(Ready::Done),
                }
            }
        }
    }

    fn withdraw_by_reject(&self) -> Result<Ready, Ready> {
        let open = self.conversation.work_items.iter().rev().find_map(|item| {
            let agent = item.agent.as_ref()?;
            item.is_taken_back_by(self.entry).then_some((item, agent))
        });
        let Some((item, agent)) = open else { return Ok(Ready::Done) };
        let reason = self.rules.directory.reason(None, self.channel());
        Ok(Ready::Call(AwaCall::Reject {
            work_item: item.sys_id,
            agent: self.agent(agent)?,
            reason: reason
                .ok_or_else(|| Ready::Missing(Missing::RejectReasons { reason: "*".to_owned() }))?,
        }))
    }
}

impl Entry {
    /// Whether it puts work before a queue, and so before any agent.
    const fn offers_to_any(&self) -> bool {
        matches!(self.event.action, Action::Transfer { target: VendorTarget::Queue(_), .. })
    }

    /// Whether it puts work before this agent, or before a queue.
    fn offers(&self, agent: Option<&VendorAgentId>) -> bool {
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
            | Action::Bind => false,
        }
    }
}

impl OpenConsult {
    /// Whether a withdraw of this leg ends it.
    pub(super) fn is_of(&self, segment: Option<&SegmentId>) -> bool {
        same_segment(segment, self.segment.as_ref())
    }

    /// Whether this withdraw ends it: one that had to wait does not end what was begun after it came.
    pub(super) fn is_ended_by(&self, withdraw: &Entry) -> bool {
        self.is_of(withdraw.event.segment.as_ref()) && self.entry.is_none_or(|by| by < withdraw.id)
    }
}

impl WorkItem {
    /// Whether a withdraw of this leg has it to take back.
    pub(super) fn is_open_for(&self, segment: Option<&SegmentId>) -> bool {
        !self.answered && same_segment(segment, self.segment.as_ref())
    }

    /// Whether this withdraw takes it back: one that had to wait leaves alone what was offered after it came.
    fn is_taken_back_by(&self, withdraw: &Entry) -> bool {
        let segment = withdraw.event.segment.as_ref();
        self.is_open_for(segment) && self.entry.is_none_or(|by| by < withdraw.id)
    }
}

/// Whether a withdraw of one leg concerns something of another: only if both are named and differ, it does not.
pub(super) fn same_segment(ours: Option<&SegmentId>, theirs: Option<&SegmentId>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, _) | (_, None) => true,
    }
}

/// The newest work item of the agent, the leg's own first; else one that is with a queue and has no agent yet.
fn own_item(
    items: &[WorkItem],
    agent: &VendorAgentId,
    segment: Option<&SegmentId>,
) -> Option<SysId> {
    let of_agent = |item: &&WorkItem| item.agent.as_ref() == Some(agent);
    let of_leg = |item: &&WorkItem| segment.is_some() && item.segment.as_ref() == segment;
    let newest = items.iter().rev();
    newest
        .clone()
        .find(|item| of_agent(item) && of_leg(item))
        .or_else(|| newest.clone().find(of_agent))
        .or_else(|| newest.clone().find(|item| item.agent.is_none()))
        .map(|item| item.sys_id)
}
