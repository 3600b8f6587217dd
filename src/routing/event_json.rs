//! A routing event as JSON, and the checks between it and a [`RoutingEvent`].
//!
//! [`EventJson`] is the outside form, field for field. [`RoutingEvent::parse`] is the only place where a routing event
//! can be refused.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Action, AssignmentWish, Channel, ConversationId, DocumentRef, EventId, ForeignText, IdError,
    Kind, RoutingEvent, SegmentId, Style, SysId, TableName, TransferKind, UnixMillis,
    VendorAgentId, VendorQueueId, VendorTarget, shortened,
};

/// The longest ring time that is taken, in seconds: a day.
const MAX_TIMEOUT: u32 = 86_400;

/// Why a value is not a routing event: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// The field's path, such as `transfer.target.agent`.
    pub(crate) field: &'static str,
    /// What is wrong, as the end of a sentence that starts with the field.
    pub(crate) problem: String,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl std::error::Error for EventError {}

/// A routing event as JSON, nothing checked but the types. Unknown fields are passed over: senders add their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventJson {
    /// The sender's id of the event.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub id: Option<String>,
    /// A [`Kind`]: `offer`, `transfer`, `assign`, `accept` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The contact centre's id of the call or chat.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub conversation: Option<String>,
    /// One agent's part of the conversation.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub segment: Option<String>,
    /// When it happened, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// The ServiceNow record that is routed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentJson>,
    /// The vendor's queue id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub queue: Option<String>,
    /// The service channel.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub channel: Option<String>,
    /// The vendor's agent id.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub agent: Option<String>,
    /// How long the agent is rung, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// Ties the work item to the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentWish>,
    /// How it is handed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferJson>,
    /// `sys_id` of the work item, where the sender knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_item: Option<String>,
    /// Why it was declined or ended.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub reason: Option<String>,
    /// Whether the second agent keeps the work item when a consult ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<bool>,
    /// How the vendor rings and hands over; its profile says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

/// `document` as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentJson {
    /// The table's name, such as `interaction`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The record's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sys_id: Option<String>,
}

/// `transfer` as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferJson {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub(crate) source_queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<TargetJson>,
}

/// `transfer.target` as JSON: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TargetJson {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub(crate) agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text")]
    pub(crate) queue: Option<String>,
}

impl RoutingEvent {
    /// Checks an event. `received_at` replaces a missing `occurred_at`.
    ///
    /// # Errors
    /// Names the first field that is missing or wrong.
    pub fn parse(json: EventJson, received_at: UnixMillis) -> Result<Self, EventError> {
        let kind = required("kind", json.kind)?;
        let kind = Kind::from_name(&kind).ok_or_else(|| EventError {
            field: "kind",
            problem: format!("is `{}`, not one of {}", shortened(&kind, 40), kind_names()),
        })?;
        let queue = optional("queue", json.queue.as_deref(), VendorQueueId::parse)?;
        let work_item = optional("work_item", json.work_item.as_deref(), SysId::parse)?;
        let timeout_seconds = json.timeout_seconds.map(timeout).transpose()?;
        let assignment = json.assignment.unwrap_or_default();
        let agent = || {
            let agent = required("agent", json.agent.clone())?;
            checked("agent", VendorAgentId::parse(&agent))
        };
        let action = match kind {
            Kind::Offer => Action::Offer { agent: agent()?, timeout_seconds, assignment },
            Kind::Transfer => transfer(required("transfer", json.transfer)?)?,
            Kind::Assign => {
                Action::Assign { agent: agent()?, work_item, timeout_seconds, assignment }
            }
            Kind::Accept => Action::Accept { agent: agent()?, work_item },
            Kind::Reject => Action::Reject {
                agent: agent()?,
                work_item,
                reason: json
                    .reason
                    .filter(|text| !text.is_empty())
                    .map(|text| ForeignText::of(&text)),
            },
            Kind::ConsultEnd => {
                Action::ConsultEnd { hand_over: required("hand_over", json.hand_over)? }
            }
            Kind::Withdraw => Action::Withdraw,
            Kind::Leave => Action::Leave {
                agent: optional("agent", json.agent.as_deref(), VendorAgentId::parse)?,
            },
            Kind::Bind => Action::Bind,
        };
        let document = json.document.map(document).transpose()?;
        if kind == Kind::Bind && document.is_none() && queue.is_none() {
            return Err(EventError {
                field: "document",
                problem: "is missing, and `queue` too: a bind needs at least one".to_owned(),
            });
        }
        let segment = optional("segment", json.segment.as_deref(), SegmentId::parse)?;
        if matches!(action, Action::Leave { agent: None }) && segment.is_none() {
            return Err(EventError {
                field: "agent",
                problem: "is missing, and `segment` too: a leave needs at least one".to_owned(),
            });
        }
        Ok(Self {
            id: checked("id", EventId::parse(&required("id", json.id)?))?,
            conversation: checked(
                "conversation",
                ConversationId::parse(&required("conversation", json.conversation)?),
            )?,
            segment,
            occurred_at: match json.occurred_at {
                None => received_at,
                Some(text) => UnixMillis::from_rfc3339(&text).ok_or_else(|| EventError {
                    field: "occurred_at",
                    problem: format!("is `{}`, not an RFC 3339 time", shortened(&text, 40)),
                })?,
            },
            document,
            queue,
            channel: optional("channel", json.channel.as_deref(), Channel::parse)?,
            style: json.style.unwrap_or_default(),
            action,
        })
    }

    /// The event as JSON again, `occurred_at` filled in.
    #[must_use]
    pub(crate) fn to_json(&self) -> EventJson {
        let mut json = EventJson {
            id: Some(self.id.to_string()),
            kind: Some(self.kind().to_string()),
            conversation: Some(self.conversation.to_string()),
            segment: self.segment.as_ref().map(ToString::to_string),
            occurred_at: Some(self.occurred_at.to_string()),
            document: self.document.as_ref().map(|document| DocumentJson {
                table: Some(document.table.to_string()),
                sys_id: Some(document.sys_id.to_string()),
            }),
            queue: self.queue.as_ref().map(ToString::to_string),
            channel: self.channel.as_ref().map(ToString::to_string),
            style: Some(self.style).filter(|style| !style.is_default()),
            ..EventJson::default()
        };
        match &self.action {
            Action::Offer { agent, timeout_seconds, assignment } => {
                json.agent = Some(agent.to_string());
                json.timeout_seconds = timeout_seconds.map(i64::from);
                json.assignment = Some(*assignment).filter(|wish| !wish.is_default());
            }
            Action::Transfer { kind, source_queue, target } => {
                let (agent, queue) = match target {
                    VendorTarget::Agent(agent) => (Some(agent.to_string()), None),
                    VendorTarget::Queue(queue) => (None, Some(queue.to_string())),
                };
                json.transfer = Some(TransferJson {
                    kind: Some(kind.as_str().to_owned()),
                    source_queue: source_queue.as_ref().map(ToString::to_string),
                    target: Some(TargetJson { agent, queue }),
                });
            }
            Action::Assign { agent, work_item, timeout_seconds, assignment } => {
                json.agent = Some(agent.to_string());
                json.work_item = work_item.map(|id| id.to_string());
                json.timeout_seconds = timeout_seconds.map(i64::from);
                json.assignment = Some(*assignment).filter(|wish| !wish.is_default());
            }
            Action::Accept { agent, work_item } => {
                json.agent = Some(agent.to_string());
                json.work_item = work_item.map(|id| id.to_string());
            }
            Action::Reject { agent, work_item, reason } => {
                json.agent = Some(agent.to_string());
                json.work_item = work_item.map(|id| id.to_string());
                json.reason = reason.as_ref().map(ToString::to_string);
            }
            Action::ConsultEnd { hand_over } => json.hand_over = Some(*hand_over),
            Action::Leave { agent } => json.agent = agent.as_ref().map(ToString::to_string),
            Action::Withdraw | Action::Bind => {}
        }
        json
    }
}

fn transfer(json: TransferJson) -> Result<Action, EventError> {
    let kind = match required("transfer.type", json.kind)?.as_str() {
        "blind" => TransferKind::Blind,
        "consult" => TransferKind::Consult,
        other => {
            return Err(EventError {
                field: "transfer.type",
                problem: format!("is `{}`, not blind or consult", shortened(other, 40)),
            });
        }
    };
    let target = required("transfer.target", json.target)?;
    let named = |text: Option<String>| text.filter(|text| !text.is_empty());
    let target = match (named(target.agent), named(target.queue)) {
        (Some(agent), None) => {
            VendorTarget::Agent(checked("transfer.target.agent", VendorAgentId::parse(&agent))?)
        }
        (None, Some(queue)) => {
            VendorTarget::Queue(checked("transfer.target.queue", VendorQueueId::parse(&queue))?)
        }
        (Some(_), Some(_)) => {
            return Err(EventError {
                field: "transfer.target",
                problem: "names both an agent and a queue".to_owned(),
            });
        }
        (None, None) => {
            return Err(EventError {
                field: "transfer.target",
                problem: "names neither an agent nor a queue".to_owned(),
            });
        }
    };
    let source_queue =
        optional("transfer.source_queue", json.source_queue.as_deref(), VendorQueueId::parse)?;
    Ok(Action::Transfer { kind, source_queue, target })
}

fn document(json: DocumentJson) -> Result<DocumentRef, EventError> {
    let table = required("document.table", json.table)?;
    let sys_id = required("document.sys_id", json.sys_id)?;
    Ok(DocumentRef {
        table: checked("document.table", TableName::parse(&table))?,
        sys_id: checked("document.sys_id", SysId::parse(&sys_id))?,
    })
}

fn timeout(seconds: i64) -> Result<u32, EventError> {
    u32::try_from(seconds).ok().filter(|seconds| (1..=MAX_TIMEOUT).contains(seconds)).ok_or_else(
        || EventError {
            field: "timeout_seconds",
            problem: format!("is {seconds}, not from 1 to {MAX_TIMEOUT}"),
        },
    )
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, EventError> {
    value.ok_or_else(|| EventError { field, problem: "is missing".to_owned() })
}

fn checked<T>(field: &'static str, value: Result<T, IdError>) -> Result<T, EventError> {
    value.map_err(|error| EventError { field, problem: error.to_string() })
}

fn optional<T>(
    field: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Option<T>, EventError> {
    text.filter(|text| !text.is_empty()).map(|text| checked(field, parse(text))).transpose()
}

fn kind_names() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

/// Takes a string or an integer (kept digit for digit): vendors number their queues and agents.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string or an integer")]
    enum Text {
        String(String),
        Unsigned(u64),
        Signed(i64),
    }
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| match text {
        Text::String(text) => text,
        Text::Unsigned(number) => number.to_string(),
        Text::Signed(number) => number.to_string(),
    }))
}
