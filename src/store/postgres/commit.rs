//! One transaction: begun, decided, committed; and what is done when nobody says whether it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::types::Type;

use super::connection::within;
use super::known::Known;
use super::lanes::CallOwner;
use super::rows::{NOW, Rows};
use super::schema;
use super::trouble::Trouble;
use super::view::Read;
use super::{PAUSE, Postgres};
use crate::clock;
use crate::metrics as names;
use crate::routing::{LaneKey, UnixMillis};
use crate::store::engine::Decide;
use crate::store::group::{Group, Outcomes, Terms};
use crate::store::records::Hash;
use crate::store::request::Failed;

/// How often what a group asks for is read: each time it asks for more.
const READS: u32 = 32;
/// So many numbers stand behind one value of the sequence.
const NUMBERS: u64 = 65_536;
/// How long a group may take until its COMMIT is sent.
const DECIDE: Duration = Duration::from_secs(5);
/// How long its COMMIT, and each look at what became of it, may take.
const COMMIT: Duration = Duration::from_secs(3);
/// How long a COMMIT is in doubt before its senders are told to come again.
const DOUBT: Duration = Duration::from_secs(3);

/// What a look at a COMMIT in doubt begins with: it ends at the server too, whoever waits for it.
const LOOK: &str =
    "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '2s'";

impl Postgres {
    pub(super) async fn transaction(
        &mut self,
        terms: &Terms,
        decide: &mut Decide<'_>,
        mut read: Read,
        lanes: &mut BTreeMap<Hash, Arc<LaneKey>>,
    ) -> Result<Outcomes, Trouble> {
        self.ready().await?;
        self.with_replica()?;
        self.with_same_means()?;
        let mark: [u8; 16] = rand::random();
        let (known, incarnation) = (Arc::clone(&self.known), self.incarnation);
        let (written, flight_ms) = (self.written, self.flight_ms());
        let schema = self.link.settings.schema.clone();
        let rows = Rows::new(self.link.same()?, &schema).of_groups(self.link.prepared());
        // What others' transactions have kept it from is locked in its place the next time.
        read.wanted.get_mut().with_lanes(lanes);
        let decided = decided(rows, &known, &mark, terms, decide, &mut read, lanes);
        let Decided { outcomes, now, exchange_ms } = match within(DECIDE, decided).await {
            Ok(decided) => decided,
            Err(trouble) => {
                let rolled_back = match &trouble {
                    Trouble::Away(_) => false,
                    Trouble::Again(_)
                    | Trouble::Refused(_)
                    | Trouble::Untrusted(_)
                    | Trouble::Newer(_)
                    | Trouble::Rejected(_) => within(COMMIT, rows.run("ROLLBACK")).await.is_ok(),
                };
                if !rolled_back {
                    self.link.drop_client();
                }
                return Err(trouble);
            }
        };
        // So far the clocks may be apart otherwise than measured: its calls may leave so much later than their rows
        // say.
        let owner =
            CallOwner { flight_ms: flight_ms + exchange_ms, written, incarnation: &incarnation };
        let (started, warned) = (clock::instant(), self.link.warnings());
        let rows = Rows::new(self.link.same()?, &schema).of_groups(self.link.prepared());
        let committed = within(COMMIT, rows.commit(&read, &outcomes, &owner, now)).await;
        metrics::histogram!(names::STORE_COMMIT_DURATION).record(started.elapsed().as_secs_f64());
        match committed {
            Ok(()) if self.link.warnings() == warned => {}
            Ok(()) | Err(Trouble::Away(_)) => {
                if !self.came_about(&mark).await? {
                    return Err(Trouble::Again("a COMMIT did not come about".to_owned()));
                }
            }
            // A statement before the COMMIT was refused, or the COMMIT itself.
            Err(trouble) => return Err(trouble),
        }
        known.count(&read, &outcomes);
        Ok(outcomes)
    }

    /// Whether a transaction has come about whose COMMIT was not answered, or with a warning that it may be on one
    /// server only.
    async fn came_about(&mut self, mark: &[u8; 16]) -> Result<bool, Trouble> {
        let since = clock::instant();
        self.stalled = true;
        loop {
            self.link.drop_client();
            match within(COMMIT, self.settled(mark)).await {
                Ok(came_about) => {
                    self.stalled = false;
                    return Ok(came_about);
                }
                Err(trouble) if since.elapsed() > DOUBT => {
                    self.link.drop_client();
                    return Err(trouble);
                }
                Err(trouble) => {
                    tracing::debug!(?trouble, "what became of a COMMIT is not known yet");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until the transaction with that mark is decided, and says how; one that has not set it never will. What is
    /// written here is committed behind it: when that is replicated, it is too.
    pub(super) async fn settled(&mut self, mark: &[u8; 16]) -> Result<bool, Trouble> {
        let schema = self.link.settings.schema.clone();
        let client = self.link.client().await?;
        let rows = Rows::new(client, &schema);
        // A moment below nought is a mark that was set by such a look: another look must not take it for the group's.
        let sql = format!(
            "INSERT INTO @.commit_mark AS mark VALUES ($1, -{NOW}) ON CONFLICT (id) DO UPDATE SET at = mark.at RETURNING at > 0"
        );
        client.batch_execute(LOOK).await?;
        let found = rows.read(&sql, &[(&mark.as_slice() as _, Type::BYTEA)]).await?;
        let came_about = found.first().map_or(Ok(false), |row| row.try_get(0))?;
        let warned = self.link.warnings();
        self.link.same()?.batch_execute("COMMIT").await?;
        if self.link.warnings() != warned {
            return Err(Trouble::Away("a COMMIT may be on one server only".to_owned()));
        }
        Ok(came_about)
    }

    /// Whether COMMITs come about: none of ours waits for a standby.
    pub(super) async fn flows(&mut self) -> Result<(), Trouble> {
        let schema = self.link.settings.schema.clone();
        if schema.is_plain {
            self.settled(&rand::random()).await?;
            self.stalled = false;
            return Ok(());
        }
        let rows = Rows::new(self.link.client().await?, &schema);
        let sql =
            "SELECT FROM pg_stat_activity WHERE usename = current_user AND wait_event = 'SyncRep'
                   AND query_start < clock_timestamp() - interval '1 s' LIMIT 1";
        if rows.read(sql, &[]).await?.is_empty() {
            self.stalled = false;
            return Ok(());
        }
        Err(Trouble::Away("a COMMIT waits for a synchronous standby".to_owned()))
    }
}

/// What a group has come to, the moment of it on the database's clock, and how long the exchange took that told it.
struct Decided {
    outcomes: Outcomes,
    now: UnixMillis,
    exchange_ms: u64,
}

/// Begins a transaction and decides the group on what it wants read.
async fn decided(
    rows: Rows<'_>,
    known: &Known,
    mark: &[u8; 16],
    terms: &Terms,
    decide: &mut Decide<'_>,
    read: &mut Read,
    lanes: &mut BTreeMap<Hash, Arc<LaneKey>>,
) -> Result<Decided, Trouble> {
    rows.prepare().await?;
    let wanted = read.take_wanted();
    let began = clock::now();
    let ((), begun) = tokio::try_join!(biased; rows.begin(), rows.load(&wanted, read, Some(mark)))?;
    schema::is_allowed(rows.schema, begun.oldest)?;
    let first = begun.first;
    let ended = clock::now();
    let ahead_ms = known.measure(begun.at, began, ended);
    let now = known.moment(terms.now);
    let terms = Terms { rules: Arc::clone(&terms.rules), ahead_ms, now, ..*terms };
    let mut reads = 0;
    while reads < READS {
        let mut group = Group::new(read, &terms, first);
        match decide(&mut group) {
            Ok(()) => {}
            // Without the question that has come upon it.
            Err(Failed::Newer) => continue,
            Err(failed) => return Err(Trouble::refused(failed.to_string())),
        }
        let outcomes = group.finish();
        let wanted = read.take_wanted();
        if !wanted.is_empty() {
            lanes.extend(wanted.lanes.clone());
            rows.load(&wanted, read, None).await?;
            reads += 1;
            continue;
        }
        if outcomes.next_number - first > NUMBERS {
            return Err(Trouble::refused("a group has more events than numbers".to_owned()));
        }
        return Ok(Decided { outcomes, now, exchange_ms: ended.since(began) });
    }
    Err(Trouble::refused("a group goes on asking for more".to_owned()))
}
