//! Taking new files over under a running daemon, all or nothing.
//!
//! Profiles, secrets, tables, limits, retry delays, offer defaults, the log filter and the intake's certificate are
//! taken over. Addresses, the instance with its credentials, and the store stay as they are until a restart.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use super::files::{Files, RulesInForce};
use super::{changes, counters, instance, millis, tls};
use crate::awa::pace::Pace;
use crate::clock;
use crate::config::{ServiceNow, Settings};
use crate::dispatch::Delays;
use crate::intake::{Sources, Tls};
use crate::logging::Logging;
use crate::notify::Notifier;
use crate::shutdown::{Hangups, Shutdown};
use crate::store::Store;
use crate::vendor::Source;

/// The parts that are told of what is in force.
pub(super) struct Told {
    pub(super) rules: Arc<RulesInForce>,
    pub(super) sources: Sources<Source>,
    pub(super) store: Store,
    pub(super) pace: Arc<Pace>,
    /// None: the intake speaks plain HTTP.
    pub(super) tls: Option<Tls>,
    pub(super) logging: Option<Logging>,
    pub(super) notifier: Notifier,
}

/// Holds what is in force and replaces it.
pub(super) struct Reloader {
    in_force: Mutex<InForce>,
    told: Told,
    /// One reload after the other.
    turn: tokio::sync::Mutex<()>,
}

struct InForce {
    settings: Settings,
    files: Files,
    /// Why the last reload was refused.
    refused: Option<Vec<String>>,
}

/// What was read, whole, before anything of it is put in force.
struct Loaded {
    settings: Settings,
    files: Files,
    acceptor: Option<TlsAcceptor>,
    /// Changed keys that are only read at the start.
    later: Vec<&'static str>,
}

impl Reloader {
    pub(super) fn new(settings: Settings, files: Files, told: Told) -> Self {
        for source in settings.sources.keys() {
            counters::of_source(source);
            counters::last_event(&told.store, source, clock::now());
        }
        let in_force = Mutex::new(InForce { settings, files, refused: None });
        Self { in_force, told, turn: tokio::sync::Mutex::default() }
    }

    /// Reads all files anew; what changed, or every problem and no change.
    pub(super) async fn reload(&self) -> Result<Vec<String>, Vec<String>> {
        let _turn = self.turn.lock().await;
        self.told.notifier.reloading(clock::monotonic());
        let outcome = self.take_over().await;
        self.told.notifier.ready(match &outcome {
            Ok(_) => "Reloaded",
            Err(_) => "Last reload refused; what was in force stays in force",
        });
        outcome
    }

    async fn take_over(&self) -> Result<Vec<String>, Vec<String>> {
        let old = self.lock().settings.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&old)).await;
        let loaded = loaded
            .unwrap_or_else(|error| Err(vec![format!("reading the files panicked: {error}")]));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in &problems {
                    error!(problem, "Reload refused, what was in force stays in force: {problem}");
                }
                self.lock().refused = Some(problems.clone());
                return Err(problems);
            }
        };
        let later = loaded.later.clone();
        let mut changes = self.put_in_force(loaded);
        match self.told.store.reloaded().await {
            Ok(0) => {}
            Ok(1) => changes.push("1 parked event resumes".to_owned()),
            Ok(resumed) => changes.push(format!("{resumed} parked events resume")),
            Err(error) => return Err(vec![error.to_string()]),
        }
        if changes.is_empty() {
            info!(
                "Reloaded: tables and limits are as they were; profiles and secrets are read anew"
            );
        } else {
            info!("Reloaded: {}", changes.join("; "));
        }
        if !later.is_empty() {
            warn!(
                keys = later.join(","),
                "Changed, but only taken over by a restart: {}",
                later.join(", ")
            );
            changes.push(format!("needs a restart: {}", later.join(", ")));
        }
        Ok(changes)
    }

    /// Tells every part, and says what is different.
    fn put_in_force(&self, loaded: Loaded) -> Vec<String> {
        let Loaded { settings, files, acceptor, later: _ } = loaded;
        let mut in_force = self.lock();
        let mut differences = changes::of_files(&in_force.files, &files);
        differences.extend(changes::of_settings(&in_force.settings, &settings));
        let told = &self.told;
        told.rules.replace(&settings, &files);
        told.sources.replace(files.sources.clone());
        told.pace.set_limits(instance::limits(&settings));
        if let (Some(tls), Some(acceptor)) = (&told.tls, acceptor) {
            tls.replace(acceptor);
        }
        if let Some(logging) = &told.logging
            && let Err(error) = logging.set_filter(&settings.log_filter)
        {
            warn!(%error, "The log's filter stays as it was");
        }
        let known = &in_force.settings.sources;
        for source in settings.sources.keys().filter(|source| !known.contains_key(*source)) {
            counters::of_source(source);
            counters::last_event(&told.store, source, clock::now());
        }
        *in_force = InForce { settings, files, refused: None };
        differences
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

    /// The pauses between tries.
    pub(super) fn delays(&self) -> Delays {
        let in_force = self.lock();
        let retry = &in_force.settings.retry;
        Delays { initial: millis(retry.initial), max: millis(retry.max) }
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

/// The configuration file if there is one, else what is in force, with profiles, secrets, tables and certificates read
/// anew.
fn load(old: &Settings) -> Result<Loaded, Vec<String>> {
    let texts = |problem: &crate::config::Problem| problem.to_string();
    let mut settings = match &old.file {
        Some(file) => Settings::load(Some(file))
            .map_err(|problems| problems.iter().map(texts).collect::<Vec<_>>())?,
        None => old.clone(),
    };
    let later = changes::needing_a_restart(old, &settings);
    settings.servicenow = ServiceNow {
        max_in_flight: settings.servicenow.max_in_flight,
        in_doubt: settings.servicenow.in_doubt,
        tables: settings.servicenow.tables.clone(),
        ..old.servicenow.clone()
    };
    settings.store = old.store.clone();
    settings.intake.listen = old.intake.listen;
    settings.admin = old.admin.clone();
    settings.file.clone_from(&old.file);
    let acceptor = tls::acceptor(&settings);
    match (Files::load(&settings), acceptor) {
        (Ok(files), Ok(acceptor)) => Ok(Loaded { settings, files, acceptor, later }),
        (files, acceptor) => {
            let problems = files.err().unwrap_or_default();
            let problems = problems.iter().chain(acceptor.as_ref().err());
            Err(problems.map(ToString::to_string).collect())
        }
    }
}
