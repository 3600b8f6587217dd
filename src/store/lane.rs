//! A conversation as the writer holds it, the way between it and its rows, and the bounded cache of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::row::{RowError, Rows};
use super::rows::{Content, ConversationRow, EntryRow, EventRow, Origin};
use super::{layout, pack};
use crate::routing::{Conversation, Entry, EntryId, LaneKey, RoutingEvent, Story, UnixMillis};

/// How many events a conversation remembers by name.
const HISTORY: usize = 100;

/// A conversation with what the store knows beside it.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) conversation: Conversation,
    /// One for each entry.
    pub(super) origins: HashMap<EntryId, Origin>,
    history: Vec<u64>,
}

/// A lane as read, and the entries whose events could not be.
pub(super) struct Loaded {
    pub(super) lane: Lane,
    pub(super) lost: Vec<(u64, Story, RowError)>,
}

impl Lane {
    /// A lane as its row says, with the events of its entries.
    pub(super) fn load(rows: &Rows, row: ConversationRow) -> Result<Loaded, RowError> {
        let mut lane = Self {
            conversation: Conversation {
                document: row.document,
                last_queue: row.last_queue,
                channel: row.channel,
                work_items: row.work_items,
                consult: row.consult,
                latest: row.latest,
                entries: Vec::with_capacity(row.entries.len()),
            },
            origins: HashMap::with_capacity(row.entries.len()),
            history: row.history,
        };
        let mut lost = Vec::new();
        for entry in row.entries {
            match read_event(rows, entry.id.0) {
                Ok(event) => lane.restore(entry, event),
                Err(RowError::Read(why)) => return Err(RowError::Read(why)),
                Err(damage) => lost.push((entry.id.0, entry.story, damage)),
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

    /// The latest events, oldest first.
    pub(super) fn history(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.history.iter().copied()
    }

    fn restore(&mut self, row: EntryRow, event: RoutingEvent) {
        self.origins.insert(row.id, row.origin);
        self.conversation.entries.push(Entry {
            id: row.id,
            event,
            received_at: row.received_at,
            deadline: row.deadline,
            due: row.due,
            stage: row.stage,
            story: row.story,
        });
    }

    /// What is to be kept of it.
    pub(super) fn to_row(&self) -> ConversationRow {
        let Conversation { document, last_queue, channel, work_items, consult, latest, entries } =
            &self.conversation;
        ConversationRow {
            document: document.clone(),
            last_queue: last_queue.clone(),
            channel: channel.clone(),
            work_items: work_items.clone(),
            consult: consult.clone(),
            latest: latest.clone(),
            entries: entries.iter().map(|entry| self.entry_row(entry)).collect(),
            history: self.history.clone(),
        }
    }

    fn entry_row(&self, entry: &Entry) -> EntryRow {
        let Entry { id, event: _, received_at, deadline, due, stage, story } = entry;
        EntryRow {
            id: *id,
            received_at: *received_at,
            deadline: *deadline,
            due: *due,
            stage: stage.clone(),
            story: story.clone(),
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
