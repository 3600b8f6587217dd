//! The lanes of one contact centre: conversations that name the same document are one.

use std::collections::HashMap;

use crate::routing::{
    Conversation, ConversationId, DocumentRef, EntryId, RoutingEvent, UnixMillis,
};

/// A lane of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LaneId(usize);

/// Every lane, by the conversations and documents that lead to it.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Conversation>,
    conversations: HashMap<ConversationId, LaneId>,
    documents: HashMap<DocumentRef, LaneId>,
}

impl Lanes {
    /// The lane that an event belongs to, opened if it is the first of it. Two lanes become one where the event says
    /// that both are about its document.
    pub(super) fn of(&mut self, event: &RoutingEvent) -> LaneId {
        let by_document = event.document.as_ref().and_then(|document| self.documents.get(document));
        let by_conversation = self.conversations.get(&event.conversation);
        let lane = match (by_conversation.copied(), by_document.copied()) {
            (Some(one), Some(other)) if one != other => self.join(one.min(other), one.max(other)),
            (Some(lane), _) | (None, Some(lane)) => lane,
            (None, None) => {
                self.lanes.push(Conversation::default());
                LaneId(self.lanes.len() - 1)
            }
        };
        self.conversations.insert(event.conversation.clone(), lane);
        if let Some(document) = &event.document {
            self.documents.insert(document.clone(), lane);
        }
        lane
    }

    /// The lane that an unsettled entry is in.
    pub(super) fn holding(&self, entry: EntryId) -> Option<LaneId> {
        self.lanes.iter().position(|lane| lane.entry(entry).is_some()).map(LaneId)
    }

    /// Takes a lane's conversation out, for a decision over it; it is to be put back.
    pub(super) fn take(&mut self, lane: LaneId) -> Conversation {
        std::mem::take(&mut self.lanes[lane.0])
    }

    /// Puts back what a lane's conversation has become.
    pub(super) fn put(&mut self, lane: LaneId, conversation: Conversation) {
        self.lanes[lane.0] = conversation;
    }

    /// The next moment at which a lane wants attention.
    pub(super) fn next_at(&self) -> Option<UnixMillis> {
        let due = self.lanes.iter().filter_map(Conversation::next_due);
        due.map(|due| due.at.min(due.expires.1)).min()
    }

    /// The entry of a lane whose deadline or turn has come; deadlines first.
    pub(super) fn due(&self, now: UnixMillis) -> Option<(LaneId, EntryId)> {
        self.lanes.iter().enumerate().find_map(|(lane, conversation)| {
            let due = conversation.next_due()?;
            let (expiring, deadline) = due.expires;
            let entry = if deadline <= now { expiring } else { due.entry };
            (deadline.min(due.at) <= now).then_some((LaneId(lane), entry))
        })
    }

    fn join(&mut self, into: LaneId, from: LaneId) -> LaneId {
        let other = self.take(from);
        self.lanes[into.0].absorb(other);
        let moved = self.conversations.values_mut().chain(self.documents.values_mut());
        moved.filter(|lane| **lane == from).for_each(|lane| *lane = into);
        into
    }
}
