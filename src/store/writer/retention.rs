//! Forgetting: bodies after one time, everything about an event after another; a bounded piece with each commit.
//!
//! Rows that age together lie together, so a sweep walks the oldest buckets and stops at the first that is kept. What is not
//! settled is never forgotten, and dead letters keep their body until they are forgotten themselves.

use std::collections::HashSet;
use std::sync::Arc;

use super::Writer;
use crate::routing::{LaneKey, UnixMillis};
use crate::store::ids;
use crate::store::lane::read_event_row;
use crate::store::layout::{self, IdHash, Key, Prefix};
use crate::store::request::Failed;
use crate::store::row::RowError;
use crate::store::rows::BodyPlace;

/// How long after the beginning of a sweep the next may begin, in milliseconds.
const PERIOD_MS: u64 = 60_000;

/// How many bodies are looked at with one commit.
const BODIES_AT_ONCE: usize = 64;

/// Where the sweep stands.
#[derive(Default)]
pub(super) struct Sweep {
    /// What is looked at next; none while it rests.
    place: Option<Place>,
    begun_at: Option<UnixMillis>,
    /// Bodies of earlier buckets were looked at since the start.
    bodies_done_before: u32,
}

enum Place {
    Bodies(Key),
    Ids(Key),
}

impl Sweep {
    pub(super) const fn is_running(&self) -> bool {
        self.place.is_some()
    }

    fn may_begin(&self, now: UnixMillis) -> bool {
        self.begun_at.is_none_or(|begun_at| now < begun_at || now.since(begun_at) >= PERIOD_MS)
    }
}

impl Writer {
    pub(super) fn sweep_some(&mut self) -> Result<(), Failed> {
        let now = (self.terms.now)();
        match self.sweep.place.take() {
            None if self.sweep.may_begin(now) => {
                self.sweep.begun_at = Some(now);
                self.sweep.place = Some(Place::Bodies(layout::bucket_start(Prefix::Body, 0)));
            }
            None => {}
            Some(Place::Bodies(from)) => {
                let next = self.sweep_bodies(&from, now)?.map(Place::Bodies);
                let ids = || Place::Ids(layout::bucket_start(Prefix::Ids, 0));
                self.sweep.place = Some(next.unwrap_or_else(ids));
            }
            Some(Place::Ids(from)) => {
                self.sweep.place = self.sweep_ids(&from, now)?.map(Place::Ids);
            }
        }
        Ok(())
    }

    /// Erases some bodies; returns where to go on.
    fn sweep_bodies(&mut self, from: &[u8], now: UnixMillis) -> Result<Option<Key>, Failed> {
        let bucket = layout::first_kept_bucket(now, self.terms.body_retention_ms);
        let before = layout::bucket_start(Prefix::Body, bucket);
        if from >= before.as_slice() {
            self.sweep.bodies_done_before = bucket;
            return Ok(None);
        }
        let rows = self.rows.clone();
        let mut looked_at = 0;
        for found in rows.range(from, &before) {
            let (key, row) = match found {
                Ok(found) => found,
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
            };
            if !self.is_wanted(&key, &row.content) {
                self.group.changes.remove(&key, 0, row.chunks);
            }
            looked_at += 1;
            if looked_at == BODIES_AT_ONCE || self.group.records() >= super::MAX_RECORDS {
                return Ok(Some(after(key)));
            }
        }
        self.sweep.bodies_done_before = bucket;
        Ok(None)
    }

    /// Whether an event of the body's request is unsettled or dead.
    fn is_wanted(&self, key: &[u8], content: &[u8]) -> bool {
        let Some((_, first)) = layout::bucket_and_seq_in(key) else { return false };
        let count = content.first_chunk().map_or(1, |count| u32::from_be_bytes(*count));
        let ledger = self.shared.ledger();
        (first..first.saturating_add(u64::from(count)))
            .any(|seq| ledger.is_live(seq) || ledger.is_dead(seq))
    }

    /// Forgets one block of ids; returns where to go on.
    fn sweep_ids(&mut self, from: &[u8], now: UnixMillis) -> Result<Option<Key>, Failed> {
        let bucket = layout::first_kept_bucket(now, self.terms.retention_ms);
        let before = layout::bucket_start(Prefix::Ids, bucket);
        if from >= before.as_slice() {
            return Ok(None);
        }
        let rows = self.rows.clone();
        for found in rows.range(from, &before) {
            let (key, row) = match found {
                Ok(found) => found,
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
            };
            let Ok(block) = ids::decode(&key, &row.content) else { continue };
            let unsettled = {
                let ledger = self.shared.ledger();
                block.iter().any(|(_, seq)| ledger.is_live(*seq))
            };
            if !unsettled {
                self.forget(&block)?;
                self.group.changes.remove(&key, 0, row.chunks);
                if self.block.is(&key) {
                    self.block.restart();
                }
            }
            return Ok(Some(after(key)));
        }
        Ok(None)
    }

    fn forget(&mut self, block: &[(IdHash, u64)]) -> Result<(), Failed> {
        let mut lanes = HashSet::new();
        for (hash, seq) in block {
            match read_event_row(&self.rows, *seq) {
                Ok(Some(row)) => {
                    lanes.extend(row.content.conversation().map(|conversation| {
                        Arc::new(LaneKey { contact_center: row.contact_center, conversation })
                    }));
                    if let Some(place) = row.body {
                        self.erase(&layout::body(place.bucket, place.seq))?;
                    }
                }
                Ok(None) | Err(RowError::Corrupt(_) | RowError::Newer(_)) => {}
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            }
            self.erase(&layout::event(*seq))?;
            self.erase(&layout::story(*seq))?;
            let mut ledger = self.shared.ledger();
            ledger.forget(hash, *seq);
            let dead = ledger.unbury(*seq);
            drop(ledger);
            if dead {
                self.erase(&layout::dead(*seq))?;
            }
        }
        let forgotten: HashSet<u64> = block.iter().map(|(_, seq)| *seq).collect();
        for lane in lanes {
            self.forget_lane(&lane, &forgotten)?;
        }
        Ok(())
    }

    /// Removes a conversation that owes nothing and of which no event is left.
    fn forget_lane(&mut self, key: &Arc<LaneKey>, gone: &HashSet<u64>) -> Result<(), Failed> {
        if self.group.is_changing(key) {
            return Ok(());
        }
        let rows = self.rows.clone();
        let lane = self.load(key)?;
        let mut forgotten = lane.conversation.is_idle();
        for seq in lane.history().rev().filter(|seq| !gone.contains(seq)) {
            forgotten = forgotten && !rows.has(&layout::event(seq))?;
            if !forgotten {
                break;
            }
        }
        if forgotten {
            self.erase(&layout::conversation(key))?;
            self.cache.remove(key);
        }
        Ok(())
    }

    /// Whether the body of an event that settles now may have been passed over while it was wanted.
    pub(super) fn missed_by_sweep(&self, received_at: UnixMillis, replayed: bool) -> bool {
        let passed = self.sweep.bodies_done_before;
        passed > 0 && (replayed || layout::bucket_of(received_at) < passed)
    }

    /// Erases the body of an event that has just settled, if its time is over and no other event wants it.
    pub(super) fn erase_late_body(&mut self, seq: u64) -> Result<(), Failed> {
        let Ok(Some(row)) = read_event_row(&self.rows, seq) else { return Ok(()) };
        let Some(BodyPlace { bucket, seq: first }) = row.body else { return Ok(()) };
        let key = layout::body(bucket, first);
        if bucket < self.sweep.bodies_done_before
            && let Ok(Some(body)) = self.rows.get(&key)
            && !self.is_wanted(&key, &body.content)
        {
            self.group.changes.remove(&key, 0, body.chunks);
        }
        Ok(())
    }

    fn erase(&mut self, key: &[u8]) -> Result<(), Failed> {
        let chunks = self.rows.chunks(key)?;
        self.group.changes.remove(key, 0, chunks);
        Ok(())
    }
}

/// The first key after all chunks of a row.
fn after(mut key: Key) -> Key {
    key.extend([u8::MAX, u8::MAX, u8::MAX]);
    key
}
