//! All nodes over one database use the same of it (`[store.postgres] means`): what one locks and another does not,
//! nobody has locked. Who finds a node at work that uses something else takes nothing, until that one is gone.

use tokio_postgres::types::Type;

use super::rows::{NOW, Rows};
use super::trouble::Trouble;
use super::upkeep::LEASE_MS;
use super::{Postgres, Schema};

impl Schema {
    /// What is used of the database, as the configuration and the table of nodes have it.
    pub(super) const fn means(&self) -> &'static str {
        if self.is_plain { "plain" } else { "all" }
    }
}

impl Postgres {
    /// Notes whether a node that uses something else was there before this one, or since this one was away.
    ///
    /// # Errors
    /// There is one.
    pub(super) async fn look_for_other_means(&mut self) -> Result<(), Trouble> {
        let (schema, incarnation) = (self.link.settings.schema.clone(), self.incarnation);
        let node = self.link.settings.node.name.clone();
        let rows = Rows::new(self.link.client().await?, &schema);
        self.other_means = other_means(rows, &incarnation, &node).await?;
        self.with_same_means()
    }

    /// # Errors
    /// Another node uses something else of the database.
    pub(super) fn with_same_means(&self) -> Result<(), Trouble> {
        self.other_means.as_ref().map_or(Ok(()), |why| Err(Trouble::Away(why.clone())))
    }
}

/// Why a node that uses something else must be gone first.
///
/// Of two nodes that use different things the one that came later gives way; and one that was not alive for a while
/// came later than whoever is.
pub(super) async fn other_means(
    rows: Rows<'_>,
    own: &[u8],
    name: &str,
) -> Result<Option<String>, Trouble> {
    let sql = format!(
        "SELECT other.name, other.means FROM @.node AS own, @.node AS other
         WHERE own.incarnation = $1 AND other.name <> $2 AND other.means <> $3 AND other.alive_until >= {NOW}
         AND (own.alive_until < {NOW} OR other.started_at < own.started_at
         OR (other.started_at = own.started_at AND other.incarnation < own.incarnation))
         ORDER BY other.started_at LIMIT 1"
    );
    let means = rows.schema.means();
    let values = [(&own as _, Type::BYTEA), (&name as _, Type::TEXT), (&means as _, Type::TEXT)];
    let found = rows.read(&sql, &values).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let (other, theirs): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let seconds = LEASE_MS / 1_000;
    Ok(Some(format!(
        "store.postgres.means is \"{means}\" here, and node {other}, which is at work on the same database, has \"{theirs}\": all nodes \
         must have the same. Set it to \"{theirs}\", or stop all other nodes first (one that was killed counts for {seconds} s)"
    )))
}
