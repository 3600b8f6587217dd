//! The sections about the daemon itself: `[intake]`, `[admin]`, `[store]`, `[mappings]` and `[log]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::Secret;
use super::secret::KeyFile;
use super::values::{
    File, address, by, duration, log_filter, optional, positive_share, schema, whole,
};
use crate::base_url::BaseUrl;

/// `[intake]`: where webhooks arrive, and how much of them is taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Intake {
    #[serde(deserialize_with = "address")]
    pub(crate) listen: SocketAddr,
    /// What vendors call; needed where a signature covers the URL.
    #[serde(deserialize_with = "optional::<PublicUrl, _, _>")]
    pub(crate) public_url: Option<BaseUrl>,
    /// In bytes: the largest documented vendor notification is under 1 MiB, and a body is held in memory.
    #[serde(deserialize_with = "whole::<1, 16_777_216, _, _>")]
    pub(crate) max_body: usize,
    /// Each holds a file descriptor.
    #[serde(deserialize_with = "whole::<1, 65_536, _, _>")]
    pub(crate) max_connections: usize,
    /// Unsettled events, parked ones aside, past which nothing more is taken. They are also held in memory, by id and
    /// time.
    #[serde(deserialize_with = "whole::<1, 10_000_000, _, _>")]
    pub(crate) max_pending: usize,
    /// The share of them that one source may hold where there are several, and as many parked ones beside; 0 to 1.
    #[serde(deserialize_with = "positive_share")]
    pub(crate) max_pending_per_source: f64,
    /// Unsettled events of one conversation past which nothing more of it is taken. A decision looks at all of them.
    #[serde(deserialize_with = "whole::<1, 100_000, _, _>")]
    pub(crate) max_pending_per_conversation: usize,
    /// For a TLS handshake, and for a request's head. The slowest vendor gives up after 60 s.
    #[serde(deserialize_with = "duration::<10, 600_000, _>")]
    pub(crate) header_timeout: Duration,
    /// For a kept-alive connection without a request. Load balancers keep them for a minute by default, for an hour at
    /// most.
    #[serde(deserialize_with = "duration::<10, 3_600_000, _>")]
    pub(crate) idle_timeout: Duration,
    /// For a request's body.
    #[serde(deserialize_with = "duration::<10, 600_000, _>")]
    pub(crate) body_timeout: Duration,
    /// None: plain HTTP, for a proxy in front.
    pub(crate) tls: Option<IntakeTls>,
}

/// The URL that vendors call.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct PublicUrl(BaseUrl);

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        BaseUrl::public(&text).map(Self)
    }
}

impl From<PublicUrl> for BaseUrl {
    fn from(PublicUrl(url): PublicUrl) -> Self {
        url
    }
}

/// `[intake] tls`: what the intake shows, and whom it believes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IntakeTls {
    #[serde(rename = "$same")]
    pub(crate) pair: KeyPair,
    /// A PEM file of the authorities one of which must have signed a client's certificate; none: clients need no
    /// certificate.
    #[serde(deserialize_with = "optional::<File, _, _>")]
    pub(crate) client_ca: Option<PathBuf>,
}

/// A certificate chain and its private key, both PEM files.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KeyPair {
    #[serde(deserialize_with = "by::<File, _, _>")]
    pub(crate) certificate: PathBuf,
    /// The file itself, or where it is kept; its revealed text is PEM.
    #[serde(deserialize_with = "by::<KeyFile, _, _>")]
    pub(crate) key: Secret,
}

/// `[admin]`: the operators' address.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Admin {
    #[serde(deserialize_with = "address")]
    pub(crate) listen: SocketAddr,
    /// Needed on any address but loopback; where none is set the daemon makes one.
    pub(crate) token: Option<Secret>,
    /// Where the daemon keeps the token that it makes; none: see [`super::Settings::admin_token_file`].
    #[serde(deserialize_with = "optional::<File, _, _>")]
    pub(crate) token_file: Option<PathBuf>,
}

/// `[store]`: where events are kept, and how long.
#[derive(Debug, Clone, Deserialize)]
pub struct Store {
    pub(crate) engine: Engine,
    /// A folder; with PostgreSQL the one beside it marks the node.
    #[serde(deserialize_with = "by::<File, _, _>")]
    pub(crate) path: PathBuf,
    /// How long an event's id is remembered.
    #[serde(deserialize_with = "duration::<1, 31_622_400_000, _>")]
    pub(crate) retention: Duration,
    /// How long the raw body of a settled event is kept; it goes with its event at the latest.
    #[serde(deserialize_with = "duration::<1, 31_622_400_000, _>")]
    pub(crate) body_retention: Duration,
    /// With less than this free on the disk nothing new is taken, in bytes; 0 means none.
    #[serde(deserialize_with = "whole::<0, 1_125_899_906_842_624, _, _>")]
    pub(crate) free_space_floor: u64,
    pub(crate) postgres: Postgres,
}

/// What holds the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    /// Files of this machine, for one daemon.
    Sled,
    /// A database, for several.
    Postgres,
}

/// `[store.postgres]`: where the database is, and as whom.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Postgres {
    /// `postgres://user@host1,host2/database`; of several hosts the one that takes writes is used.
    pub(crate) url: Option<Secret>,
    pub(crate) password: Option<Secret>,
    /// The schema of the tables.
    #[serde(deserialize_with = "schema")]
    pub(crate) schema: String,
    pub(crate) replicas: Replicas,
    pub(crate) means: Means,
    /// Authorities in PEM to trust in place of the system's.
    #[serde(deserialize_with = "optional::<File, _, _>")]
    pub(crate) ca: Option<PathBuf>,
    /// Shown to the server, with `client_key`.
    #[serde(deserialize_with = "optional::<File, _, _>")]
    pub(crate) client_certificate: Option<PathBuf>,
    #[serde(deserialize_with = "optional::<KeyFile, _, _>")]
    pub(crate) client_key: Option<Secret>,
}

/// What a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Replicas {
    /// What the database is set to.
    Any,
    /// Nothing is taken while no synchronous standby confirms commits.
    Required,
}

/// What is used of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Means {
    /// What PostgreSQL has.
    All,
    /// What databases that speak as it does have in common.
    Plain,
}

/// Reads `[mappings]`: the folder with profiles and tables.
pub(super) fn mappings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    #[derive(Deserialize)]
    struct Mappings {
        directory: File,
    }

    Mappings::deserialize(deserializer).map(|mappings| mappings.directory.into())
}

/// Reads `[log]`: what is logged, in tracing-subscriber's words.
pub(super) fn log<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    struct Log {
        #[serde(deserialize_with = "log_filter")]
        filter: String,
    }

    Log::deserialize(deserializer).map(|log| log.filter)
}
