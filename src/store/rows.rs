//! What the rows say: plain values as JSON. New fields must have a default, so that older rows stay readable.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::request::EventMeta;
use super::row::RowError;
use crate::problem::in_plain_words;
use crate::routing::{
    Attempt, Channel, ContactCenter, ConversationId, DocumentRef, Ended, EntryId, EventJson, Kind,
    Leg, OpenConsult, Outcome, Reason, Recent, Stage, Story, UnixMillis, VendorQueueId, WorkItem,
};

/// Where an event came from and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) source: String,
    pub(super) contact_center: ContactCenter,
    pub(super) received_at: UnixMillis,
    pub(super) content: Content,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<BodyPlace>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Event(Box<EventJson>),
    Unreadable {
        id: String,
        #[serde(default)]
        kind: Option<String>,
        #[serde(default)]
        conversation: Option<String>,
        problem: String,
    },
}

impl Content {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Event(event) => event.id.as_deref().unwrap_or_default(),
            Self::Unreadable { id, .. } => id,
        }
    }

    pub(super) fn kind(&self) -> Option<&str> {
        match self {
            Self::Event(event) => event.kind.as_deref(),
            Self::Unreadable { kind, .. } => kind.as_deref(),
        }
    }

    /// The conversation, where it has one that can be a lane.
    pub(super) fn conversation(&self) -> Option<ConversationId> {
        let text = match self {
            Self::Event(event) => event.conversation.as_deref(),
            Self::Unreadable { conversation, .. } => conversation.as_deref(),
        };
        ConversationId::parse(text?).ok()
    }

    /// What names the event in logs.
    pub(super) fn meta(&self, source: &str) -> EventMeta {
        EventMeta {
            source: source.into(),
            id: self.id().to_owned(),
            kind: self.kind().and_then(Kind::from_name).map_or("unknown", Kind::as_str),
            conversation: self.conversation().map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

/// Where the body of the request lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct BodyPlace {
    pub(super) bucket: u32,
    pub(super) seq: u64,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoryRow {
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
    pub(super) settled_at: UnixMillis,
    pub(super) story: Story,
    /// Who replayed or discarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<EarlierEnd>,
}

/// How an event had ended before an operator replayed or discarded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EarlierEnd {
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
    pub(super) settled_at: UnixMillis,
    /// Who had replayed it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    pub(super) attempts: u32,
    /// The last calls and look-ups until then, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<Attempt>,
}

impl EarlierEnd {
    /// How many are kept of an event.
    const KEPT: usize = 3;
}

impl StoryRow {
    /// What is kept of it when the event is done again: the last few ends, oldest first.
    pub(super) fn into_earlier(self) -> Vec<EarlierEnd> {
        let Self { outcome, reason, settled_at, story, by, mut earlier } = self;
        let Story { attempts, calls, .. } = story;
        earlier.push(EarlierEnd { outcome, reason, settled_at, by, attempts, calls });
        earlier.drain(..earlier.len().saturating_sub(EarlierEnd::KEPT));
        earlier
    }

    /// The row with another end. What the event has been through until now goes on.
    pub(super) fn ended_again(
        self,
        outcome: Outcome,
        reason: Reason,
        at: UnixMillis,
        by: String,
    ) -> Self {
        let story = self.story.clone();
        let mut earlier = self.into_earlier();
        if let Some(last) = earlier.last_mut() {
            last.calls.clear();
        }
        Self { outcome, reason, settled_at: at, story, by: Some(by), earlier }
    }
}

/// What is known of a conversation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ConversationRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<DocumentRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_queue: Option<VendorQueueId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Channel>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) work_items: Vec<WorkItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) consult: Option<OpenConsult>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) legs: Vec<Leg>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) recent: Vec<Recent>,
    /// The first unsettled ones, in order of arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) entries: Vec<EntryRow>,
    /// The others, which have rows of their own.
    #[serde(default, skip_serializing_if = "Runs::is_empty")]
    pub(super) apart: Runs,
    /// The latest events, oldest first: of all conversations that the lane carries out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<u64>,
    /// The document that this very conversation has named last, where the lane's is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) named: Option<DocumentRef>,
    /// The documents whose events are carried out in this lane, whatever conversation names them; newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) documents: Vec<DocumentRef>,
    /// The conversation of the same contact centre in whose lane this one is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved_to: Option<ConversationId>,
}

/// Numbers in an order, as runs of consecutive ones: the first of each, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Runs(Vec<(u64, u64)>);

impl Runs {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(first, count)| *first..first.saturating_add(*count))
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|(first, count)| number.checked_sub(*first).is_some_and(|at| at < *count))
    }
}

impl FromIterator<u64> for Runs {
    fn from_iter<T: IntoIterator<Item = u64>>(numbers: T) -> Self {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((first, count)) if first.checked_add(*count) == Some(number) => *count += 1,
                Some(_) | None => runs.push((number, 1)),
            }
        }
        Self(runs)
    }
}

/// The state of an unsettled entry; what it says is in its event row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EntryRow {
    pub(super) id: EntryId,
    pub(super) received_at: UnixMillis,
    pub(super) deadline: UnixMillis,
    pub(super) due: UnixMillis,
    pub(super) stage: Stage,
    pub(super) story: Story,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
    #[serde(flatten)]
    pub(super) origin: Origin,
}

/// What the store knows of an unsettled entry beside what decisions need.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) source: String,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Reason>,
    /// Who replayed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// How it had ended before it was replayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<EarlierEnd>,
}

impl Origin {
    /// Of an event that comes in.
    pub(super) fn of(source: String) -> Self {
        Self { source, ..Self::default() }
    }
}

impl ConversationRow {
    /// The row's bytes: `L`, `M` or `I`, then JSON.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![match (self.entries.as_slice(), &self.moved_to) {
            ([], None) => b'I',
            ([], Some(_)) => b'M',
            ([_, ..], _) => b'L',
        }];
        bytes.extend(encode(self));
        bytes
    }

    /// Whether calls are owed, without reading the rest.
    pub(super) fn owes_calls(bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'L')
    }

    /// Whether the conversation is carried out in another's lane, without reading the rest.
    pub(super) fn is_moved(bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'M')
    }

    pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, RowError> {
        decode(key, bytes.get(1..).unwrap_or_default())
    }
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("rows are structs of texts, numbers and lists")
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, RowError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let account = in_plain_words(&error.to_string(), "an object");
        RowError::Corrupt(format!("{} ({account})", key.escape_ascii()))
    })
}
