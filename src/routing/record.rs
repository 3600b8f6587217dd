//! Events and conversations as operators see them: the JSON of the admin address, times as RFC 3339 texts.

use serde::{Serialize, Serializer};

use super::{
    Answer, Attempt, CallKind, ContactCenter, DocumentRef, EventJson, Leg, Missing, Outcome, SysId,
    UnixMillis, Waited, WorkItem,
};

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, not carried out yet.
    Pending,
    /// Waits for a row of the mapping tables.
    Parked,
    /// ServiceNow has taken it.
    Delivered,
    /// Its time was over before ServiceNow took it.
    Expired,
    /// A later event of its conversation made it needless.
    Superseded,
    /// A dead letter: it needs attention.
    Dead,
    /// An operator took it back.
    Discarded,
}

impl State {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Parked,
        Self::Delivered,
        Self::Expired,
        Self::Superseded,
        Self::Dead,
        Self::Discarded,
    ];

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl From<Outcome> for State {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Delivered,
            Outcome::Expired => Self::Expired,
            Outcome::Superseded => Self::Superseded,
            Outcome::Dead => Self::Dead,
            Outcome::Discarded => Self::Discarded,
        }
    }
}

/// One event with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRecord {
    /// The source's name in the configuration.
    pub source: String,
    /// The sender's id, or one made of the body's hash.
    pub id: String,
    /// What it asks for; none where the request was not understood.
    pub kind: Option<String>,
    /// The contact centre's id of the call or chat.
    pub conversation: Option<String>,
    /// Where it stands.
    pub state: State,
    /// A word to filter by: why it ended as it did, or waits.
    pub reason: Option<String>,
    /// The reason as a sentence.
    pub detail: Option<String>,
    /// Calls sent.
    pub attempts: u32,
    /// When its webhook came in.
    #[serde(serialize_with = "rfc3339")]
    pub received_at: UnixMillis,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub settled_at: Option<UnixMillis>,
    /// The work item that it made or changed.
    pub work_item: Option<SysId>,
    /// ServiceNow's last answer.
    pub last_answer: Option<Answer>,
    /// Whose tables and conversations it goes by.
    pub contact_center: ContactCenter,
    /// What the tables lack, while it is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// When it is looked at next, while it is not settled.
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<UnixMillis>,
    /// Nothing is sent after this, while it is not settled.
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub deadline: Option<UnixMillis>,
    /// Where its time went, in milliseconds.
    pub waited_ms: Waited,
    /// The last calls and look-ups, oldest first, with those before it was replayed or discarded.
    pub calls: Vec<CallRecord>,
    /// Who replayed or discarded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How it had ended before it was replayed or discarded: the last three times, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierRecord>,
    /// The routing event, completed from its conversation; none where the request was not understood.
    pub event: Option<EventJson>,
}

/// How an event had ended before an operator replayed or discarded it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EarlierRecord {
    pub state: State,
    pub reason: String,
    pub detail: Option<String>,
    #[serde(serialize_with = "rfc3339")]
    pub settled_at: UnixMillis,
    /// Calls sent until then, since it came in or was replayed.
    pub attempts: u32,
    /// The last of them with the look-ups, oldest first; of a dead letter that was discarded the event has them.
    pub calls: Vec<CallRecord>,
    /// Who had replayed it until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// One call or look-up and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallRecord {
    pub call: CallKind,
    #[serde(serialize_with = "rfc3339")]
    pub at: UnixMillis,
    pub elapsed_ms: Option<u64>,
    pub status: Option<u16>,
    pub meaning: Option<String>,
    pub message: Option<String>,
}

/// One conversation with its latest events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationRecord {
    pub contact_center: ContactCenter,
    pub conversation: String,
    pub document: Option<DocumentRef>,
    pub queue: Option<String>,
    pub channel: Option<String>,
    pub work_items: Vec<WorkItem>,
    /// What the vendor has told of its legs, newest last.
    pub legs: Vec<LegRecord>,
    /// Other conversations that work on the same document, of which there are events here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
    /// Since when a consult is open.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub consult_since: Option<UnixMillis>,
    /// Of all conversations that work on the document, oldest first, at most the last hundred.
    pub events: Vec<EventRecord>,
}

/// One leg; without segment and agent, the conversation as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegRecord {
    pub conversation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When the agent was last rung, in the vendor's words.
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub rung: Option<UnixMillis>,
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub accepted: Option<UnixMillis>,
    #[serde(serialize_with = "rfc3339_or_null", skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMillis>,
}

/// Some events, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    pub events: Vec<EventRecord>,
    /// The `cursor` to go on with; there may be more. A page may be short, or empty, and still have one.
    pub next_cursor: Option<String>,
}

impl From<Attempt> for CallRecord {
    fn from(attempt: Attempt) -> Self {
        let Attempt { call, at, elapsed_ms, status, meaning, message } = attempt;
        Self { call, at, elapsed_ms, status, meaning, message }
    }
}

impl From<Leg> for LegRecord {
    fn from(leg: Leg) -> Self {
        let Leg { conversation, segment, agent, rung, accepted, ended, failed: _ } = leg;
        Self {
            conversation: conversation.to_string(),
            segment: segment.map(|segment| segment.to_string()),
            agent: agent.map(|agent| agent.to_string()),
            rung,
            accepted,
            ended,
        }
    }
}

fn rfc3339<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn rfc3339_or_null<S: Serializer>(
    at: &Option<UnixMillis>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
