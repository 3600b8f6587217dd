//! A lane as the writer holds it, the way between it and its rows, and the bounded cache of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::apart::{Apart, WITHIN};
use super::row::{Changes, RowError, Rows};
use super::rows::{Content, ConversationRow, EntryRow, EventRow, Origin};
use super::{layout, pack};
use crate::routing::{
    Conversation, DocumentRef, Entry, EntryId, LaneKey, RoutingEvent, UnixMillis,
};

/// How many events a conversation remembers by name.
const HISTORY: usize = 100;

/// Of how many documents a lane is the lane at most.
const DOCUMENTS: usize = 16;

/// A conversation, or several that share a document, with what the store knows beside it.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) conversation: Conversation,
    /// One for each entry.
    pub(super) origins: HashMap<EntryId, Origin>,
    history: Vec<u64>,
    /// The document that the conversation which gave the lane its key has named last.
    pub(super) named: Option<DocumentRef>,
    /// The documents whose events are carried out here; newest last.
    documents: Vec<DocumentRef>,
    /// Where the conversation is carried out, if not here: then nothing is owed here.
    pub(super) moved_to: Option<Arc<LaneKey>>,
    /// The entries that have rows of their own, as they were last written.
    apart: Apart,
}

/// A lane as read, and the entries whose events could not be.
pub(super) struct Loaded {
    pub(super) lane: Lane,
    pub(super) lost: Vec<(EntryRow, RowError)>,
}

impl Lane {
    /// A lane as its row says, with the events of its entries.
    pub(super) fn load(
        rows: &Rows,
        key: &LaneKey,
        row: ConversationRow,
    ) -> Result<Loaded, RowError> {
        let moved_to = row.moved_to.filter(|_| row.entries.is_empty());
        let contact_center = || key.contact_center.clone();
        let mut lane = Self {
            named: row.named.or_else(|| row.document.clone()),
            documents: row.documents,
            moved_to: moved_to.map(|conversation| {
                Arc::new(LaneKey { contact_center: contact_center(), conversation })
            }),
            conversation: Conversation {
                document: row.document,
                last_queue: row.last_queue,
                channel: row.channel,
                work_items: row.work_items,
                consult: row.consult,
                legs: row.legs,
                recent: row.recent,
                entries: Vec::with_capacity(row.entries.len()),
            },
            origins: HashMap::with_capacity(row.entries.len()),
            history: row.history,
            apart: Apart::default(),
        };
        let (mut lost, mut entries) = (Vec::new(), row.entries);
        for seq in row.apart.iter() {
            match lane.apart.read(rows, seq) {
                Ok(entry) => entries.push(entry),
                Err(RowError::Read(why)) => return Err(RowError::Read(why)),
                Err(damage) => lost.push((EntryRow::lost(seq), damage)),
            }
        }
        for entry in entries {
            match read_event(rows, entry.id.0) {
                Ok(event) => lane.restore(entry, event),
                Err(RowError::Read(why)) => return Err(RowError::Read(why)),
                Err(damage) => lost.push((entry, damage)),
            }
        }
        Ok(Loaded { lane, lost })
    }

    /// Notes that an event belongs to the conversation.
    pub(super) fn remember(&mut self, seq: u64) {
        if self.history.len() == HISTORY {
            self.history.remove(0);
        }
        self.history.push(seq);
    }

    /// Notes an event that is done again, which may have been forgotten.
    pub(super) fn remember_again(&mut self, seq: u64) {
        if !self.history.contains(&seq) {
            self.remember(seq);
        }
    }

    /// Whether the events of a document are carried out here.
    pub(super) fn has_document(&self, document: &DocumentRef) -> bool {
        self.documents.contains(document)
    }

    /// Takes a document on; returns the one that has to be given up for it.
    pub(super) fn add_document(&mut self, document: DocumentRef) -> Option<DocumentRef> {
        if self.documents.contains(&document) {
            return None;
        }
        self.documents.push(document);
        (self.documents.len() > DOCUMENTS).then(|| self.documents.remove(0))
    }

    /// Gives all its documents up.
    pub(super) fn take_documents(&mut self) -> Vec<DocumentRef> {
        std::mem::take(&mut self.documents)
    }

    /// Gives up to `root` what is known and owed here, but for the names of its events.
    pub(super) fn move_to(&mut self, root: &Arc<LaneKey>) -> Self {
        self.moved_to = Some(Arc::clone(root));
        Self {
            conversation: std::mem::take(&mut self.conversation),
            origins: std::mem::take(&mut self.origins),
            history: self.history.clone(),
            named: None,
            documents: self.take_documents(),
            moved_to: None,
            apart: std::mem::take(&mut self.apart),
        }
    }

    /// Takes in what another lane has given up; returns that lane's documents.
    pub(super) fn absorb(&mut self, other: Self) -> Vec<DocumentRef> {
        self.conversation.absorb(other.conversation);
        self.origins.extend(other.origins);
        self.apart.absorb(other.apart);
        self.history.extend(other.history);
        self.history.sort_unstable();
        self.history.dedup();
        let too_many = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..too_many);
        other.documents
    }

    /// Forgets the origins of entries that are not there any more; returns which.
    pub(super) fn drop_origins(&mut self) -> Vec<EntryId> {
        let Self { conversation, origins, .. } = self;
        if origins.len() <= conversation.entries.len() {
            return Vec::new();
        }
        let gone = |id: &EntryId| conversation.entry(*id).is_none();
        let gone: Vec<_> = origins.keys().copied().filter(gone).collect();
        gone.iter().for_each(|id| drop(origins.remove(id)));
        gone
    }

    /// The latest events, oldest first.
    pub(super) fn history(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.history.iter().copied()
    }

    fn restore(&mut self, row: EntryRow, event: RoutingEvent) {
        self.origins.insert(row.id, row.origin);
        self.conversation.entries.push(Arc::new(Entry {
            id: row.id,
            event,
            received_at: row.received_at,
            deadline: row.deadline,
            due: row.due,
            stage: row.stage,
            story: row.story,
            ended: row.ended,
        }));
    }

    /// What is to be kept of it.
    pub(super) fn to_row(&self) -> ConversationRow {
        let Conversation {
            document,
            last_queue,
            channel,
            work_items,
            consult,
            legs,
            recent,
            entries,
        } = &self.conversation;
        ConversationRow {
            document: document.clone(),
            last_queue: last_queue.clone(),
            channel: channel.clone(),
            work_items: work_items.clone(),
            consult: consult.clone(),
            legs: legs.clone(),
            recent: recent.clone(),
            entries: entries.iter().take(WITHIN).map(|entry| self.entry_row(entry)).collect(),
            apart: entries.iter().skip(WITHIN).map(|entry| entry.id.0).collect(),
            history: self.history.clone(),
            named: self.named.clone().filter(|named| Some(named) != document.as_ref()),
            documents: self.documents.clone(),
            moved_to: self.moved_to.as_ref().map(|root| root.conversation.clone()),
        }
    }

    /// Writes what has changed of the entries that have rows of their own; whether there are any.
    pub(super) fn write_apart(&mut self, changes: &mut Changes) -> bool {
        let mut apart = std::mem::take(&mut self.apart);
        let entries = self.conversation.entries().skip(WITHIN);
        let entries = entries.map(|entry| (entry, self.origins.get(&entry.id)));
        apart.write(entries, |entry| self.entry_row(entry), changes);
        self.apart = apart;
        !self.apart.is_empty()
    }

    fn entry_row(&self, entry: &Entry) -> EntryRow {
        let Entry { id, event: _, received_at, deadline, due, stage, story, ended } = entry;
        EntryRow {
            id: *id,
            received_at: *received_at,
            deadline: *deadline,
            due: *due,
            stage: stage.clone(),
            story: story.clone(),
            ended: ended.clone(),
            origin: self.origins.get(id).cloned().unwrap_or_default(),
        }
    }
}

/// Reads an event's content.
pub(super) fn read_event(rows: &Rows, seq: u64) -> Result<RoutingEvent, RowError> {
    let key = layout::event(seq);
    let damaged = |why: &str| RowError::Corrupt(format!("{} ({why})", key.escape_ascii()));
    let row = read_event_row(rows, seq)?.ok_or_else(|| damaged("is missing"))?;
    to_event(row.content, row.received_at).map_err(|why| damaged(&why))
}

pub(super) fn read_event_row(rows: &Rows, seq: u64) -> Result<Option<EventRow>, RowError> {
    pack::event(rows, seq)
}

pub(super) fn to_event(content: Content, received_at: UnixMillis) -> Result<RoutingEvent, String> {
    match content {
        Content::Event(json) => {
            RoutingEvent::parse(*json, received_at).map_err(|error| error.to_string())
        }
        Content::Unreadable { .. } => Err("was never a routing event".to_owned()),
    }
}

/// The lanes touched last; two generations stand in for an order of use. In boxes, so that a table that grows moves little.
#[derive(Default)]
pub(super) struct LaneCache {
    young: HashMap<Arc<LaneKey>, Box<Lane>>,
    old: HashMap<Arc<LaneKey>, Box<Lane>>,
}

impl LaneCache {
    /// Half of how many lanes are held.
    const GENERATION: usize = 4096;

    /// The lane, if it is held; it counts as used.
    pub(super) fn get_mut(&mut self, key: &Arc<LaneKey>) -> Option<&mut Lane> {
        if let Some((key, lane)) = self.old.remove_entry(key) {
            self.young.insert(key, lane);
        }
        self.young.get_mut(key).map(|lane| &mut **lane)
    }

    pub(super) fn holds(&self, key: &LaneKey) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    pub(super) fn insert(&mut self, key: Arc<LaneKey>, lane: Lane) -> &mut Lane {
        self.young.entry(key).insert_entry(Box::new(lane)).into_mut()
    }

    pub(super) fn remove(&mut self, key: &Arc<LaneKey>) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Lets go of what was not used for long. To be called only when no lane awaits saving.
    pub(super) fn age(&mut self) {
        if self.young.len() >= Self::GENERATION {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
    }
}
