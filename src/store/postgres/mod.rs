//! PostgreSQL as the engine, for several nodes over one database. The only place that knows SQL.
//!
//! A group is one transaction: its commit mark, what it wants read (its lanes locked), what it decides, what it writes.
//! It is decided on what was read; what it asks for beyond that is read, and it is decided again. A COMMIT in doubt is
//! settled by its mark. All moments in rows are on the database's clock; the clocks of nodes never meet there.
//!
//! Transactions take rows in one order, so that no two wait for each other: existing lanes, ids, new lanes, documents,
//! registers, then what belongs to these lanes, each of them in the order of their keys. What comes out of that order
//! does not wait (`NOWAIT`, `SKIP LOCKED`), or is a transaction of one row.

mod commit;
mod connection;
mod counted;
mod import;
mod known;
mod lanes;
mod means;
mod operators;
mod parts;
mod prepared;
mod quick;
mod read;
mod retention;
mod rows;
mod schema;
mod settled;
mod socket;
mod standing;
mod threads;
mod trouble;
mod upkeep;
mod view;
mod warnings;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::types::Type;

pub(crate) use self::connection::Schema;
use self::connection::{Link, within};
pub use self::connection::{Node, PostgresSettings};
pub(super) use self::known::Known;
use self::prepared::Prepared;
pub(super) use self::read::DatabaseReader;
use self::rows::Rows;
#[cfg(test)]
pub(super) use self::schema::statements;
use self::threads::Threads;
use self::trouble::Trouble;
use self::upkeep::{LEASE, Schedule};
pub(super) use self::view::Read;
#[cfg(test)]
pub(super) use self::view::{ReadLane, Wanted};
use self::warnings::Warnings;
use super::engine::{Decide, Engine, Upkeep};
use super::group::{Group, Outcomes, Terms};
use super::open_error::OpenError;
use super::request::Failed;
use crate::clock;
use crate::metrics as names;
use crate::pauses::backoff_delay;
use crate::routing::{LaneKey, UnixMillis};

/// How often a group is decided again because others were in the way.
const TRIES: u32 = 8;
/// The longest pause before that, in milliseconds.
const LONGEST_PAUSE: u64 = 64;
/// After a connection could not be made, the next is tried after so long.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the database may take for a round of upkeep.
const ROUND: Duration = Duration::from_secs(6);
/// From the end of a call's time until its bytes cannot arrive any more, in milliseconds.
const LAST_BYTES_MS: u64 = 4_000;

/// The database; the writer's.
pub(super) struct Postgres {
    runtime: Arc<Threads>,
    link: Link,
    known: Arc<Known>,
    /// This run of this node.
    incarnation: [u8; 16],
    retention_ms: u64,
    body_retention_ms: u64,
    schedule: Schedule,
    warnings: Warnings,
    /// Since when every round of upkeep was done.
    alive_since: Option<Instant>,
    /// When a connection could not be made, and why.
    away: Option<(Instant, String)>,
    introduced: bool,
    /// The version of rows that all living nodes read, in which this one writes.
    written: i16,
    /// Why a commit would be on one server only, where that is not enough.
    without_replica: Option<String>,
    /// Why another node must be gone before this one may work.
    other_means: Option<String>,
    /// A COMMIT was not answered: another waits until none waits for a standby any more.
    stalled: bool,
    /// Why the last group was not kept, or the last round of upkeep not done.
    trouble: Option<String>,
}

impl Postgres {
    /// Tries to reach the database. One that is away is tried again later.
    ///
    /// # Errors
    /// The database refuses for good, or another node uses something else of it.
    pub(super) fn open(
        settings: PostgresSettings,
        retention_ms: u64,
        body_retention_ms: u64,
    ) -> Result<(Self, DatabaseReader), OpenError> {
        let refused = |error| OpenError::Refused(format!("no thread for the database: {error}"));
        let runtime = Arc::new(Threads::callers_own().map_err(refused)?);
        let of_reader = Arc::new(Threads::start().map_err(refused)?);
        let known = Arc::<Known>::default();
        let reader = DatabaseReader::new(settings.clone(), of_reader, Arc::clone(&known));
        let link = Link::new(settings, Arc::clone(&runtime));
        let mut engine = Self {
            runtime,
            link,
            known,
            incarnation: rand::random(),
            retention_ms,
            body_retention_ms,
            schedule: Schedule::default(),
            warnings: Warnings::default(),
            alive_since: None,
            away: None,
            introduced: false,
            written: 1,
            without_replica: None,
            other_means: None,
            stalled: false,
            trouble: None,
        };
        let runtime = Arc::clone(&engine.runtime);
        let ready = apart(|| runtime.block_on(engine.ready_at_start()));
        match ready {
            Ok(()) => {}
            Err(Trouble::Refused(why)) if engine.other_means.is_some() => {
                return Err(OpenError::OtherMeans(why));
            }
            Err(Trouble::Refused(why)) => return Err(OpenError::Refused(why)),
            Err(
                Trouble::Again(why)
                | Trouble::Away(why)
                | Trouble::Untrusted(why)
                | Trouble::Newer(why)
                | Trouble::Rejected(why),
            ) => {
                tracing::warn!(
                    error = why,
                    "the database of the store is away; it is tried again until it is there"
                );
            }
        }
        Ok((engine, reader))
    }

    /// The same at the start, when a node that uses other means may have been killed a moment ago.
    async fn ready_at_start(&mut self) -> Result<(), Trouble> {
        let began = clock::instant();
        loop {
            let ready = self.ready().await;
            if self.other_means.is_none() || began.elapsed() > LEASE + PAUSE {
                return ready;
            }
            tokio::time::sleep(2 * PAUSE).await;
        }
    }

    /// A connection on which this node is known.
    async fn ready(&mut self) -> Result<(), Trouble> {
        if let Some((since, why)) = &self.away
            && since.elapsed() < PAUSE
        {
            return Err(Trouble::Away(why.clone()));
        }
        let ready = match self.link.client().await {
            Ok(_) => within(ROUND, self.prepared()).await,
            Err(trouble) => Err(trouble),
        };
        self.away = match &ready {
            Ok(()) => None,
            Err(trouble) => {
                self.link.drop_client();
                self.alive_since = None;
                Some((clock::instant(), trouble.to_string()))
            }
        };
        ready
    }

    /// On a connection that is there: whether a COMMIT can be expected to be answered; makes this run known first.
    async fn prepared(&mut self) -> Result<(), Trouble> {
        if self.stalled {
            self.flows().await?;
        }
        if self.introduced {
            return Ok(());
        }
        if self.link.settings.replicas_required {
            self.look_for_replica().await?;
        }
        self.introduce().await
    }

    /// From the moment by which a call leaves until nothing of it can arrive any more.
    const fn flight_ms(&self) -> u64 {
        self.link.settings.call_ms + LAST_BYTES_MS
    }
}

/// Does what waits for the database on a thread of its own: whoever opens the store may be within a runtime.
#[expect(clippy::disallowed_methods, reason = "at the start, and in tests")]
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let done = scope.spawn(work).join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Engine for Postgres {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        let runtime = Arc::clone(&self.runtime);
        let (mut trouble, mut lanes) = (None, BTreeMap::new());
        for attempt in 0..TRIES {
            let rows_up_to = self.link.settings.rows_up_to;
            let mut read = Read { rows_up_to, ..Read::default() };
            {
                let counted = self.known.counts();
                (read.counts, read.owed) = (counted.0, counted.1.clone());
            }
            // What it wants read first.
            let mut group = Group::new(&mut read, terms, 0);
            decide(&mut group)?;
            let outcomes = group.finish();
            if super::group::View::is_complete(&read) && outcomes.changes.is_empty() {
                return Ok(outcomes);
            }
            match runtime.block_on(self.transaction(terms, decide, read, &mut lanes)) {
                Ok(outcomes) => {
                    self.trouble = None;
                    return Ok(outcomes);
                }
                Err(Trouble::Again(why)) => {
                    tracing::debug!(why, attempt, "a group is decided again");
                    // The tables that a statement was prepared for may have changed, whichever answer was read first.
                    if attempt > 0 {
                        self.link.prepared().map(Prepared::forget);
                    }
                    metrics::counter!(names::DATABASE_CONFLICTS).increment(1);
                    trouble = Some(Trouble::Again(why));
                    // Those in the way go on at the same time: not both at the same moment again.
                    let pause = backoff_delay(attempt, 1, LONGEST_PAUSE, rand::random());
                    let pause = Duration::from_millis(pause);
                    runtime.block_on(async { tokio::time::sleep(pause).await });
                }
                Err(Trouble::Rejected(why)) => return Err(Failed::Rejected(why)),
                Err(other) => {
                    trouble = Some(other);
                    break;
                }
            }
        }
        let why = trouble.map(|trouble| trouble.to_string()).unwrap_or_default();
        self.trouble = Some(why.clone());
        Err(Failed::Unreachable(why))
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        let runtime = Arc::clone(&self.runtime);
        Ok(runtime.block_on(self.lanes_with_parked())?)
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        let runtime = Arc::clone(&self.runtime);
        let done = runtime.block_on(self.keep_up(now));
        if let Err(trouble) = &done {
            self.trouble = Some(trouble.to_string());
        }
        Ok(done?)
    }

    fn trouble(&self) -> Option<Failed> {
        self.trouble.clone().map(Failed::Unreachable)
    }

    fn close(self: Box<Self>) {
        let Self { runtime, mut link, incarnation, known, .. } = *self;
        known.closed.store(true, Ordering::Relaxed);
        let schema = link.settings.schema.clone();
        let left = runtime.block_on(within(ROUND, async {
            let client: &Client = link.client().await?;
            let sql = "DELETE FROM @.node WHERE incarnation = $1 AND NOT EXISTS (SELECT FROM @.call WHERE node = $1)";
            let values = [(&incarnation.as_slice() as _, Type::BYTEA)];
            Rows::new(client, &schema).write(sql, &values).await
        }));
        if let Err(trouble) = left {
            tracing::warn!(error = %trouble, "the node could not take its leave of the database");
        }
        link.settings.node.release();
    }
}
