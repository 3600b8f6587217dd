//! Taking new files over under a running daemon, all or nothing.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{error, info};

use super::files::{Files, RulesInForce};
use crate::config::Settings;
use crate::intake::Sources;
use crate::mapping;
use crate::shutdown::{Hangups, Shutdown};
use crate::store::Store;
use crate::vendor::Source;

/// Holds what is in force and replaces it.
pub(super) struct Reloader {
    in_force: Mutex<InForce>,
    rules: Arc<RulesInForce>,
    sources: Sources<Source>,
    store: Store,
    /// One reload after the other.
    turn: tokio::sync::Mutex<()>,
}

struct InForce {
    settings: Settings,
    files: Files,
    /// Why the last reload was refused.
    refused: Option<Vec<String>>,
}

impl Reloader {
    pub(super) fn new(
        settings: Settings,
        files: Files,
        rules: Arc<RulesInForce>,
        sources: Sources<Source>,
        store: Store,
    ) -> Self {
        let in_force = Mutex::new(InForce { settings, files, refused: None });
        Self { in_force, rules, sources, store, turn: tokio::sync::Mutex::default() }
    }

    /// Reads all files anew; what changed, or every problem and no change.
    pub(super) async fn reload(&self) -> Result<Vec<String>, Vec<String>> {
        let _turn = self.turn.lock().await;
        let old = self.lock().settings.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&old)).await;
        let loaded = loaded
            .unwrap_or_else(|error| Err(vec![format!("reading the files panicked: {error}")]));
        let (settings, files) = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in &problems {
                    error!(problem, "Reload refused; what was in force stays in force");
                }
                self.lock().refused = Some(problems.clone());
                return Err(problems);
            }
        };
        let mut changes = differences(&self.lock().files, &files);
        self.rules.replace(&settings, &files);
        self.sources.replace(files.sources.clone());
        *self.lock() = InForce { settings, files, refused: None };
        match self.store.reloaded().await {
            Ok(0) => {}
            Ok(resumed) => changes.push(format!("{resumed} parked events resume")),
            Err(error) => return Err(vec![error.to_string()]),
        }
        info!(changes = changes.join("; "), "Reloaded");
        Ok(changes)
    }

    /// Reloads at every SIGHUP.
    pub(super) async fn on_hang_up(self: Arc<Self>, shutdown: Shutdown) {
        let mut hang_ups = match Hangups::catch() {
            Ok(hang_ups) => hang_ups,
            Err(error) => {
                error!(%error, "SIGHUP cannot be listened for; reload through the admin address");
                return;
            }
        };
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = hang_ups.next() => drop(self.reload().await),
            }
        }
    }

    /// Why the last reload was refused.
    pub(super) fn problem(&self) -> Option<String> {
        self.lock().refused.as_ref().map(|problems| problems.join("; "))
    }

    /// The contact centre of a source.
    pub(super) fn contact_center(&self, source: &str) -> Option<String> {
        let in_force = self.lock();
        in_force.settings.sources.get(source).map(|source| source.contact_center.clone())
    }

    /// The names of all sources.
    pub(super) fn sources(&self) -> Vec<String> {
        self.lock().settings.sources.keys().cloned().collect()
    }

    /// How many rows every table has: contact centre, queues, agents, reject reasons.
    pub(super) fn table_counts(&self) -> Vec<(String, crate::routing::TableCounts)> {
        let in_force = self.lock();
        let tables = in_force.files.directories.iter();
        tables.map(|(name, tables)| (name.clone(), tables.counts())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration file if there is one, else what is in force, with profiles, secrets and tables read anew. Addresses,
/// store and instance stay as they are until a restart.
fn load(old: &Settings) -> Result<(Settings, Files), Vec<String>> {
    let texts = |problem: &crate::config::Problem| problem.to_string();
    let mut settings = match &old.file {
        Some(file) => Settings::load(Some(file))
            .map_err(|problems| problems.iter().map(texts).collect::<Vec<_>>())?,
        None => old.clone(),
    };
    settings.servicenow = old.servicenow.clone();
    settings.store = old.store.clone();
    settings.intake.listen = old.intake.listen;
    settings.admin = old.admin.clone();
    settings.file.clone_from(&old.file);
    let files = Files::load(&settings)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok((settings, files))
}

fn differences(old: &Files, new: &Files) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, tables) in &new.directories {
        let before = old.directories.get(name).cloned().unwrap_or_default();
        let difference = mapping::diff(&before, tables);
        if !difference.is_empty() {
            changes.push(format!("tables of {name}: {difference}"));
        }
    }
    let (before, after) = (&old.sources, &new.sources);
    let added = after.keys().filter(|name| !before.contains_key(*name));
    changes.extend(added.map(|name| format!("source {name} added")));
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    changes.extend(removed.map(|name| format!("source {name} removed")));
    changes.sort();
    changes
}
