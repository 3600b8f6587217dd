//! A lane as a group holds it, its conversion from and to rows, and the bounded cache of lanes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::records::{LaneRow, Origin};
use crate::routing::{Conversation, DocumentRef, Entry, EntryId, LaneKey};

/// Of how many documents a lane is the lane at most.
const DOCUMENTS: usize = 16;

/// A conversation, or several that share a document, with what the store knows beside it. A copy costs little.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    pub(super) conversation: Conversation,
    /// One for each entry.
    pub(super) origins: BTreeMap<EntryId, Arc<Origin>>,
    /// The document that the conversation which gave the lane its key has named last.
    pub(super) named: Option<DocumentRef>,
    /// The documents whose events are carried out here; newest last.
    documents: Vec<DocumentRef>,
    /// Where the conversation is carried out, if not here: then nothing is owed here.
    pub(super) moved_to: Option<Arc<LaneKey>>,
}

impl Lane {
    /// A lane as its rows say.
    pub(super) fn restore(row: Option<LaneRow>, mut entries: Vec<(Entry, Origin)>) -> Self {
        let mut lane = row.map(Self::of_row).unwrap_or_default();
        entries.sort_by_key(|(entry, origin)| (origin.order, entry.id));
        if !entries.is_empty() {
            lane.moved_to = None;
        }
        for (entry, origin) in entries {
            lane.origins.insert(entry.id, Arc::new(origin));
            lane.conversation.entries.push(Arc::new(entry));
        }
        lane
    }

    fn of_row(row: LaneRow) -> Self {
        let contact_center = row.key.contact_center;
        Self {
            named: row.named.or_else(|| row.document.clone()),
            documents: row.documents,
            moved_to: row
                .moved_to
                .map(|conversation| Arc::new(LaneKey { contact_center, conversation })),
            conversation: Conversation {
                document: row.document,
                last_queue: row.last_queue,
                channel: row.channel,
                work_items: row.work_items,
                consult: row.consult,
                legs: row.legs,
                recent: row.recent,
                entries: Vec::new(),
            },
            origins: BTreeMap::new(),
        }
    }

    /// What is to be kept of it beside its entries.
    pub(super) fn to_row(&self, key: &LaneKey) -> LaneRow {
        let Conversation {
            document,
            last_queue,
            channel,
            work_items,
            consult,
            legs,
            recent,
            entries: _,
        } = &self.conversation;
        LaneRow {
            key: key.clone(),
            document: document.clone(),
            last_queue: last_queue.clone(),
            channel: channel.clone(),
            work_items: work_items.clone(),
            consult: consult.clone(),
            legs: legs.clone(),
            recent: recent.clone(),
            named: self.named.clone().filter(|named| Some(named) != document.as_ref()),
            documents: self.documents.clone(),
            moved_to: self.moved_to.as_ref().map(|root| root.conversation.clone()),
        }
    }

    /// Whether its row would be the same.
    pub(super) fn has_same_row(&self, other: &Self) -> bool {
        let (one, two) = (&self.conversation, &other.conversation);
        one.document == two.document
            && one.last_queue == two.last_queue
            && one.channel == two.channel
            && one.work_items == two.work_items
            && one.consult == two.consult
            && one.legs == two.legs
            && one.recent == two.recent
            && self.named == other.named
            && self.documents == other.documents
            && self.moved_to == other.moved_to
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

    /// Moves what is known and owed here to `root`.
    pub(super) fn move_to(&mut self, root: &Arc<LaneKey>) -> Self {
        self.moved_to = Some(Arc::clone(root));
        Self {
            conversation: std::mem::take(&mut self.conversation),
            origins: std::mem::take(&mut self.origins),
            named: None,
            documents: std::mem::take(&mut self.documents),
            moved_to: None,
        }
    }

    /// Takes what another lane has moved here; returns that lane's documents.
    pub(super) fn absorb(&mut self, other: Self) -> Vec<DocumentRef> {
        self.conversation.absorb(other.conversation);
        self.origins.extend(other.origins);
        other.documents
    }

    /// Forgets the origins of entries that are not there any more.
    pub(super) fn drop_origins(&mut self) {
        let Self { conversation, origins, .. } = self;
        if origins.len() > conversation.entries.len() {
            let there: HashSet<_> = conversation.entries().map(|entry| entry.id).collect();
            origins.retain(|id, _| there.contains(id));
        }
    }

    pub(super) fn origin_mut(&mut self, entry: EntryId) -> Option<&mut Origin> {
        self.origins.get_mut(&entry).map(Arc::make_mut)
    }

    /// How much of it is not settled.
    pub(super) fn unsettled(&self) -> usize {
        self.conversation.entries().filter(|entry| entry.ended.is_none()).count()
    }
}

/// The lanes touched last, as they were committed; two generations stand in for an order of use.
#[derive(Default)]
pub(super) struct LaneCache {
    young: HashMap<Arc<LaneKey>, Arc<Lane>>,
    old: HashMap<Arc<LaneKey>, Arc<Lane>>,
}

impl LaneCache {
    /// Half of how many lanes are held.
    const GENERATION: usize = 4096;

    /// The lane, if it is held; it counts as used.
    pub(super) fn get(&mut self, key: &Arc<LaneKey>) -> Option<Arc<Lane>> {
        if let Some((key, lane)) = self.old.remove_entry(key) {
            self.young.insert(key, lane);
        }
        self.young.get(key).cloned()
    }

    /// Holds a lane, and lets go of what was not used for long.
    pub(super) fn insert(&mut self, key: Arc<LaneKey>, lane: Arc<Lane>) {
        self.young.insert(key, lane);
        if self.young.len() >= Self::GENERATION {
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
        }
    }

    pub(super) fn remove(&mut self, key: &LaneKey) {
        self.young.remove(key);
        self.old.remove(key);
    }
}
