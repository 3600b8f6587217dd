//! Which lane an event belongs to, as the reference model sees it.

use std::collections::HashMap;

use crate::routing::*;

/// Which conversations are carried out one after the other, because they have named the same document.
#[derive(Default)]
pub(super) struct Lanes {
    moved: HashMap<ConversationId, ConversationId>,
    named: HashMap<ConversationId, DocumentRef>,
    roots: HashMap<DocumentRef, ConversationId>,
}

impl Lanes {
    pub(super) fn of<'a>(&'a self, conversation: &'a ConversationId) -> &'a ConversationId {
        let mut lane = conversation;
        while let Some(root) = self.moved.get(lane) {
            lane = root;
        }
        lane
    }

    /// Joins the lanes that an event joins; the conversations that share one by now.
    pub(super) fn hears(&mut self, event: &RoutingEvent) -> Vec<ConversationId> {
        if let Some(document) = &event.document {
            self.named.insert(event.conversation.clone(), document.clone());
        }
        if let Some(document) = self.named.get(&event.conversation).cloned() {
            let lane = self.of(&event.conversation).clone();
            let root = self
                .roots
                .get(&document)
                .map_or_else(|| lane.clone(), |root| self.of(root).clone());
            if root != lane {
                self.moved.insert(lane, root.clone());
            }
            self.roots.insert(document, root);
        }
        self.moved.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect()
    }
}
