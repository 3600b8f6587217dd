//! What is kept, as serde types: one event, one lane, one body, one line of the index. An engine decides where they
//! lie.
//!
//! A row is written anew as a whole, so a program that does not know a field would lose it. So every new field, variant
//! or meaning raises [`ROWS`], and has a default, so that rows of older versions stay readable. In a database of
//! several nodes each row says in which version it is written, and nobody touches one that is newer than what it knows;
//! a store of files has the version in its schema. What version N adds is written only into rows of version N:
//! `postgres` asks for the one that all living nodes know.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::request::EventMeta;
use crate::routing::{
    Attempt, Channel, ContactCenter, ConversationId, DocumentRef, Ended, Entry, EntryId, Kind,
    LaneKey, Leg, OpenConsult, Outcome, Reason, Recent, RoutingEvent, Stage, Story, UnixMillis,
    Unreadable, VendorQueueId, WorkItem,
};

/// The version of these rows, and the newest that this program reads and writes. Also of the values of registers.
pub(super) const ROWS: i16 = 1;

/// The first half of a SHA-256 over what names something: an event among its source's, a document among its contact
/// centre's.
pub(super) type Hash = [u8; 16];

/// The same of a conversation's name, shorter: two that share one are only listed together.
pub(super) type ConversationHash = u64;

/// One event: what came in, where it stands, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) contact_center: ContactCenter,
    pub(super) content: Content,
    #[serde(flatten)]
    pub(super) origin: Origin,
    /// While it has an entry in a lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<EntryRow>,
}

/// What the request said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Event(Box<RoutingEvent>),
    Unreadable(Unreadable),
    /// The row was damaged; nothing is left of it.
    Lost,
}

/// What the store knows of an event beside what decisions need.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) source: Arc<str>,
    /// When it came in.
    pub(super) received_at: UnixMillis,
    /// The number of the body that brought it: that of the first event of its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<u64>,
    /// Its place among the entries of its lane.
    #[serde(default)]
    pub(super) order: u64,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Reason>,
    /// Who replayed or discarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// How it had ended before it was replayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<EarlierEnd>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<End>,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
    pub(super) settled_at: UnixMillis,
    pub(super) story: Story,
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

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EntryRow {
    /// The lane that carries it out, where that is not its own conversation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lane: Option<ConversationId>,
    /// When it came in, or was replayed.
    pub(super) received_at: UnixMillis,
    pub(super) deadline: UnixMillis,
    pub(super) due: UnixMillis,
    pub(super) stage: Stage,
    pub(super) story: Story,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
}

/// What is known of a conversation beside its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LaneRow {
    pub(super) key: LaneKey,
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

/// The vendor's body of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BodyRow {
    pub(super) received_at: UnixMillis,
    /// How many events it brought: they are numbered from its own number on.
    pub(super) events: u32,
    pub(super) bytes: bytes::Bytes,
}

/// A setting that all senders of calls share, under a name; a write names the version that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RegisterRow {
    /// How often it was written.
    pub(crate) version: u64,
    /// The owner's.
    pub(crate) value: serde_json::Value,
}

/// What is held in memory of an event, for as long as its id is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexRow {
    /// Of the event's id among its source's, or of what its request's signature covers.
    pub(super) id: Hash,
    pub(super) received_at: UnixMillis,
    pub(super) class: Class,
    /// The event's conversation, and the one in whose lane it is carried out.
    pub(super) conversations: Option<[ConversationHash; 2]>,
}

/// What an event is to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It has an entry in a lane.
    Open,
    /// A dead letter.
    Dead,
    /// It ended otherwise.
    Ended,
    /// There is no event: the number stands for signed bytes.
    Request,
}

impl EventRow {
    /// Of an entry in a lane.
    pub(super) fn of_entry(lane: &LaneKey, entry: &Entry, origin: &Origin) -> Self {
        let Entry { id: _, event, received_at, deadline, due, stage, story, ended } = entry;
        let own = event.conversation == lane.conversation;
        Self {
            contact_center: lane.contact_center.clone(),
            content: Content::Event(Box::new(event.clone())),
            origin: origin.clone(),
            entry: Some(EntryRow {
                lane: (!own).then(|| lane.conversation.clone()),
                received_at: *received_at,
                deadline: *deadline,
                due: *due,
                stage: stage.clone(),
                story: story.clone(),
                ended: ended.clone(),
            }),
        }
    }

    /// Of an event that has ended and left its lane.
    pub(super) fn ended(contact_center: &ContactCenter, entry: &Entry, origin: Origin) -> Self {
        Self {
            contact_center: contact_center.clone(),
            content: Content::Event(Box::new(entry.event.clone())),
            origin,
            entry: None,
        }
    }

    /// In place of a row that cannot be read any more.
    pub(super) fn lost(received_at: UnixMillis) -> Self {
        let (contact_center, content) = ("".into(), Content::Lost);
        let origin = Origin { received_at, ..Origin::default() };
        Self { contact_center, content, origin, entry: None }
    }

    /// The entry, with what belongs to it, if the event has one.
    pub(super) fn into_entry(self, seq: u64) -> Result<(Entry, Origin), String> {
        let Self { contact_center: _, content, origin, entry } = self;
        let EntryRow { lane: _, received_at, deadline, due, stage, story, ended } =
            entry.ok_or("has no entry")?;
        let event = content.into_event()?;
        let id = EntryId(seq);
        Ok((Entry { id, event, received_at, deadline, due, stage, story, ended }, origin))
    }

    /// The lane that carries it out, where it can have one.
    pub(super) fn lane(&self) -> Option<LaneKey> {
        let conversation = match self.entry.as_ref().and_then(|entry| entry.lane.as_ref()) {
            Some(lane) => lane.clone(),
            None => self.content.conversation()?,
        };
        Some(LaneKey { contact_center: self.contact_center.clone(), conversation })
    }

    /// What names the event in logs.
    pub(super) fn meta(&self) -> EventMeta {
        EventMeta {
            source: Arc::clone(&self.origin.source),
            id: self.content.id().to_owned(),
            kind: self.content.kind().and_then(Kind::from_name).map_or("unknown", Kind::as_str),
            conversation: self.content.conversation().map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    pub(super) fn class(&self) -> Class {
        match (&self.entry, &self.origin.end) {
            (Some(_), _) => Class::Open,
            (None, Some(end)) if end.outcome == Outcome::Dead => Class::Dead,
            (None, Some(_) | None) => Class::Ended,
        }
    }
}

impl Content {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Event(event) => event.id.as_str(),
            Self::Unreadable(one) => &one.id,
            Self::Lost => "",
        }
    }

    pub(super) fn kind(&self) -> Option<&str> {
        match self {
            Self::Event(event) => Some(event.kind().as_str()),
            Self::Unreadable(one) => one.kind.as_deref(),
            Self::Lost => None,
        }
    }

    /// The conversation, where it has one that can be a lane.
    pub(super) fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Event(event) => Some(event.conversation.clone()),
            Self::Unreadable(one) => ConversationId::parse(one.conversation.as_deref()?).ok(),
            Self::Lost => None,
        }
    }

    pub(super) fn into_event(self) -> Result<RoutingEvent, String> {
        match self {
            Self::Event(event) => Ok(*event),
            Self::Unreadable(_) | Self::Lost => Err("was never a routing event".to_owned()),
        }
    }
}

impl EarlierEnd {
    /// How many are kept of an event.
    const KEPT: usize = 3;
}

impl Origin {
    /// What is kept of it when the event is done again: the last few ends, oldest first.
    pub(super) fn into_earlier(self) -> Vec<EarlierEnd> {
        let Self { by, mut earlier, end, .. } = self;
        if let Some(End { outcome, reason, settled_at, story }) = end {
            let Story { attempts, calls, .. } = story;
            earlier.push(EarlierEnd { outcome, reason, settled_at, by, attempts, calls });
        }
        earlier.drain(..earlier.len().saturating_sub(EarlierEnd::KEPT));
        earlier
    }

    /// With another end. What the event has been through until now goes on.
    pub(super) fn ended_again(
        self,
        outcome: Outcome,
        reason: Reason,
        at: UnixMillis,
        by: String,
    ) -> Self {
        let (source, received_at) = (Arc::clone(&self.source), self.received_at);
        let (body, order) = (self.body, self.order);
        let story = self.end.as_ref().map(|end| end.story.clone()).unwrap_or_default();
        let mut earlier = self.into_earlier();
        if let Some(last) = earlier.last_mut() {
            last.calls.clear();
        }
        let end = Some(End { outcome, reason, settled_at: at, story });
        Self { source, received_at, body, order, why: None, by: Some(by), earlier, end }
    }
}
