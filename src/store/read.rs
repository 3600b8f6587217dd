//! Questions of operators, answered from the rows on any thread. Never on an event's way: a read may wait for a commit.

use super::lane::read_event_row;
use super::layout::{self, Prefix};
use super::pack;
use super::record::{ConversationRecord, EventRecord, Filter, Page, State};
use super::request::Failed;
use super::row::{RowError, Rows};
use super::rows::{Content, ConversationRow, EventRow, StoryRow, decode};
use super::shared::Shared;
use super::shelf;
use crate::routing::{ConversationId, LaneKey};

/// How many events are looked at for one page.
const LOOKED_AT: usize = 2_000;

pub(super) fn event(
    shared: &Shared,
    source: &str,
    id: &str,
) -> Result<Option<EventRecord>, Failed> {
    let rows = shared.rows()?;
    let Some(seq) = shared.ledger().seq_of(&layout::hash_of(source, id)) else { return Ok(None) };
    Ok(record(shared, &rows, seq)?)
}

pub(super) fn body(shared: &Shared, source: &str, id: &str) -> Result<Option<Vec<u8>>, Failed> {
    let rows = shared.rows()?;
    let Some(seq) = shared.ledger().seq_of(&layout::hash_of(source, id)) else { return Ok(None) };
    let place = read_event_row(&rows, seq)?.and_then(|row| row.body);
    let Some(place) = place else { return Ok(None) };
    Ok(pack::body(&rows, place)?.map(|body| body.bytes))
}

pub(super) fn conversation(
    shared: &Shared,
    contact_center: &str,
    conversation: &str,
) -> Result<Option<ConversationRecord>, Failed> {
    let rows = shared.rows()?;
    let Ok(conversation) = ConversationId::parse(conversation) else { return Ok(None) };
    let lane = LaneKey { contact_center: contact_center.to_owned(), conversation };
    let Some(own) = conversation_row(shared, &rows, &lane)? else { return Ok(None) };
    let named = own.named.clone();
    let row = ConversationRow { named, ..lane_row(shared, &rows, &lane, own)? };
    let mut events = Vec::with_capacity(row.history.len());
    for seq in &row.history {
        events.extend(record(shared, &rows, *seq)?);
    }
    Ok(Some(ConversationRecord::new(&lane, row, events)))
}

pub(super) fn events(shared: &Shared, filter: &Filter) -> Result<Page, Failed> {
    let rows = shared.rows()?;
    let before = filter.cursor.as_deref().map_or(Some(u64::MAX), |text| text.parse().ok());
    let Some(before) = before else { return Ok(Page { events: Vec::new(), next_cursor: None }) };
    let mut page = Page { events: Vec::new(), next_cursor: None };
    let mut last = None;
    for (looked_at, seq) in candidates(shared, &rows, filter, before)?.enumerate() {
        let seq = seq?;
        if page.events.len() == filter.page_size() || looked_at == LOOKED_AT {
            page.next_cursor = last.map(|seq: u64| seq.to_string());
            break;
        }
        last = Some(seq);
        page.events.extend(record(shared, &rows, seq)?.filter(|record| filter.takes(record)));
    }
    Ok(page)
}

type Candidates = Box<dyn Iterator<Item = Result<u64, RowError>>>;

/// The events that may fit, newest first: by the narrowest list that there is.
fn candidates(
    shared: &Shared,
    rows: &Rows,
    filter: &Filter,
    before: u64,
) -> Result<Candidates, Failed> {
    if let Some(conversation) = &filter.conversation {
        let history = history(shared, rows, conversation, before)?;
        return Ok(Box::new(history.into_iter().map(Ok)));
    }
    let listed = |seqs: Vec<u64>| -> Candidates { Box::new(seqs.into_iter().map(Ok)) };
    Ok(match filter.state {
        Some(state @ (State::Pending | State::Parked)) => {
            let parked = state == State::Parked;
            let ledger = shared.ledger();
            let fits = ledger.live_before(before).filter(|(_, live)| live.parked == parked);
            listed(fits.map(|(seq, _)| seq).take(LOOKED_AT + 1).collect())
        }
        Some(State::Dead) => {
            listed(shared.ledger().dead_before(before).take(LOOKED_AT + 1).collect())
        }
        Some(State::Delivered | State::Expired | State::Superseded | State::Discarded) | None => {
            let first = Prefix::Event.bytes();
            let found = rows.range_back(&first, &layout::event(before));
            Box::new(found.flat_map(move |found| {
                let seqs = found.and_then(|(key, row)| pack::seqs(&key, &row.content));
                let seqs: Vec<_> = match seqs {
                    Ok(seqs) => seqs.filter(|seq| *seq < before).rev().map(Ok).collect(),
                    Err(RowError::Corrupt(_) | RowError::Newer(_)) => Vec::new(),
                    Err(error @ RowError::Read(_)) => vec![Err(error)],
                };
                seqs
            }))
        }
    })
}

/// The latest events of a conversation of that name, whichever contact centre has it, newest first.
fn history(
    shared: &Shared,
    rows: &Rows,
    conversation: &str,
    before: u64,
) -> Result<Vec<u64>, Failed> {
    let Ok(conversation) = ConversationId::parse(conversation) else { return Ok(Vec::new()) };
    let contact_centers: Vec<_> = shared.ledger().contact_centers().cloned().collect();
    let mut history = Vec::new();
    for contact_center in contact_centers {
        let lane = LaneKey { contact_center, conversation: conversation.clone() };
        let Some(own) = conversation_row(shared, rows, &lane)? else { continue };
        history.extend(own.history.iter().copied());
        history.extend(lane_row(shared, rows, &lane, own)?.history);
    }
    history.retain(|seq| *seq < before);
    history.sort_unstable_by(|one, other| other.cmp(one));
    history.dedup();
    Ok(history)
}

/// One event. It may be settled between two reads, so the story is looked for twice.
fn record(shared: &Shared, rows: &Rows, seq: u64) -> Result<Option<EventRecord>, RowError> {
    let Some(event) = read_event_row(rows, seq)? else { return Ok(None) };
    if let Some(story) = story(rows, seq)? {
        return Ok(Some(EventRecord::settled(event, story)));
    }
    if let Some(lane) = lane_of(&event)
        && let Some(own) = conversation_row(shared, rows, &lane)?
        && let row = lane_row(shared, rows, &lane, own)?
        && let Some(entry) = row.entries.into_iter().find(|entry| entry.id.0 == seq)
    {
        return Ok(Some(EventRecord::unsettled(event, entry)));
    }
    Ok(Some(match story(rows, seq)? {
        Some(story) => EventRecord::settled(event, story),
        None => EventRecord::new(event, crate::routing::Story::default()),
    }))
}

fn lane_of(event: &EventRow) -> Option<LaneKey> {
    match &event.content {
        Content::Event(_) => Some(LaneKey {
            contact_center: event.contact_center.clone(),
            conversation: event.content.conversation()?,
        }),
        Content::Unreadable { .. } => None,
    }
}

fn story(rows: &Rows, seq: u64) -> Result<Option<StoryRow>, RowError> {
    let key = layout::story(seq);
    rows.get(&key)?.map(|row| decode(&key, &row.content)).transpose()
}

/// How often a lane can have moved: more than that is damage.
const MOVES: usize = 1_000;

/// The row of the lane in which a conversation is carried out, from that of the conversation.
fn lane_row(
    shared: &Shared,
    rows: &Rows,
    lane: &LaneKey,
    mut row: ConversationRow,
) -> Result<ConversationRow, RowError> {
    for _ in 0..MOVES {
        let Some(conversation) = row.moved_to.clone() else { break };
        let root = LaneKey { contact_center: lane.contact_center.clone(), conversation };
        let Some(found) = conversation_row(shared, rows, &root)? else { break };
        row = found;
    }
    Ok(row)
}

/// A conversation's row. It may move to another pack between two reads, so that it is looked for again.
fn conversation_row(
    shared: &Shared,
    rows: &Rows,
    lane: &LaneKey,
) -> Result<Option<ConversationRow>, RowError> {
    let place = || shared.ledger().shelves.pack_of(lane);
    let mut pack = place();
    while let Some(looked_in) = pack {
        let row = shelf::read(rows, looked_in, lane)?;
        pack = place().filter(|now| *now != looked_in);
        if row.is_some() || pack.is_none() {
            return Ok(row);
        }
    }
    Ok(None)
}
