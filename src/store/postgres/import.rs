//! Takes over a whole store of files.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_postgres::types::Type;

use super::connection::{PostgresSettings, connect};
use super::lanes::CallOwner;
use super::rows::{Rows, signed};
use super::schema;
use super::socket::Opened;
use super::trouble::Trouble;
use super::view::{Read, ReadLane};
use crate::routing::UnixMillis;
use crate::store::embedded::export::{Piece, export};
use crate::store::group::Outcomes;
use crate::store::hashes;
use crate::store::records::ROWS;

/// How many pieces may wait to be written.
const WAITING: usize = 4;

/// How many rows were taken over.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Imported {
    pub(crate) events: u64,
    pub(crate) conversations: u64,
}

impl PostgresSettings {
    /// Makes the tables and takes a store over, all of it or nothing; the store stays as it is.
    ///
    /// # Errors
    /// The store cannot be read, the tables hold events already, or the database refuses.
    pub(crate) async fn import(&self, store: &Path, now: UnixMillis) -> Result<Imported, String> {
        let (sender, mut pieces) = mpsc::channel(WAITING);
        let store = store.to_owned();
        #[expect(clippy::disallowed_methods, reason = "reads files beside the runtime")]
        let exported = tokio::task::spawn_blocking(move || {
            export(&store, |piece| sender.blocking_send(piece).is_ok())
        });
        let imported = self.take_over(&mut pieces, now).await;
        drop(pieces);
        let exported =
            exported.await.map_err(|error| format!("the store was not read: {error}"))?;
        exported?;
        imported.map_err(|trouble| trouble.to_string())
    }

    async fn take_over(
        &self,
        pieces: &mut mpsc::Receiver<Piece>,
        now: UnixMillis,
    ) -> Result<Imported, Trouble> {
        let Opened { client, driver, .. } = connect(self, &Arc::default()).await?;
        tokio::spawn(driver);
        schema::migrate(&client, &self.schema).await?;
        let rows = Rows::new(&client, &self.schema);
        client.batch_execute("BEGIN").await?;
        if !rows.read("SELECT FROM @.known LIMIT 1", &[]).await?.is_empty() {
            let why = format!(
                "the tables of schema {} hold events already, and are filled only while they hold none; name another \
                 `store.postgres.schema`, or remove that schema first (DROP SCHEMA … CASCADE)",
                self.schema
            );
            return Err(Trouble::refused(why));
        }
        // Nobody's: what was in flight has lapsed.
        let owner = CallOwner { written: ROWS, incarnation: &[], flight_ms: 0 };
        let mut imported = Imported::default();
        while let Some(Piece { changes, lanes, next_number }) = pieces.recv().await {
            let mut read = Read::default();
            for (key, _) in &lanes {
                let (lane, lost) = (Default::default(), Vec::new());
                let none = ReadLane {
                    row_version: ROWS,
                    is_newer: false,
                    lane,
                    version: None,
                    lost,
                    damaged: true,
                };
                read.lanes.insert(hashes::of_lane(key), none);
            }
            imported.conversations += lanes.len() as u64;
            let outcomes = Outcomes {
                changes,
                lanes,
                transitions: Vec::new(),
                leaving: Vec::new(),
                first_number: 0,
                next_number,
                ahead_ms: 0,
            };
            rows.keep(&read, &outcomes, &owner, now).await?;
            let next = signed(next_number);
            rows.read(
                "SELECT setval('@.number', greatest($1, 65536))",
                &[(&next as _, Type::INT8)],
            )
            .await?;
        }
        let counted = rows.read("SELECT count(*) FROM @.event", &[]).await?;
        if let Some(row) = counted.first() {
            imported.events = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        }
        client.batch_execute("COMMIT").await?;
        Ok(imported)
    }
}
