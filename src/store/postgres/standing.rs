//! How the database and its nodes stand.

use tokio_postgres::types::Type;

use super::rows::{NOW, Rows};
use super::trouble::Trouble;
use crate::clock;
use crate::routing::UnixMillis;
use crate::store::database::{DatabaseStanding, NodeStanding};

/// Reads it; `own` is this run, which knows rows up to a version.
pub(super) async fn standing(
    rows: Rows<'_>,
    own: &[u8],
    rows_up_to: i16,
) -> Result<DatabaseStanding, Trouble> {
    let mut standing = DatabaseStanding::default();
    let asked = clock::instant();
    let sql = format!(
        "SELECT incarnation, name, program, started_at, alive_until, alive_until >= {NOW}, rows_up_to FROM @.node
         ORDER BY 6 DESC, started_at LIMIT 64"
    );
    let nodes = rows.read(&sql, &[]).await?;
    standing.round_trip_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
    for row in nodes {
        standing.nodes.push(NodeStanding {
            name: row.try_get(1)?,
            version: row.try_get(2)?,
            started_at: UnixMillis(row.try_get(3)?),
            alive_until: UnixMillis(row.try_get(4)?),
            is_alive: row.try_get(5)?,
            is_own: row.try_get::<_, &[u8]>(0)? == own,
            rows_up_to: row.try_get(6)?,
        });
    }
    let sql = "SELECT (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),
               coalesce(floor(extract(epoch FROM now() - xact_start)), 0)::bigint, coalesce(pid, 0)
               FROM (SELECT) AS once LEFT JOIN
               (SELECT xact_start, pid FROM pg_stat_activity WHERE xact_start IS NOT NULL AND state <> 'idle'
                AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1) AS oldest ON true";
    standing.is_plain = rows.schema.is_plain;
    if !standing.is_plain
        && let Some(row) = rows.read(sql, &[]).await?.first()
    {
        standing.synchronous_standbys =
            u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        standing.oldest_transaction_s =
            u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or_default();
        standing.oldest_transaction_pid = row.try_get(2)?;
    }
    let sql =
        "SELECT count(*) FROM (SELECT FROM @.lane WHERE row_version > $1 LIMIT 10000) AS newer";
    if let Some(row) = rows.read(sql, &[(&rows_up_to as _, Type::INT2)]).await?.first() {
        standing.newer_lanes = u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
    }
    Ok(standing)
}
