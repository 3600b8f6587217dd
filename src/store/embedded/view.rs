//! What a group may look at: rows as they are committed, the index in memory, and the lanes that were touched last.

use std::sync::Arc;

use super::kept::Kept;
use super::{RowError, Rows};
use crate::routing::{ContactCenter, DocumentRef, LaneKey};
use crate::store::group::{Found, Lost, View};
use crate::store::hashes;
use crate::store::index::Owed;
use crate::store::lane::{Lane, LaneCache};
use crate::store::records::{EventRow, Hash, IndexRow, RegisterRow};
use crate::store::request::Failed;

/// How many events of a conversation are listed with the lane that it moves into.
const MOVED: usize = 100;

pub(super) struct Committed<'a> {
    pub(super) rows: &'a Rows,
    pub(super) kept: &'a Kept,
    pub(super) cache: &'a mut LaneCache,
}

impl View for Committed<'_> {
    fn number_of(&self, id: &Hash) -> Option<u64> {
        self.kept.index().number_of(id)
    }

    fn lane_of(&self, number: u64) -> Option<Arc<LaneKey>> {
        self.kept.index().lane_of(number)
    }

    fn is_unsettled(&self, number: u64) -> bool {
        self.kept.index().is_unsettled(number)
    }

    fn lane(&mut self, key: &Arc<LaneKey>) -> Result<Found, Failed> {
        if let Some(lane) = self.cache.get(key) {
            return Ok(Found { lane, lost: Vec::new(), damaged: false });
        }
        let numbers = {
            let index = self.kept.index();
            let numbers = index.open_in(key);
            // Of a conversation without events, as each is that begins, there is no row either: see `retention`.
            let hash = hashes::of_conversation(&key.conversation);
            if numbers.is_empty() && index.of_conversation(hash, u64::MAX).next().is_none() {
                return Ok(Found { lane: Arc::default(), lost: Vec::new(), damaged: false });
            }
            numbers
        };
        let found = restore_lane(self.rows, key, read_events(self.rows, &numbers)?)?;
        let damage = found.lost.len() + usize::from(found.damaged);
        (0..damage).for_each(|_| self.kept.index().note_damage());
        Ok(found)
    }

    fn lane_of_document(
        &self,
        contact_center: &ContactCenter,
        document: &DocumentRef,
    ) -> Result<Option<LaneKey>, Failed> {
        match self.rows.lane_of_document(contact_center, document) {
            Ok(lane) => Ok(lane),
            Err(RowError::Read(why)) => Err(Failed::Write(why)),
            Err(RowError::Corrupt(_) | RowError::Newer(_)) => Ok(None),
        }
    }

    fn event(&self, number: u64) -> Result<Option<EventRow>, Failed> {
        Ok(self.rows.event(number)?)
    }

    fn latest_of(&self, conversation: &LaneKey) -> Result<Vec<(u64, IndexRow)>, Failed> {
        let hash = hashes::of_conversation(&conversation.conversation);
        let numbers: Vec<_> =
            self.kept.index().of_conversation(hash, u64::MAX).take(MOVED).collect();
        let mut latest = Vec::with_capacity(numbers.len());
        for number in numbers {
            match self.rows.index(number) {
                Ok(row) => latest.extend(row.map(|row| (number, row))),
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => {}
            }
        }
        Ok(latest)
    }

    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed> {
        match self.rows.register(name) {
            Ok(row) => Ok(row),
            Err(RowError::Read(why)) => Err(Failed::Write(why)),
            Err(error @ (RowError::Corrupt(_) | RowError::Newer(_))) => {
                tracing::error!(%error, "the store holds a damaged row; what it held counts as not set");
                Ok(None)
            }
        }
    }

    fn owed(&self, source: &str) -> (usize, Owed) {
        let index = self.kept.index();
        (index.pending(), index.owed_to(source))
    }
}

/// An event that has an entry in a lane, as it was read.
pub(super) struct ReadEvent {
    pub(super) number: u64,
    pub(super) index: Option<IndexRow>,
    pub(super) row: Result<Box<EventRow>, String>,
}

pub(super) fn read_events(rows: &Rows, numbers: &[u64]) -> Result<Vec<ReadEvent>, Failed> {
    let mut events = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let row = match rows.event(number) {
            Ok(Some(row)) => Ok(Box::new(row)),
            Ok(None) => Err("its event is missing".to_owned()),
            Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            Err(damage) => Err(damage.to_string()),
        };
        // It is only needed where the event cannot go on.
        let index = if row.is_err() { rows.index(number).ok().flatten() } else { None };
        events.push(ReadEvent { number, index, row });
    }
    Ok(events)
}

/// Makes a lane of its row and its events. Of a lane whose own row is damaged nothing can go on: its events become dead
/// letters.
pub(super) fn restore_lane(
    rows: &Rows,
    key: &LaneKey,
    events: Vec<ReadEvent>,
) -> Result<Found, Failed> {
    let (row, damage) = match rows.lane(key) {
        Ok(row) => (row, None),
        Err(RowError::Read(why)) => return Err(Failed::Write(why)),
        Err(damage) => (None, Some(damage.to_string())),
    };
    let (mut entries, mut lost) = (Vec::with_capacity(events.len()), Vec::new());
    for ReadEvent { number, index, row } in events {
        let lose = |row, why| {
            let index = index.or_else(|| rows.index(number).ok().flatten());
            Lost { number, index, row, why }
        };
        match (row, &damage) {
            (Ok(row), Some(why)) => lost.push(lose(Some(row), why.clone())),
            (Ok(row), None) => match row.into_entry(number) {
                Ok(entry) => entries.push(entry),
                Err(why) => lost.push(lose(None, why)),
            },
            (Err(why), _) => lost.push(lose(None, why)),
        }
    }
    let lane = Arc::new(Lane::restore(row, entries));
    Ok(Found { lane, lost, damaged: damage.is_some() })
}
