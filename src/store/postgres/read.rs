//! Questions of operators, answered from the database over a connection of their own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio_postgres::types::Type;

use super::connection::{Link, PostgresSettings, Schema, within};
use super::quick::Quick;
use super::rows::{Rows, json, read_row, shown, signed, unsigned};
use super::threads::Threads;
use super::trouble::Trouble;
use super::{Known, operators};
use crate::routing::{ConversationId, ConversationRecord, EventRecord, LaneKey, Page, State};
use crate::store::counted::CountedRow;
use crate::store::database::DatabaseStanding;
use crate::store::engine::Reader;
use crate::store::hashes;
use crate::store::index::Owed;
use crate::store::record::{self, Filter};
use crate::store::records::{EventRow, LaneRow, RegisterRow};
use crate::store::register::Reading;
use crate::store::request::{Counts, Failed};
use crate::store::search::{Found, Search};
use crate::store::settled::{Changes, Cursor};
use crate::store::todo::{Group, Member, Todo};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How many events are looked at for one page, and how many are read at a time.
const LOOKED_AT: usize = 2_000;
const AT_ONCE: i64 = 200;
/// How many bytes of rows are read for one page, but for the last row.
const READ: usize = 4 * 1024 * 1024;
/// How many events of a conversation are shown with it.
const HISTORY: i64 = 100;
/// How often a lane can have moved.
const MOVES: usize = 1_000;

/// Reads; clones of its handle share one connection.
pub(in crate::store) struct DatabaseReader {
    runtime: Arc<Threads>,
    link: tokio::sync::Mutex<Link>,
    quick: Quick,
    known: Arc<Known>,
    schema: Schema,
}

impl DatabaseReader {
    pub(super) fn new(
        settings: PostgresSettings,
        runtime: Arc<Threads>,
        known: Arc<Known>,
    ) -> Self {
        let schema = settings.schema.clone();
        let quick = Quick::new(Link::new(settings.clone(), Arc::clone(&runtime)));
        let link = tokio::sync::Mutex::new(Link::new(settings, Arc::clone(&runtime)));
        Self { runtime, link, quick, known, schema }
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(Rows<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Failed> {
        self.is_open()?;
        let answered: Result<T, Trouble> = self.runtime.block_on(async {
            let mut link = self.link.lock().await;
            let rows = Rows::new(link.client().await?, &self.schema);
            let answered = within(ANSWER, question(rows)).await;
            if let Err(Trouble::Away(_)) = &answered {
                link.drop_client();
            }
            answered
        });
        Ok(answered?)
    }

    fn is_open(&self) -> Result<(), Failed> {
        if self.known.closed.load(Ordering::Relaxed) { Err(Failed::Closed) } else { Ok(()) }
    }
}

async fn event_row(rows: Rows<'_>, source: &str, id: &str) -> Result<Option<EventRow>, Trouble> {
    let hash = hashes::of_event(source, id);
    let sql =
        "SELECT content, row_version FROM @.known JOIN @.event USING (number) WHERE hash = $1";
    let found = rows.read(sql, &[(&hash.as_slice() as _, Type::BYTEA)]).await?;
    found.first().map(|row| read_row(row.try_get(0)?, row.try_get(1)?)).transpose()
}

async fn lane_row(rows: Rows<'_>, lane: &LaneKey) -> Result<Option<LaneRow>, Trouble> {
    let hash = hashes::of_lane(lane);
    let sql = "SELECT content, row_version FROM @.lane WHERE hash = $1";
    let found = rows.read(sql, &[(&hash.as_slice() as _, Type::BYTEA)]).await?;
    found.first().map(|row| read_row(row.try_get(0)?, row.try_get(1)?)).transpose()
}

impl Reader for DatabaseReader {
    fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
        self.ask(async |rows| Ok(event_row(rows, source, id).await?.map(record::event)))
    }

    fn body(&self, source: &str, id: &str) -> Result<Option<Bytes>, Failed> {
        self.ask(async |rows| {
            let row = event_row(rows, source, id).await?;
            let Some(number) = row.and_then(|row| row.origin.body) else { return Ok(None) };
            let number = signed(number);
            let sql = "SELECT content FROM @.body WHERE number = $1";
            let found = rows.read(sql, &[(&number as _, Type::INT8)]).await?;
            let bytes = found.first().map(|row| row.try_get::<_, Vec<u8>>(0)).transpose()?;
            Ok(bytes.map(Bytes::from))
        })
    }

    fn events(&self, filter: &Filter) -> Result<Page, Failed> {
        let before = filter.cursor.as_deref().map_or(Some(i64::MAX), |text| text.parse().ok());
        let mut page = Page { events: Vec::new(), next_cursor: None };
        let Some(mut before) = before else { return Ok(page) };
        let conversation = match &filter.conversation {
            Some(conversation) => match ConversationId::parse(conversation) {
                Ok(conversation) => Some(hashes::of_conversation(&conversation).cast_signed()),
                Err(_) => return Ok(page),
            },
            None => None,
        };
        let narrowed = match (conversation, filter.state) {
            (Some(_), _) => "(conversation = $2 OR lane_conversation = $2)",
            (None, Some(State::Pending)) => "state = 0",
            (None, Some(State::Parked)) => "state = 1",
            (None, Some(State::Dead)) => "state = 3",
            (None, _) => "true",
        };
        let sql = format!(
            "SELECT number, content FROM @.event WHERE number < $1 AND {narrowed} AND ($2::bigint IS NULL OR true)
             ORDER BY number DESC LIMIT $3"
        );
        self.ask(async |rows| {
            let (mut looked_at, mut read) = (0, 0);
            loop {
                let values = [
                    (&before as _, Type::INT8),
                    (&conversation as _, Type::INT8),
                    (&AT_ONCE as _, Type::INT8),
                ];
                let found = rows.read(&sql, &values).await?;
                for row in &found {
                    let is_enough = looked_at == LOOKED_AT || read >= READ;
                    if page.events.len() == filter.page_size() || is_enough {
                        page.next_cursor = Some(before.to_string());
                        return Ok(page);
                    }
                    before = row.try_get(0)?;
                    looked_at += 1;
                    let content: &[u8] = row.try_get(1)?;
                    read += content.len();
                    let event = shown(content).map(record::event);
                    page.events.extend(event.filter(|event| filter.takes(event)));
                }
                if found.is_empty() {
                    return Ok(page);
                }
            }
        })
    }

    fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed> {
        let Ok(conversation) = ConversationId::parse(conversation) else { return Ok(None) };
        let own = LaneKey { contact_center: contact_center.into(), conversation };
        self.ask(async |rows| {
            let Some(own_row) = lane_row(rows, &own).await? else { return Ok(None) };
            let named = own_row.named.clone();
            let mut row = own_row;
            for _ in 0..MOVES {
                let Some(conversation) = row.moved_to.clone() else { break };
                let contact_center = own.contact_center.clone();
                let Some(found) = lane_row(rows, &LaneKey { contact_center, conversation }).await?
                else {
                    break;
                };
                row = found;
            }
            let hashes = [&own.conversation, &row.key.conversation]
                .map(|conversation| hashes::of_conversation(conversation).cast_signed());
            let sql = "SELECT number, content FROM @.event WHERE conversation = ANY($1) OR lane_conversation = ANY($1)
                       ORDER BY number DESC LIMIT $2";
            let values =
                [(&hashes.as_slice() as _, Type::INT8_ARRAY), (&HISTORY as _, Type::INT8)];
            let mut events = Vec::new();
            for found in rows.read(sql, &values).await?.iter().rev() {
                let event = shown(found.try_get(1)?);
                let own = event.filter(|event| event.contact_center == own.contact_center);
                events.extend(own.map(record::event));
            }
            Ok(Some(record::conversation(&own, LaneRow { named, ..row }, events)))
        })
    }

    fn register(&self, name: &str) -> Result<Option<RegisterRow>, Failed> {
        self.ask(async |rows| {
            let sql = "SELECT version, value FROM @.register WHERE name = $1";
            let found = rows.read(sql, &[(&name as _, Type::TEXT)]).await?;
            let Some(row) = found.first() else { return Ok(None) };
            let value: &str = row.try_get(1)?;
            let version = unsigned(row.try_get(0)?);
            Ok(Some(RegisterRow { version, value: json(value.as_bytes())? }))
        })
    }

    fn register_now(&self, name: &str) -> Result<Reading, Failed> {
        self.is_open()?;
        Ok(self.runtime.block_on(self.quick.read(&self.schema, name))?)
    }

    fn swap_now(&self, name: &str, seen: u64, value: &Value) -> Result<bool, Failed> {
        self.is_open()?;
        Ok(self.runtime.block_on(self.quick.swap(&self.schema, name, seen, value))?)
    }

    fn changes(&self, after: Option<Cursor>, limit: usize) -> Result<Changes, Failed> {
        self.ask(async |rows| rows.changes(after, limit).await)
    }

    fn write_counted(&self, node: &str, rows: &[(i64, String)]) -> Result<(), Failed> {
        self.ask(async |client| client.write_counted(node, rows).await)
    }

    fn counted_by_others(&self, node: &str, since: i64) -> Result<Vec<CountedRow>, Failed> {
        self.ask(async |rows| rows.counted_by_others(node, since).await)
    }

    fn counts(&self) -> Counts {
        self.known.counts().0
    }

    fn owed_to(&self, source: &str) -> Owed {
        self.known.counts().1.get(source).copied().unwrap_or_default()
    }

    fn database(&self) -> Option<DatabaseStanding> {
        self.known.standing()
    }

    fn clock_ahead_ms(&self) -> i64 {
        self.known.ahead_ms()
    }

    fn todo(&self) -> Result<Todo, Failed> {
        self.ask(operators::todo)
    }

    fn of_group(&self, group: &Group, after: u64, limit: usize) -> Result<Vec<Member>, Failed> {
        self.ask(async |rows| operators::of_group(rows, group, after, limit).await)
    }

    fn search(&self, search: &Search) -> Result<Found, Failed> {
        self.ask(async |rows| operators::find(rows, search).await)
    }

    #[cfg(test)]
    fn claim_of(&self, number: u64) -> Option<crate::routing::ClaimId> {
        let sql = "SELECT content FROM @.event WHERE number = $1";
        let found = self.found(sql, &[(&signed(number) as _, Type::INT8)]);
        let row: EventRow = json(found.first()?.get(0)).expect("a row");
        row.entry.and_then(|entry| entry.story.claim)
    }

    #[cfg(test)]
    fn rows(&self, kind: u8) -> usize {
        let table = match kind {
            b'e' => "event",
            b'i' => "known",
            b'b' => "body",
            b'l' => "lane",
            _ => "document",
        };
        self.found(&format!("SELECT FROM @.{table}"), &[]).len()
    }

    #[cfg(test)]
    fn open_in(&self, lane: &LaneKey) -> usize {
        let hash = hashes::of_lane(lane).to_vec();
        self.found("SELECT FROM @.event WHERE lane = $1", &[(&hash as _, Type::BYTEA)]).len()
    }
}

#[cfg(test)]
impl DatabaseReader {
    fn found(&self, sql: &str, values: super::rows::Values<'_>) -> Vec<tokio_postgres::Row> {
        let read = || self.ask(async |rows| rows.read(sql, values).await);
        super::apart(read).expect("the database is there")
    }
}
