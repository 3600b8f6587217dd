//! How the database stands that several nodes share: from memory, some seconds old at most.

use super::Store;
use crate::clock;
use crate::routing::UnixMillis;

/// The database and its nodes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DatabaseStanding {
    /// Those that are alive first.
    pub(crate) nodes: Vec<NodeStanding>,
    /// From the last question to its answer, in microseconds.
    pub(crate) round_trip_us: u64,
    /// Its clock less this machine's, in milliseconds.
    pub(crate) clock_ahead_ms: i64,
    /// Only what databases that speak as PostgreSQL does have in common is used: of standbys and transactions nothing
    /// is known.
    pub(crate) is_plain: bool,
    /// How many standbys confirm a commit before it is answered.
    pub(crate) synchronous_standbys: u32,
    /// The version of rows that all living nodes read, in which this one writes.
    pub(crate) rows_written: i16,
    /// How many conversations a newer program has written, which this node leaves to others; 10,000 stands for more.
    pub(crate) newer_lanes: u32,
    /// How long the oldest transaction of any user has been open, in seconds; without the role `pg_monitor` only this
    /// user's.
    pub(crate) oldest_transaction_s: u64,
    /// Its server process, 0 where there is none.
    pub(crate) oldest_transaction_pid: i32,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeStanding {
    pub(crate) name: String,
    pub(crate) version: String,
    /// On the database's clock, as all moments here.
    pub(crate) started_at: UnixMillis,
    /// Until when it has said that it is alive.
    pub(crate) alive_until: UnixMillis,
    pub(crate) is_alive: bool,
    /// It is this one.
    pub(crate) is_own: bool,
    /// The newest version of rows that it reads and writes.
    pub(crate) rows_up_to: i16,
}

impl Store {
    /// Whether other nodes write, too.
    #[must_use]
    pub(crate) fn has_nodes(&self) -> bool {
        self.inner.has_nodes
    }

    /// The moment on the clock that the store's own moments are on: the database's, as far as it is known; over files
    /// ours.
    #[must_use]
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(clock::now().0.saturating_add(self.clock_ahead_ms()))
    }

    /// That clock less ours, in milliseconds.
    #[must_use]
    pub(crate) fn clock_ahead_ms(&self) -> i64 {
        self.inner.reader.clock_ahead_ms()
    }

    /// How the shared database stands; none over files.
    #[must_use]
    pub(crate) fn database(&self) -> Option<DatabaseStanding> {
        self.inner.reader.database()
    }
}
