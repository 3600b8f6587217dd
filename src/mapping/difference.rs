//! What a reload changes, in numbers: for the log line and for the operator who asked for it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use crate::routing::Directory;

/// How many rows of one table are new, gone or different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Change {
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) changed: usize,
}

/// Such as `3 added, 1 removed`, or `no change`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [("added", self.added), ("removed", self.removed), ("changed", self.changed)];
        let words: Vec<String> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        f.write_str(&if words.is_empty() { "no change".to_owned() } else { words.join(", ") })
    }
}

/// What one directory has that another has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    pub(crate) queues: Change,
    pub(crate) agents: Change,
    pub(crate) reject_reasons: Change,
}

/// Compares two directories row by row.
#[must_use]
pub(crate) fn diff(old: &Directory, new: &Directory) -> Difference {
    let queues = |of: &Directory| -> HashMap<_, _> {
        of.external_ids()
            .map(|(queue, channel, id)| ((queue.clone(), channel.cloned()), id.clone()))
            .collect()
    };
    let agents = |of: &Directory| -> HashMap<_, _> {
        of.agents().map(|(agent, sys_id)| (agent.clone(), sys_id)).collect()
    };
    let reasons = |of: &Directory| -> HashMap<_, _> {
        of.reasons().map(|(reason, row)| (reason.to_owned(), row.clone())).collect()
    };
    Difference {
        queues: change(&queues(old), &queues(new)),
        agents: change(&agents(old), &agents(new)),
        reject_reasons: change(&reasons(old), &reasons(new)),
    }
}

fn change<K: Eq + Hash, V: PartialEq>(old: &HashMap<K, V>, new: &HashMap<K, V>) -> Change {
    let added = new.keys().filter(|key| !old.contains_key(*key)).count();
    let removed = old.keys().filter(|key| !new.contains_key(*key)).count();
    let differs = |(key, value): &(&K, &V)| old.get(*key).is_some_and(|before| before != *value);
    Change { added, removed, changed: new.iter().filter(differs).count() }
}

/// Such as `queues: 3 added, 1 removed; agents: 2 changed`, or `no change`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = [
            ("queues", self.queues),
            ("agents", self.agents),
            ("reject reasons", self.reject_reasons),
        ];
        let changes: Vec<_> = tables
            .into_iter()
            .filter(|(_, change)| *change != Change::default())
            .map(|(table, change)| format!("{table}: {change}"))
            .collect();
        f.write_str(&if changes.is_empty() { "no change".to_owned() } else { changes.join("; ") })
    }
}
