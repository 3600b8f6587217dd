//! Where the rows of conversations lie: several share a pack of one chunk, because a record costs sled about the same whether
//! it is large or small, and conversations that came in one commit tend to change in one commit again.
//!
//! A pack lies under a number of its own and names each conversation: `u16` length and contact centre, `u16` length and
//! conversation, `u32` length and row. A conversation is in one pack only: a change takes it out of its pack and into a new one, in
//! the same commit, so that nothing outdated can come back. Which pack that is, is held in memory and found again at open.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::layout::{self, IdHash};
use super::row::{CHUNK, Changes, HEADER, RowError, Rows};
use super::rows::ConversationRow;
use crate::routing::{ConversationId, LaneKey};

/// What fits into one chunk.
const ROOM: usize = CHUNK - HEADER;

/// The pack of each conversation.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    packs: HashMap<IdHash, u64>,
    /// How many conversations have moved into the lane of another.
    joined: HashMap<IdHash, usize>,
    /// The first number that no pack has had since the start.
    next: u64,
}

/// New rows of conversations; none where it is forgotten.
pub(super) type NewRows = Vec<(Arc<LaneKey>, Option<Vec<u8>>)>;

/// Where conversations lie after a commit; none where it is forgotten.
#[derive(Debug, Default)]
#[must_use = "it holds from the commit on"]
pub(super) struct Moves {
    moved: Vec<(IdHash, Option<u64>)>,
    next: u64,
}

impl Shelves {
    /// The pack that a conversation is in.
    pub(super) fn pack_of(&self, lane: &LaneKey) -> Option<u64> {
        self.packs.get(&hash_of(lane)).copied()
    }

    /// Takes note of a conversation that was found in a pack.
    pub(super) fn found(&mut self, lane: &LaneKey, pack: u64) {
        self.packs.insert(hash_of(lane), pack);
    }

    /// Notes that a conversation has moved into that lane.
    pub(super) fn joins(&mut self, lane: &LaneKey) {
        *self.joined.entry(hash_of(lane)).or_default() += 1;
    }

    /// Notes that a conversation which had moved into that lane is forgotten.
    pub(super) fn leaves(&mut self, lane: &LaneKey) {
        if let Entry::Occupied(mut joined) = self.joined.entry(hash_of(lane)) {
            *joined.get_mut() -= 1;
            if *joined.get() == 0 {
                joined.remove();
            }
        }
    }

    /// Whether a conversation has moved into that lane.
    pub(super) fn is_joined(&self, lane: &LaneKey) -> bool {
        self.joined.contains_key(&hash_of(lane))
    }

    /// Takes note of the last pack that was found.
    pub(super) fn last_found(&mut self, pack: u64) {
        self.next = self.next.max(pack + 1);
    }

    /// Takes note of what was committed.
    pub(super) fn moved(&mut self, moves: Moves) {
        self.next = self.next.max(moves.next);
        for (lane, pack) in moves.moved {
            match pack {
                Some(pack) => drop(self.packs.insert(lane, pack)),
                None => drop(self.packs.remove(&lane)),
            }
        }
    }

    /// The packs that these conversations leave.
    pub(super) fn left_by(&self, new: &NewRows) -> Left {
        let mut packs: BTreeMap<u64, Vec<IdHash>> = BTreeMap::new();
        for (lane, _) in new {
            let hash = hash_of(lane);
            if let Some(pack) = self.packs.get(&hash) {
                packs.entry(*pack).or_default().push(hash);
            }
        }
        Left { packs, next: self.next }
    }
}

/// Packs that change because conversations leave them.
pub(super) struct Left {
    /// Each with who leaves it.
    packs: BTreeMap<u64, Vec<IdHash>>,
    /// The first number that no pack has had.
    next: u64,
}

/// A pack that changes or comes to be, and how many chunks it takes on disk.
struct Slot {
    number: u64,
    chunks: u16,
}

/// Writes the new rows, and rewrites or removes the packs that they leave.
///
/// A pack that cannot be read any more stays as it is: the next open clears it away.
pub(super) fn write(
    rows: &Rows,
    left: Left,
    new: NewRows,
    changes: &mut Changes,
) -> Result<Moves, RowError> {
    let mut free = Vec::new();
    for (number, leaving) in left.packs {
        let key = layout::conversations(number);
        let row = match rows.get(&key) {
            Ok(Some(row)) => row,
            Ok(None) | Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
            Err(error @ RowError::Read(_)) => return Err(error),
        };
        let Ok(held) = conversations(&key, &row.content) else { continue };
        let mut kept = Vec::with_capacity(row.content.len());
        for (lane, bytes) in &held {
            if !leaving.contains(&hash_of(lane)) {
                add(&mut kept, lane, bytes);
            }
        }
        if kept.is_empty() {
            free.push(Slot { number, chunks: row.chunks });
        } else {
            let chunks = changes.put(&key, &kept);
            changes.remove(&key, chunks, row.chunks);
        }
    }
    let mut filling = Filling { free, next: left.next, pack: Vec::new(), lanes: Vec::new() };
    let mut moved = Vec::with_capacity(new.len());
    for (lane, row) in new {
        match row {
            Some(row) => filling.add(&lane, &row, changes, &mut moved),
            None => moved.push((hash_of(&lane), None)),
        }
    }
    filling.close(changes, &mut moved);
    for Slot { number, chunks } in filling.free {
        changes.remove(&layout::conversations(number), 0, chunks);
    }
    Ok(Moves { moved, next: filling.next })
}

/// The pack that new rows go into.
struct Filling {
    /// Packs that everyone has left: used before new numbers, so that one conversation alone stays where it is.
    free: Vec<Slot>,
    next: u64,
    pack: Vec<u8>,
    lanes: Vec<IdHash>,
}

impl Filling {
    fn add(
        &mut self,
        lane: &LaneKey,
        row: &[u8],
        changes: &mut Changes,
        moved: &mut Vec<(IdHash, Option<u64>)>,
    ) {
        if self.pack.len() + size_of(lane, row) > ROOM {
            self.close(changes, moved);
        }
        add(&mut self.pack, lane, row);
        self.lanes.push(hash_of(lane));
    }

    fn close(&mut self, changes: &mut Changes, moved: &mut Vec<(IdHash, Option<u64>)>) {
        if self.pack.is_empty() {
            return;
        }
        let slot = self.free.pop().unwrap_or(Slot { number: self.next, chunks: 0 });
        self.next = self.next.max(slot.number + 1);
        let key = layout::conversations(slot.number);
        let chunks = changes.put(&key, &self.pack);
        changes.remove(&key, chunks, slot.chunks);
        self.pack.clear();
        moved.extend(self.lanes.drain(..).map(|lane| (lane, Some(slot.number))));
    }
}

/// Reads one conversation's row from its pack.
pub(super) fn read(
    rows: &Rows,
    pack: u64,
    lane: &LaneKey,
) -> Result<Option<ConversationRow>, RowError> {
    let Some(row) = rows.get(&layout::conversations(pack))? else { return Ok(None) };
    find(pack, &row.content, lane)
}

/// One conversation's row in the bytes of its pack.
pub(super) fn find(
    pack: u64,
    content: &[u8],
    lane: &LaneKey,
) -> Result<Option<ConversationRow>, RowError> {
    let key = layout::conversations(pack);
    let held = conversations(&key, content)?;
    let found = held.into_iter().find(|(held, _)| held == lane);
    found.map(|(_, bytes)| ConversationRow::decode(&key, bytes)).transpose()
}

/// The conversations of a pack, each with its row.
pub(super) fn conversations<'a>(
    key: &[u8],
    mut content: &'a [u8],
) -> Result<Vec<(LaneKey, &'a [u8])>, RowError> {
    let mut held = Vec::new();
    while !content.is_empty() {
        let (lane, row, rest) =
            first(content).ok_or_else(|| RowError::Corrupt(key.escape_ascii().to_string()))?;
        held.push((lane, row));
        content = rest;
    }
    Ok(held)
}

fn first(content: &[u8]) -> Option<(LaneKey, &[u8], &[u8])> {
    fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some((std::str::from_utf8(text).ok()?, rest))
    }
    let (contact_center, rest) = text(content)?;
    let (conversation, rest) = text(rest)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (row, rest) = rest.split_at_checked(length)?;
    let conversation = ConversationId::parse(conversation).ok()?;
    Some((LaneKey { contact_center: contact_center.into(), conversation }, row, rest))
}

/// Adds a conversation's row to the bytes of a pack.
pub(super) fn add(pack: &mut Vec<u8>, lane: &LaneKey, row: &[u8]) {
    for text in [lane.contact_center.as_str(), lane.conversation.as_str()] {
        pack.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        pack.extend(text.as_bytes());
    }
    pack.extend(u32::try_from(row.len()).unwrap_or(u32::MAX).to_be_bytes());
    pack.extend(row);
}

fn size_of(lane: &LaneKey, row: &[u8]) -> usize {
    8 + lane.contact_center.as_str().len() + lane.conversation.as_str().len() + row.len()
}

fn hash_of(lane: &LaneKey) -> IdHash {
    layout::hash_of(lane.contact_center.as_str(), lane.conversation.as_str())
}

#[cfg(test)]
mod tests;
