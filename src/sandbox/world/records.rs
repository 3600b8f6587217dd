//! The records of an instance that AWA works on, as far as the documented calls read or change them.

use std::collections::BTreeSet;

use crate::routing::{DisplayOption, DocumentRef, ExternalId, SysId, TableName, UnixMillis};

/// A record that is routed, such as an interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `interaction`, for example.
    pub table: TableName,
    /// Its key.
    pub sys_id: SysId,
    /// `IMS0000221`, for example.
    pub number: String,
    /// An interaction's is `new`, `on_hold`, `work_in_progress`, `wrap_up`, `closed_complete` or `closed_abandoned`.
    pub state: String,
    /// Whether it is not closed.
    pub active: bool,
    /// The agent who has it.
    pub assigned_to: Option<SysId>,
}

impl Document {
    /// Where it is.
    #[must_use]
    pub fn reference(&self) -> DocumentRef {
        DocumentRef { table: self.table.clone(), sys_id: self.sys_id }
    }

    /// Whether it can be offered: active and not in a closed state.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.active && !is_closed(&self.state)
    }

    /// As work items show it: `Interaction: IMS0000221`.
    #[must_use]
    pub fn display_name(&self) -> String {
        let mut letters = self.table.as_str().chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let label: String = first.into_iter().chain(letters).collect();
        format!("{label}: {}", self.number)
    }
}

/// Whether a document in that state is closed.
#[must_use]
pub(super) fn is_closed(state: &str) -> bool {
    state.starts_with("closed")
}

/// A queue (`awa_queue`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub sys_id: SysId,
    pub name: String,
    /// Provider queue ID; several queues may have the same.
    pub external_id: Option<ExternalId>,
    pub service_channel: SysId,
    pub active: bool,
    /// How many queues were there before it.
    pub number: u32,
}

/// A user (`sys_user`), agent or caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub sys_id: SysId,
    pub user_name: String,
    pub email: String,
    pub employee_number: String,
    pub active: bool,
    pub roles: BTreeSet<String>,
    /// An `awa_presence_state`.
    pub presence: SysId,
    /// What it was before the Agent API changed it, and when that was.
    pub presence_before: Option<(SysId, UnixMillis)>,
}

/// What the contact centre calls an agent (`external_agent_mapping`), as Agent Mapping keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentMapping {
    pub external_agent_id: String,
    pub agent: SysId,
    /// Whether the agent is logged in at the contact centre.
    pub active: bool,
}

/// A reject reason (`awa_reject_reason`) of a service channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectReasonRecord {
    pub sys_id: SysId,
    pub service_channel: SysId,
    pub display_value: String,
    pub value: String,
    pub order: u32,
}

/// Where a work item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkItemState {
    /// Waits in its queue.
    Queued,
    /// An agent is asked.
    PendingAccept,
    /// An agent has taken it.
    Accepted,
    /// It was taken back.
    Canceled,
}

/// Where a consult stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsultState {
    /// The second agent is asked.
    Requested,
    /// An agent has taken it.
    Accepted,
    /// It ended without a hand-over.
    Ended,
    /// The second agent kept the work item.
    Transferred,
    /// It was taken back before it began.
    Cancelled,
}

impl ConsultState {
    /// ServiceNow's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "Requested",
            Self::Accepted => "Accepted",
            Self::Ended => "Ended",
            Self::Transferred => "Transferred",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// A work item (`awa_work_item`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// Its key.
    pub sys_id: SysId,
    /// The record that is routed.
    pub document: DocumentRef,
    /// The `awa_queue` it is in.
    pub queue: SysId,
    /// Where it stands.
    pub state: WorkItemState,
    /// Whether it is not closed.
    pub active: bool,
    /// The agent who has it.
    pub assigned_to: Option<SysId>,
    /// When the agent was asked.
    pub offered_on: Option<UnixMillis>,
    /// Absent: the card stays.
    pub timeout_seconds: Option<u64>,
    /// The presence of an agent who lets it time out.
    pub after_timeout_presence: Option<SysId>,
    /// Whether the agent may decline.
    pub allowed_to_decline: bool,
    /// How the inbox shows it.
    pub display_option: DisplayOption,
    /// Whether it was accepted without the agent.
    pub auto_accepted: bool,
    /// How often an agent was asked.
    pub offer_count: u32,
    /// Whether the last agent declined.
    pub rejected: bool,
    /// Whether the last agent let it time out.
    pub timed_out: bool,
    /// The work item that it was transferred from.
    pub previous_work_item: Option<SysId>,
    /// The `external_segment_id` of its offer.
    pub external_segment_id: Option<String>,
    /// Where its consult stands; none where it is no consult.
    pub consult: Option<ConsultState>,
    /// One of the documented cancel reasons.
    pub cancel_reason: Option<&'static str>,
    /// When it was made.
    pub created: UnixMillis,
    /// When it was last changed.
    pub updated: UnixMillis,
    /// When its state last changed.
    pub state_changed: UnixMillis,
}

impl WorkItem {
    /// When the card goes by itself; none while it is not pending or has no time limit.
    #[must_use]
    pub fn times_out_at(&self) -> Option<UnixMillis> {
        let pending = self.state == WorkItemState::PendingAccept;
        let from = self.offered_on.filter(|_| pending)?;
        self.timeout_seconds.map(|seconds| from.plus(seconds.saturating_mul(1000)))
    }

    /// Whether it is the second agent's item of a consult that is not over.
    #[must_use]
    pub const fn is_open_consult(&self) -> bool {
        self.active
            && matches!(self.consult, Some(ConsultState::Requested | ConsultState::Accepted))
    }

    pub(super) const fn enter(&mut self, state: WorkItemState, now: UnixMillis) {
        self.state = state;
        self.state_changed = now;
        self.updated = now;
    }

    pub(super) const fn cancel(&mut self, reason: &'static str, now: UnixMillis) {
        self.enter(WorkItemState::Canceled, now);
        self.active = false;
        self.cancel_reason = Some(reason);
    }

    pub(super) const fn back_to_queue(&mut self, now: UnixMillis) {
        self.enter(WorkItemState::Queued, now);
        self.assigned_to = None;
    }
}
