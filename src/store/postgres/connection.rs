//! Connections to the database: which host, TLS, how long anything may take.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::schema;
use super::threads::Threads;
use super::trouble::Trouble;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the network may leave bytes unconfirmed.
const UNCONFIRMED: Duration = Duration::from_secs(3);

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// Hosts, database and user, as `postgres://user@host1,host2/database`, with the password.
    pub config: Config,
    /// For hosts beyond loopback, always verified; none: certificates of the system's own store.
    pub tls: Arc<rustls::ClientConfig>,
    /// The schema of the tables: lower-case letters, digits and `_`.
    pub schema: String,
    /// Nothing is taken while no synchronous standby confirms commits.
    pub replicas_required: bool,
    /// Which node this is.
    pub node: Arc<Node>,
    /// How long a call may take once it has left, in milliseconds.
    pub call_ms: u64,
}

impl PostgresSettings {
    /// Makes the tables, or what is missing of them.
    ///
    /// # Errors
    /// Why the database refuses, or cannot be reached.
    pub(crate) async fn migrate(&self) -> Result<(), String> {
        let migrated = async {
            let (client, connection) = connect(self).await?;
            tokio::spawn(connection);
            schema::migrate(&client, &self.schema).await
        };
        migrated.await.map_err(|trouble: Trouble| trouble.to_string())
    }

    /// Removes the tables with all that they hold.
    ///
    /// # Errors
    /// Why the database refuses, or cannot be reached.
    pub(crate) async fn forget_schema(&self) -> Result<(), String> {
        let forgotten = async {
            let (client, connection) = connect(self).await?;
            tokio::spawn(connection);
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
    pub const fn new(name: String, taken: File) -> Self {
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
    client: Option<Client>,
}

impl Link {
    pub(super) fn new(settings: PostgresSettings, runtime: Arc<Threads>) -> Self {
        Self { settings, runtime, client: None }
    }

    /// The connection, made if it is not there.
    pub(super) async fn client(&mut self) -> Result<&Client, Trouble> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = Some(self.connect().await?);
        }
        Ok(self.client.as_ref().expect("it is there or has just been made"))
    }

    /// Gives the connection up: the next use makes another.
    pub(super) fn drop_client(&mut self) {
        self.client = None;
    }

    async fn connect(&self) -> Result<Client, Trouble> {
        let (client, connection) = connect(&self.settings).await?;
        self.runtime.spawn(connection);
        schema::check(&client, &self.settings.schema).await?;
        Ok(client)
    }
}

/// A connection, and what drives it. Whoever uses the client hears of its end.
pub(super) async fn connect(
    settings: &PostgresSettings,
) -> Result<(Client, impl Future<Output = ()> + Send + use<>), Trouble> {
    let mut config = settings.config.clone();
    config
        .connect_timeout(CONNECT)
        .tcp_user_timeout(UNCONFIRMED)
        .keepalives_idle(UNCONFIRMED)
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .application_name("awa-bridge");
    config.ssl_mode(if is_local(&config) { SslMode::Prefer } else { SslMode::Require });
    let tls = MakeRustlsConnect::new((*settings.tls).clone());
    let connecting = tokio::time::timeout(CONNECT * 3, config.connect(tls));
    let (client, connection) = connecting
        .await
        .map_err(|_| Trouble::Away("the database does not answer in time".to_owned()))??;
    Ok((client, async move { drop(connection.await) }))
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    use tokio_postgres::config::Host;
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    })
}
