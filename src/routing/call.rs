//! What is asked of AWA ([`AwaCall`], [`LookUp`]) and what its answer means ([`AwaReply`]): meaning, not HTTP.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ClaimId, DocumentRef, ExternalId, Meaning, SegmentId, SysId, TransferKind, UnixMillis,
};

/// One request to AWA, with every id already ServiceNow's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwaCall {
    /// Offer Work: put the document in front of one agent.
    Offer {
        document: DocumentRef,
        segment: Option<SegmentId>,
        queue: ExternalId,
        agent: SysId,
        window: OfferWindow,
        assignment: Assignment,
    },
    /// Offer Work as a transfer: hand the document to an agent or a queue.
    Transfer {
        document: DocumentRef,
        segment: Option<SegmentId>,
        source_queue: ExternalId,
        kind: TransferKind,
        target: TransferTarget,
    },
    /// Manual Assignment: give a work item without asking.
    Assign {
        work_item: SysId,
        agent: SysId,
        /// Absent once the ring time is over: the assignment is then without a time limit.
        window: Option<OfferWindow>,
        assignment: Assignment,
    },
    /// Inbox Action accept.
    Accept { work_item: SysId, agent: SysId },
    /// Inbox Action reject.
    Reject { work_item: SysId, agent: SysId, reason: RejectReason },
    /// Agent Consult end.
    EndConsult { document: DocumentRef, hand_over: bool },
    /// Closes an interaction as abandoned, which is what takes its card away.
    CloseDocument { document: DocumentRef },
}

impl AwaCall {
    /// Which of the calls this is.
    #[must_use]
    pub(crate) const fn kind(&self) -> CallKind {
        match self {
            Self::Offer { .. } => CallKind::Offer,
            Self::Transfer { .. } => CallKind::Transfer,
            Self::Assign { .. } => CallKind::Assign,
            Self::Accept { .. } => CallKind::Accept,
            Self::Reject { .. } => CallKind::Reject,
            Self::EndConsult { .. } => CallKind::EndConsult,
            Self::CloseDocument { .. } => CallKind::CloseDocument,
        }
    }

    /// The ring time, where the call has one.
    pub(super) const fn window_mut(&mut self) -> Option<&mut OfferWindow> {
        match self {
            Self::Offer { window, .. } => Some(window),
            Self::Assign { window, .. } => window.as_mut(),
            Self::Transfer { .. }
            | Self::Accept { .. }
            | Self::Reject { .. }
            | Self::EndConsult { .. }
            | Self::CloseDocument { .. } => None,
        }
    }
}

/// How a call or a look-up is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallOptions {
    /// Its answer is the answer to this claim.
    pub claim: ClaimId,
    /// Which attempt it is; a look-up's is that of the call it asks about.
    pub(crate) attempt: u32,
    /// Tries so far, for the back-off.
    pub(crate) tries: u32,
    /// No answer is waited for after this moment.
    pub(crate) deadline: UnixMillis,
    /// No request leaves after this moment; never later than the deadline.
    pub(crate) leave_by: UnixMillis,
    /// A look-up has just found that the last attempt did not land, or could not tell.
    pub(crate) after_doubt: bool,
}

#[cfg(test)]
impl CallOptions {
    /// Of a first attempt.
    pub(crate) fn first(deadline: UnixMillis) -> Self {
        let (claim, leave_by) = (ClaimId::after(None), deadline);
        Self { claim, attempt: 1, tries: 0, deadline, leave_by, after_doubt: false }
    }
}

/// The name of a call, as logs and metrics spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallKind {
    Offer,
    Transfer,
    Assign,
    Accept,
    Reject,
    EndConsult,
    CloseDocument,
    LookUp,
}

impl CallKind {
    /// The name in logs and metric labels.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Transfer => "transfer",
            Self::Assign => "assign",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::EndConsult => "end_consult",
            Self::CloseDocument => "close_document",
            Self::LookUp => "look_up",
        }
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who gets a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferTarget {
    Agent(SysId),
    Queue(ExternalId),
}

/// When the agent was offered the work, on the vendor's clock but never ahead of ServiceNow's, and for how long the
/// card stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferWindow {
    pub(crate) offered_on: UnixMillis,
    pub(crate) timeout_seconds: u32,
}

impl OfferWindow {
    /// The end of the ring time: nothing is sent after it.
    #[must_use]
    pub(crate) fn deadline(self) -> UnixMillis {
        self.offered_on.plus(u64::from(self.timeout_seconds) * 1000)
    }
}

/// The parameters of an assignment beside agent and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub(crate) allowed_to_decline: bool,
    pub(crate) enable_auto_assign: bool,
    pub(crate) display_option: DisplayOption,
    /// The presence that the agent gets when the ring time passes; none = unchanged.
    pub(crate) after_timeout_presence: Option<SysId>,
}

/// What is shown of a work item that is accepted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum DisplayOption {
    #[default]
    CardOnly,
    CardAndTab,
}

impl DisplayOption {
    /// ServiceNow's word.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::CardOnly => "card_only",
            Self::CardAndTab => "card_and_tab",
        }
    }
}

/// A reject reason as the mapping names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    SysId(SysId),
    /// To be resolved through the reject reasons of the channel: a service channel's sys_id or the vendor's name
    /// for the channel, where one is known.
    DisplayValue {
        text: String,
        channel: Option<String>,
    },
}

/// A question about a call in doubt: has it landed?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    /// The call whose fate is unknown.
    pub(crate) call: AwaCall,
    /// When it was first sent; older work items than the document's own history may hold are not confused with it.
    pub(crate) first_sent: UnixMillis,
}

/// Why and how long to wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// ServiceNow said how long (Retry-After), in milliseconds.
    RetryAfter(u64),
    /// Overload without a time: back off.
    BackOff,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwaReply {
    /// It is done.
    Landed {
        /// The work item that an offer's or a transfer's answer names.
        work_item: Option<SysId>,
    },
    /// What was asked for is in place already.
    AlreadyOurs {
        /// The work item, where the answer names it.
        work_item: Option<SysId>,
    },
    /// The work item is with somebody else; with nobody where it is back in its queue.
    TakenBy {
        /// Whom ServiceNow names.
        agent: Option<String>,
        /// Which work item it is, as a look-up says.
        work_item: Option<SysId>,
        /// Whether the work item is accepted, as a look-up says.
        accepted: bool,
    },
    /// No consult is open on the document.
    NoConsult,
    /// The agent's presence does not allow it now.
    AgentUnavailable,
    /// The document is closed: the conversation is over.
    DocumentClosed,
    /// The ring time was over for ServiceNow's clock.
    TooLate,
    /// `offered_on` lies ahead of ServiceNow's clock.
    ClockSkew,
    /// Refused for the work item's state, which may be as wanted all the same: look first.
    Conflict {
        /// ServiceNow's text.
        why: String,
    },
    /// Refused in words that no page of ServiceNow's documents, such as another language's: whether it is as wanted all
    /// the same, a look tells.
    Unexplained {
        /// ServiceNow's text.
        why: String,
    },
    /// The document or the queue is not there, or not yet: the contact centre may be ahead of ServiceNow's own insert.
    NotThere {
        /// What is missing.
        what: String,
    },
    /// Repeating cannot help.
    Misconfigured {
        /// What a person has to change.
        what: String,
    },
    /// The instance is alive and turned the call away for now.
    Busy {
        /// How long it wants to be left alone.
        wait: Wait,
    },
    /// It never left: safe to repeat.
    NotSent {
        /// What stood in its way.
        why: String,
    },
    /// It may have landed: look first.
    InDoubt {
        /// What became of the answer.
        why: String,
    },
    /// A look-up found that the call has not landed.
    NotLanded,
    /// A look-up is not allowed, so doubt cannot be cleared.
    LookUpForbidden,
    /// The credentials are not accepted.
    Unauthorised {
        /// How that was said.
        why: String,
    },
    /// Something that is not ServiceNow's API answered: a login page, a hibernating instance.
    NotServiceNow {
        /// What seems to have answered.
        what: String,
    },
}

impl AwaReply {
    /// What it means, without what it says beside it.
    #[must_use]
    pub(crate) const fn meaning(&self) -> Meaning {
        match self {
            Self::Landed { .. } => Meaning::Landed,
            Self::AlreadyOurs { .. } => Meaning::AlreadyOurs,
            Self::TakenBy { .. } => Meaning::TakenByAnother,
            Self::NoConsult => Meaning::NoConsult,
            Self::AgentUnavailable => Meaning::AgentUnavailable,
            Self::DocumentClosed => Meaning::DocumentClosed,
            Self::TooLate => Meaning::TooLate,
            Self::ClockSkew => Meaning::ClockSkew,
            Self::Conflict { .. } => Meaning::Conflict,
            Self::Unexplained { .. } => Meaning::Unexplained,
            Self::NotThere { .. } => Meaning::NotThere,
            Self::Misconfigured { .. } => Meaning::Misconfigured,
            Self::Busy { .. } => Meaning::Busy,
            Self::NotSent { .. } => Meaning::NotSent,
            Self::InDoubt { .. } => Meaning::InDoubt,
            Self::NotLanded => Meaning::NotLanded,
            Self::LookUpForbidden => Meaning::LookUpForbidden,
            Self::Unauthorised { .. } => Meaning::Unauthorised,
            Self::NotServiceNow { .. } => Meaning::NotServiceNow,
        }
    }

    /// The meaning's name in logs and stories.
    #[must_use]
    pub(crate) const fn name(&self) -> &'static str {
        self.meaning().as_str()
    }

    /// The sentence that goes with it, in ServiceNow's words or the bridge's own.
    #[must_use]
    pub(crate) fn detail(&self) -> Option<&str> {
        match self {
            Self::Conflict { why: detail }
            | Self::Unexplained { why: detail }
            | Self::NotThere { what: detail }
            | Self::Misconfigured { what: detail }
            | Self::NotSent { why: detail }
            | Self::InDoubt { why: detail }
            | Self::Unauthorised { why: detail }
            | Self::NotServiceNow { what: detail } => Some(detail),
            Self::Landed { .. }
            | Self::AlreadyOurs { .. }
            | Self::TakenBy { .. }
            | Self::NoConsult
            | Self::AgentUnavailable
            | Self::DocumentClosed
            | Self::TooLate
            | Self::ClockSkew
            | Self::Busy { .. }
            | Self::NotLanded
            | Self::LookUpForbidden => None,
        }
    }

    /// With another sentence, where it has one.
    #[must_use]
    pub(crate) fn map_detail(mut self, change: impl FnOnce(String) -> String) -> Self {
        match &mut self {
            Self::Conflict { why: detail }
            | Self::Unexplained { why: detail }
            | Self::NotThere { what: detail }
            | Self::Misconfigured { what: detail }
            | Self::NotSent { why: detail }
            | Self::InDoubt { why: detail }
            | Self::Unauthorised { why: detail }
            | Self::NotServiceNow { what: detail } => *detail = change(std::mem::take(detail)),
            Self::Landed { .. }
            | Self::AlreadyOurs { .. }
            | Self::TakenBy { .. }
            | Self::NoConsult
            | Self::AgentUnavailable
            | Self::DocumentClosed
            | Self::TooLate
            | Self::ClockSkew
            | Self::Busy { .. }
            | Self::NotLanded
            | Self::LookUpForbidden => {}
        }
        self
    }
}
