//! How the store is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::postgres::PostgresSettings;
use super::request::Transition;

/// How much may be owed before nothing more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Unsettled events but for parked ones.
    pub pending: usize,
    /// The same of one source, and as many parked ones beside them.
    pub per_source: usize,
    /// Unsettled events of one conversation, or of all that share a document.
    pub per_conversation: usize,
}

/// Called with each change of state.
pub(super) type Tell = Arc<dyn Fn(&Transition) + Send + Sync>;

/// How the store is set up: the `[store]` section and the limits of `[intake]`.
#[derive(Clone)]
pub struct Settings {
    /// A directory of the store's own; created if need be.
    pub path: PathBuf,
    /// The database that holds everything in place of that directory, for several nodes.
    pub postgres: Option<PostgresSettings>,
    /// How long an event and its id are remembered, in milliseconds from its receipt.
    pub retention_ms: u64,
    /// How long the vendor's bodies of settled events are kept, in milliseconds from their receipt.
    pub body_retention_ms: u64,
    /// How much may be pending.
    pub limits: Limits,
    /// A commit that takes longer fails the store.
    pub commit_timeout: Duration,
    /// sled's page cache; its real use is two to four times this.
    pub cache_bytes: u64,
    /// Called with each change of state, in the order of the commits. It must not wait.
    pub tell: Tell,
    /// With less than this free on the disk nothing new is taken, in bytes: what was taken can still be carried out.
    pub free_space_floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pending: 100_000, per_source: 100_000, per_conversation: 1_000 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/state.sled"),
            postgres: None,
            retention_ms: 72 * 3_600_000,
            body_retention_ms: 24 * 3_600_000,
            limits: Limits::default(),
            commit_timeout: Duration::from_secs(10),
            cache_bytes: 24 * 1024 * 1024,
            tell: Arc::new(|_| {}),
            free_space_floor: 256 * 1024 * 1024,
        }
    }
}
