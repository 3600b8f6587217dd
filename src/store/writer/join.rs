//! Which lane an event is carried out in: its conversation's own, or the one of the document that several conversations share.
//!
//! The conversation that named a document first gives its lane the key. Whoever names the document later moves in, with all that
//! is known and owed, in the commit that brings the event, and leaves a row that says where to. So a key from before, of a call on
//! the way or of the agenda, still leads to the lane.

use std::sync::Arc;

use super::Writer;
use crate::routing::{ContactCenter, DocumentRef, LaneKey, RoutingEvent, Stage};
use crate::store::layout;
use crate::store::ledger::Live;
use crate::store::request::Failed;
use crate::store::row::RowError;
use crate::store::rows::decode;

/// How often a lane can have moved: more than that is damage.
const MOVES: usize = 1_000;

impl Writer {
    /// The lane in which a conversation is carried out.
    pub(super) fn lane_of(&mut self, conversation: &Arc<LaneKey>) -> Result<Arc<LaneKey>, Failed> {
        let mut lane = Arc::clone(conversation);
        for _ in 0..MOVES {
            match &self.load(&lane)?.moved_to {
                Some(root) => lane = Arc::clone(root),
                None => return Ok(lane),
            }
        }
        self.load(&lane)?.moved_to = None;
        Ok(lane)
    }

    /// Gives an event the document that its conversation has named last, or notes the one that it names: in a lane of
    /// several conversations the newest document may be another's.
    pub(super) fn name_document(
        &mut self,
        conversation: &Arc<LaneKey>,
        event: &mut RoutingEvent,
    ) -> Result<(), Failed> {
        let named = &mut self.load(conversation)?.named;
        let changes = match &event.document {
            Some(document) => named.replace(document.clone()).as_ref() != Some(document),
            None => {
                event.document.clone_from(named);
                false
            }
        };
        if changes {
            self.group.changed(conversation);
        }
        Ok(())
    }

    /// The lane in which a conversation's events about a document are carried out from now on.
    pub(super) fn join(
        &mut self,
        conversation: &Arc<LaneKey>,
        document: Option<&DocumentRef>,
    ) -> Result<Arc<LaneKey>, Failed> {
        let lane = self.lane_of(conversation)?;
        let Some(document) = document else { return Ok(lane) };
        if self.load(&lane)?.has_document(document) {
            return Ok(lane);
        }
        let root = match self.root_of(&lane.contact_center, document)? {
            Some(root) => self.lane_of(&root)?,
            None => Arc::clone(&lane),
        };
        if root != lane {
            self.merge(&lane, &root)?;
        }
        self.take_on(&root, document.clone())?;
        Ok(root)
    }

    /// Notes that an event is of a conversation, and of the lane in which that is carried out.
    pub(super) fn remember(
        &mut self,
        conversation: &Arc<LaneKey>,
        lane: &Arc<LaneKey>,
        seq: u64,
    ) -> Result<(), Failed> {
        self.load(lane)?.remember(seq);
        self.group.changed(lane);
        if lane != conversation {
            self.load(conversation)?.remember(seq);
            self.group.changed(conversation);
        }
        Ok(())
    }

    /// Moves all that one lane knows and owes into another.
    fn merge(&mut self, from: &Arc<LaneKey>, root: &Arc<LaneKey>) -> Result<(), Failed> {
        let moving = self.load(from)?.move_to(root);
        let owed = moving.conversation.entries().filter(|entry| entry.ended.is_none());
        let owed: Vec<_> = owed
            .map(|entry| {
                let parked = matches!(entry.stage, Stage::Parked { .. });
                let source = moving.origins.get(&entry.id).map_or("", |origin| &origin.source);
                let source = self.shared.ledger().source_named(source);
                let lane = Arc::clone(root);
                (entry.id.0, Live { lane, source, received_at: entry.received_at, parked })
            })
            .collect();
        for document in self.load(root)?.absorb(moving) {
            self.take_on(root, document)?;
        }
        let mut ledger = self.shared.ledger();
        owed.into_iter().for_each(|(seq, live)| ledger.set_live(seq, live));
        ledger.shelves.joins(root);
        drop(ledger);
        self.group.changed(from);
        self.group.changed(root);
        tracing::debug!(%from, into = %root, "two conversations share a document");
        Ok(())
    }

    /// Makes a lane the one of a document.
    fn take_on(&mut self, lane: &Arc<LaneKey>, document: DocumentRef) -> Result<(), Failed> {
        let hash = layout::hash_of_document(lane.contact_center.as_str(), &document);
        let given_up = self.load(lane)?.add_document(document);
        self.group.documents.insert(hash, Some(Arc::clone(lane)));
        if let Some(document) = given_up {
            self.give_up(lane, &document);
        }
        self.group.changed(lane);
        Ok(())
    }

    /// Has the row removed that says which lane a document's is.
    pub(super) fn give_up(&mut self, lane: &LaneKey, document: &DocumentRef) {
        let hash = layout::hash_of_document(lane.contact_center.as_str(), document);
        self.group.documents.insert(hash, None);
    }

    /// The lane that is said to be a document's, if it is there.
    pub(super) fn root_of(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<Arc<LaneKey>>, Failed> {
        let hash = layout::hash_of_document(contact_center.as_str(), document);
        if let Some(root) = self.group.documents.get(&hash) {
            return Ok(root.clone());
        }
        let key = layout::document(&hash);
        let read = |content: Vec<u8>| decode::<LaneKey>(&key, &content);
        let found =
            self.rows.get(&key).and_then(|row| row.map(|row| read(row.content)).transpose());
        let root = match found {
            Ok(root) => root.filter(|root| root.contact_center == *contact_center),
            Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            Err(RowError::Corrupt(_) | RowError::Newer(_)) => None,
        };
        let is_there = |root: &LaneKey| {
            self.cache.holds(root) || self.shared.ledger().shelves.pack_of(root).is_some()
        };
        Ok(root.filter(is_there).map(Arc::new))
    }
}
