//! Questions of operators, answered from the rows. Never on an event's way and never on a thread of the runtime: a read
//! may wait for the disk. What it costs is bounded: each row is read once for an answer, and a page ends when enough
//! was looked at for it.

use bytes::Bytes;

use super::kept::Kept;
use super::{RowError, Rows};
use crate::routing::{
    ConversationId, ConversationRecord, EventRecord, LaneKey, Page, State, Unreadable,
};
use crate::store::hashes;
use crate::store::record::{self, Filter};
use crate::store::records::{Content, EventRow, LaneRow};
use crate::store::request::Failed;

/// How many events are looked at for one page.
const LOOKED_AT: usize = 2_000;
/// How many bytes of rows are read for one page, but for the last row.
const READ: usize = 4 * 1024 * 1024;
/// How many events of a conversation are shown with it.
const HISTORY: usize = 100;
/// How often a lane can have moved: more than that is damage.
const MOVES: usize = 1_000;

pub(super) fn event(kept: &Kept, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
    let rows = kept.rows()?;
    let number = kept.index().number_of(&hashes::of_event(source, id));
    let Some(number) = number else { return Ok(None) };
    Ok(rows.event(number)?.map(|row| record::event(row.named(source, id))))
}

pub(super) fn body(kept: &Kept, source: &str, id: &str) -> Result<Option<Bytes>, Failed> {
    let rows = kept.rows()?;
    let number = kept.index().number_of(&hashes::of_event(source, id));
    let Some(number) = number else { return Ok(None) };
    let body = rows.event(number)?.and_then(|row| row.origin.body);
    let body = body.map(|body| rows.body(body)).transpose()?.flatten();
    Ok(body.map(|body| body.bytes))
}

pub(super) fn conversation(
    kept: &Kept,
    contact_center: &str,
    conversation: &str,
) -> Result<Option<ConversationRecord>, Failed> {
    let rows = kept.rows()?;
    let Ok(conversation) = ConversationId::parse(conversation) else { return Ok(None) };
    let own = LaneKey { contact_center: contact_center.into(), conversation };
    let Some(own_row) = rows.lane(&own)? else { return Ok(None) };
    let named = own_row.named.clone();
    let row = LaneRow { named, ..lane_of(&rows, own_row)? };
    let mut numbers = Vec::new();
    {
        let index = kept.index();
        for conversation in [&own.conversation, &row.key.conversation] {
            let hash = hashes::of_conversation(conversation);
            numbers.extend(index.of_conversation(hash, u64::MAX).take(HISTORY));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut events = Vec::with_capacity(numbers.len().min(HISTORY));
    for number in numbers.split_off(numbers.len().saturating_sub(HISTORY)) {
        let event = rows.event(number)?.filter(|event| event.contact_center == own.contact_center);
        events.extend(event.map(record::event));
    }
    Ok(Some(record::conversation(&own, row, events)))
}

/// The row of the lane in which a conversation is carried out, from that of the conversation.
fn lane_of(rows: &Rows, mut row: LaneRow) -> Result<LaneRow, Failed> {
    for _ in 0..MOVES {
        let Some(conversation) = row.moved_to.clone() else { break };
        let contact_center = row.key.contact_center.clone();
        let Some(found) = rows.lane(&LaneKey { contact_center, conversation })? else { break };
        row = found;
    }
    Ok(row)
}

pub(super) fn events(kept: &Kept, filter: &Filter) -> Result<Page, Failed> {
    let rows = kept.rows()?;
    let before = filter.cursor.as_deref().map_or(Some(u64::MAX), |text| text.parse().ok());
    let mut page = Page { events: Vec::new(), next_cursor: None };
    let Some(before) = before else { return Ok(page) };
    let (mut last, mut read) = (None, 0);
    for (looked_at, number) in candidates(kept, &rows, filter, before).enumerate() {
        let number = number?;
        let is_enough = looked_at == LOOKED_AT || read >= READ;
        if page.events.len() == filter.page_size() || is_enough {
            page.next_cursor = last.map(|number: u64| number.to_string());
            break;
        }
        last = Some(number);
        let row = match rows.event_and_length(number) {
            Ok(Some((row, length))) => {
                read += length;
                row
            }
            Ok(None) => continue,
            Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            // One damaged row is not to hide the others.
            Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
        };
        page.events.extend(Some(record::event(row)).filter(|record| filter.takes(record)));
    }
    Ok(page)
}

type Candidates = Box<dyn Iterator<Item = Result<u64, RowError>>>;

/// The events that may fit, newest first: by the narrowest list that there is.
fn candidates(kept: &Kept, rows: &Rows, filter: &Filter, before: u64) -> Candidates {
    let listed = |numbers: Vec<u64>| -> Candidates { Box::new(numbers.into_iter().map(Ok)) };
    let index = kept.index();
    if let Some(conversation) = &filter.conversation {
        let Ok(conversation) = ConversationId::parse(conversation) else {
            return listed(Vec::new());
        };
        let hash = hashes::of_conversation(&conversation);
        return listed(index.of_conversation(hash, before).take(LOOKED_AT + 1).collect());
    }
    match filter.state {
        Some(state @ (State::Pending | State::Parked)) => {
            let parked = state == State::Parked;
            listed(index.unsettled_before(before, parked).take(LOOKED_AT + 1).collect())
        }
        Some(State::Dead) => listed(index.dead_before(before).take(LOOKED_AT + 1).collect()),
        Some(State::Delivered | State::Expired | State::Superseded | State::Discarded) | None => {
            Box::new(rows.numbers_before(before))
        }
    }
}

impl EventRow {
    /// With the name by which it was asked for, where it has lost its own.
    fn named(mut self, source: &str, id: &str) -> Self {
        if matches!(self.content, Content::Lost) {
            let (kind, conversation, problem) = (None, None, String::new());
            let id = id.to_owned();
            self.content = Content::Unreadable(Unreadable { id, kind, conversation, problem });
            self.origin.source = source.into();
        }
        self
    }
}
