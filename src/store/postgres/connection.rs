//! Connections to the database: which host, TLS, how long anything may take.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};

use super::prepared::Prepared;
use super::schema;
use super::socket::{self, Opened};
use super::threads::Threads;
use super::trouble::Trouble;
use crate::clock;
use crate::store::records::ROWS;

/// How long a connection to one host may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the look at its tables may take, made if need be.
const CHECK: Duration = Duration::from_secs(10);

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// Hosts, database and user, as `postgres://user@host1,host2/database`, with the password.
    pub(crate) config: Config,
    /// For hosts beyond loopback, always verified; none: certificates of the system's own store.
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// The schema of the tables.
    pub(crate) schema: Schema,
    /// Nothing is taken while no synchronous standby confirms commits.
    pub(crate) replicas_required: bool,
    /// Which node this is.
    pub(crate) node: Arc<Node>,
    /// How long a call may take once it has left, in milliseconds.
    pub(crate) call_ms: u64,
    /// The newest version of rows that is read and written.
    pub(crate) rows_up_to: i16,
}

/// Where the tables are, and what is used of the database.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    /// Lower-case letters, digits and `_`.
    pub(crate) name: String,
    /// Only what databases that speak as PostgreSQL does have in common: no row is locked by a question, none that is
    /// locked is passed over, and nothing is asked of PostgreSQL's own catalogs. What others have changed meanwhile is
    /// found by the versions of rows and by the database's serializing.
    pub(crate) is_plain: bool,
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Schema {
    /// A statement with the schema's name in place of `@`.
    pub(super) fn named(&self, sql: &str) -> String {
        let sql = sql.replace('@', &self.name);
        if self.is_plain {
            let waits =
                sql.replace(" FOR UPDATE SKIP LOCKED", "").replace(" FOR UPDATE NOWAIT", "");
            waits.replace(" FOR UPDATE", "")
        } else {
            sql
        }
    }
}

impl PostgresSettings {
    /// What this program reads and writes.
    pub(crate) const ROWS: i16 = ROWS;

    /// Makes the tables, or what is missing of them.
    ///
    /// # Errors
    /// Why the database refuses, or cannot be reached.
    pub(crate) async fn migrate(&self) -> Result<(), String> {
        let migrated = async {
            let Opened { client, driver, .. } = connect(self, &Arc::default()).await?;
            tokio::spawn(driver);
            schema::migrate(&client, &self.schema).await
        };
        migrated.await.map_err(|trouble: Trouble| trouble.to_string())
    }

    /// Whether the database can be reached and lets this user in.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        let reached = connect(self, &Arc::default()).await;
        reached.map(drop).map_err(|trouble| trouble.to_string())
    }

    /// Removes the tables with all that they hold.
    ///
    /// # Errors
    /// Why the database refuses, or cannot be reached.
    pub(crate) async fn forget_schema(&self) -> Result<(), String> {
        let forgotten = async {
            let Opened { client, driver, .. } = connect(self, &Arc::default()).await?;
            tokio::spawn(driver);
            let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
            Ok(client.batch_execute(&sql).await?)
        };
        forgotten.await.map_err(|trouble: Trouble| trouble.to_string())
    }
}

/// A node's name: the same after a restart, and no other's.
#[derive(Debug)]
pub struct Node {
    pub(super) name: String,
    /// While it is open nobody else has the name.
    taken: Mutex<Option<File>>,
}

impl Node {
    /// A name with the file that it is taken by.
    pub(crate) const fn new(name: String, taken: File) -> Self {
        Self { name, taken: Mutex::new(Some(taken)) }
    }

    /// Lets another have the name.
    pub(super) fn release(&self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// One connection that comes back.
pub(super) struct Link {
    pub(super) settings: PostgresSettings,
    runtime: Arc<Threads>,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    /// How many warnings the server has sent.
    warnings: Arc<AtomicU64>,
    driver: AbortHandle,
    /// None where a pooler may stand in between.
    prepared: Option<Prepared>,
}

impl Link {
    pub(super) fn new(settings: PostgresSettings, runtime: Arc<Threads>) -> Self {
        Self { settings, runtime, connected: None }
    }

    /// The connection, made if it is not there.
    pub(super) async fn client(&mut self) -> Result<&Client, Trouble> {
        Threads::catch_up().await;
        if self.connected.as_ref().is_none_or(|connected| connected.client.is_closed()) {
            self.drop_client();
            self.connected = Some(self.connect().await?);
        }
        Ok(&self.connected.as_ref().expect("it is there or has just been made").client)
    }

    /// The connection as it is, though it may have ended: a COMMIT over a new one would commit nothing.
    pub(super) fn same(&self) -> Result<&Client, Trouble> {
        let connected = self.connected.as_ref();
        let gone = || Trouble::Away("the connection has ended".to_owned());
        connected.map(|connected| &connected.client).ok_or_else(gone)
    }

    /// Gives the connection up, whatever is still under way on it: the next use makes another.
    pub(super) fn drop_client(&mut self) {
        if let Some(connected) = self.connected.take() {
            connected.driver.abort();
        }
    }

    /// How many warnings have come over this connection. One that came with a COMMIT is counted before that is
    /// answered.
    pub(super) fn warnings(&self) -> u64 {
        self.connected.as_ref().map_or(0, |connected| connected.warnings.load(Ordering::Acquire))
    }

    /// What is prepared over this connection, if anything may be.
    pub(super) fn prepared(&self) -> Option<&Prepared> {
        self.connected.as_ref().and_then(|connected| connected.prepared.as_ref())
    }

    async fn connect(&self) -> Result<Connected, Trouble> {
        let warnings = Arc::<AtomicU64>::default();
        let Opened { client, driver, ends } = connect(&self.settings, &warnings).await?;
        let driver = self.runtime.spawn(driver);
        let checked = async {
            schema::check(&client, &self.settings).await?;
            // Others that speak as PostgreSQL does have rules of their own for what is prepared.
            let ends = ends.filter(|_| !self.settings.schema.is_plain);
            Ok(match ends {
                Some(ends) => ends.are_the_servers(&client).await,
                None => false,
            })
        };
        match within(CHECK, checked).await {
            Ok(is_direct) => {
                tracing::debug!(is_direct, "connected to the database");
                let prepared = is_direct.then(Prepared::default);
                Ok(Connected { client, warnings, driver, prepared })
            }
            Err(trouble) => {
                driver.abort();
                Err(trouble)
            }
        }
    }
}

/// A connection. One host is tried after the other, so that one which is silent does not keep from the next.
pub(super) async fn connect(
    settings: &PostgresSettings,
    warnings: &Arc<AtomicU64>,
) -> Result<Opened, Trouble> {
    let mut troubles = Vec::new();
    for config in each_host(&settings.config) {
        match within(CONNECT, socket::open(&config, &settings.tls, warnings)).await {
            Ok(opened) => return Ok(opened),
            Err(trouble) => troubles.push(trouble),
        }
    }
    // One host's certificate says nothing of another, which may only be away.
    let untrusted = |trouble: &Trouble| matches!(trouble, Trouble::Untrusted(_));
    let refused = troubles.iter().any(|trouble| matches!(trouble, Trouble::Refused(_)))
        || troubles.iter().all(untrusted) && !troubles.is_empty();
    let mut whys: Vec<String> = troubles.iter().map(Trouble::to_string).collect();
    whys.dedup();
    let why = whys.join("; ");
    Err(if refused { Trouble::Refused(why) } else { Trouble::Away(why) })
}

/// Does something that the other side may never answer.
///
/// # Errors
/// It has not come to an end in time; or what it says itself.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or_else(|_| {
        let limit = clock::millis(limit);
        Err(Trouble::Away(format!("the database does not answer within {limit} ms")))
    })
}

/// A configuration for each of the hosts.
fn each_host(config: &Config) -> impl Iterator<Item = Config> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let ports = config.get_ports();
    (0..hosts.len().max(addresses.len())).map(move |at| {
        let mut one = Config::new();
        config.get_user().map(|user| one.user(user));
        config.get_password().map(|password| one.password(password));
        config.get_dbname().map(|name| one.dbname(name));
        config.get_options().map(|options| one.options(options));
        match hosts.get(at) {
            Some(Host::Tcp(host)) => _ = one.host(host),
            Some(Host::Unix(path)) => _ = one.host_path(path),
            None => {}
        }
        addresses.get(at).map(|address| one.hostaddr(*address));
        ports.get(at).or_else(|| ports.first()).map(|port| one.port(*port));
        let mode = if is_local(&one) { SslMode::Prefer } else { SslMode::Require };
        one.connect_timeout(CONNECT)
            .ssl_negotiation(config.get_ssl_negotiation())
            .channel_binding(config.get_channel_binding())
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .application_name("awa-bridge")
            .ssl_mode(mode);
        one
    })
}

/// Whether the host is this machine.
fn is_local(config: &Config) -> bool {
    let mut addresses = config.get_hostaddrs().iter();
    addresses.all(|address| address.is_loopback())
        && config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        })
}
