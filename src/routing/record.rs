//! Events and conversations as operators see them: the JSON of the admin address, which the daemon writes and the
//! commands read.
//!
//! The commands may be of another version than the daemon: fields that are not known are passed over, a word that is
//! not known stays as it came, and of the richer members what cannot be read is left out.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Answer, Attempt, CallKind, ContactCenter, DocumentRef, EventJson, Leg, Meaning, Missing,
    Outcome, SysId, UnixMillis, Waited, WorkItem, rfc3339,
};

/// A word of a closed set, or one that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// One of the set.
    Known(T),
    /// As it came.
    Other(String),
}

impl<T: Copy> Word<T> {
    /// The word, where this version knows it.
    #[must_use]
    pub(crate) const fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Other(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(word) if word == other)
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.fmt(f),
            Self::Other(word) => f.write_str(word),
        }
    }
}

/// The state of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    pub(crate) const ALL: [Self; 7] = [
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
    pub(crate) const fn as_str(self) -> &'static str {
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
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The source's name in the configuration.
    pub(crate) source: String,
    /// The sender's id, or one made of the body's hash.
    pub id: String,
    /// What it asks for; none where the request was not understood.
    pub(crate) kind: Option<String>,
    /// The contact centre's id of the call or chat.
    pub conversation: Option<String>,
    /// Where it stands.
    pub state: Word<State>,
    /// A word to filter by: why it ended as it did, or waits.
    pub(crate) reason: Option<String>,
    /// The reason as a sentence.
    pub(crate) detail: Option<String>,
    /// Calls sent.
    pub(crate) attempts: u32,
    /// When its webhook came in.
    #[serde(with = "rfc3339")]
    pub(crate) received_at: UnixMillis,
    /// When it ended.
    #[serde(default, with = "rfc3339::optional")]
    pub(crate) settled_at: Option<UnixMillis>,
    /// The work item that it made or changed.
    pub(crate) work_item: Option<SysId>,
    /// ServiceNow's last answer.
    pub(crate) last_answer: Option<Answer>,
    /// Whose tables and conversations it goes by.
    pub(crate) contact_center: ContactCenter,
    /// What the tables lack, while it is parked.
    #[serde(default, deserialize_with = "if_readable", skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<Missing>,
    /// When it is looked at next, while it is not settled.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<UnixMillis>,
    /// Nothing is sent after this, while it is not settled.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<UnixMillis>,
    /// Where its time went, in milliseconds.
    #[serde(default)]
    pub(crate) waited_ms: Waited,
    /// The last calls and look-ups, oldest first, with those before it was replayed or discarded.
    #[serde(default)]
    pub(crate) calls: Vec<CallRecord>,
    /// Who replayed or discarded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// How it had ended before it was replayed or discarded: the last three times, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier: Vec<EarlierRecord>,
    /// The routing event, completed from its conversation; none where the request was not understood.
    #[serde(default, deserialize_with = "if_readable")]
    pub(crate) event: Option<EventJson>,
}

/// How an event had ended before an operator replayed or discarded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EarlierRecord {
    pub(crate) state: Word<State>,
    pub(crate) reason: String,
    pub(crate) detail: Option<String>,
    #[serde(with = "rfc3339")]
    pub(crate) settled_at: UnixMillis,
    /// Calls sent until then, since it came in or was replayed.
    pub(crate) attempts: u32,
    /// The last of them with the look-ups, oldest first; of a dead letter that was discarded the event has them.
    #[serde(default)]
    pub(crate) calls: Vec<CallRecord>,
    /// Who had replayed it until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// One call or look-up and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallRecord {
    pub(crate) call: Word<CallKind>,
    #[serde(with = "rfc3339")]
    pub(crate) at: UnixMillis,
    pub(crate) elapsed_ms: Option<u64>,
    pub(crate) status: Option<u16>,
    pub(crate) meaning: Option<Word<Meaning>>,
    pub(crate) message: Option<String>,
}

/// One conversation with its latest events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversationRecord {
    pub(crate) contact_center: ContactCenter,
    pub(crate) conversation: String,
    pub(crate) document: Option<DocumentRef>,
    pub(crate) queue: Option<String>,
    pub(crate) channel: Option<String>,
    #[serde(default, deserialize_with = "readable_ones")]
    pub(crate) work_items: Vec<WorkItem>,
    /// What the vendor has reported of its legs, newest last.
    #[serde(default)]
    pub(crate) legs: Vec<LegRecord>,
    /// Other conversations that work on the same document, of which there are events here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) shared_with: Vec<String>,
    /// Since when a consult is open.
    #[serde(default, with = "rfc3339::optional")]
    pub(crate) consult_since: Option<UnixMillis>,
    /// Of all conversations that work on the document, oldest first, at most the last hundred.
    #[serde(default)]
    pub events: Vec<EventRecord>,
}

/// One leg; without segment and agent, the conversation as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegRecord {
    pub(crate) conversation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// When the agent was last rung, in the vendor's words.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) rung: Option<UnixMillis>,
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<UnixMillis>,
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<UnixMillis>,
}

/// Some events, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page<E = EventRecord> {
    pub(crate) events: Vec<E>,
    /// The `cursor` to go on with; there may be more. A page may be short, or empty, and still have one.
    pub(crate) next_cursor: Option<String>,
}

impl From<Attempt> for CallRecord {
    fn from(attempt: Attempt) -> Self {
        let Attempt { call, at, elapsed_ms, status, meaning, message } = attempt;
        Self { call: call.into(), at, elapsed_ms, status, meaning, message }
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

#[derive(Deserialize)]
#[serde(untagged)]
enum Read<T> {
    Readable(T),
    Other(IgnoredAny),
}

impl<T> Read<T> {
    fn readable(self) -> Option<T> {
        match self {
            Self::Readable(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

fn if_readable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Read::deserialize(deserializer).map(Read::readable)
}

fn readable_ones<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let all = Vec::<Read<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(Read::readable).collect())
}
