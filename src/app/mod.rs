//! Builds the parts, starts intake, dispatch and admin, and owns shutdown and reload.
//!
//! Nothing is bound before the whole configuration holds. Parts are stopped in the order of the walk: no new webhooks,
//! then no new calls, then the store is closed, so that all that was answered is on the disk.

pub mod check;
pub mod demo;
pub mod explain;
pub mod files;
mod gauges;
mod instance;
pub mod online;
mod reload;
mod shipped;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::admin::{self, Admin};
use crate::awa::Client;
use crate::awa::pace::Pace;
use crate::clock;
use crate::config::{self, Settings};
use crate::dispatch::{Delays, Dispatch};
use crate::intake::{self, BodyLimits, ServerLimits, Sources, Webhooks};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::routing::ReasonRow;
use crate::sandbox::World;
use crate::shutdown::Shutdown;
use crate::store::{self, Store};
use crate::vendor::Source;
use files::{Files, RulesInForce};
use reload::Reloader;

/// How long open webhook connections may finish after shutdown was asked for.
const INTAKE_DRAIN: Duration = Duration::from_secs(5);

/// Why the daemon did not start or had to stop.
#[derive(Debug)]
pub enum Failure {
    /// The files are wrong: every problem.
    Configuration(Vec<Problem>),
    /// An address could not be listened on, the store could not be opened, or the store failed under way.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Broken(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

/// Where the daemon takes part in the world; bound beforehand, so that tests can use port 0 and systemd its sockets.
#[derive(Debug)]
pub struct Listeners {
    pub intake: TcpListener,
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// Names the address and the key.
    pub async fn bind(settings: &Settings) -> Result<Self, Failure> {
        let bind = async |key: &str, address: SocketAddr| {
            TcpListener::bind(address).await.map_err(|error| {
                Failure::Broken(format!("cannot listen on {address} ({key}): {error}"))
            })
        };
        Ok(Self {
            intake: bind("intake.listen", settings.intake.listen).await?,
            admin: bind("admin.listen", settings.admin.listen).await?,
        })
    }
}

/// A daemon that runs.
pub struct Bridge {
    /// Where webhooks go.
    pub intake: SocketAddr,
    /// Where operators go.
    pub admin: SocketAddr,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), Failure>>,
}

impl Bridge {
    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// What broke before or during the stop.
    pub async fn stop(self) -> Result<(), Failure> {
        self.shutdown.trigger();
        self.ended().await
    }

    /// Waits until it stops by itself or because its shutdown was asked for.
    ///
    /// # Errors
    /// What broke.
    pub async fn ended(self) -> Result<(), Failure> {
        self.running.await.unwrap_or_else(|error| {
            Err(Failure::Broken(format!("a part of the bridge panicked: {error}")))
        })
    }
}

/// Starts the daemon and comes back when it listens.
///
/// # Errors
/// See [`Failure`].
pub async fn start(
    settings: Settings,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<Bridge, Failure> {
    let metrics = Metrics::install().map_err(|error| Failure::Broken(error.to_string()))?;
    let files = Files::load(&settings).map_err(Failure::Configuration)?;
    let client = Arc::new(instance::client(&settings)?);
    let rules = Arc::new(RulesInForce::new(&settings, &files));
    let store = open_store(&settings, Arc::clone(&rules)).await?;
    let pace = Arc::new(Pace::new(instance::limits(&settings)));
    let address = |listener: &TcpListener| {
        listener
            .local_addr()
            .map_err(|error| Failure::Broken(format!("a listener is gone: {error}")))
    };
    let (intake_at, admin_at) = (address(&listeners.intake)?, address(&listeners.admin)?);
    announce(&settings, &files, intake_at, admin_at);
    let parts = Parts::new(settings, files, rules, store, client, pace, metrics)?;
    let running = tokio::spawn(parts.run(listeners, shutdown.clone()));
    Ok(Bridge { intake: intake_at, admin: admin_at, shutdown, running })
}

/// What runs side by side.
struct Parts {
    settings: Settings,
    store: Store,
    client: Arc<Client>,
    pace: Arc<Pace>,
    sources: Sources<Source>,
    admin: Arc<Admin>,
    reloader: Arc<Reloader>,
}

impl Parts {
    fn new(
        settings: Settings,
        files: Files,
        rules: Arc<RulesInForce>,
        store: Store,
        client: Arc<Client>,
        pace: Arc<Pace>,
        metrics: Metrics,
    ) -> Result<Self, Failure> {
        let sources = Sources::new(files.sources.clone());
        let reloader =
            Arc::new(Reloader::new(settings.clone(), files, rules, sources.clone(), store.clone()));
        let token = settings.admin.token.as_ref().map(config::Secret::reveal).transpose();
        let token = token.map_err(|problem| {
            Failure::Configuration(vec![files::of_config(&settings, problem.to_string())])
        })?;
        let admin = Arc::new(Admin {
            store: store.clone(),
            not_ready: not_ready(&store, &pace, &reloader),
            metrics: gauges::page(metrics, &store, &pace, &client, &reloader),
            reload: {
                let reloader = Arc::clone(&reloader);
                Box::new(move || {
                    let reloader = Arc::clone(&reloader);
                    Box::pin(async move { reloader.reload().await })
                })
            },
            token,
            sources: {
                let reloader = Arc::clone(&reloader);
                Box::new(move || reloader.sources())
            },
            contact_center: {
                let reloader = Arc::clone(&reloader);
                Box::new(move |source| reloader.contact_center(source))
            },
        });
        Ok(Self { settings, store, client, pace, sources, admin, reloader })
    }

    async fn run(self, listeners: Listeners, shutdown: Shutdown) -> Result<(), Failure> {
        let Self { settings, store, client, pace, sources, admin, reloader } = self;
        let stopped = Shutdown::new();
        let probe = online::warn_if_forbidden(Arc::clone(&client), settings.servicenow.in_doubt);
        let probe = tokio::spawn(probe);
        let dispatch = Dispatch {
            store: store.clone(),
            client,
            pace,
            delays: Delays {
                initial: millis(settings.retry.initial),
                max: millis(settings.retry.max),
            },
            freed: tokio::sync::Notify::new(),
            held: Arc::new(|| false),
            beat: Box::new(|| {}),
        };
        let drain = settings.servicenow.request_timeout + Duration::from_secs(1);
        let dispatch = tokio::spawn(dispatch.run(stopped.clone(), drain));
        let admin_stopped = stopped.clone();
        let admin = tokio::spawn(admin::serve(listeners.admin, admin, async move {
            admin_stopped.requested().await;
        }));
        let tls = match &settings.intake.tls {
            None => None,
            Some(pair) => Some(acceptor(pair)?),
        };
        let body =
            BodyLimits { max: settings.intake.max_body, timeout: settings.intake.body_timeout };
        let limits = ServerLimits {
            max_connections: settings.intake.max_connections,
            header_timeout: settings.intake.header_timeout,
            grace: INTAKE_DRAIN,
        };
        let webhooks = Arc::new(Webhooks::new(sources, store.clone(), body));
        let take = move |request| Arc::clone(&webhooks).take(request);
        let intake =
            tokio::spawn(intake::serve(listeners.intake, tls, limits, shutdown.clone(), take));
        let hang_ups = tokio::spawn(reloader.on_hang_up(shutdown.clone()));
        let outcome = tokio::select! {
            () = shutdown.requested() => Ok(()),
            failed = store.failed() => Err(Failure::Broken(failed.to_string())),
        };
        match &outcome {
            Ok(()) => info!("Stopping: no new webhooks are taken, calls under way are finished"),
            Err(failure) => {
                error!(%failure, "The store failed; stopping so that a fresh start can recover")
            }
        }
        shutdown.trigger();
        drop(intake.await);
        stopped.trigger();
        drop(dispatch.await);
        drop(admin.await);
        hang_ups.abort();
        probe.abort();
        store.close().await;
        info!("Stopped");
        outcome
    }
}

/// One line that tells what was started.
fn announce(settings: &Settings, files: &Files, intake: SocketAddr, admin: SocketAddr) {
    let queues: usize = files.directories.values().map(|tables| tables.counts().queues).sum();
    let agents: usize = files.directories.values().map(|tables| tables.counts().agents).sum();
    let sources: Vec<_> = settings.sources.keys().map(String::as_str).collect();
    let instance = settings.servicenow.instance.as_ref().map(ToString::to_string);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        %intake,
        %admin,
        instance = instance.unwrap_or_default(),
        sources = sources.join(","),
        queues,
        agents,
        per_second = settings.rate_limit.per_second.get(),
        max_in_flight = settings.servicenow.max_in_flight,
        "Started"
    );
}

async fn open_store(settings: &Settings, rules: Arc<RulesInForce>) -> Result<Store, Failure> {
    let settings = store::Settings {
        path: settings.store.path.clone(),
        retention_ms: millis(settings.store.retention),
        body_retention_ms: millis(settings.store.body_retention),
        max_pending: settings.intake.max_pending,
        ..store::Settings::default()
    };
    tokio::task::spawn_blocking(move || Store::open(settings, rules, clock::now))
        .await
        .map_err(|error| Failure::Broken(format!("opening the store panicked: {error}")))?
        .map_err(|error| Failure::Broken(error.to_string()))
}

fn not_ready(
    store: &Store,
    pace: &Arc<Pace>,
    reloader: &Arc<Reloader>,
) -> Box<dyn Fn() -> Vec<String> + Send + Sync> {
    let (store, pace, reloader) = (store.clone(), Arc::clone(pace), Arc::clone(reloader));
    Box::new(move || {
        let mut reasons = Vec::new();
        reasons.extend(store.health().problem().map(|problem| format!("store: {problem}")));
        reasons.extend(instance::problem(&pace.standing(clock::now())));
        reasons.extend(reloader.problem().map(|problem| format!("reload: {problem}")));
        reasons
    })
}

fn acceptor(pair: &config::KeyPair) -> Result<tokio_rustls::TlsAcceptor, Failure> {
    let wrong = |text: String| Failure::Configuration(vec![Problem::unplaced(text)]);
    let file = pair.certificate.display();
    let certificate = std::fs::read_to_string(&pair.certificate)
        .map_err(|error| wrong(format!("intake.tls.certificate: {file}: {error}")))?;
    let key = pair.key.reveal().map_err(|problem| wrong(problem.to_string()))?;
    intake::acceptor(&certificate, secrecy::ExposeSecret::expose_secret(&key))
        .map_err(|error| wrong(format!("intake.tls: {error}")))
}

/// A world that has all queues, agents and reject reasons that the tables name.
#[must_use]
pub fn sandbox_world(mut world: World, files: &Files) -> World {
    for directory in files.directories.values() {
        let queues = directory
            .external_ids()
            .map(|(_, channel, external_id)| (external_id.clone(), channel.cloned()));
        let reasons = directory.reasons().filter_map(|(_, row)| match row {
            ReasonRow::DisplayValue(text) => Some(text.clone()),
            ReasonRow::SysId(_) => None,
        });
        let agents = directory.agents().map(|(_, agent)| agent);
        world.seed(queues, agents, reasons);
        for (_, row) in directory.reasons() {
            if let ReasonRow::SysId(sys_id) = row {
                world.seed_reason(*sys_id);
            }
        }
    }
    world
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
