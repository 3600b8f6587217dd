//! The tables: their statements, and whether a database has those that this program knows.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::FromSql;

use super::connection::{PostgresSettings, Schema};
use super::rows::{Rows, Values};
use super::trouble::Trouble;
use super::upkeep::{missing_replica, required};

/// The schema that this program reads and writes. Whatever an older program can do without (a table, a column with a
/// default, an index) is added under a higher number, and `oldest` in `meta` stays. What it cannot do without goes in a
/// later release: that sets `oldest` to the first number that does without it, waits until no transaction from before
/// can go on, and takes it away.
pub(super) const SCHEMA: i32 = 1;

/// The oldest server that has what is used, as `server_version_num` counts.
const OLDEST_SERVER: i32 = 120_000;

/// How often the tables are tried to be made beside another node that does the same, and after what pause.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What the trial begins with whether the user may make them. It locks one table after the other, and groups of other
/// nodes do so in another order: it gives way before the server has to end one of them.
const TRIAL: &str = "BEGIN; SET LOCAL lock_timeout = '200ms'";

const TABLES: &str = include_str!("schema.sql");

/// The statements that make the tables, in their order.
pub(in crate::store) fn statements(schema: &Schema) -> impl Iterator<Item = String> {
    let is_text = |line: &&str| !line.trim_start().starts_with("--");
    let text: Vec<_> = TABLES.lines().filter(is_text).collect();
    let mut text = text.join("\n").replace("awa_bridge", &schema.name);
    if schema.is_plain {
        text = text.replace(" WITH (fillfactor = 70)", "");
    }
    let statements: Vec<_> = text.split(';').map(|text| text.trim().to_owned()).collect();
    statements.into_iter().filter(|text| !text.is_empty())
}

/// Makes what is missing of the tables.
pub(super) async fn migrate(client: &Client, schema: &Schema) -> Result<(), Trouble> {
    for statement in statements(schema) {
        client.batch_execute(&statement).await?;
    }
    let noted = format!(
        "INSERT INTO {schema}.meta (schema) VALUES ({SCHEMA}) ON CONFLICT (one) DO NOTHING"
    );
    client.batch_execute(&noted).await?;
    Ok(())
}

/// Makes the tables, also where another node is about to make them.
async fn made(client: &Client, settings: &PostgresSettings) -> Result<(), Trouble> {
    let schema = &settings.schema;
    if settings.replicas_required {
        // Whether the user may, and then whether a standby is there: without it a COMMIT waits, and does not say why.
        let mut may = Ok(());
        for _ in 0..TRIES {
            client.batch_execute(TRIAL).await?;
            may = migrate(client, schema).await;
            client.batch_execute("ROLLBACK").await?;
            match &may {
                Err(Trouble::Again(_)) => tokio::time::sleep(PAUSE).await,
                _ => break,
            }
        }
        may?;
        missing_replica(Rows::new(client, schema))
            .await?
            .map_or(Ok(()), |why| Err(required(&why)))?;
    }
    for _ in 0..TRIES {
        match migrate(client, schema).await {
            Err(Trouble::Again(_)) => tokio::time::sleep(PAUSE).await,
            made => return made,
        }
    }
    migrate(client, schema).await
}

/// Whether the tables are there, made if they are not and the user may; refuses a server or tables that this program
/// does not know.
pub(super) async fn check(client: &Client, settings: &PostgresSettings) -> Result<(), Trouble> {
    let schema = &settings.schema;
    // Never a named statement: a pooler may give the next one to another server.
    if !schema.is_plain {
        let server: Option<String> = value(client, "SHOW server_version_num", &[]).await?;
        let fsync: Option<String> = value(client, "SHOW fsync", &[]).await?;
        suits(&server.unwrap_or_default(), &fsync.unwrap_or_default())?;
    }
    match client.query_typed(&schema.named(LOOK), &[]).await {
        Ok(rows) => match rows.first() {
            Some(row) => {
                is_allowed(schema, row.try_get(1)?)?;
                if row.try_get::<_, i32>(0)? < SCHEMA {
                    made(client, settings).await
                } else {
                    Ok(())
                }
            }
            None => made(client, settings).await,
        },
        Err(error) => match error.code() {
            Some(
                &(SqlState::UNDEFINED_TABLE
                | SqlState::UNDEFINED_COLUMN
                | SqlState::INVALID_SCHEMA_NAME),
            ) => {
                let missing = error.as_db_error().map(DbError::message).unwrap_or_default();
                made(client, settings).await.map_err(|trouble| lacks(missing, trouble))
            }
            _ => Err(error.into()),
        },
    }
}

/// Fails where something that this program uses is not there; gives the schema and the oldest that may write. Each
/// table is a question of its own: to plan one over all of them together takes a server half a second, for each
/// connection.
const LOOK: &str = "SELECT meta.schema, meta.oldest, (SELECT row_version FROM @.event WHERE false),
    (SELECT row_version FROM @.lane WHERE false), (SELECT row_version FROM @.register WHERE false),
    (SELECT means FROM @.node WHERE false AND rows_up_to = 0), (SELECT number FROM @.settled WHERE false),
    (SELECT true FROM @.call WHERE false), (SELECT true FROM @.body WHERE false), (SELECT true FROM @.known WHERE false),
    (SELECT true FROM @.document WHERE false), (SELECT true FROM @.commit_mark WHERE false),
    (SELECT true FROM @.counted WHERE false) FROM @.meta";

/// Says what is missing, where it cannot be made: all, or what a newer program needs, or an older dump did not have.
fn lacks(missing: &str, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Refused(why) => Trouble::Refused(format!(
            "{missing}, and this user may not make it: {why}; run `awa-bridge migrate` as a user who may, also after an upgrade or \
             when an older dump was restored"
        )),
        other => other,
    }
}

/// # Errors
/// Tables that only newer programs may write.
pub(super) fn is_allowed(schema: &Schema, oldest: Option<i32>) -> Result<(), Trouble> {
    match oldest {
        Some(oldest) if oldest <= SCHEMA => Ok(()),
        Some(oldest) => Err(Trouble::refused(format!(
            "the tables in {schema} are for programs of schema {oldest} or newer, this program knows {SCHEMA}; start a version \
             that knows it"
        ))),
        None => {
            Err(Trouble::refused(format!("{schema}.meta has no row; run `awa-bridge migrate`")))
        }
    }
}

/// Refuses a server by its `server_version_num` and its `fsync`.
fn suits(server: &str, fsync: &str) -> Result<(), Trouble> {
    if let Some(server) = server.parse::<i32>().ok().filter(|server| *server < OLDEST_SERVER) {
        return Err(Trouble::refused(format!(
            "the server is PostgreSQL {}; at least {} is needed",
            server / 10_000,
            OLDEST_SERVER / 10_000
        )));
    }
    if fsync == "off" {
        let why =
            "the server runs with fsync = off and would lose events in a power cut; set it on";
        return Err(Trouble::refused(why.to_owned()));
    }
    Ok(())
}

/// The only value of the only row, if there is one.
async fn value<T: for<'a> FromSql<'a>>(
    client: &Client,
    sql: &str,
    values: Values<'_>,
) -> Result<Option<T>, Trouble> {
    let rows = client.query_typed(sql, values).await?;
    rows.first().map(|row| row.try_get(0)).transpose().map_err(Trouble::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres_server::Server;

    #[test]
    fn the_look_at_the_tables_costs_no_connection_a_moment_over_postgresql() {
        let Some(server) = Server::start(&[]) else { return };
        let schema = Schema { name: "looked_at".to_owned(), is_plain: false };
        let tables: Vec<_> = statements(&schema).collect();
        server.sql(&tables.join("; "));
        let explain = format!("EXPLAIN (SUMMARY) {}", schema.named(LOOK));
        let planned = |_| {
            let plan = server.sql(&explain);
            let took = plan.lines().find_map(|line| line.strip_prefix("Planning Time: "));
            let took = took.and_then(|took| took.strip_suffix(" ms")).expect("how long it took");
            took.parse::<f64>().expect("a number")
        };
        // Of several the quickest: the machine may be busy.
        let quickest = (0..5).map(planned).fold(f64::MAX, f64::min);
        assert!(quickest < 50.0, "{quickest} ms to plan the look at the tables");
    }

    #[test]
    fn a_server_that_is_too_old_is_refused_by_its_number() {
        let refused = suits("110022", "on").unwrap_err().to_string();
        assert_eq!(refused, "the server is PostgreSQL 11; at least 12 is needed");
        assert_eq!(suits("120000", "on"), Ok(()));
        assert_eq!(suits("180004", "on"), Ok(()));
        assert!(suits("150018", "off").unwrap_err().to_string().contains("fsync = off"));
    }
}
