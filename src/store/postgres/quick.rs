//! Registers that are read and written often: each read and each write is a statement of its own, over a connection of
//! its own, so that neither the writer's groups nor an operator's questions hold them up.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::connection::{Link, Schema, within};
use super::rows::{NOW, Rows, json, signed, text_of, unsigned};
use super::trouble::Trouble;
use crate::routing::UnixMillis;
use crate::store::records::{ROWS, RegisterRow};
use crate::store::register::Reading;

/// How long a statement may take.
const ANSWER: Duration = Duration::from_secs(2);

/// The connection for them.
pub(super) struct Quick(Mutex<Link>);

impl Quick {
    pub(super) fn new(link: Link) -> Self {
        Self(Mutex::new(link))
    }

    /// Reads a register, and when that was on the database's clock.
    pub(super) async fn read(&self, schema: &Schema, name: &str) -> Result<Reading, Trouble> {
        self.ask(schema, async |rows| read(rows, name).await).await
    }

    /// Writes a register of that version; false where it has another.
    pub(super) async fn swap(
        &self,
        schema: &Schema,
        name: &str,
        seen: u64,
        value: &Value,
    ) -> Result<bool, Trouble> {
        self.ask(schema, async |rows| swap(rows, name, seen, value).await).await
    }

    async fn ask<T>(
        &self,
        schema: &Schema,
        question: impl AsyncFnOnce(Rows<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut link = self.0.lock().await;
        let rows = Rows::new(link.client().await?, schema);
        let answered = within(ANSWER, question(rows)).await;
        if let Err(Trouble::Away(_)) = &answered {
            link.drop_client();
        }
        answered
    }
}

async fn read(rows: Rows<'_>, name: &str) -> Result<Reading, Trouble> {
    let sql = format!(
        "SELECT {NOW}, version, value FROM (SELECT) AS once LEFT JOIN @.register ON name = $1"
    );
    let found = rows.read(&sql, &[(&name as _, Type::TEXT)]).await?;
    let row = found.first().ok_or_else(|| Trouble::refused("no moment was read".to_owned()))?;
    let register = match row.try_get::<_, Option<i64>>(1)? {
        Some(version) => {
            let value: &str = row.try_get(2)?;
            Some(RegisterRow { version: unsigned(version), value: json(value.as_bytes())? })
        }
        None => None,
    };
    Ok(Reading { row: register, at: UnixMillis(row.try_get(0)?) })
}

async fn swap(rows: Rows<'_>, name: &str, seen: u64, value: &Value) -> Result<bool, Trouble> {
    let (version, text) = (signed(seen), text_of(value));
    let values = [(&name as _, Type::TEXT), (&version as _, Type::INT8), (&text as _, Type::TEXT)];
    let sql = match seen {
        0 => "INSERT INTO @.register VALUES ($1, $2 + 1, $3) ON CONFLICT (name) DO NOTHING"
            .to_owned(),
        // Not one that a newer program has written.
        _ => format!(
            "UPDATE @.register SET version = version + 1, value = $3
             WHERE name = $1 AND version = $2 AND row_version <= {ROWS}"
        ),
    };
    Ok(rows.write(&sql, &values).await? == 1)
}
