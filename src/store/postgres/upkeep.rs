//! What a node does now and then: it says that it is alive, counts, looks for what others have left due, takes up calls
//! that have lapsed, and forgets what is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::connection::within;
use super::lanes::due_at;
use super::means::other_means;
use super::retention::forget;
use super::rows::{NOW, Rows, json, unsigned};
use super::schema;
use super::standing::standing;
use super::trouble::Trouble;
use super::{Postgres, ROUND};
use crate::clock;
use crate::routing::{ClaimId, EntryId, LaneKey, UnixMillis};
use crate::store::engine::{Lapsed, Upkeep};
use crate::store::index::Owed;
use crate::store::request::Counts;

/// How often a node looks for what is due.
const LOOK: Duration = Duration::from_millis(250);
/// How often it says that it is alive, and for how long that holds.
const BEAT: Duration = Duration::from_secs(1);
pub(super) const LEASE_MS: i64 = 5_000;
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// A process that has ended leaves bytes behind that may arrive for so long, in milliseconds.
const AFTER_END_MS: i64 = super::LAST_BYTES_MS.cast_signed();
/// How often it counts.
const COUNT: Duration = Duration::from_secs(2);
/// How often it forgets, in milliseconds.
const FORGET_MS: u64 = 5_000;
/// What is due for so long has been left by the node that made it due: anybody's.
const LEFT_MS: u64 = 300;
/// How many lanes are looked at for one round.
const LANES: i64 = 1_000;

/// When what was done last; what is forgotten goes by the clock of its retention.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    looked: Option<Instant>,
    beat: Option<Instant>,
    counted: Option<Instant>,
    forgot: Option<UnixMillis>,
    /// All that is due was looked at once.
    began: bool,
}

fn is_over(last: &mut Option<Instant>, pause: Duration) -> bool {
    let over = last.is_none_or(|last| last.elapsed() >= pause);
    if over {
        *last = Some(clock::instant());
    }
    over
}

impl Postgres {
    /// Does what is to be done at `now`, on our clock.
    pub(super) async fn keep_up(&mut self, now: UnixMillis) -> Result<Upkeep, Trouble> {
        let mut upkeep = Upkeep::default();
        if !is_over(&mut self.schedule.looked, LOOK) {
            return Ok(upkeep);
        }
        self.ready().await?;
        let beats = is_over(&mut self.schedule.beat, BEAT);
        let counts = is_over(&mut self.schedule.counted, COUNT);
        let rests = |last: UnixMillis| now >= last && now.since(last) < FORGET_MS;
        let forgets = !self.schedule.forgot.is_some_and(rests);
        self.schedule.forgot = Some(now).filter(|_| forgets).or(self.schedule.forgot);
        let round = self.round(&mut upkeep, now, beats, counts, forgets);
        let mut done = match within(ROUND, round).await {
            // The next round does it.
            Err(Trouble::Again(why)) => {
                tracing::debug!(why, "a round of upkeep is left to the next");
                self.link.drop_client();
                Ok(())
            }
            done => done,
        };
        if done.is_ok() && self.trouble.is_some() {
            // What is read does not show that it can be written.
            done = within(ROUND, self.settled(&rand::random())).await.map(drop);
        }
        match &done {
            Ok(()) => self.trouble = None,
            Err(_) => {
                self.link.drop_client();
                self.alive_since = None;
            }
        }
        done.map(|()| upkeep)
    }

    /// Notes why a commit would be on one server only.
    ///
    /// # Errors
    /// It would be.
    pub(super) async fn look_for_replica(&mut self) -> Result<(), Trouble> {
        let schema = self.link.settings.schema.clone();
        let rows = Rows::new(self.link.client().await?, &schema);
        self.without_replica = missing_replica(rows).await?;
        self.with_replica()
    }

    /// # Errors
    /// A commit would be on one server only, and that is not enough.
    pub(super) fn with_replica(&self) -> Result<(), Trouble> {
        self.without_replica.as_ref().map_or(Ok(()), |why| Err(required(why)))
    }

    async fn round(
        &mut self,
        upkeep: &mut Upkeep,
        now: UnixMillis,
        beats: bool,
        counts: bool,
        forgets: bool,
    ) -> Result<(), Trouble> {
        let schema = self.link.settings.schema.clone();
        let (retention, body_retention) = (self.retention_ms, self.body_retention_ms);
        let (incarnation, known) = (self.incarnation, Arc::clone(&self.known));
        let rows_up_to = self.link.settings.rows_up_to;
        self.plan_each().await?;
        if beats && self.link.settings.replicas_required {
            self.look_for_replica().await?;
        }
        self.with_replica()?;
        if beats {
            self.look_for_other_means().await?;
        }
        self.with_same_means()?;
        let rows = Rows::new(self.link.client().await?, &schema);
        if beats || forgets {
            rows.measure(&known).await?;
        }
        upkeep.ahead_ms = known.ahead_ms();
        if beats {
            is_allowed(rows).await?;
            // Nothing is lost with it, so it waits for no standby.
            self.alive_since.get_or_insert_with(clock::instant);
            let beat = format!(
                "BEGIN; SET LOCAL synchronous_commit = off; UPDATE {schema}.node SET alive_until = {NOW} + {LEASE_MS}
                 WHERE incarnation = '\\x{}'; COMMIT",
                hex::encode(incarnation)
            );
            rows.run(&beat).await?;
            self.written = written(rows).await?;
            // A database that was away has ended all leases; who comes back first does not take up the calls of the
            // others.
            let judges = self.alive_since.is_some_and(|since| since.elapsed() >= LEASE);
            upkeep.lapsed = lapsed(rows, known.moment(now), judges, rows_up_to).await?;
        }
        let left = if std::mem::replace(&mut self.schedule.began, true) {
            known.moment(now).minus(LEFT_MS)
        } else {
            UnixMillis::MAX
        };
        if schema.is_plain {
            rows.place_settled().await?;
        }
        upkeep.due = left_due(rows, left, rows_up_to).await?;
        if counts {
            *known.counts() = counted(rows).await?;
            let mut standing = standing(rows, &incarnation, rows_up_to).await?;
            standing.rows_written = self.written;
            self.warnings.look(&standing, upkeep.ahead_ms);
            known.set_standing(standing);
        }
        if forgets {
            upkeep.more = forget(rows, known.moment(now), retention, body_retention).await?;
            self.schedule.counted = None;
            // The next round goes on at once.
            if upkeep.more {
                (self.schedule.forgot, self.schedule.looked) = (None, None);
            }
        }
        Ok(())
    }

    /// Makes this run known. Earlier runs of this node are over: nothing more leaves for their calls, which are
    /// nobody's.
    pub(super) async fn introduce(&mut self) -> Result<(), Trouble> {
        let (schema, incarnation) = (self.link.settings.schema.clone(), self.incarnation);
        let node = Arc::clone(&self.link.settings.node);
        let rows_up_to = self.link.settings.rows_up_to;
        let name = node.name.as_str();
        let rows = Rows::new(self.link.client().await?, &schema);
        let version = env!("CARGO_PKG_VERSION");
        let sql = format!(
            "INSERT INTO @.node (incarnation, name, program, started_at, alive_until, rows_up_to, means)
             VALUES ($1, $2, $3, {NOW}, {NOW} + $4, $5, $6) ON CONFLICT (incarnation) DO NOTHING"
        );
        let means = schema.means();
        let values = [
            (&incarnation.as_slice() as _, Type::BYTEA),
            (&name as _, Type::TEXT),
            (&version as _, Type::TEXT),
            (&LEASE_MS as _, Type::INT8),
            (&rows_up_to as _, Type::INT2),
            (&means as _, Type::TEXT),
        ];
        rows.write(&sql, &values).await?;
        self.other_means = other_means(rows, &incarnation, name).await?;
        if let Some(why) = &self.other_means {
            let sql = "DELETE FROM @.node WHERE incarnation = $1";
            rows.write(sql, &[(&incarnation.as_slice() as _, Type::BYTEA)]).await?;
            return Err(Trouble::Refused(why.clone()));
        }
        let values = [(&incarnation.as_slice() as _, Type::BYTEA), (&name as _, Type::TEXT)];
        let of_earlier = "SELECT entry FROM @.call WHERE node IN
            (SELECT incarnation FROM @.node WHERE name = $2 AND incarnation <> $1)";
        // One by one: groups of other nodes write the same rows, and none is to be held while another is waited for.
        for row in rows.read(of_earlier, &values).await? {
            let entry: i64 = row.try_get(0)?;
            let sql = format!(
                "UPDATE @.call SET lapses_at = least(lapses_at, {NOW} + $2) WHERE entry = $1 AND node IN
                 (SELECT incarnation FROM @.node WHERE name = $3 AND incarnation <> $4)"
            );
            let values = [
                (&entry as _, Type::INT8),
                (&AFTER_END_MS as _, Type::INT8),
                (&name as _, Type::TEXT),
                (&incarnation.as_slice() as _, Type::BYTEA),
            ];
            rows.write(&sql, &values).await?;
        }
        let values = [(&incarnation.as_slice() as _, Type::BYTEA), (&name as _, Type::TEXT)];
        let sql = "DELETE FROM @.node WHERE name = $2 AND incarnation <> $1";
        rows.write(sql, &values).await?;
        rows.measure(&self.known).await?;
        *self.known.counts() = counted(rows).await?;
        self.written = written(rows).await?;
        self.introduced = true;
        Ok(())
    }

    pub(super) async fn lanes_with_parked(&mut self) -> Result<Vec<Arc<LaneKey>>, Trouble> {
        self.ready().await?;
        self.plan_each().await?;
        let rows_up_to = self.link.settings.rows_up_to;
        let schema = self.link.settings.schema.clone();
        let rows = Rows::new(self.link.client().await?, &schema);
        let sql = "SELECT name FROM @.lane WHERE hash IN (SELECT DISTINCT lane FROM @.event WHERE state = 1)
                   AND row_version <= $1";
        let mut lanes = Vec::new();
        for row in rows.read(sql, &[(&rows_up_to as _, Type::INT2)]).await? {
            let name: &str = row.try_get(0)?;
            lanes.push(Arc::new(json(name.as_bytes())?));
        }
        Ok(lanes)
    }
}

/// Nothing is taken for that reason.
pub(super) fn required(why: &str) -> Trouble {
    Trouble::Away(format!("replicas = \"required\", and {why}"))
}

/// Why a commit would be on one server only.
pub(super) async fn missing_replica(rows: Rows<'_>) -> Result<Option<String>, Trouble> {
    let sql = "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
               (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))";
    let found = rows.read(sql, &[]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let (commit, names): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if matches!(commit, "off" | "local") {
        Some(format!("synchronous_commit is {commit}"))
    } else if names.is_empty() {
        Some("synchronous_standby_names is empty".to_owned())
    } else if row.try_get::<_, i64>(2)? == 0 {
        Some("no synchronous standby is attached, or the user lacks the role pg_monitor".to_owned())
    } else {
        None
    })
}

/// Refuses tables that only newer programs may write, whichever came while this one was running.
async fn is_allowed(rows: Rows<'_>) -> Result<(), Trouble> {
    let found = rows.read("SELECT oldest FROM @.meta", &[]).await?;
    let oldest = found.first().map(|row| row.try_get(0)).transpose()?;
    schema::is_allowed(rows.schema, oldest)
}

/// The version of rows that all living nodes read.
async fn written(rows: Rows<'_>) -> Result<i16, Trouble> {
    let sql = format!(
        "SELECT coalesce(min(rows_up_to), 1::smallint) FROM @.node WHERE alive_until >= {NOW}"
    );
    let found = rows.read(&sql, &[]).await?;
    Ok(found.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(1))
}

/// Calls that their nodes do not answer for any more: that cannot land any more, or whose node is gone; of lanes that
/// this node may touch. `now` is a moment on the database's clock as it was just measured: a node that has its own set
/// must not take others' calls up too soon. `judges` is whether the leases of others count.
async fn lapsed(
    rows: Rows<'_>,
    now: UnixMillis,
    judges: bool,
    rows_up_to: i16,
) -> Result<Vec<Lapsed>, Trouble> {
    let sql = format!(
        "SELECT lane.name, call.entry, call.claim, call.lapses_at FROM @.call JOIN @.lane ON lane.hash = call.lane
         LEFT JOIN @.node ON node.incarnation = call.node WHERE lane.row_version <= $4
         AND (call.lapses_at < $3 OR node.incarnation IS NULL OR ($2 AND node.alive_until < {NOW}))
         ORDER BY call.lapses_at LIMIT $1"
    );
    let mut lapsed = Vec::new();
    let values = [
        (&LANES as _, Type::INT8),
        (&judges as _, Type::BOOL),
        (&now.0 as _, Type::INT8),
        (&rows_up_to as _, Type::INT2),
    ];
    for row in rows.read(&sql, &values).await? {
        let name: &str = row.try_get(0)?;
        let (entry, claim) = (unsigned(row.try_get(1)?), unsigned(row.try_get(2)?));
        let (lane, doubt_until) = (Arc::new(json(name.as_bytes())?), UnixMillis(row.try_get(3)?));
        let (entry, claim) = (EntryId(entry), ClaimId::of_number(claim));
        let doubt_until = Some(doubt_until);
        lapsed.push(Lapsed { doubt_until, lane, entry, claim });
    }
    Ok(lapsed)
}

/// Lanes that were due before a moment, or of which a deadline has passed by then: the most urgent first; none of a
/// newer program.
async fn left_due(
    rows: Rows<'_>,
    before: UnixMillis,
    rows_up_to: i16,
) -> Result<Vec<(Arc<LaneKey>, Option<crate::routing::Due>)>, Trouble> {
    let sql =
        "SELECT name, due_at, live, urgent_at, entry, expires_at, expires_entry, calls FROM @.lane
         WHERE (due_at < $1 OR expires_at < $1) AND row_version <= $3 ORDER BY live DESC, urgent_at LIMIT $2";
    let values =
        [(&before.0 as _, Type::INT8), (&LANES as _, Type::INT8), (&rows_up_to as _, Type::INT2)];
    let mut due = Vec::new();
    for row in rows.read(sql, &values).await? {
        let (lane, owed) = due_at(&row)?;
        due.push((lane, Some(owed)));
    }
    Ok(due)
}

pub(super) async fn counted(rows: Rows<'_>) -> Result<(Counts, HashMap<Arc<str>, Owed>), Trouble> {
    let sql = "SELECT state, source, count(*), min(received_at) FROM @.event WHERE state IN (0, 1, 3) GROUP BY state, source";
    let (mut counts, mut owed) = (Counts::default(), HashMap::<Arc<str>, Owed>::new());
    for row in rows.read(sql, &[]).await? {
        let (state, source): (i16, &str) = (row.try_get(0)?, row.try_get(1)?);
        let number = usize::try_from(row.try_get::<_, i64>(2)?).unwrap_or_default();
        let oldest = UnixMillis(row.try_get(3)?);
        if state == 3 {
            counts.dead += number;
            continue;
        }
        let owed = owed.entry(source.into()).or_default();
        if state == 0 {
            (counts.pending, owed.pending) = (counts.pending + number, owed.pending + number);
        } else {
            (counts.parked, owed.parked) = (counts.parked + number, owed.parked + number);
        }
        counts.oldest_received_at =
            Some(counts.oldest_received_at.map_or(oldest, |before| before.min(oldest)));
    }
    // How many are known beyond 10,000 only PostgreSQL itself can say at once.
    let known = "SELECT count(*) FROM (SELECT FROM @.known LIMIT 10000) AS first";
    let sql = "SELECT CASE WHEN few < 10000 THEN few ELSE greatest(few, reltuples::bigint) END FROM
               (SELECT count(*) AS few FROM (SELECT FROM @.known LIMIT 10000) AS first) AS known,
               pg_class WHERE oid = to_regclass('@.known')";
    let sql = if rows.schema.is_plain { known } else { sql };
    if let Some(row) = rows.read(sql, &[]).await?.first() {
        counts.remembered = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
    }
    Ok((counts, owed))
}
