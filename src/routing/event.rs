//! The routing event: what every vendor profile produces and what source `native` takes as it is.
//!
//! [`RoutingEvent`] is the checked form; its JSON and the only way in are in `event_json`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Channel, ConversationId, DisplayOption, DocumentRef, EventId, ForeignText, SegmentId, SysId,
    UnixMillis, VendorAgentId, VendorQueueId,
};

/// Something authentic that a source's profile could not read as an event: a dead letter with the reason `unreadable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Its own id, else one made of the request; never empty, at most 256 bytes.
    pub(crate) id: String,
    /// What it seems to ask for: at most 40 characters of the sender's text.
    #[serde(default)]
    pub(crate) kind: Option<String>,
    /// The conversation that it seems to be of: a valid id.
    #[serde(default)]
    pub(crate) conversation: Option<String>,
    /// What is wrong, as a sentence without a value of the sender's but field names and short ids.
    pub(crate) problem: String,
}

/// What a contact centre's routing engine has decided. Its serde form is the one in which it is stored; senders write
/// [`EventJson`](super::EventJson).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingEvent {
    /// The sender's id of the event, unique within its source.
    pub(crate) id: EventId,
    /// The contact centre's id of the call or chat.
    pub(crate) conversation: ConversationId,
    /// One agent's part of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<SegmentId>,
    /// When it happened, on the vendor's clock.
    pub(crate) occurred_at: UnixMillis,
    /// The ServiceNow record that is routed; without it the conversation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<DocumentRef>,
    /// The queue that the conversation is in; every kind may bring it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<VendorQueueId>,
    /// The service channel; without it the queue's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Channel>,
    /// How the vendor rings and hands over, as its profile says.
    #[serde(default, skip_serializing_if = "Style::is_default")]
    pub(crate) style: Style,
    /// What happened.
    pub(crate) action: Action,
}

/// How a vendor rings agents and hands calls over: what its profile says, carried by each of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Style {
    #[serde(skip_serializing_if = "Rings::is_one")]
    pub(crate) rings: Rings,
    /// Instead of the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hand_over: Option<HandOver>,
}

impl Style {
    /// Whether it says nothing beside the defaults.
    #[must_use]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How many agents are rung at a time for one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rings {
    /// One after the other: the next ring ends the one before.
    #[default]
    One,
    /// Several at once: the first to accept gets the work.
    Several,
}

impl Rings {
    const fn is_one(&self) -> bool {
        matches!(self, Self::One)
    }
}

/// What a ring means while another agent has accepted and is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOver {
    /// A consult; the accept hands over.
    #[default]
    Consult,
    /// A consult; the hand-over comes when the first agent leaves.
    Leave,
    /// Nothing before the accept, which makes a blind transfer.
    OnAccept,
    /// A blind transfer at once.
    Blind,
}

impl HandOver {
    /// The word of that name in configurations and profiles.
    #[must_use]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Consult, Self::Leave, Self::OnAccept, Self::Blind]
            .into_iter()
            .find(|hand_over| hand_over.as_str() == name)
    }

    /// Its name in configurations and profiles.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Consult => "consult",
            Self::Leave => "leave",
            Self::OnAccept => "on_accept",
            Self::Blind => "blind",
        }
    }
}

/// The event's kind with what that kind needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// To the event's queue, else the conversation's last one.
    Offer {
        agent: VendorAgentId,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u32>,
        #[serde(default, skip_serializing_if = "AssignmentWish::is_default")]
        assignment: AssignmentWish,
    },
    Transfer {
        kind: TransferKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        source_queue: Option<VendorQueueId>,
        target: VendorTarget,
    },
    Assign {
        agent: VendorAgentId,
        #[serde(skip_serializing_if = "Option::is_none")]
        work_item: Option<SysId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u32>,
        #[serde(default, skip_serializing_if = "AssignmentWish::is_default")]
        assignment: AssignmentWish,
    },
    Accept {
        agent: VendorAgentId,
        #[serde(skip_serializing_if = "Option::is_none")]
        work_item: Option<SysId>,
    },
    Reject {
        agent: VendorAgentId,
        #[serde(skip_serializing_if = "Option::is_none")]
        work_item: Option<SysId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<ForeignText>,
    },
    ConsultEnd {
        hand_over: bool,
    },
    /// With a segment of that leg, without one of the whole conversation.
    Withdraw,
    /// The leg of an agent has ended while the caller stays; the agent or the segment says which.
    Leave {
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<VendorAgentId>,
    },
    Bind,
}

/// Who gets a transfer, in the vendor's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VendorTarget {
    Agent(VendorAgentId),
    Queue(VendorQueueId),
}

/// How a transfer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// At once.
    Blind,
    /// After talking: ends with a consult_end.
    Consult,
}

impl TransferKind {
    /// ServiceNow's and the contract's word.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Consult => "consult",
        }
    }
}

/// What the event says about an assignment; the rest comes from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssignmentWish {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_to_decline: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enable_auto_assign: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) display_option: Option<DisplayOption>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_is_none")]
    pub(crate) after_timeout_presence: Option<SysId>,
}

impl AssignmentWish {
    /// Whether it says nothing.
    #[must_use]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The nine kinds of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Offer,
    Transfer,
    Assign,
    Accept,
    Reject,
    ConsultEnd,
    Withdraw,
    Leave,
    Bind,
}

impl Kind {
    /// All of them, in the contract's order.
    pub(crate) const ALL: [Self; 9] = [
        Self::Offer,
        Self::Transfer,
        Self::Assign,
        Self::Accept,
        Self::Reject,
        Self::ConsultEnd,
        Self::Withdraw,
        Self::Leave,
        Self::Bind,
    ];

    /// The contract's word.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Transfer => "transfer",
            Self::Assign => "assign",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::ConsultEnd => "consult_end",
            Self::Withdraw => "withdraw",
            Self::Leave => "leave",
            Self::Bind => "bind",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RoutingEvent {
    /// The agent whom it puts work before, or who answers or leaves.
    #[must_use]
    pub(crate) const fn agent(&self) -> Option<&VendorAgentId> {
        match &self.action {
            Action::Offer { agent, .. }
            | Action::Assign { agent, .. }
            | Action::Accept { agent, .. }
            | Action::Reject { agent, .. }
            | Action::Transfer { target: VendorTarget::Agent(agent), .. } => Some(agent),
            Action::Leave { agent } => agent.as_ref(),
            Action::Transfer { target: VendorTarget::Queue(_), .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Bind => None,
        }
    }

    /// The kind alone.
    #[must_use]
    pub(crate) const fn kind(&self) -> Kind {
        match self.action {
            Action::Offer { .. } => Kind::Offer,
            Action::Transfer { .. } => Kind::Transfer,
            Action::Assign { .. } => Kind::Assign,
            Action::Accept { .. } => Kind::Accept,
            Action::Reject { .. } => Kind::Reject,
            Action::ConsultEnd { .. } => Kind::ConsultEnd,
            Action::Withdraw => Kind::Withdraw,
            Action::Leave { .. } => Kind::Leave,
            Action::Bind => Kind::Bind,
        }
    }
}

fn empty_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SysId>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => SysId::parse(&text).map(Some).map_err(serde::de::Error::custom),
    }
}
