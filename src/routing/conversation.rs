//! One lane: what is known of a conversation and the calls still owed for it, in order of arrival.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Action, Channel, ContactCenter, ConversationId, DocumentRef, Entry, EntryId, HandOver, Leg,
    Recent, SegmentId, Stage, SysId, UnixMillis, VendorAgentId, VendorQueueId,
};

/// Which lane: conversations of one contact centre share their tables and their ids. A clone shares both names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LaneKey {
    pub(crate) contact_center: ContactCenter,
    pub(crate) conversation: ConversationId,
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.contact_center, self.conversation)
    }
}

/// What the bridge remembers of one conversation, or of several that work on the same document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conversation {
    pub(crate) document: Option<DocumentRef>,
    pub(crate) last_queue: Option<VendorQueueId>,
    pub(crate) channel: Option<Channel>,
    /// Newest last, at most [`Conversation::WORK_ITEMS`].
    pub(crate) work_items: Vec<WorkItem>,
    pub(crate) consult: Option<OpenConsult>,
    /// Newest last, at most [`Conversation::LEGS`].
    pub(crate) legs: Vec<Leg>,
    /// Newest last, at most [`Conversation::RECENT`].
    pub(crate) recent: Vec<Recent>,
    /// Unsettled, in order of arrival; beside them those whose card is still watched.
    pub(crate) entries: Vec<Arc<Entry>>,
}

/// A work item that an answer of ServiceNow named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkItem {
    pub sys_id: SysId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<DocumentRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<ConversationId>,
    /// Who has it, in the vendor's words; none while it is with a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<VendorAgentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<SegmentId>,
    /// Whose answer named it last: a withdraw takes back only what came before itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<EntryId>,
    #[serde(default)]
    pub state: ItemState,
    /// When its agent was rung, where an offer brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rung: Option<UnixMillis>,
    /// When a pending card goes by itself; none where it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<UnixMillis>,
    /// Whether it is the second agent's, beside the one of the agent who consults.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consult: bool,
}

/// Where a work item stands, as far as the bridge knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ItemState {
    /// With a queue, by a transfer.
    Queued,
    /// Its card is before the agent.
    #[default]
    Pending,
    Accepted,
    /// Rejected: back in its queue, without an agent.
    Returned,
}

/// A consult that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenConsult {
    pub(crate) document: DocumentRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<ConversationId>,
    /// The leg that the consult was begun for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<SegmentId>,
    /// Who began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<EntryId>,
    pub(crate) since: UnixMillis,
    /// Set where a ring began it and not a transfer that the vendor reported: what ends it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_ring: Option<HandOver>,
}

/// What the dispatcher has to know of a lane: which entry wants attention next, when, and how badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub entry: EntryId,
    pub(crate) at: UnixMillis,
    /// The entry of the lane whose deadline comes first, and that deadline: it is settled then, which needs no call.
    pub(crate) expires: (EntryId, UnixMillis),
    pub(crate) urgency: Urgency,
    /// Whether looking at it may lead to a call; false where it only has to be settled or moved.
    pub(crate) calls: bool,
}

/// The order in which due entries go: the smaller, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Calls about a live conversation: accept, reject, transfer, consult end. By time of receipt.
    Live(UnixMillis),
    /// Offers and assignments, by deadline.
    Offer(UnixMillis),
}

impl Conversation {
    /// How many work items are remembered.
    pub(crate) const WORK_ITEMS: usize = 16;

    /// Takes in what is known of another conversation that turned out to work on the same document.
    pub(crate) fn absorb(&mut self, other: Self) {
        fn bounded<T>(ours: &mut Vec<T>, theirs: Vec<T>, most: usize) {
            let ours_were = std::mem::replace(ours, theirs);
            ours.extend(ours_were);
            ours.drain(..ours.len().saturating_sub(most));
        }
        let Self { document, last_queue, channel, work_items, consult, legs, recent, entries } =
            other;
        self.document = self.document.take().or(document);
        self.last_queue = self.last_queue.take().or(last_queue);
        self.channel = self.channel.take().or(channel);
        self.consult = self.consult.take().or(consult);
        // Both may know the same work item; of two the one that was named last is right.
        let last = |item: &WorkItem| item.entry;
        let mut theirs = work_items;
        theirs.retain(|item| {
            self.work_items.iter().all(|ours| ours.sys_id != item.sys_id || last(ours) < last(item))
        });
        self.work_items.retain(|ours| theirs.iter().all(|item| item.sys_id != ours.sys_id));
        bounded(&mut self.work_items, theirs, Self::WORK_ITEMS);
        bounded(&mut self.legs, legs, Self::LEGS);
        bounded(&mut self.recent, recent, Self::RECENT);
        // Each list is in its lane's order, in which a replayed entry stands where it came back.
        let ours = std::mem::take(&mut self.entries);
        let (mut ours, mut theirs) = (ours.into_iter().peekable(), entries.into_iter().peekable());
        let key = |entry: &Entry| (entry.received_at, entry.id);
        while let Some(next) = match (ours.peek(), theirs.peek()) {
            (Some(our), Some(their)) if key(their) < key(our) => theirs.next(),
            (Some(_), _) => ours.next(),
            (None, _) => theirs.next(),
        } {
            self.entries.push(next);
        }
    }

    /// The entries, in order of arrival.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(AsRef::as_ref)
    }

    /// The entry of that id, while it is not settled.
    #[must_use]
    pub(crate) fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries().find(|entry| entry.id == id)
    }

    /// What to look at next: the head of the lane, one that was deferred before it, or one behind it whose deadline
    /// has come; of two at one moment the earlier event. None while a call is in flight, or if nothing is owed.
    #[must_use]
    pub(crate) fn next_due(&self) -> Option<Due> {
        if self.is_calling() {
            return None;
        }
        let mut behind = false;
        let mut next: Option<Due> = None;
        for entry in &self.entries {
            let due = entry.next_due(behind);
            behind |= !entry.stage.is_deferred();
            next = Some(match next {
                None => due,
                Some(next) => {
                    let expires =
                        if due.expires.1 < next.expires.1 { due.expires } else { next.expires };
                    Due { expires, ..if due.at < next.at { due } else { next } }
                }
            });
        }
        next
    }

    /// Whether a call or a look-up is in flight.
    pub(crate) fn is_calling(&self) -> bool {
        self.entries().any(|entry| entry.stage.is_in_flight())
    }

    /// Whether an earlier entry, one that was not deferred, has to be done first.
    pub(super) fn is_blocked(&self, position: usize) -> bool {
        self.entries.iter().take(position).any(|entry| !entry.stage.is_deferred())
    }
}

impl Entry {
    fn next_due(&self, behind: bool) -> Due {
        let urgency = match self.event.action {
            Action::Offer { .. } | Action::Assign { .. } => Urgency::Offer(self.deadline),
            Action::Transfer { .. }
            | Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => Urgency::Live(self.received_at),
        };
        let expires = behind || self.deadline <= self.due;
        let calls = match self.stage {
            Stage::Waiting | Stage::InDoubt | Stage::Held => !expires,
            Stage::Parked { .. } | Stage::Sending | Stage::LookingUp => false,
        };
        let at = if expires { self.deadline } else { self.due };
        Due { entry: self.id, at, expires: (self.id, self.deadline), urgency, calls }
    }
}
