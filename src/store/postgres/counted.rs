//! The rows in which each node says what it has counted.

use tokio_postgres::types::Type;

use super::rows::{NOW, NUMBERS, Rows, TEXTS};
use super::trouble::Trouble;
use crate::store::counted::CountedRow;

/// How long a row is kept, in milliseconds: an hour and some minutes.
const KEPT_MS: i64 = 3_900_000;
/// How many rows are read at most: the hour of so many nodes as nobody has.
const MOST: i64 = 10_000;

impl Rows<'_> {
    /// Writes rows of a node, and forgets old ones of all. Nothing is lost with them, so no standby is waited for.
    pub(super) async fn write_counted(
        &self,
        node: &str,
        rows: &[(i64, String)],
    ) -> Result<(), Trouble> {
        let minutes: Vec<i64> = rows.iter().map(|(minute, _)| *minute).collect();
        let contents: Vec<&str> = rows.iter().map(|(_, content)| content.as_str()).collect();
        let soft = if self.schema.is_plain {
            ""
        } else {
            "WHERE set_config('synchronous_commit', 'off', true) = 'off'"
        };
        let sql = format!(
            "WITH old AS (DELETE FROM @.counted WHERE (node, minute) IN
             (SELECT node, minute FROM @.counted WHERE written_at < {NOW} - {KEPT_MS} FOR UPDATE SKIP LOCKED))
             INSERT INTO @.counted (node, minute, content, written_at)
             SELECT $1, minute, content, {NOW} FROM unnest($2::int8[], $3::text[]) AS these (minute, content)
             {soft} ON CONFLICT (node, minute) DO UPDATE SET content = EXCLUDED.content, written_at = EXCLUDED.written_at"
        );
        let values = [(&node as _, Type::TEXT), (&minutes as _, NUMBERS), (&contents as _, TEXTS)];
        self.write(&sql, &values).await.map(drop)
    }

    /// The rows of all other nodes since a minute, and those that are of no minute.
    pub(super) async fn counted_by_others(
        &self,
        node: &str,
        since: i64,
    ) -> Result<Vec<CountedRow>, Trouble> {
        let sql = format!(
            "SELECT minute, content, {NOW} - written_at FROM @.counted
             WHERE node <> $1 AND (minute = 0 OR minute >= $2) ORDER BY minute LIMIT $3"
        );
        let values =
            [(&node as _, Type::TEXT), (&since as _, Type::INT8), (&MOST as _, Type::INT8)];
        let mut counted = Vec::new();
        for row in self.read(&sql, &values).await? {
            counted.push(CountedRow {
                minute: row.try_get(0)?,
                content: row.try_get(1)?,
                age_ms: u64::try_from(row.try_get::<_, i64>(2)?).unwrap_or_default(),
            });
        }
        Ok(counted)
    }
}
