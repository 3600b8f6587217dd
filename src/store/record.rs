//! What operators ask for, and how it is made of the rows.

use std::collections::BTreeSet;

use super::records::{Content, EarlierEnd, EventRow, LaneRow};
use crate::routing::{
    CallRecord, ConversationRecord, EarlierRecord, EventRecord, LaneKey, LegRecord, Stage, State,
    Story, Waited,
};

/// Which events are wanted; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<State>,
    pub(crate) source: Option<String>,
    pub(crate) conversation: Option<String>,
    /// The reason's word.
    pub(crate) reason: Option<String>,
    /// At most so many; 0 = 50, never more than 1,000.
    pub(crate) limit: usize,
    /// From an earlier page.
    pub(crate) cursor: Option<String>,
}

/// An event as operators see it.
pub(super) fn event(row: EventRow) -> EventRecord {
    let EventRow { contact_center, content, origin, entry } = row;
    let mut record = EventRecord {
        id: content.id().to_owned(),
        kind: content.kind().map(str::to_owned),
        conversation: content.conversation().map(|id| id.to_string()),
        source: origin.source.to_string(),
        state: State::Pending.into(),
        reason: None,
        detail: None,
        attempts: 0,
        received_at: origin.received_at,
        settled_at: None,
        work_item: None,
        last_answer: None,
        contact_center,
        missing: None,
        due_at: None,
        deadline: None,
        waited_ms: Waited::default(),
        calls: Vec::new(),
        by: origin.by,
        earlier: origin.earlier.into_iter().map(EarlierRecord::from).collect(),
        event: match content {
            Content::Event(event) => Some(event.to_json()),
            Content::Unreadable(_) | Content::Lost => None,
        },
    };
    let (story, reason) = match (origin.end, entry) {
        (Some(end), _) => {
            record.state = State::from(end.outcome).into();
            record.settled_at = Some(end.settled_at);
            (end.story, Some(end.reason))
        }
        (None, Some(entry)) => {
            if let Stage::Parked { missing } = entry.stage {
                record.state = State::Parked.into();
                record.missing = Some(missing);
            }
            record.due_at = Some(entry.due);
            record.deadline = Some(entry.deadline);
            (entry.story, origin.why)
        }
        (None, None) => (Story::default(), None),
    };
    if let Some(reason) = reason {
        record.reason = Some(reason.code.to_string());
        record.detail = reason.detail;
    }
    record.attempts = story.attempts;
    record.work_item = story.work_item;
    record.last_answer = story.last_answer;
    record.waited_ms = story.waited;
    // With how it had ended before, its calls are one story.
    let before = record.earlier.iter().flat_map(|end| &end.calls).cloned();
    record.calls = before.chain(story.calls.into_iter().map(CallRecord::from)).collect();
    record
}

impl From<EarlierEnd> for EarlierRecord {
    fn from(end: EarlierEnd) -> Self {
        let EarlierEnd { outcome, reason, settled_at, by, attempts, calls } = end;
        Self {
            state: State::from(outcome).into(),
            reason: reason.code.to_string(),
            detail: reason.detail,
            settled_at,
            attempts,
            calls: calls.into_iter().map(CallRecord::from).collect(),
            by,
        }
    }
}

/// A conversation as operators see it: the row of its lane, with the document that the conversation itself has named.
pub(super) fn conversation(
    own: &LaneKey,
    row: LaneRow,
    events: Vec<EventRecord>,
) -> ConversationRecord {
    let name = own.conversation.as_str();
    let others = events.iter().filter_map(|event| event.conversation.as_deref());
    let others: BTreeSet<_> = others.filter(|other| *other != name).collect();
    let shared_with = others.into_iter().map(str::to_owned).collect();
    ConversationRecord {
        contact_center: own.contact_center.clone(),
        conversation: own.conversation.to_string(),
        document: row.named.or(row.document),
        queue: row.last_queue.map(|queue| queue.to_string()),
        channel: row.channel.map(|channel| channel.to_string()),
        work_items: row.work_items,
        legs: row.legs.into_iter().map(LegRecord::from).collect(),
        shared_with,
        consult_since: row.consult.map(|consult| consult.since),
        events,
    }
}

impl Filter {
    /// How many events are wanted.
    pub(super) fn page_size(&self) -> usize {
        if self.limit == 0 { 50 } else { self.limit.min(1000) }
    }

    pub(super) fn takes(&self, record: &EventRecord) -> bool {
        self.state.is_none_or(|state| record.state == state)
            && self.source.as_ref().is_none_or(|source| record.source == *source)
            && self.reason.as_ref().is_none_or(|code| record.reason.as_ref() == Some(code))
            && self.conversation.as_ref().is_none_or(|id| record.conversation.as_ref() == Some(id))
    }
}
