//! Groups of dead letters and parked events, of the rows.
//!
//! Nothing is kept up to date between questions. A question reads the rows that are new since the last one, a bounded
//! number of them, newest first; what was not read yet is not in a group, and the answer says how much that is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard};

use super::Rows;
use super::kept::Kept;
use super::retention::readable;
use crate::routing::{Stage, UnixMillis};
use crate::store::index::Version;
use crate::store::record;
use crate::store::records::{Class, EntryRow, EventRow};
use crate::store::request::Failed;
use crate::store::todo::{DeadGroup, Group, Grouped, Member, ParkedGroup, Todo};

/// How many events are told apart at most, of each kind; older ones are only counted.
const MOST: usize = 100_000;
/// How many rows are read for one question, and how many bytes, but for the last row.
const ROWS: usize = 20_000;
const BYTES: usize = 64 * 1024 * 1024;

pub(super) fn todo(kept: &Kept) -> Result<Todo, Failed> {
    let known = refreshed(kept)?;
    let counts = kept.index().counts();
    Ok(Todo {
        dead: known.dead.grouped(),
        parked: known.parked.grouped(),
        all_dead: counts.dead,
        all_parked: counts.parked,
    })
}

pub(super) fn of_group(
    kept: &Kept,
    group: &Group,
    after: u64,
    limit: usize,
) -> Result<Vec<Member>, Failed> {
    let numbers = {
        let known = refreshed(kept)?;
        match group {
            Group::Dead(group) => known.dead.numbers(group, after, limit),
            Group::Parked(group) => known.parked.numbers(group, after, limit),
        }
    };
    let rows = kept.rows()?;
    let mut members = Vec::with_capacity(numbers.len());
    for number in numbers {
        if let Some((row, _)) = readable(rows.event_and_length(number))?.flatten() {
            members.push(Member { number, event: record::event(row) });
        }
    }
    Ok(members)
}

fn refreshed(kept: &Kept) -> Result<MutexGuard<'_, Known>, Failed> {
    let mut known = kept.known();
    known.refresh(kept)?;
    Ok(known)
}

/// What was read until now.
#[derive(Debug, Default)]
pub(super) struct Known {
    dead: Groups<DeadGroup>,
    parked: Groups<ParkedGroup>,
}

#[derive(Debug)]
struct Groups<G> {
    /// The group of each event; none where its row cannot be read.
    of: HashMap<u64, (Version, Option<Arc<G>>)>,
    /// With the moment at which each came in.
    members: BTreeMap<Arc<G>, BTreeMap<u64, UnixMillis>>,
}

impl<G> Default for Groups<G> {
    fn default() -> Self {
        Self { of: HashMap::new(), members: BTreeMap::new() }
    }
}

impl Known {
    fn refresh(&mut self, kept: &Kept) -> Result<(), Failed> {
        let rows = kept.rows()?;
        let (dead, parked) = {
            let index = kept.index();
            (index.newest_dead(MOST), index.newest_parked(MOST))
        };
        let dead = self.dead.without_the_gone(&dead);
        self.dead.read(&rows, &dead, |row| {
            let end = row.origin.end.as_ref().filter(|_| row.class() == Class::Dead)?;
            let (source, reason) = (row.origin.source.to_string(), end.reason.code.to_string());
            Some(DeadGroup { source, reason })
        })?;
        let parked = self.parked.without_the_gone(&parked);
        self.parked.read(&rows, &parked, |row| match &row.entry {
            Some(EntryRow { stage: Stage::Parked { missing }, ended: None, .. }) => {
                let (contact_center, missing) = (row.contact_center.clone(), missing.clone());
                Some(ParkedGroup { contact_center, missing })
            }
            Some(_) | None => None,
        })
    }
}

impl<G: Ord + Clone> Groups<G> {
    /// Forgets what is not listed any more, or in another version; gives what is to be read.
    fn without_the_gone(&mut self, listed: &[(u64, Version)]) -> Vec<(u64, Version)> {
        let versions: HashMap<u64, Version> = listed.iter().copied().collect();
        let Self { of, members } = self;
        of.retain(|number, (version, group)| {
            let stays = versions.get(number) == Some(version);
            if let Some(group) = group.as_ref().filter(|_| !stays)
                && let Some(numbers) = members.get_mut(group)
            {
                numbers.remove(number);
                if numbers.is_empty() {
                    members.remove(group);
                }
            }
            stays
        });
        listed.iter().filter(|(number, _)| !of.contains_key(number)).copied().collect()
    }

    fn read(
        &mut self,
        rows: &Rows,
        wanted: &[(u64, Version)],
        group_of: impl Fn(&EventRow) -> Option<G>,
    ) -> Result<(), Failed> {
        let mut bytes = 0;
        for (number, version) in wanted.iter().take(ROWS) {
            if bytes >= BYTES {
                break;
            }
            let mut group = None;
            if let Some((row, length)) = readable(rows.event_and_length(*number))?.flatten() {
                bytes += length;
                if let Some(found) = group_of(&row).map(Arc::new) {
                    let same = self.members.get_key_value(&found).map(|(same, _)| Arc::clone(same));
                    let found = same.unwrap_or(found);
                    let numbers = self.members.entry(Arc::clone(&found)).or_default();
                    numbers.insert(*number, row.origin.received_at);
                    group = Some(found);
                }
            }
            self.of.insert(*number, (*version, group));
        }
        Ok(())
    }

    fn grouped(&self) -> Vec<Grouped<G>> {
        let grouped = self.members.iter().filter_map(|(group, numbers)| {
            let (since, latest) = (*numbers.values().min()?, *numbers.values().max()?);
            Some(Grouped { group: G::clone(group), events: numbers.len(), since, latest })
        });
        let mut grouped: Vec<_> = grouped.collect();
        grouped.sort_by_key(|group| std::cmp::Reverse(group.events));
        grouped
    }

    fn numbers(&self, group: &G, after: u64, limit: usize) -> Vec<u64> {
        let Some(numbers) = self.members.get(group) else { return Vec::new() };
        let from = after.saturating_add(1);
        numbers.range(from..).take(limit).map(|(number, _)| *number).collect()
    }
}
