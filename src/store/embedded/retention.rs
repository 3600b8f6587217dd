//! Forgetting: bodies after one time, everything about an event after another; a bounded piece with each commit.
//!
//! Events are numbered in the order of their receipt, so a sweep starts at the oldest and stops at the first that is
//! kept. What is not settled is never forgotten, and dead letters keep their body until they are forgotten themselves:
//! they are passed over, and looked at again with each sweep.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::kept::Kept;
use super::{RowError, Rows, settled};
use crate::routing::{LaneKey, UnixMillis};
use crate::store::changes::Change;
use crate::store::hashes;
use crate::store::index::Index;
use crate::store::records::IndexRow;
use crate::store::request::Failed;

/// How long after the beginning of a sweep the next may begin, in milliseconds: so often that rows are removed evenly
/// beside intake, and not many at once.
const PERIOD_MS: u64 = 5_000;

/// How many rows are looked at with one commit.
const AT_ONCE: usize = 256;

/// How long things are kept, and where the sweep stands.
pub(super) struct Retention {
    events_ms: u64,
    bodies_ms: u64,
    begun_at: Option<UnixMillis>,
    is_running: bool,
    /// Bodies and events before these numbers were looked at.
    bodies_from: u64,
    events_from: u64,
    /// Those of them that were wanted then: bodies with how many events they brought.
    bodies_passed: BTreeMap<u64, u32>,
    events_passed: BTreeSet<u64>,
}

impl Retention {
    /// Of events, and of the bodies of settled ones, in milliseconds from their receipt.
    pub(super) const fn new(events_ms: u64, bodies_ms: u64) -> Self {
        Self {
            events_ms,
            bodies_ms,
            begun_at: None,
            is_running: false,
            bodies_from: 0,
            events_from: 0,
            bodies_passed: BTreeMap::new(),
            events_passed: BTreeSet::new(),
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.is_running
    }

    /// The next piece of what is to be forgotten; empty while it rests.
    pub(super) fn sweep(
        &mut self,
        rows: &Rows,
        kept: &Kept,
        now: UnixMillis,
    ) -> Result<Vec<Change>, Failed> {
        let mut changes = Vec::new();
        if !self.is_running {
            let rests = |at: UnixMillis| now >= at && now.since(at) < PERIOD_MS;
            if self.begun_at.is_some_and(rests) {
                return Ok(changes);
            }
            self.begun_at = Some(now);
            self.look_again(rows, kept, &mut changes)?;
        }
        let more_bodies = self.bodies(rows, kept, now.minus(self.bodies_ms), &mut changes)?;
        let more_events = self.events(rows, kept, now.minus(self.events_ms), &mut changes)?;
        let more_settled = settled::forget(rows, AT_ONCE, &mut changes)?;
        self.is_running = more_bodies || more_events || more_settled;
        Ok(changes)
    }

    /// What was wanted the last time may not be any more.
    fn look_again(
        &mut self,
        rows: &Rows,
        kept: &Kept,
        changes: &mut Vec<Change>,
    ) -> Result<(), Failed> {
        let index = kept.index();
        let mut erased = Vec::new();
        self.bodies_passed.retain(|number, events| {
            let wanted = is_wanted(&index, *number, *events) || erased.len() == AT_ONCE;
            if !wanted {
                erased.push(*number);
            }
            wanted
        });
        let ended = self.events_passed.iter().filter(|number| !index.is_open(**number));
        let ended: Vec<_> = ended.take(AT_ONCE).copied().collect();
        drop(index);
        changes.extend(erased.into_iter().map(|number| Change::Body(number, None)));
        for number in ended {
            self.events_passed.remove(&number);
            if let Some(row) = readable(rows.index(number))?.flatten() {
                Self::forget(rows, kept, &[(number, row)], changes)?;
            }
        }
        Ok(())
    }

    /// Erases some bodies; whether there may be more.
    fn bodies(
        &mut self,
        rows: &Rows,
        kept: &Kept,
        before: UnixMillis,
        changes: &mut Vec<Change>,
    ) -> Result<bool, Failed> {
        for (looked_at, (number, found)) in rows.bodies(self.bodies_from).enumerate() {
            if looked_at == AT_ONCE {
                return Ok(true);
            }
            if let Some(body) = readable(found)? {
                if body.received_at >= before {
                    return Ok(false);
                }
                if is_wanted(&kept.index(), number, body.events) {
                    self.bodies_passed.insert(number, body.events);
                } else {
                    changes.push(Change::Body(number, None));
                }
            }
            self.bodies_from = number + 1;
        }
        Ok(false)
    }

    /// Forgets some events; whether there may be more.
    fn events(
        &mut self,
        rows: &Rows,
        kept: &Kept,
        before: UnixMillis,
        changes: &mut Vec<Change>,
    ) -> Result<bool, Failed> {
        let (mut forgotten, mut more) = (Vec::new(), false);
        for (looked_at, found) in rows.indexes(self.events_from..u64::MAX).enumerate() {
            if looked_at == AT_ONCE {
                more = true;
                break;
            }
            let (number, row) = match found {
                Ok(found) => found,
                Err((_, RowError::Read(why))) => return Err(Failed::Write(why)),
                Err((number, _)) => {
                    self.events_from = number + 1;
                    continue;
                }
            };
            if row.received_at >= before {
                break;
            }
            if kept.index().is_open(number) {
                self.events_passed.insert(number);
            } else {
                forgotten.push((number, row));
            }
            self.events_from = number + 1;
        }
        Self::forget(rows, kept, &forgotten, changes)?;
        Ok(more)
    }

    fn forget(
        rows: &Rows,
        kept: &Kept,
        events: &[(u64, IndexRow)],
        changes: &mut Vec<Change>,
    ) -> Result<(), Failed> {
        let gone: HashSet<_> = events.iter().map(|(number, _)| *number).collect();
        let mut lanes = HashSet::new();
        for (number, row) in events {
            changes.push(Change::Forget(*number, *row));
            let Some(event) = readable(rows.event(*number))?.flatten() else { continue };
            lanes.extend(event.lane());
        }
        for lane in lanes {
            forget_lane(rows, kept, lane, &gone, changes)?;
        }
        Ok(())
    }
}

/// Whether an event that a body brought is unsettled or dead.
fn is_wanted(index: &Index, first: u64, events: u32) -> bool {
    (first..first.saturating_add(u64::from(events)))
        .any(|number| index.is_unsettled(number) || index.is_dead(number))
}

/// Removes a lane that owes nothing and of which no event is left; then perhaps the one that it had moved into.
fn forget_lane(
    rows: &Rows,
    kept: &Kept,
    lane: LaneKey,
    gone: &HashSet<u64>,
    changes: &mut Vec<Change>,
) -> Result<(), Failed> {
    let mut next = Some(lane);
    while let Some(lane) = next.take() {
        let hash = hashes::of_conversation(&lane.conversation);
        let is_left = {
            let index = kept.index();
            let mut left =
                index.of_conversation(hash, u64::MAX).filter(|number| !gone.contains(number));
            left.next().is_some() || !index.open_in(&lane).is_empty()
        };
        if is_left {
            break;
        }
        if let Some(row) = readable(rows.lane(&lane))?.flatten() {
            let contact_center = || lane.contact_center.clone();
            for document in row.documents {
                changes.push(Change::Document(contact_center(), document, None));
            }
            next = row
                .moved_to
                .map(|root| LaneKey { contact_center: contact_center(), conversation: root });
        }
        changes.push(Change::Lane(lane, None));
    }
    Ok(())
}

/// A row, none where it is damaged.
pub(super) fn readable<T>(found: Result<T, RowError>) -> Result<Option<T>, Failed> {
    match found {
        Ok(row) => Ok(Some(row)),
        Err(RowError::Read(why)) => Err(Failed::Write(why)),
        Err(RowError::Corrupt(_) | RowError::Newer(_)) => Ok(None),
    }
}
