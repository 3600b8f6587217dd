//! Builds the parts, starts intake, dispatch and admin, and owns shutdown and reload.
//!
//! Nothing is bound before the whole configuration holds. Parts are stopped in the order of an event's path: no new
//! webhooks, then no new calls, then the store is closed, so that all that was answered is on the disk.

pub(crate) mod admin_token;
mod build;
mod certificates;
pub(crate) mod certify;
mod changes;
pub(crate) mod check;
mod counters;
pub(crate) mod database;
pub(crate) mod demo;
mod descriptors;
pub(crate) mod explain;
mod exposure;
pub(crate) mod files;
mod hold;
mod host;
mod inputs;
mod instance;
mod issuers;
pub(crate) mod new_vendor;
pub(crate) mod online;
pub(crate) mod online_keys;
mod parts;
mod places;
pub(crate) mod recorded;
pub(crate) mod rehearsal;
mod reload;
pub(crate) mod selftest;
mod shared_pace;
mod shipped;
pub(crate) mod tables;
mod tasks;
mod tls;
mod upkeep;
mod vitals;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::info;

use crate::admin;
use crate::awa::pace::Pace;
use crate::clock::{self, millis};
use crate::config::Settings;
use crate::http::Tls;
use crate::metrics::Metrics;
use crate::notify::Pushing;
use crate::problem::Problem;
use crate::routing::ReasonRow;
use crate::sandbox::World;
use crate::shutdown::Shutdown;
use crate::store::{self, OpenError, Store};
use crate::systemd::sockets::{self, HandedSockets};
use files::{Files, RulesInForce};
use hold::Hold;
pub(crate) use host::Host;
use parts::Parts;

/// For how long systemd is asked for more start-up time while a large store is opened.
const OPENING: Duration = Duration::from_secs(15 * 60);

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

/// The daemon's two listeners; bound beforehand, so that tests can use port 0 and systemd its sockets.
#[derive(Debug)]
pub struct Listeners {
    /// Webhooks.
    pub intake: TcpListener,
    /// Operators, health and metrics.
    pub admin: TcpListener,
}

impl Listeners {
    /// Takes what systemd handed over and binds what it did not. The settings then name the addresses that are really
    /// listened on, and what must hold for an address that is not loopback is looked at again.
    ///
    /// # Errors
    /// Names the address and the key.
    pub(crate) fn open(settings: &mut Settings, handed: HandedSockets) -> Result<Self, Failure> {
        let intake = open("intake.listen", handed.intake, &mut settings.intake.listen)?;
        let admin = open("admin.listen", handed.admin, &mut settings.admin.listen)?;
        let listen = settings.admin.listen;
        if !listen.ip().is_loopback() && settings.admin.token.is_none() {
            let text = format!(
                "admin.token: is missing, and the admin socket that systemd handed over listens on {listen}, which is \
                 not loopback"
            );
            return Err(Failure::Configuration(vec![files::of_config(settings, text)]));
        }
        Ok(Self { intake, admin })
    }
}

fn open(
    key: &str,
    handed: Option<std::net::TcpListener>,
    address: &mut SocketAddr,
) -> Result<TcpListener, Failure> {
    let broken = |address: SocketAddr, error| {
        Failure::Broken(format!("cannot listen on {address} ({key}): {error}"))
    };
    let was_handed = handed.is_some();
    let listener = sockets::listener(handed, *address).map_err(|error| broken(*address, error))?;
    if was_handed {
        *address = listener.local_addr().map_err(|error| broken(*address, error))?;
    }
    Ok(listener)
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
    pub(crate) async fn ended(self) -> Result<(), Failure> {
        self.running.await.unwrap_or_else(|error| {
            Err(Failure::Broken(format!("a part of the bridge panicked: {error}")))
        })
    }
}

/// Starts the daemon, without systemd or a log around it, and returns when it listens.
///
/// # Errors
/// See [`Failure`].
pub async fn start(
    settings: Settings,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<Bridge, Failure> {
    start_on(Host::nobody(), settings, listeners, shutdown).await
}

/// Starts the daemon and returns when it listens; `host` gets its reports.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn start_on(
    host: Host,
    settings: Settings,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<Bridge, Failure> {
    let metrics = Metrics::install().map_err(|error| Failure::Broken(error.to_string()))?;
    counters::of_the_program();
    let (settings, built, notes) = built(settings).await?;
    let build::Built { files, tls, client, fetcher, receiver } = built;
    notes.tell();
    let (tls, client) = (tls.map(Tls::new), Arc::new(client));
    let rules = Arc::new(RulesInForce::new(&settings, &files, Arc::clone(&client)));
    let opened = open_store(&settings, Arc::clone(&rules));
    let store = host.notifier.extending("Opening the store", OPENING, opened).await?;
    let sources = settings.sources.keys().cloned().collect();
    counters::of_sources(store.clone(), sources).await;
    let shared = store.has_nodes().then(|| shared_pace::shared(&settings));
    if let Some(shared) = &shared {
        client.limiter().share(Arc::clone(shared));
    }
    let pace = Arc::new(Pace::new(instance::max_in_flight(&settings), client.limiter()));
    let address = |listener: &TcpListener| {
        listener
            .local_addr()
            .map_err(|error| Failure::Broken(format!("a listener has no address: {error}")))
    };
    let (intake_at, admin_at) = (address(&listeners.intake)?, address(&listeners.admin)?);
    announce(&settings, &files, intake_at, admin_at);
    let hold = Hold::open(store.clone()).await?;
    let pushing = Arc::new(Pushing::to(receiver));
    let token = token(&settings, &host).await?;
    let parts = Parts {
        settings,
        files,
        rules,
        store,
        hold,
        client,
        fetcher,
        pushing,
        pace,
        shared,
        metrics,
        tls,
        token,
        host,
    };
    let running = tokio::spawn(parts.start().run(listeners, shutdown.clone()));
    Ok(Bridge { intake: intake_at, admin: admin_at, shutdown, running })
}

/// One line that says what was started.
fn announce(settings: &Settings, files: &Files, intake: SocketAddr, admin: SocketAddr) {
    let queues: usize = files.directories.values().map(|tables| tables.counts().queues).sum();
    let agents: usize = files.directories.values().map(|tables| tables.counts().agents).sum();
    let sources: Vec<_> = settings.sources.keys().map(String::as_str).collect();
    let instance = settings.servicenow.instance.as_ref().map(ToString::to_string);
    let limits = &settings.rate_limit;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        %intake,
        %admin,
        tls = settings.intake.tls.is_some(),
        instance = instance.unwrap_or_default(),
        sources = sources.join(","),
        queues,
        agents,
        per_second = limits.per_second.get(),
        burst = limits.burst.get(),
        per_hour = limits.per_hour,
        max_in_flight = settings.servicenow.max_in_flight,
        max_pending = settings.intake.max_pending,
        "Started: awa-bridge accepts webhooks"
    );
}

/// Reads the files and builds what the daemon is made of.
#[expect(clippy::disallowed_methods, reason = "under spawn_blocking")]
async fn built(settings: Settings) -> Result<(Settings, build::Built, build::Notes), Failure> {
    let building = tokio::task::spawn_blocking(move || {
        let built = build::build(&settings)?;
        let notes = build::Notes::of(&settings);
        Ok((settings, built, notes))
    });
    joined("reading the files", building).await?.map_err(Failure::Configuration)
}

#[expect(clippy::disallowed_methods, reason = "under spawn_blocking")]
async fn open_store(settings: &Settings, rules: Arc<RulesInForce>) -> Result<Store, Failure> {
    let settings = settings.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let of_config =
            |text: String| Failure::Configuration(vec![files::of_config(&settings, text)]);
        let refused = |error: OpenError| match error {
            OpenError::NotOwn { .. } | OpenError::Refused(_) | OpenError::OtherMeans(_) => {
                of_config(error.to_string())
            }
            other => Failure::Broken(other.to_string()),
        };
        let postgres = database::settings(&settings).map_err(Failure::Configuration)?;
        let wanted = store::Settings {
            path: settings.store.path.clone(),
            postgres,
            retention_ms: millis(settings.store.retention),
            body_retention_ms: millis(settings.store.body_retention),
            limits: pending_limits(&settings),
            tell: Arc::new(crate::report::transition),
            free_space_floor: settings.store.free_space_floor,
            ..store::Settings::default()
        };
        Store::open(wanted, rules, clock::now).map_err(refused)
    });
    joined("opening the store", opening).await?
}

/// The token of the admin address, copied for the daemon's group.
#[expect(clippy::disallowed_methods, reason = "under spawn_blocking")]
async fn token(settings: &Settings, host: &Host) -> Result<admin::Token, Failure> {
    let (settings, copy) = (settings.clone(), host.runtime_directory.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let token = admin_token::in_force(&settings)?;
        if let Some(directory) = &copy {
            admin_token::copy_to(directory, &token);
        }
        Ok(token)
    });
    joined("reading the admin token", reading).await?.map(admin::Token::new)
}

async fn joined<T>(what: &str, work: JoinHandle<T>) -> Result<T, Failure> {
    work.await.map_err(|error| Failure::Broken(format!("{what} panicked: {error}")))
}

/// How much may be owed. A single source need not leave room for others.
fn pending_limits(settings: &Settings) -> store::Limits {
    let intake = &settings.intake;
    let pending = intake.max_pending;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a number below 2^52"
    )]
    let share = (pending as f64 * intake.max_pending_per_source).ceil() as usize;
    let per_source = if settings.sources.len() > 1 { share.max(1) } else { pending };
    store::Limits { pending, per_source, per_conversation: intake.max_pending_per_conversation }
}

/// A world that has all queues, agents and reject reasons that the tables name.
#[must_use]
pub(crate) fn sandbox_world(mut world: World, files: &Files) -> World {
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

/// An HTTP client for this machine's own addresses.
pub(crate) fn local_client(timeout: Duration) -> reqwest::ClientBuilder {
    // Fails only if a provider is there already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(timeout).no_proxy()
}
