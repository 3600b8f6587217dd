//! What is over is forgotten: events, their bodies and ids, lanes, commit marks, nodes.

use tokio_postgres::types::Type;

use super::rows::{NOW, Rows};
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
    let of_conversations = [(&conversations as _, Type::INT8_ARRAY)];
    if rows.schema.is_plain {
        rows.run("BEGIN").await?;
        let mut gone = Vec::<Vec<u8>>::new();
        for row in rows.read(&format!("{FORGET_LANE} RETURNING hash"), &of_conversations).await? {
            gone.push(row.try_get(0)?);
        }
        let sql = "DELETE FROM @.document WHERE lane = ANY($1)";
        rows.write(sql, &[(&gone as _, Type::BYTEA_ARRAY)]).await?;
        rows.run("COMMIT").await?;
    } else {
        let sql = format!(
            "WITH gone AS ({FORGET_LANE} RETURNING hash) DELETE FROM @.document USING gone WHERE document.lane = gone.hash"
        );
        rows.write(&sql, &of_conversations).await?;
    }
    let of_marks = [(&MARKS_MS as _, Type::INT8)];
    rows.write(&format!("DELETE FROM @.commit_mark WHERE abs(at) < {NOW} - $1"), &of_marks).await?;
    let gone = format!(
        "DELETE FROM @.node WHERE alive_until < {NOW} - $1 AND NOT EXISTS (SELECT FROM @.call WHERE node = incarnation)"
    );
    rows.write(&gone, &of_marks).await?;
    let more = rows.forget_settled().await?;
    Ok(more || most == AT_ONCE.cast_unsigned())
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

const FORGET_LANE: &str = "DELETE FROM @.lane WHERE conversation = ANY($1) AND due_at IS NULL
    AND NOT EXISTS (SELECT FROM @.event WHERE event.conversation = lane.conversation)
    AND NOT EXISTS (SELECT FROM @.event WHERE event.lane_conversation = lane.conversation)
    AND NOT EXISTS (SELECT FROM @.call WHERE call.lane = lane.hash)";
