//! The statements of groups that one connection has prepared: the server parses them once, and after some uses plans them once.
//!
//! A prepared statement is known by its name to one process of the server. Behind a pooler the next transaction may be another
//! process's, which does not know the name, or knows it of another client. So nothing is prepared unless the connection is
//! direct (`socket.rs`).
//!
//! A statement is prepared between two groups, never within one: there its answer would be waited for, and the COMMIT sent
//! before it. The group that uses it first sends it without a name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use super::trouble::Trouble;

/// How many statements are kept.
const MOST: usize = 64;

/// Those of one connection. The keys are of the program's own text: what is made up while it runs is not kept.
#[derive(Default)]
pub(super) struct Prepared(Mutex<Statements>);

#[derive(Default)]
struct Statements {
    ready: HashMap<&'static str, Statement>,
    /// As they were sent without a name, with the types of their values.
    used: HashMap<&'static str, (String, Vec<Type>)>,
}

impl Prepared {
    /// The statement of that key, if it is prepared.
    pub(super) fn get(&self, key: &'static str) -> Option<Statement> {
        self.statements().ready.get(key).cloned()
    }

    /// Notes a statement that is sent without a name.
    pub(super) fn note(&self, key: &'static str, sql: &str, types: impl Iterator<Item = Type>) {
        let mut statements = self.statements();
        if statements.ready.len() + statements.used.len() < MOST {
            statements.used.entry(key).or_insert_with(|| (sql.to_owned(), types.collect()));
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

    fn statements(&self) -> MutexGuard<'_, Statements> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
