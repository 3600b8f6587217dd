//! The statements of groups that one connection has prepared: the server parses them once, and after some uses plans
//! them once.
//!
//! A prepared statement is known by its name to one process of the server. Behind a pooler the next transaction may be
//! another process's, which does not know the name, or knows it of another client. So nothing is prepared unless the
//! connection is direct (`socket.rs`).
//!
//! Such a connection is also set up once for all its groups, and not in each transaction: how long a statement may
//! take, and how it is planned. What comes now and then over the same connection is planned for its values.
//!
//! A statement is prepared between two groups, never within one: there its answer would be waited for, and the COMMIT
//! sent before it. The group that uses it first sends it without a name.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use super::Postgres;
use super::rows::Rows;
use super::trouble::Trouble;

/// What a transaction of a group begins with. A frozen node loses its locks, and nobody waits for long.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '2s'";
/// The same where no lane is locked by reading it.
const BEGIN_PLAIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; \
                           SET LOCAL idle_in_transaction_session_timeout = '2s'; \
                           SET TRANSACTION ISOLATION LEVEL SERIALIZABLE";
/// The same once for many transactions, on a connection that is nobody else's. Where statements are prepared, each is
/// planned once, for any values, and by its index, however few rows its table has at that moment.
const SET: &str = "SET lock_timeout = '2s'; SET statement_timeout = '5s'; \
                   SET idle_in_transaction_session_timeout = '2s'; \
                   SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
const UNSET: &str =
    "SET plan_cache_mode = DEFAULT; SET enable_seqscan = DEFAULT; SET jit = DEFAULT";

/// How many statements are kept.
const MOST: usize = 64;

/// A statement by the texts that it is made of, which are the program's own: what is made up while it runs is not kept.
type Key = Vec<&'static str>;

/// Those of one connection.
#[derive(Default)]
pub(super) struct Prepared {
    statements: Mutex<Statements>,
    /// The connection plans statements as those of groups are to be planned.
    is_set: AtomicBool,
}

#[derive(Default)]
struct Statements {
    ready: HashMap<Key, Statement>,
    /// As they were sent without a name, with the types of their values.
    used: HashMap<Key, (String, Vec<Type>)>,
}

impl Prepared {
    /// The statement of that key, if it is prepared.
    pub(super) fn get(&self, key: &[&'static str]) -> Option<Statement> {
        self.statements().ready.get(key).cloned()
    }

    /// Notes a statement that is sent without a name.
    pub(super) fn note(&self, key: &[&'static str], sql: &str, types: impl Iterator<Item = Type>) {
        let mut statements = self.statements();
        if statements.ready.len() + statements.used.len() < MOST {
            let statement = || (sql.to_owned(), types.collect());
            statements.used.entry(key.to_vec()).or_insert_with(statement);
        }
    }

    /// Prepares what was noted. What the server does not prepare it refuses to carry out, too, and says why there.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) async fn prepare(&self, client: &Client) -> Result<(), Trouble> {
        let used = std::mem::take(&mut self.statements().used);
        for (key, (sql, types)) in used {
            match client.prepare_typed(&sql, &types).await {
                Ok(statement) => _ = self.statements().ready.insert(key, statement),
                Err(error) if error.as_db_error().is_none() => return Err(error.into()),
                Err(error) => tracing::debug!(%error, "a statement was not prepared"),
            }
        }
        Ok(())
    }

    /// Forgets all: they may be of tables that have changed meanwhile.
    pub(super) fn forget(&self) {
        *self.statements() = Statements::default();
    }

    /// Notes how the connection plans from now on; whether that is another way than before.
    pub(super) fn set(&self, as_of_groups: bool) -> bool {
        self.is_set.swap(as_of_groups, Ordering::Relaxed) != as_of_groups
    }

    fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows<'_> {
    /// Begins a transaction of a group.
    pub(super) async fn begin(&self) -> Result<(), Trouble> {
        let Some(prepared) = self.prepared else {
            return self.run(if self.schema.is_plain { BEGIN_PLAIN } else { BEGIN }).await;
        };
        if prepared.set(true) {
            tokio::try_join!(biased; self.run(SET), self.run("BEGIN")).map(drop)
        } else {
            self.run("BEGIN").await
        }
    }
}

impl Postgres {
    /// Has statements planned for their values, as those that come now and then are to be, until the next group.
    pub(super) async fn plan_each(&self) -> Result<(), Trouble> {
        let is_set = |prepared: &Prepared| prepared.set(false);
        if self.link.prepared().is_some_and(is_set) {
            self.link.same()?.batch_execute(UNSET).await?;
        }
        Ok(())
    }
}
