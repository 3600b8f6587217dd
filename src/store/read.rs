//! Questions of operators, answered from the rows. Never on an event's way and never on a thread of the runtime: a read may wait
//! for the disk. What it costs is bounded: each row is read once for an answer, and a page ends when enough was read for it.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads, and readers beside the runtime"
)]

use std::collections::HashMap;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use super::lane::read_event_row;
use super::layout::{self, Prefix};
use super::pack::{self, Pack};
use super::record::Filter;
use super::request::Failed;
use super::row::{RowError, Rows};
use super::rows::{Content, ConversationRow, EntryRow, EventRow, Runs, StoryRow, decode};
use super::shared::Shared;
use super::shelf;
use crate::routing::{ConversationId, ConversationRecord, EventRecord, LaneKey, Page, State};

/// How many events are looked at for one page.
const LOOKED_AT: usize = 2_000;
/// How many bytes of rows are read for one page, but for the last row.
const READ: usize = 4 * 1024 * 1024;
/// How often a lane can have moved: more than that is damage.
const MOVES: usize = 1_000;
/// How often and after what pause a conversation's row is looked for again where it ought to be.
const LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(1);

pub(super) fn event(
    shared: &Shared,
    source: &str,
    id: &str,
) -> Result<Option<EventRecord>, Failed> {
    let rows = shared.rows()?;
    let Some(seq) = shared.ledger().seq_of(&layout::hash_of(source, id)) else { return Ok(None) };
    Ok(Reader::new(shared, &rows).record(seq)?)
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
    let lane = LaneKey { contact_center: contact_center.into(), conversation };
    let mut reader = Reader::new(shared, &rows);
    let Some(own) = reader.conversation_row(&lane)? else { return Ok(None) };
    let named = own.named.clone();
    let row = ConversationRow { named, ..reader.lane_row(&lane, own)? };
    let mut events = Vec::with_capacity(row.history.len());
    for seq in &row.history {
        events.extend(reader.record(*seq)?);
    }
    Ok(Some(ConversationRecord::new(&lane, row, events)))
}

pub(super) fn events(shared: &Shared, filter: &Filter) -> Result<Page, Failed> {
    let rows = shared.rows()?;
    let before = filter.cursor.as_deref().map_or(Some(u64::MAX), |text| text.parse().ok());
    let Some(before) = before else { return Ok(Page { events: Vec::new(), next_cursor: None }) };
    let mut page = Page { events: Vec::new(), next_cursor: None };
    let (mut last, mut reader) = (None, Reader::new(shared, &rows));
    for (looked_at, seq) in candidates(shared, &rows, filter, before)?.enumerate() {
        let seq = seq?;
        let is_enough = looked_at == LOOKED_AT || reader.read >= READ;
        if page.events.len() == filter.page_size() || is_enough {
            page.next_cursor = last.map(|seq: u64| seq.to_string());
            break;
        }
        last = Some(seq);
        page.events.extend(reader.record(seq)?.filter(|record| filter.takes(record)));
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
            listed(ledger.live_before(before, parked).take(LOOKED_AT + 1).collect())
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
    let (mut history, mut reader) = (Vec::new(), Reader::new(shared, rows));
    for contact_center in contact_centers {
        let lane = LaneKey { contact_center, conversation: conversation.clone() };
        let Some(own) = reader.conversation_row(&lane)? else { continue };
        history.extend(own.history.iter().copied());
        history.extend(reader.lane_row(&lane, own)?.history);
    }
    history.retain(|seq| *seq < before);
    history.sort_unstable_by(|one, other| other.cmp(one));
    history.dedup();
    Ok(history)
}

/// Reads events, and remembers what it has read for the next one.
struct Reader<'a> {
    shared: &'a Shared,
    rows: &'a Rows,
    pack: Option<Pack>,
    /// Packs of conversations.
    packs: HashMap<u64, Vec<u8>>,
    lanes: HashMap<LaneKey, Option<Rc<Owed>>>,
    /// So many bytes of rows until now.
    read: usize,
}

/// What a lane's row says of events.
struct Owed {
    moved_to: Option<ConversationId>,
    entries: HashMap<u64, EntryRow>,
    /// Those that have rows of their own.
    apart: Runs,
}

impl<'a> Reader<'a> {
    fn new(shared: &'a Shared, rows: &'a Rows) -> Self {
        Self { shared, rows, pack: None, packs: HashMap::new(), lanes: HashMap::new(), read: 0 }
    }

    /// One event. It may be settled between two reads, so the story is looked for twice.
    fn record(&mut self, seq: u64) -> Result<Option<EventRecord>, RowError> {
        let Some(event) = self.event(seq)? else { return Ok(None) };
        if let Some(story) = self.story(seq)? {
            return Ok(Some(EventRecord::settled(event, story)));
        }
        if let Some(lane) = lane_of(&event)
            && let Some(entry) = self.entry(lane, seq)?
        {
            return Ok(Some(EventRecord::unsettled(event, entry)));
        }
        Ok(Some(match self.story(seq)? {
            Some(story) => EventRecord::settled(event, story),
            None => EventRecord::new(event, crate::routing::Story::default()),
        }))
    }

    fn event(&mut self, seq: u64) -> Result<Option<EventRow>, RowError> {
        if !self.pack.as_ref().is_some_and(|pack| pack.holds(seq)) {
            self.pack = Pack::around(self.rows, seq)?;
            self.read += self.pack.as_ref().map_or(0, Pack::bytes);
        }
        self.pack.as_ref().map_or(Ok(None), |pack| pack.event(seq))
    }

    fn story(&mut self, seq: u64) -> Result<Option<StoryRow>, RowError> {
        let key = layout::story(seq);
        let Some(row) = self.rows.get(&key)? else { return Ok(None) };
        self.read += row.content.len();
        decode(&key, &row.content).map(Some)
    }

    /// The entry of an unsettled event, in the lane in which its conversation is carried out.
    fn entry(&mut self, mut lane: LaneKey, seq: u64) -> Result<Option<EntryRow>, RowError> {
        for _ in 0..MOVES {
            let Some(owed) = self.owed(&lane)? else { return Ok(None) };
            if let Some(root) = &owed.moved_to {
                lane.conversation = root.clone();
                continue;
            }
            if !owed.apart.contains(seq) {
                return Ok(owed.entries.get(&seq).cloned());
            }
            let key = layout::entry(seq);
            if let Some(row) = self.rows.get(&key)? {
                self.read += row.content.len();
                return decode(&key, &row.content).map(Some);
            }
            // It has come into the lane's row or was settled since that was read.
            self.lanes.remove(&lane);
            self.packs.clear();
        }
        Ok(None)
    }

    fn owed(&mut self, lane: &LaneKey) -> Result<Option<Rc<Owed>>, RowError> {
        if let Some(owed) = self.lanes.get(lane) {
            return Ok(owed.clone());
        }
        let owed = self.conversation_row(lane)?.map(|row| {
            let entries = row.entries.into_iter().map(|entry| (entry.id.0, entry)).collect();
            Rc::new(Owed { moved_to: row.moved_to, entries, apart: row.apart })
        });
        self.lanes.insert(lane.clone(), owed.clone());
        Ok(owed)
    }

    /// The row of the lane in which a conversation is carried out, from that of the conversation.
    fn lane_row(
        &mut self,
        lane: &LaneKey,
        mut row: ConversationRow,
    ) -> Result<ConversationRow, RowError> {
        for _ in 0..MOVES {
            let Some(conversation) = row.moved_to.clone() else { break };
            let root = LaneKey { contact_center: lane.contact_center.clone(), conversation };
            let Some(found) = self.conversation_row(&root)? else { break };
            row = found;
        }
        Ok(row)
    }

    /// A conversation's row. It may move to another pack between two reads, and where it is becomes known a moment after it has
    /// moved, so that it is looked for again.
    fn conversation_row(&mut self, lane: &LaneKey) -> Result<Option<ConversationRow>, RowError> {
        for _ in 0..LOOKS {
            let Some(pack) = self.shared.ledger().shelves.pack_of(lane) else { return Ok(None) };
            let known = self.packs.get(&pack).map(|content| shelf::find(pack, content, lane));
            if let Some(found) = known.transpose()?.flatten() {
                return Ok(Some(found));
            }
            if let Some(row) = self.rows.get(&layout::conversations(pack))? {
                self.read += row.content.len();
                let found = shelf::find(pack, &row.content, lane)?;
                self.packs.insert(pack, row.content);
                if found.is_some() {
                    return Ok(found);
                }
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(None)
    }
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
