//! Taking new files over under a running daemon, all or nothing.
//!
//! Which keys are taken over is said in `changes`; the others keep their values until a restart, so that the settings
//! in force are what the daemon works by.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

use super::files::{Files, RulesInForce};
use super::issuers::Issuers;
use super::{
    admin_token, build, changes, counters, descriptors, exposure, instance, millis, parts,
    pending_limits, tls,
};
use crate::admin;
use crate::awa::pace::Pace;
use crate::awa::{Client, Fetcher, Wired};
use crate::clock;
use crate::config::{Contents, KeyChange, Settings};
use crate::contained::{Panicked, watched};
use crate::dispatch::Delays;
use crate::http::{LimitsInForce, Tls};
use crate::intake::{BodyLimits, Sources, Webhooks};
use crate::logging::Logging;
use crate::notify::{Pushing, Receiver};
use crate::shutdown::{Hangups, Shutdown};
use crate::store::Store;
use crate::systemd::Notifier;

/// The parts that a reload changes.
pub(super) struct Targets {
    pub(super) rules: Arc<RulesInForce>,
    pub(super) sources: Sources,
    pub(super) issuers: Issuers,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) intake: LimitsInForce,
    pub(super) client: Arc<Client>,
    pub(super) pushing: Arc<Pushing>,
    pub(super) token: admin::Token,
    /// Where the token is copied to.
    pub(super) runtime_directory: Option<PathBuf>,
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
    targets: Targets,
    /// One reload after the other.
    turn: tokio::sync::Mutex<()>,
}

struct InForce {
    settings: Settings,
    files: Files,
    /// Of what the settings name, as it was read last.
    contents: Contents,
    /// Why the last reload was refused.
    refused: Option<Vec<String>>,
}

/// What was read, whole, before anything of it is put in force.
struct Loaded {
    settings: Settings,
    files: Files,
    contents: Contents,
    acceptor: Option<TlsAcceptor>,
    /// Where another one is wanted.
    token: Option<SecretString>,
    /// Where another way to the instance is wanted.
    wired: Option<Wired>,
    /// Where a source has keys to be fetched.
    fetcher: Option<Arc<Fetcher>>,
    /// Of settled events.
    receiver: Option<Arc<Receiver>>,
    /// In force from now on.
    changes: Vec<KeyChange>,
    /// In force after a restart.
    later: Vec<String>,
}

/// How many problems are told where they are not listed one a line.
const MOST_TOLD: usize = 20;

impl Reloader {
    pub(super) fn new(settings: Settings, files: Files, targets: Targets) -> Self {
        let contents = settings.keys.contents();
        let in_force = Mutex::new(InForce { settings, files, contents, refused: None });
        Self { in_force, targets, turn: tokio::sync::Mutex::default() }
    }

    /// Reads all files anew; what changed, or every problem and no change.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Vec<String>, Vec<String>> {
        let _turn = self.turn.lock().await;
        self.targets.notifier.reloading(clock::monotonic());
        let outcome = watched("reload", self.take_over()).await;
        let outcome = outcome.unwrap_or_else(|Panicked(defect)| {
            let problem = format!("the reload panicked: {defect}");
            self.lock().refused = Some(vec![problem.clone()]);
            Err(vec![problem])
        });
        self.targets.notifier.ready(match &outcome {
            Ok(_) => "Reloaded",
            Err(_) => "Last reload refused; the previous configuration stays in force",
        });
        outcome
    }

    async fn take_over(self: &Arc<Self>) -> Result<Vec<String>, Vec<String>> {
        let (old, contents) = {
            let in_force = self.lock();
            (in_force.settings.clone(), in_force.contents.clone())
        };
        let client = Arc::clone(&self.targets.client);
        let loaded = tokio::task::spawn_blocking(move || load(&old, &contents, &client)).await;
        let loaded = loaded
            .unwrap_or_else(|error| Err(vec![format!("reading the files panicked: {error}")]));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in &problems {
                    error!(
                        problem,
                        "Reload refused, the previous configuration stays in force: {problem}"
                    );
                }
                self.lock().refused = Some(problems.clone());
                return Err(problems);
            }
        };
        let later = loaded.later.clone();
        let known = self.sources();
        // Large tables take a while to compare and to drop.
        let this = Arc::clone(self);
        let told = tokio::task::spawn_blocking(move || this.put_in_force(loaded)).await;
        let mut changes =
            told.map_err(|error| vec![format!("putting the files in force panicked: {error}")])?;
        let new = self.sources().into_iter().filter(|source| !known.contains(source)).collect();
        counters::of_sources(self.targets.store.clone(), new).await;
        match self.targets.store.reloaded().await {
            Ok(0) => {}
            Ok(1) => changes.push("1 parked event resumes".to_owned()),
            Ok(resumed) => changes.push(format!("{resumed} parked events resume")),
            Err(error) => return Err(vec![error.to_string()]),
        }
        if changes.is_empty() {
            info!("Reloaded: no changes found; profiles were read again");
        } else {
            info!("Reloaded: {}", changes.join("; "));
        }
        if !later.is_empty() {
            warn!(
                keys = later.join(","),
                "These changes take effect after a restart: {}",
                later.join(", ")
            );
            changes.push(format!("needs a restart: {}", later.join(", ")));
        }
        Ok(changes)
    }

    /// Hands what is new to every part, and says what is different. Blocks; what is in force can be read meanwhile.
    #[expect(clippy::disallowed_methods, reason = "under spawn_blocking")]
    fn put_in_force(&self, loaded: Loaded) -> Vec<String> {
        let Loaded {
            settings,
            mut files,
            contents,
            acceptor,
            token,
            wired,
            fetcher,
            receiver,
            changes,
            later: _,
        } = loaded;
        let (old, before) = {
            let in_force = self.lock();
            (in_force.settings.clone(), in_force.files.clone())
        };
        files.share_issuers(&before);
        let mut differences = changes::of_files(&before, &files);
        differences.extend(changes::words(&changes, &old, &settings));
        let targets = &self.targets;
        targets.rules.replace(&settings, &files);
        targets.sources.replace(files.sources.clone());
        targets.issuers.replace(&files.sources, fetcher.as_ref());
        targets.webhooks.set_limits(body_limits(&settings));
        let places = descriptors::connections(&settings);
        targets.intake.replace(parts::intake_limits(&settings, places));
        if let Some(token) = token {
            if let Some(directory) = &targets.runtime_directory {
                admin_token::copy_to(directory, &token);
            }
            targets.token.replace(token);
        }
        if let Some(wired) = wired {
            targets.client.replace(wired);
            targets.pace.forgive();
        }
        targets.pushing.replace(receiver);
        targets.client.limiter().set(instance::rate_limit(&settings));
        targets.store.set_limits(pending_limits(&settings));
        targets.pace.set_max_in_flight(instance::max_in_flight(&settings));
        targets.pace.end_pause();
        // The dispatcher may sleep until a moment that was true for the old limits.
        targets.store.agenda().changed().notify_one();
        if let (Some(tls), Some(acceptor)) = (&targets.tls, acceptor) {
            tls.replace(acceptor);
        }
        if let Some(logging) = &targets.logging
            && let Err(error) = logging.set_filter(&settings.log_filter)
        {
            warn!(%error, "The log filter could not be changed");
        }
        let in_force = InForce { settings, files, contents, refused: None };
        // The lock is given back before the old tables are dropped.
        let replaced = std::mem::replace(&mut *self.lock(), in_force);
        drop(replaced);
        differences
    }

    /// Reloads at every SIGHUP, from those on that were caught before.
    pub(super) async fn on_hang_up(self: Arc<Self>, caught: Option<Hangups>, shutdown: Shutdown) {
        let mut hang_ups = match caught.map_or_else(Hangups::catch, Ok) {
            Ok(hang_ups) => hang_ups,
            Err(error) => {
                error!(%error, "Cannot listen for SIGHUP; reload through the admin address");
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
        let in_force = self.lock();
        let problems = in_force.refused.as_ref()?;
        let told = problems.iter().take(MOST_TOLD).cloned();
        let more = problems.len().saturating_sub(MOST_TOLD);
        let more = (more > 0).then(|| format!("… and {more} more, which the log has"));
        Some(told.chain(more).collect::<Vec<_>>().join("; "))
    }

    /// What keeps sources from verifying their requests, a sentence each.
    pub(super) fn issuers_trouble(&self) -> Vec<String> {
        self.lock().files.issuers_trouble()
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

    /// All sources with their vendors and contact centres.
    pub(super) fn sources_in_force(&self) -> Vec<admin::SourceInForce> {
        let in_force = self.lock();
        let sources = in_force.settings.sources.iter().map(|(name, source)| admin::SourceInForce {
            source: name.clone(),
            vendor: source.vendor.clone(),
            contact_center: source.contact_center.clone(),
        });
        sources.collect()
    }

    /// The folder of the tables.
    pub(super) fn tables(&self) -> PathBuf {
        self.lock().settings.mappings.clone()
    }

    /// How long a call to ServiceNow may take.
    pub(super) fn request_timeout(&self) -> Duration {
        self.lock().settings.servicenow.request_timeout
    }

    /// The pauses between tries.
    pub(super) fn delays(&self) -> Delays {
        let in_force = self.lock();
        let retry = &in_force.settings.retry;
        Delays { initial: millis(retry.initial), max: millis(retry.max) }
    }

    /// How many rows every table has: contact centre, queues, agents, reject reasons.
    pub(super) fn table_counts(
        &self,
    ) -> Vec<(crate::routing::ContactCenter, crate::routing::TableCounts)> {
        let in_force = self.lock();
        let tables = in_force.files.directories.iter();
        tables.map(|(name, tables)| (name.clone(), tables.counts())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration file if there is one, else what is in force, with profiles, secrets, tables and certificates read
/// anew. Changes nothing.
#[expect(clippy::disallowed_methods, reason = "under spawn_blocking")]
fn load(old: &Settings, contents: &Contents, client: &Client) -> Result<Loaded, Vec<String>> {
    let (mut settings, changes) = old
        .reload(|change| changes::needs_restart(change, old))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    // Sockets that systemd handed over listen elsewhere than the file says.
    settings.intake.listen = old.intake.listen;
    settings.admin.listen = old.admin.listen;
    if let Some(sandbox) = &old.servicenow.sandbox {
        settings.servicenow.point_to(sandbox).map_err(|problem| vec![problem])?;
    }
    let (later, mut changes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| changes::needs_restart(change, old));
    let (contents, more) = settings.contents_since(contents);
    changes.extend(more);
    let wired = match changes::concern_the_client(&changes) {
        true => instance::successor(client, &settings).map(Some),
        false => Ok(None),
    };
    let token = match changes.iter().any(|change| change.key.starts_with("admin.token")) {
        true => admin_token::in_force(&settings).map(Some),
        false => Ok(None),
    };
    let acceptor = tls::acceptor(&settings);
    let exposed = exposure::exposure(&settings).problems;
    let files = Files::load(&settings);
    let fetcher = match &files {
        Ok(files) => instance::fetcher(&settings, files),
        Err(_) => Ok(None),
    };
    let receiver = instance::receiver(&settings);
    match (files, acceptor, wired, token, fetcher, receiver) {
        (Ok(files), Ok(acceptor), Ok(wired), Ok(token), Ok(fetcher), Ok(receiver))
            if exposed.is_empty() =>
        {
            build::Notes::of(&settings).tell();
            let later = later.into_iter().map(|change| change.key).collect();
            Ok(Loaded {
                settings,
                files,
                contents,
                acceptor,
                token,
                wired,
                fetcher,
                receiver,
                changes,
                later,
            })
        }
        (files, acceptor, wired, token, fetcher, receiver) => {
            let mut problems = exposed;
            problems.extend(files.err().unwrap_or_default());
            problems.extend(acceptor.err());
            let texts = problems.iter().map(ToString::to_string);
            let failures = wired.err().into_iter().chain(token.err()).chain(fetcher.err());
            let failures = failures.chain(receiver.err());
            Err(texts.chain(failures.map(|failure| failure.to_string())).collect())
        }
    }
}

/// How much of a request is taken.
pub(super) fn body_limits(settings: &Settings) -> BodyLimits {
    BodyLimits { max: settings.intake.max_body, timeout: settings.intake.body_timeout }
}
