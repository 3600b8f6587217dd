//! Which lane an event is carried out in: its conversation's own, or the one of the document that several conversations
//! share.
//!
//! The conversation that named a document first gives its lane the key. A conversation that names the document later
//! moves in, with all that is known and owed, in the commit that brings the event, and leaves a row that says where to.
//! So a key from before, of a call in flight or of the agenda, still leads to the lane.

use std::sync::Arc;

use super::{Change, Failed, Group, IndexRow, Transition};
use crate::routing::{ContactCenter, DocumentRef, LaneKey, RoutingEvent};
use crate::store::hashes;

/// How often a lane can have moved: more than that is damage.
const MOVES: usize = 1_000;

impl Group<'_> {
    /// The lane in which a conversation is carried out.
    pub(super) fn root(&mut self, conversation: &Arc<LaneKey>) -> Result<Arc<LaneKey>, Failed> {
        let mut lane = Arc::clone(conversation);
        for _ in 0..MOVES {
            match &self.lane(&lane)?.moved_to {
                Some(root) => lane = Arc::clone(root),
                None => return Ok(lane),
            }
        }
        self.lane(&lane)?.moved_to = None;
        Ok(lane)
    }

    /// Gives an event the document that its conversation has named last, or notes the one that it names: in a lane of
    /// several conversations the newest document may be another's.
    pub(super) fn name_document(
        &mut self,
        conversation: &Arc<LaneKey>,
        event: &mut RoutingEvent,
    ) -> Result<(), Failed> {
        let named = &mut self.lane(conversation)?.named;
        match &event.document {
            Some(document) => *named = Some(document.clone()),
            None => event.document.clone_from(named),
        }
        Ok(())
    }

    /// The lane in which a conversation's events about a document are carried out from now on.
    pub(super) fn join(
        &mut self,
        conversation: &Arc<LaneKey>,
        document: Option<&DocumentRef>,
    ) -> Result<Arc<LaneKey>, Failed> {
        let lane = self.root(conversation)?;
        let Some(document) = document else { return Ok(lane) };
        if self.lane(&lane)?.has_document(document) {
            return Ok(lane);
        }
        let root = match self.lane_of_document(&lane.contact_center, document)? {
            Some(root) => self.root(&root)?,
            None => Arc::clone(&lane),
        };
        if root != lane {
            self.merge(&lane, &root)?;
        }
        self.take_on(&root, document.clone())?;
        Ok(root)
    }

    /// Moves all that one lane knows and owes into another.
    fn merge(&mut self, from: &Arc<LaneKey>, root: &Arc<LaneKey>) -> Result<(), Failed> {
        let moving = self.lane(from)?.move_to(root);
        for document in self.lane(root)?.absorb(moving) {
            self.take_on(root, document)?;
        }
        // What the other conversation has been through is listed with the lane too.
        for (number, index) in self.view.latest_of(from)? {
            let root = hashes::of_conversation(&root.conversation);
            let conversations = index.conversations.map(|[own, _]| [own, root]);
            self.changes.push(Change::Index(number, IndexRow { conversations, ..index }));
        }
        self.transitions.push(Transition::Joined(Arc::clone(from), Arc::clone(root)));
        Ok(())
    }

    /// Makes a lane the one of a document.
    fn take_on(&mut self, lane: &Arc<LaneKey>, document: DocumentRef) -> Result<(), Failed> {
        // Looked at, so that it is not written over what another node has made of it.
        self.lane_of_document(&lane.contact_center, &document)?;
        let given_up = self.lane(lane)?.add_document(document.clone());
        let contact_center = || lane.contact_center.clone();
        self.documents.insert((contact_center(), document), Some(Arc::clone(lane)));
        if let Some(document) = given_up {
            self.documents.insert((contact_center(), document), None);
        }
        Ok(())
    }

    /// The lane that is a document's.
    pub(super) fn lane_of_document(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<Arc<LaneKey>>, Failed> {
        let key = (contact_center.clone(), document.clone());
        if let Some(root) = self.documents.get(&key) {
            return Ok(root.clone());
        }
        Ok(self.view.lane_of_document(contact_center, document)?.map(Arc::new))
    }
}
