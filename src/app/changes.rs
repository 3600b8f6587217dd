//! What a reload changes, in words: for the log line and for the operator who asked for it; and which changes wait for
//! a restart. No value of a secret is ever shown.

use super::files::Files;
use crate::config::{KeyChange, Settings};
use crate::mapping::{self, Change};

/// Tables and sources that are new, gone or different.
pub(super) fn of_files(old: &Files, new: &Files) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, tables) in &new.directories {
        let before = old.directories.get(name).cloned().unwrap_or_default();
        let difference = mapping::diff(&before, tables);
        let tables = [
            ("queues", difference.queues),
            ("agents", difference.agents),
            ("reject reasons", difference.reject_reasons),
        ];
        let changed = tables.into_iter().filter(|(_, change)| *change != Change::default());
        changes.extend(changed.map(|(table, change)| format!("{table} of {name}: {change}")));
    }
    let (before, after) = (&old.sources, &new.sources);
    let mut added: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    let mut removed: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    added.sort();
    removed.sort();
    changes.extend(added.into_iter().map(|name| format!("source {name} added")));
    changes.extend(removed.into_iter().map(|name| format!("source {name} removed")));
    changes
}

/// Sections and keys that a reload puts in force, each with all that is below it. Every other key, also one that is new
/// in the program, keeps its old value until a restart, and a reload says so.
const IN_FORCE: [&str; 21] = [
    "admin.token",
    "admin.token_file",
    "intake.public_url",
    "intake.max_body",
    "intake.max_connections",
    "intake.header_timeout",
    "intake.idle_timeout",
    "intake.max_pending",
    "intake.max_pending_per_source",
    "intake.max_pending_per_conversation",
    "intake.body_timeout",
    "intake.tls",
    "servicenow",
    "rate_limit",
    "retry",
    "offer",
    "withdraw",
    "notify",
    "mappings",
    "log",
    "sources",
];

/// Keys below those that need a restart all the same: what is in flight and what is stored belongs to one instance.
const AT_START: [&str; 2] = ["servicenow.instance", "servicenow.api_version"];

/// Whether a changed key keeps its value until a restart.
pub(super) fn needs_restart(change: &KeyChange, old: &Settings) -> bool {
    let below = |all: &[&str]| {
        all.iter().any(|one| {
            change
                .key
                .strip_prefix(one)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    // A listener speaks TLS from its start on, or never.
    let tls_begins = change.key.starts_with("intake.tls") && old.intake.tls.is_none();
    let tls_ends = change.key == "intake.tls.certificate" && change.is_removed();
    !below(&IN_FORCE) || below(&AT_START) || tls_begins || tls_ends
}

/// Whether calls to the instance are made otherwise: with other credentials, certificates or times.
pub(super) fn concern_the_client(changes: &[KeyChange]) -> bool {
    changes.iter().any(|change| change.key.starts_with("servicenow."))
}

/// In words, without what is said of sources that are new or gone as a whole.
pub(super) fn words(changes: &[KeyChange], old: &Settings, new: &Settings) -> Vec<String> {
    let whole = |key: &str| {
        let source = key.strip_prefix("sources.").and_then(|rest| rest.split('.').next());
        source.is_some_and(|name| old.sources.contains_key(name) != new.sources.contains_key(name))
    };
    let told = changes.iter().filter(|change| !whole(&change.key));
    told.map(|change| change.words.clone()).collect()
}
