//! The records of an instance that AWA works on, as far as the documented calls read or change them.

use std::collections::BTreeSet;

use crate::routing::{DisplayOption, DocumentRef, ExternalId, SysId, TableName, UnixMillis};

/// A record that is routed, such as an interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `interaction`, for example.
    pub(crate) table: TableName,
    /// Its key.
    pub(crate) sys_id: SysId,
    /// `IMS0000221`, for example.
    pub(crate) number: String,
    /// An interaction's is `new`, `on_hold`, `work_in_progress`, `wrap_up`, `closed_complete` or `closed_abandoned`.
    pub state: String,
    /// Whether it is not closed.
    pub active: bool,
    /// The agent who has it.
    pub(crate) assigned_to: Option<SysId>,
}

impl Document {
    /// Where it is.
    #[must_use]
    pub fn reference(&self) -> DocumentRef {
        DocumentRef { table: self.table.clone(), sys_id: self.sys_id }
    }

    /// Whether it can be offered: active and not in a closed state.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        self.active && !is_closed(&self.state)
    }

    /// As work items show it: `Interaction: IMS0000221`.
    #[must_use]
    pub(crate) fn display_name(&self) -> String {
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
pub(crate) struct Queue {
    pub(crate) sys_id: SysId,
    pub(crate) name: String,
    /// Provider queue ID; several queues may have the same.
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) service_channel: SysId,
    pub(crate) active: bool,
    /// How many queues were there before it.
    pub(crate) number: u32,
}

/// A user (`sys_user`), agent or caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub(crate) sys_id: SysId,
    pub(crate) user_name: String,
    pub(crate) email: String,
    pub(crate) employee_number: String,
    pub(crate) active: bool,
    pub(crate) roles: BTreeSet<String>,
    /// An `awa_presence_state`.
    pub presence: SysId,
    /// What it was before the Agent API changed it, and when that was.
    pub(crate) presence_before: Option<(SysId, UnixMillis)>,
}

/// What the contact centre calls an agent (`external_agent_mapping`), as Agent Mapping keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentMapping {
    pub(crate) external_agent_id: String,
    pub(crate) agent: SysId,
    /// Whether the agent is logged in at the contact centre.
    pub(crate) active: bool,
}

/// A reject reason (`awa_reject_reason`) of a service channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectReasonRecord {
    pub(crate) sys_id: SysId,
    pub(crate) service_channel: SysId,
    pub(crate) display_value: String,
    pub(crate) value: String,
    pub(crate) order: u32,
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

/// A work item (`awa_work_item`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// Its key.
    pub sys_id: SysId,
    /// The record that is routed.
    pub(crate) document: DocumentRef,
    /// The `awa_queue` it is in.
    pub(crate) queue: SysId,
    /// Where it stands.
    pub state: WorkItemState,
    /// Whether it is not closed.
    pub active: bool,
    /// The agent who has it.
    pub assigned_to: Option<SysId>,
    /// When the agent was asked.
    pub(crate) offered_on: Option<UnixMillis>,
    /// Absent: the card stays.
    pub(crate) timeout_seconds: Option<u64>,
    /// The presence of an agent who lets it time out.
    pub(crate) after_timeout_presence: Option<SysId>,
    /// Whether the agent may decline.
    pub(crate) allowed_to_decline: bool,
    /// How the inbox shows it.
    pub(crate) display_option: DisplayOption,
    /// Whether it was accepted without the agent.
    pub(crate) auto_accepted: bool,
    /// How often an agent was asked.
    pub(crate) offer_count: u32,
    /// Whether the last agent declined.
    pub(crate) rejected: bool,
    /// Whether the last agent let it time out.
    pub(crate) timed_out: bool,
    /// The work item that it was transferred from.
    pub previous_work_item: Option<SysId>,
    /// The `external_segment_id` of its offer.
    pub(crate) external_segment_id: Option<String>,
    /// Where its consult stands; none where it is no consult.
    pub consult: Option<ConsultState>,
    /// One of the documented cancel reasons.
    pub(crate) cancel_reason: Option<&'static str>,
    /// When it was made.
    pub(crate) created: UnixMillis,
    /// When it was last changed.
    pub(crate) updated: UnixMillis,
    /// When its state last changed.
    pub(crate) state_changed: UnixMillis,
}

impl WorkItem {
    /// When the card goes by itself; none while it is not pending or has no time limit.
    #[must_use]
    pub(crate) fn times_out_at(&self) -> Option<UnixMillis> {
        let pending = self.state == WorkItemState::PendingAccept;
        let from = self.offered_on.filter(|_| pending)?;
        self.timeout_seconds.map(|seconds| from.plus(seconds.saturating_mul(1000)))
    }

    /// Whether it is the second agent's item of a consult that is not over.
    #[must_use]
    pub(crate) const fn is_open_consult(&self) -> bool {
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
