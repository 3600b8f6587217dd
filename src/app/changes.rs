//! What a reload changes, in words: for the log line and for the operator who asked for it. Secrets are not compared,
//! and no value of one is ever said.

use std::fmt::Display;

use super::files::Files;
use crate::config::Settings;
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

/// Settings that are different now, with both values.
pub(super) fn of_settings(old: &Settings, new: &Settings) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |key: &str, old: &dyn Display, new: &dyn Display| {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            changes.push(format!("{key}: {old} becomes {new}"));
        }
    };
    compare("rate_limit.per_second", &old.rate_limit.per_second, &new.rate_limit.per_second);
    compare("rate_limit.burst", &old.rate_limit.burst, &new.rate_limit.burst);
    compare("rate_limit.per_hour", &old.rate_limit.per_hour, &new.rate_limit.per_hour);
    compare("rate_limit.reserve", &old.rate_limit.reserve, &new.rate_limit.reserve);
    compare(
        "servicenow.max_in_flight",
        &old.servicenow.max_in_flight,
        &new.servicenow.max_in_flight,
    );
    compare("log.filter", &old.log_filter, &new.log_filter);
    if old.retry != new.retry {
        changes.push("retry changed".to_owned());
    }
    if old.offer != new.offer {
        changes.push("offer changed".to_owned());
    }
    if old.servicenow.tables != new.servicenow.tables {
        changes.push("servicenow.tables changed".to_owned());
    }
    if old.withdraw != new.withdraw || old.servicenow.in_doubt != new.servicenow.in_doubt {
        changes.push("withdraw or in_doubt changed".to_owned());
    }
    changes
}

/// Keys that were changed and are only read at the start.
pub(super) fn needing_a_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (before, after) = (&old.intake, &new.intake);
    let compared = [
        ("intake.max_body", before.max_body != after.max_body),
        ("intake.max_connections", before.max_connections != after.max_connections),
        ("intake.max_pending", before.max_pending != after.max_pending),
        ("intake.header_timeout", before.header_timeout != after.header_timeout),
        ("intake.idle_timeout", before.idle_timeout != after.idle_timeout),
        ("intake.body_timeout", before.body_timeout != after.body_timeout),
        ("intake.tls", before.tls.is_some() != after.tls.is_some()),
        (
            "servicenow.request_timeout",
            old.servicenow.request_timeout != new.servicenow.request_timeout,
        ),
        ("servicenow.api_version", old.servicenow.api_version != new.servicenow.api_version),
        ("store.path", old.store.path != new.store.path),
        ("store.retention", old.store.retention != new.store.retention),
        ("store.body_retention", old.store.body_retention != new.store.body_retention),
    ];
    compared.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
