//! What operators ask for, and how it is made of the rows.

use std::collections::BTreeSet;

use super::rows::{Content, ConversationRow, EarlierEnd, EntryRow, EventRow, StoryRow};
use crate::routing::{
    CallRecord, ConversationRecord, EarlierRecord, EventRecord, LaneKey, LegRecord, Stage, State,
    Story,
};

/// Which events are wanted; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub source: Option<String>,
    pub conversation: Option<String>,
    /// The reason's word.
    pub reason: Option<String>,
    /// At most so many; 0 = 50, never more than 1,000.
    pub limit: usize,
    /// From an earlier page.
    pub cursor: Option<String>,
}

impl EventRecord {
    pub(super) fn settled(event: EventRow, row: StoryRow) -> Self {
        let mut record = Self::new(event, row.story);
        record.state = row.outcome.into();
        record.reason = Some(row.reason.code);
        record.detail = row.reason.detail;
        record.settled_at = Some(row.settled_at);
        record.by = row.by;
        record.with_earlier(row.earlier)
    }

    pub(super) fn unsettled(event: EventRow, row: EntryRow) -> Self {
        let mut record = Self::new(event, row.story);
        if let Stage::Parked { missing } = row.stage {
            record.state = State::Parked;
            record.missing = Some(missing);
        }
        if let Some(why) = row.origin.why {
            record.reason = Some(why.code);
            record.detail = why.detail;
        }
        record.due_at = Some(row.due);
        record.deadline = Some(row.deadline);
        record.by = row.origin.by;
        record.with_earlier(row.origin.earlier)
    }

    /// With how it had ended before: its calls are one story.
    fn with_earlier(mut self, earlier: Vec<EarlierEnd>) -> Self {
        self.earlier = earlier.into_iter().map(EarlierRecord::from).collect();
        let before = self.earlier.iter().flat_map(|end| &end.calls).cloned();
        self.calls = before.chain(std::mem::take(&mut self.calls)).collect();
        self
    }

    /// A pending event of which nothing else is known.
    pub(super) fn new(event: EventRow, story: Story) -> Self {
        Self {
            id: event.content.id().to_owned(),
            kind: event.content.kind().map(str::to_owned),
            conversation: event.content.conversation().map(|id| id.to_string()),
            source: event.source,
            state: State::Pending,
            reason: None,
            detail: None,
            attempts: story.attempts,
            received_at: event.received_at,
            settled_at: None,
            work_item: story.work_item,
            last_answer: story.last_answer,
            contact_center: event.contact_center,
            missing: None,
            due_at: None,
            deadline: None,
            waited_ms: story.waited,
            calls: story.calls.into_iter().map(CallRecord::from).collect(),
            by: None,
            earlier: Vec::new(),
            event: match event.content {
                Content::Event(json) => Some(*json),
                Content::Unreadable { .. } => None,
            },
        }
    }
}

impl From<EarlierEnd> for EarlierRecord {
    fn from(end: EarlierEnd) -> Self {
        let EarlierEnd { outcome, reason, settled_at, by, attempts, calls } = end;
        Self {
            state: outcome.into(),
            reason: reason.code,
            detail: reason.detail,
            settled_at,
            attempts,
            calls: calls.into_iter().map(CallRecord::from).collect(),
            by,
        }
    }
}

impl ConversationRecord {
    /// Of a conversation: its lane's row with the document that the conversation itself has named.
    pub(super) fn new(lane: &LaneKey, row: ConversationRow, events: Vec<EventRecord>) -> Self {
        let own = lane.conversation.as_str();
        let others = events.iter().filter_map(|event| event.conversation.as_deref());
        let others: BTreeSet<_> = others.filter(|other| *other != own).collect();
        let shared_with = others.into_iter().map(str::to_owned).collect();
        Self {
            contact_center: lane.contact_center.clone(),
            conversation: lane.conversation.to_string(),
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
