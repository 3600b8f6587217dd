//! What is over is forgotten: events, their bodies and ids, lanes, commit marks, nodes.

use tokio_postgres::types::Type;

use super::rows::{NOW, Rows, Values};
use super::trouble::Trouble;
use crate::routing::UnixMillis;

/// How much is forgotten in one statement.
const AT_ONCE: i64 = 500;
/// How long a commit mark is kept, and a node that is gone is shown.
const MARKS_MS: i64 = 3_600_000;

/// Forgets some of what is over; whether there may be more.
pub(super) async fn forget(
    rows: Rows<'_>,
    now: UnixMillis,
    retention_ms: u64,
    body_retention_ms: u64,
) -> Result<bool, Trouble> {
    let [events, bodies] = [now.minus(retention_ms).0, now.minus(body_retention_ms).0];
    let of_bodies = [(&bodies as _, Type::INT8), (&AT_ONCE as _, Type::INT8)];
    let of_events = [(&events as _, Type::INT8), (&AT_ONCE as _, Type::INT8)];
    let mut most = rows.write(FORGET_BODIES, &of_bodies).await?;
    let gone = rows.read(FORGET_EVENTS, &of_events).await?;
    most = most.max(gone.len() as u64);
    most = most.max(rows.write(FORGET_IDS, &of_events).await?);
    let mut conversations = Vec::with_capacity(2 * gone.len());
    for row in gone {
        conversations
            .extend([row.try_get::<_, Option<i64>>(0)?, row.try_get(1)?].into_iter().flatten());
    }
    forget_lanes(rows, &conversations).await?;
    let of_marks = [(&MARKS_MS as _, Type::INT8)];
    let marks = format!(
        "DELETE FROM @.commit_mark WHERE id IN
         (SELECT id FROM @.commit_mark WHERE abs(at) < {NOW} - $1 FOR UPDATE SKIP LOCKED)"
    );
    rows.write(&marks, &of_marks).await?;
    let gone = format!(
        "DELETE FROM @.node WHERE incarnation IN (SELECT incarnation FROM @.node WHERE alive_until < {NOW} - $1
         AND NOT EXISTS (SELECT FROM @.call WHERE call.node = node.incarnation) FOR UPDATE SKIP LOCKED)"
    );
    rows.write(&gone, &of_marks).await?;
    let more = rows.forget_settled().await?;
    Ok(more || most == AT_ONCE.cast_unsigned())
}

/// It waits for lanes that groups have, as long as they may have them: what is not forgotten now will not be later.
const BEGIN: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'";

/// Forgets the lanes of conversations of which nothing else is left. They are locked in the order in which groups lock
/// them, and then looked at again: a group may have had one of them meanwhile.
async fn forget_lanes(rows: Rows<'_>, conversations: &[i64]) -> Result<(), Trouble> {
    if conversations.is_empty() {
        return Ok(());
    }
    let hashes = async |sql: &str, values: Values<'_>| -> Result<Vec<Vec<u8>>, Trouble> {
        let found = rows.read(sql, values).await?;
        Ok(found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    };
    rows.run(BEGIN).await?;
    let sql = format!(
        "SELECT hash FROM @.lane WHERE conversation = ANY($1) AND {OVER} ORDER BY hash FOR UPDATE"
    );
    let over = hashes(&sql, &[(&conversations as _, Type::INT8_ARRAY)]).await?;
    if !over.is_empty() {
        let sql = format!("DELETE FROM @.lane WHERE hash = ANY($1) AND {OVER} RETURNING hash");
        let gone = hashes(&sql, &[(&over as _, Type::BYTEA_ARRAY)]).await?;
        let sql = "DELETE FROM @.document WHERE lane = ANY($1)";
        rows.write(sql, &[(&gone as _, Type::BYTEA_ARRAY)]).await?;
    }
    rows.run("COMMIT").await
}

const FORGET_BODIES: &str = "DELETE FROM @.body WHERE number IN (SELECT number FROM @.body AS old WHERE received_at < $1
    AND NOT EXISTS (SELECT FROM @.event WHERE event.number >= old.number AND event.number < old.number + old.events
    AND state IN (0, 1, 3)) ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

const FORGET_EVENTS: &str =
    "DELETE FROM @.event WHERE number IN (SELECT number FROM @.event WHERE received_at < $1
    AND lane IS NULL ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING conversation, lane_conversation";

const FORGET_IDS: &str =
    "DELETE FROM @.known WHERE hash IN (SELECT hash FROM @.known WHERE received_at < $1
    AND NOT EXISTS (SELECT FROM @.event WHERE event.number = known.number)
    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

const OVER: &str = "due_at IS NULL
    AND NOT EXISTS (SELECT FROM @.event WHERE event.conversation = lane.conversation)
    AND NOT EXISTS (SELECT FROM @.event WHERE event.lane_conversation = lane.conversation)
    AND NOT EXISTS (SELECT FROM @.call WHERE call.lane = lane.hash)";
