//! PostgreSQL as the engine, for several nodes over one database. The only place that knows SQL.
//!
//! A group is one transaction: its commit mark, what it wants read (its lanes locked), what it decides, what it writes. It is
//! decided on what was read; what it asks for beyond that is read, and it is decided again. A COMMIT in doubt is settled by its
//! mark. All moments in rows are on the database's clock; the clocks of nodes never meet there.

mod connection;
mod import;
mod known;
mod lanes;
mod operators;
mod read;
mod rows;
mod schema;
mod settled;
mod standing;
mod threads;
mod trouble;
mod upkeep;
mod view;
mod write;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use self::connection::Link;
pub use self::connection::{Node, PostgresSettings};
use self::known::Known;
use self::lanes::CallOwner;
pub(super) use self::read::DatabaseReader;
use self::rows::{NOW, Rows, unsigned};
#[cfg(test)]
pub(super) use self::schema::statements;
use self::threads::Threads;
use self::trouble::Trouble;
use self::upkeep::Schedule;
use self::view::Read;
use super::engine::{Decide, Engine, Upkeep};
use super::group::{Group, Outcomes, Terms};
use super::request::Failed;
use crate::clock;
use crate::metrics as names;
use crate::routing::{LaneKey, UnixMillis};

/// How often a group is decided again because others were in the way.
const TRIES: u32 = 8;
/// How often what it asks for is read: each time it asks for more.
const READS: u32 = 32;
/// After a connection could not be made, the next is tried after so long.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a COMMIT is in doubt before its senders are told to come again.
const DOUBT: Duration = Duration::from_secs(3);
/// So many numbers stand behind one value of the sequence.
const NUMBERS: u64 = 65_536;
/// From the end of a call's time until its bytes cannot arrive any more, in milliseconds.
const LAST_BYTES_MS: u64 = 4_000;

/// What one transaction begins with. A frozen node loses its locks, and nobody waits for long.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '2s'";

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
    /// When a connection could not be made, and why.
    away: Option<(Instant, String)>,
    introduced: bool,
    /// Why a commit would be on one server only, where that is not enough.
    without_replica: Option<String>,
}

impl Postgres {
    /// Tries to reach the database. One that is away is tried again later.
    ///
    /// # Errors
    /// The database refuses for good.
    pub(super) fn open(
        settings: PostgresSettings,
        retention_ms: u64,
        body_retention_ms: u64,
    ) -> Result<(Self, DatabaseReader), String> {
        let runtime =
            Threads::start().map_err(|error| format!("no thread for the database: {error}"))?;
        let (runtime, known) = (Arc::new(runtime), Arc::<Known>::default());
        let reader =
            DatabaseReader::new(settings.clone(), Arc::clone(&runtime), Arc::clone(&known));
        let link = Link::new(settings, Arc::clone(&runtime));
        let mut engine = Self {
            runtime,
            link,
            known,
            incarnation: rand::random(),
            retention_ms,
            body_retention_ms,
            schedule: Schedule::default(),
            away: None,
            introduced: false,
            without_replica: None,
        };
        let runtime = Arc::clone(&engine.runtime);
        let ready = apart(|| runtime.block_on(engine.ready()));
        match ready {
            Ok(()) => {}
            Err(Trouble::Refused(why)) => return Err(why),
            Err(Trouble::Again(why) | Trouble::Away(why)) => {
                tracing::warn!(
                    error = why,
                    "the database of the store is away; it is tried again until it is there"
                );
            }
        }
        Ok((engine, reader))
    }

    /// A connection on which this node is known.
    async fn ready(&mut self) -> Result<(), Trouble> {
        if let Some((since, why)) = &self.away
            && since.elapsed() < PAUSE
        {
            return Err(Trouble::Away(why.clone()));
        }
        let ready = match self.link.client().await {
            Ok(_) if self.introduced => Ok(()),
            Ok(_) => self.introduce().await,
            Err(trouble) => Err(trouble),
        };
        self.away = match &ready {
            Ok(()) => None,
            Err(Trouble::Again(why) | Trouble::Away(why) | Trouble::Refused(why)) => {
                self.link.drop_client();
                Some((clock::instant(), why.clone()))
            }
        };
        ready
    }

    async fn transaction(
        &mut self,
        terms: &Terms,
        decide: &mut Decide<'_>,
        mut read: Read,
    ) -> Result<Outcomes, Trouble> {
        self.ready().await?;
        if let Some(why) = &self.without_replica {
            return Err(Trouble::Refused(format!("replicas = \"required\", and {why}")));
        }
        let mark: [u8; 16] = rand::random();
        let (known, incarnation) = (Arc::clone(&self.known), self.incarnation);
        let owner = CallOwner { incarnation: &incarnation, flight_ms: self.flight_ms() };
        let schema = self.link.settings.schema.clone();
        let client = self.link.client().await?;
        let rows = Rows { client, schema: &schema };
        let decided = decided(rows, &known, &mark, terms, decide, &mut read, &owner).await;
        let outcomes = match decided {
            Ok(outcomes) => outcomes,
            Err(trouble) => {
                if client.batch_execute("ROLLBACK").await.is_err() {
                    self.link.drop_client();
                }
                return Err(trouble);
            }
        };
        let started = clock::instant();
        let committed = client.batch_execute("COMMIT").await;
        metrics::histogram!(names::STORE_COMMIT_DURATION).record(started.elapsed().as_secs_f64());
        match committed.map_err(Trouble::from) {
            Ok(()) => {
                known.count(&read, &outcomes);
                Ok(outcomes)
            }
            Err(Trouble::Again(why)) => Err(Trouble::Again(why)),
            Err(_) if self.came_about(&mark).await? => Ok(outcomes),
            Err(_) => Err(Trouble::Again("a COMMIT did not come about".to_owned())),
        }
    }

    /// Whether a transaction whose COMMIT was not answered has come about: its mark cannot be set twice.
    async fn came_about(&mut self, mark: &[u8; 16]) -> Result<bool, Trouble> {
        let since = clock::instant();
        loop {
            self.link.drop_client();
            let schema = self.link.settings.schema.clone();
            let set = match self.link.client().await {
                Ok(client) => set_mark(Rows { client, schema: &schema }, mark).await,
                Err(trouble) => Err(trouble),
            };
            match set {
                Ok(set) => return Ok(!set),
                Err(trouble) if since.elapsed() > DOUBT => return Err(trouble),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
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

/// Sets a commit mark in a transaction of its own; false where it is set already.
async fn set_mark(rows: Rows<'_>, mark: &[u8; 16]) -> Result<bool, Trouble> {
    let values = [(&mark.as_slice() as _, Type::BYTEA)];
    let sql = format!("INSERT INTO {}.commit_mark VALUES ($1, {NOW})", rows.schema);
    match rows.client.execute_typed(&sql, &values).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Begins a transaction, decides the group on what it wants read, and writes what it has come to; all but the COMMIT.
async fn decided(
    rows: Rows<'_>,
    known: &Known,
    mark: &[u8; 16],
    terms: &Terms,
    decide: &mut Decide<'_>,
    read: &mut Read,
    owner: &CallOwner<'_>,
) -> Result<Outcomes, Trouble> {
    let wanted = read.take_wanted();
    let began = clock::now();
    let begin = async { rows.client.batch_execute(BEGIN).await.map_err(Trouble::from) };
    let next = format!("SELECT nextval('@.number'), {NOW}");
    let ((), _, (), drawn) = tokio::try_join!(
        biased;
        begin,
        set_mark(rows, mark),
        rows.load(&wanted, read),
        rows.read(&next, &[]),
    )?;
    let drawn = drawn.first().ok_or_else(|| Trouble::refused("no number was drawn".to_owned()))?;
    let first = unsigned(drawn.try_get(0)?);
    let ahead_ms = known.measure(drawn.try_get(1)?, began, clock::now());
    let now = known.moment(terms.now);
    let terms = Terms { rules: Arc::clone(&terms.rules), ahead_ms, now, ..*terms };
    for _ in 0..READS {
        let mut group = Group::new(read, &terms, first);
        decide(&mut group).map_err(|failed| Trouble::refused(failed.to_string()))?;
        let outcomes = group.finish();
        let wanted = read.take_wanted();
        if !wanted.is_empty() {
            rows.load(&wanted, read).await?;
            continue;
        }
        if outcomes.next_number - first > NUMBERS {
            return Err(Trouble::refused("a group has more events than numbers".to_owned()));
        }
        rows.keep(read, &outcomes, owner, now).await?;
        return Ok(outcomes);
    }
    Err(Trouble::refused("a group goes on asking for more".to_owned()))
}

impl Engine for Postgres {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        let runtime = Arc::clone(&self.runtime);
        let mut trouble = None;
        for attempt in 0..TRIES {
            let mut read = Read::default();
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
            match runtime.block_on(self.transaction(terms, decide, read)) {
                Ok(outcomes) => return Ok(outcomes),
                Err(Trouble::Again(why)) => {
                    tracing::debug!(why, attempt, "a group is decided again");
                    trouble = Some(Trouble::Again(why));
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(trouble.unwrap_or_else(|| Trouble::Again(String::new())).into())
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        let runtime = Arc::clone(&self.runtime);
        Ok(runtime.block_on(self.lanes_with_parked())?)
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        let runtime = Arc::clone(&self.runtime);
        Ok(runtime.block_on(self.keep_up(now))?)
    }

    fn close(self: Box<Self>) {
        let Self { runtime, mut link, incarnation, known, .. } = *self;
        known.closed.store(true, Ordering::Relaxed);
        let schema = link.settings.schema.clone();
        let left = runtime.block_on(async {
            let client: &Client = link.client().await?;
            let sql = "DELETE FROM @.node WHERE incarnation = $1 AND NOT EXISTS (SELECT FROM @.call WHERE node = $1)";
            let values = [(&incarnation.as_slice() as _, Type::BYTEA)];
            Rows { client, schema: &schema }.write(sql, &values).await
        });
        if let Err(trouble) = left {
            tracing::warn!(error = %trouble, "the node could not take its leave of the database");
        }
        link.settings.node.release();
    }
}
