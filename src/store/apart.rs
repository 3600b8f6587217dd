//! The entries of a lane that have rows of their own: where a conversation owes many, an event costs the rows that it changes
//! and not all of them.

use std::collections::{HashMap, HashSet};

use super::layout;
use super::row::{Changes, RowError, Rows};
use super::rows::{EntryRow, Origin, decode, encode};
use crate::routing::{Entry, EntryId, Stage, Story, UnixMillis};

/// How many entries lie in the row of their lane: more than most calls ever owe, since a row of its own costs a record.
pub(super) const WITHIN: usize = if cfg!(test) { 2 } else { 16 };

/// Entries as they were last written, each with how many chunks that took.
#[derive(Debug, Default)]
pub(super) struct Apart(HashMap<EntryId, (EntryRow, u16)>);

impl Apart {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads one, and notes that it is there.
    pub(super) fn read(&mut self, rows: &Rows, seq: u64) -> Result<EntryRow, RowError> {
        let key = layout::entry(seq);
        let missing = || RowError::Corrupt(format!("{} (is missing)", key.escape_ascii()));
        let row = rows.get(&key)?.ok_or_else(missing)?;
        let entry: EntryRow = decode(&key, &row.content)?;
        self.0.insert(entry.id, (entry.clone(), row.chunks));
        Ok(entry)
    }

    /// Takes in those of another lane, whose rows stay where they are.
    pub(super) fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Writes those that are new or have changed, and removes those that are not among these any more.
    pub(super) fn write<'a>(
        &mut self,
        entries: impl Iterator<Item = (&'a Entry, Option<&'a Origin>)>,
        row_of: impl Fn(&Entry) -> EntryRow,
        changes: &mut Changes,
    ) {
        let mut here = HashSet::new();
        for (entry, origin) in entries {
            here.insert(entry.id);
            let before = match self.0.get(&entry.id) {
                Some((written, _)) if written.says(entry, origin) => continue,
                Some((_, chunks)) => *chunks,
                None => 0,
            };
            let (key, row) = (layout::entry(entry.id.0), row_of(entry));
            let chunks = changes.put(&key, &encode(&row));
            changes.remove(&key, chunks, before);
            self.0.insert(entry.id, (row, chunks));
        }
        self.0.retain(|id, (_, chunks)| {
            let stays = here.contains(id);
            if !stays {
                changes.remove(&layout::entry(id.0), 0, *chunks);
            }
            stays
        });
    }
}

impl EntryRow {
    /// One that cannot be read any more.
    pub(super) fn lost(seq: u64) -> Self {
        Self {
            id: EntryId(seq),
            received_at: UnixMillis::default(),
            deadline: UnixMillis::default(),
            due: UnixMillis::default(),
            stage: Stage::Waiting,
            story: Story::default(),
            ended: None,
            origin: Origin::default(),
        }
    }

    /// Whether it is what would be written of an entry.
    fn says(&self, entry: &Entry, origin: Option<&Origin>) -> bool {
        let Entry { id, event: _, received_at, deadline, due, stage, story, ended } = entry;
        let times = (self.received_at, self.deadline, self.due);
        self.id == *id
            && times == (*received_at, *deadline, *due)
            && self.stage == *stage
            && self.ended == *ended
            && self.story == *story
            && origin.map_or_else(|| self.origin == Origin::default(), |one| self.origin == *one)
    }
}
