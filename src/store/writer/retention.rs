//! Forgetting: bodies after one time, everything about an event after another; a bounded piece with each commit.
//!
//! Rows that age together lie together, so a sweep walks the oldest buckets; of the bucket that is over in part it takes row
//! after row, and stops at the first that is kept. What is not settled is never forgotten, and dead letters keep their body
//! until they are forgotten themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Writer;
use crate::routing::{LaneKey, UnixMillis};
use crate::store::ids;
use crate::store::lane::read_event_row;
use crate::store::layout::{self, IdHash, Key, Prefix};
use crate::store::pack::{self, Body};
use crate::store::request::Failed;
use crate::store::row::RowError;
use crate::store::rows::{BodyPlace, EventRow};

/// How long after the beginning of a sweep the next may begin, in milliseconds: so often that forgetting goes on evenly beside
/// intake, and not in waves.
const PERIOD_MS: u64 = 5_000;

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
        let kept_ms = self.terms.body_retention_ms;
        let bucket = layout::first_kept_bucket(now, kept_ms);
        let before = layout::bucket_start(Prefix::Body, bucket.saturating_add(1));
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
            let bodies = pack::bodies(&key, &row.content).unwrap_or_default();
            let newest = bodies.last().map(|body| body.seq);
            if bucket_in(&key) == bucket && !self.is_over(newest, now.minus(kept_ms))? {
                break;
            }
            for body in bodies {
                if !self.is_wanted(&body) {
                    self.group
                        .bodies_gone
                        .insert(BodyPlace { bucket: bucket_in(&key), seq: body.seq });
                }
            }
            looked_at += 1;
            if looked_at == BODIES_AT_ONCE || self.group.records() >= super::MAX_RECORDS {
                return Ok(Some(after(key)));
            }
        }
        self.sweep.bodies_done_before = bucket;
        Ok(None)
    }

    /// Whether an event was received before `before`. One that cannot be read waits for the end of its bucket.
    fn is_over(&self, seq: Option<u64>, before: UnixMillis) -> Result<bool, Failed> {
        let Some(seq) = seq else { return Ok(false) };
        match read_event_row(&self.rows, seq) {
            Ok(row) => Ok(row.is_some_and(|row| row.received_at < before)),
            Err(RowError::Read(why)) => Err(Failed::Write(why)),
            Err(RowError::Corrupt(_) | RowError::Newer(_)) => Ok(false),
        }
    }

    /// Whether an event of the body's request is unsettled or dead.
    fn is_wanted(&self, body: &Body) -> bool {
        let ledger = self.shared.ledger();
        (body.seq..body.seq.saturating_add(u64::from(body.events)))
            .any(|seq| ledger.is_live(seq) || ledger.is_dead(seq))
    }

    /// Takes out of their packs the bodies that are to go with this commit.
    pub(super) fn erase_bodies(&mut self) -> Result<(), Failed> {
        let mut packs: BTreeMap<Key, (u16, Vec<Body>)> = BTreeMap::new();
        for place in std::mem::take(&mut self.group.bodies_gone) {
            let found = match pack::bodies_around(&self.rows, place) {
                Ok(found) => found,
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
            };
            let Some((key, row)) = found else { continue };
            let Ok(bodies) = pack::bodies(&key, &row.content) else { continue };
            let (_, bodies) = packs.entry(key).or_insert((row.chunks, bodies));
            bodies.retain(|body| body.seq != place.seq);
        }
        for (key, (chunks, bodies)) in packs {
            let kept = match bodies.as_slice() {
                [] => 0,
                bodies => self.group.changes.put(&key, &pack::encode_bodies(bodies)),
            };
            self.group.changes.remove(&key, kept, chunks);
        }
        Ok(())
    }

    /// Forgets one block of ids; returns where to go on.
    fn sweep_ids(&mut self, from: &[u8], now: UnixMillis) -> Result<Option<Key>, Failed> {
        let kept_ms = self.terms.retention_ms;
        let bucket = layout::first_kept_bucket(now, kept_ms);
        let before = layout::bucket_start(Prefix::Ids, bucket.saturating_add(1));
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
            let newest = block.last().map(|(_, seq)| *seq);
            if bucket_in(&key) == bucket && !self.is_over(newest, now.minus(kept_ms))? {
                return Ok(None);
            }
            let unsettled = {
                let ledger = self.shared.ledger();
                block.iter().any(|(_, seq)| ledger.has_entry(*seq))
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
        for (hash, seq) in block {
            self.erase(&layout::story(*seq))?;
            let mut ledger = self.shared.ledger();
            ledger.forget(hash, *seq);
            let dead = ledger.unbury(*seq);
            drop(ledger);
            if dead {
                self.erase(&layout::dead(*seq))?;
            }
        }
        let (mut lanes, mut gone) = (HashSet::new(), HashSet::new());
        let mut next = 0;
        for (_, seq) in block {
            gone.insert(*seq);
            if *seq < next {
                continue;
            }
            let pack = match pack::events_around(&self.rows, *seq) {
                Ok(Some(pack)) => pack,
                Ok(None) => continue,
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => {
                    self.erase(&layout::event(*seq))?;
                    continue;
                }
            };
            next = pack.rows.last().map_or(next, |(last, _)| last + 1);
            // The rest of a pack that is still remembered goes with the block that remembers it.
            if pack.rows.iter().any(|(seq, row)| self.remembers(*seq, row)) {
                continue;
            }
            self.group.changes.remove(&pack.key, 0, pack.chunks);
            for (seq, row) in pack.rows {
                gone.insert(seq);
                self.group.bodies_gone.extend(row.body);
                lanes.extend(row.content.conversation().map(|conversation| {
                    Arc::new(LaneKey { contact_center: row.contact_center, conversation })
                }));
            }
        }
        for lane in lanes {
            self.forget_lane(&lane, &gone)?;
        }
        Ok(())
    }

    fn remembers(&self, seq: u64, row: &EventRow) -> bool {
        let hash = layout::hash_of(&row.source, row.content.id());
        self.shared.ledger().seq_of(&hash) == Some(seq)
    }

    /// Removes a lane that owes nothing, of whose conversations no event is left; then perhaps the one that it had moved into.
    fn forget_lane(&mut self, key: &Arc<LaneKey>, gone: &HashSet<u64>) -> Result<(), Failed> {
        let mut next = Some(Arc::clone(key));
        while let Some(key) = next.take() {
            let is_joined = self.shared.ledger().shelves.is_joined(&key);
            if is_joined || self.group.is_forgetting(&key) || !self.is_forgotten(&key, gone)? {
                return Ok(());
            }
            let lane = self.load(&key)?;
            let (documents, root) = (lane.take_documents(), lane.moved_to.take());
            for document in documents {
                self.give_up(&key, &document);
            }
            self.group.forgets(&key);
            self.cache.remove(&key);
            if let Some(root) = &root {
                self.shared.ledger().shelves.leaves(root);
            }
            next = root;
        }
        Ok(())
    }

    /// Whether a lane owes nothing and none of its events is left.
    fn is_forgotten(&mut self, key: &Arc<LaneKey>, gone: &HashSet<u64>) -> Result<bool, Failed> {
        let (rows, first_new) = (self.rows.clone(), self.first_seq);
        let lane = self.load(key)?;
        if !lane.conversation.is_idle() {
            return Ok(false);
        }
        let history: Vec<_> = lane.history().rev().filter(|seq| !gone.contains(seq)).collect();
        for seq in history {
            let is_left = seq >= first_new
                || match read_event_row(&rows, seq) {
                    Ok(row) => row.is_some_and(|row| self.remembers(seq, &row)),
                    Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                    Err(RowError::Corrupt(_) | RowError::Newer(_)) => true,
                };
            if is_left {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the body of an event that settles now may have been passed over while it was wanted.
    pub(super) fn missed_by_sweep(&self, received_at: UnixMillis, replayed: bool) -> bool {
        let passed = self.sweep.bodies_done_before;
        passed > 0 && (replayed || layout::bucket_of(received_at) < passed)
    }

    /// Erases the body of an event that has just settled, if its time is over and no other event wants it.
    pub(super) fn erase_late_body(&mut self, seq: u64) -> Result<(), Failed> {
        let Ok(Some(row)) = read_event_row(&self.rows, seq) else { return Ok(()) };
        let Some(place) = row.body else { return Ok(()) };
        if place.bucket < self.sweep.bodies_done_before
            && let Ok(Some(body)) = pack::body(&self.rows, place)
            && !self.is_wanted(&body)
        {
            self.group.bodies_gone.insert(place);
        }
        Ok(())
    }

    fn erase(&mut self, key: &[u8]) -> Result<(), Failed> {
        let chunks = self.rows.chunks(key)?;
        self.group.changes.remove(key, 0, chunks);
        Ok(())
    }
}

fn bucket_in(key: &[u8]) -> u32 {
    layout::bucket_and_seq_in(key).map_or(0, |(bucket, _)| bucket)
}

/// The first key after all chunks of a row.
fn after(mut key: Key) -> Key {
    key.extend([u8::MAX, u8::MAX, u8::MAX]);
    key
}
