//! Reading rows, many of a kind in one statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::connection::Schema;
use super::known::Known;
use super::prepared::Prepared;
use super::trouble::Trouble;
use super::view::{Read, ReadLane, Wanted};
use crate::clock;
use crate::routing::UnixMillis;
use crate::store::group::Lost;
use crate::store::hashes;
use crate::store::lane::Lane;
use crate::store::records::{Class, EventRow, Hash, IndexRow, LaneRow, ROWS, RegisterRow};

/// How many events of a conversation are listed with the lane that it moves into.
const MOVED: i64 = 100;

/// The moment on the database's clock.
pub(super) const NOW: &str = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The values of a statement, with their types.
pub(super) type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// What is read and written with.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) client: &'a Client,
    pub(super) schema: &'a Schema,
    /// Where statements that come again are prepared; none, where none may be.
    pub(super) prepared: Option<&'a Prepared>,
}

impl<'a> Rows<'a> {
    pub(super) const fn new(client: &'a Client, schema: &'a Schema) -> Self {
        Self { client, schema, prepared: None }
    }

    /// Those of groups, whose statements come again and again.
    pub(super) const fn of_groups(self, prepared: Option<&'a Prepared>) -> Self {
        Self { prepared, ..self }
    }

    /// Prepares what earlier groups have used.
    pub(super) async fn prepare(&self) -> Result<(), Trouble> {
        match self.prepared {
            Some(prepared) => prepared.prepare(self.client).await,
            None => Ok(()),
        }
    }

    /// Carries out a statement that comes again, which is made of some texts. It is planned once: so it is one that has
    /// only one good plan, whatever its values and however many rows there are.
    pub(super) async fn again(
        &self,
        key: &[&'static str],
        text: impl FnOnce() -> String,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        if let Some(statement) = self.prepared.and_then(|prepared| prepared.get(key)) {
            let values: Vec<_> = values.iter().map(|(value, _)| *value).collect();
            return Ok(self.client.query(&statement, &values).await?);
        }
        let text = self.schema.named(&text());
        if let Some(prepared) = self.prepared {
            prepared.note(key, &text, values.iter().map(|(_, of)| of.clone()));
        }
        Ok(self.client.query_typed(&text, values).await?)
    }

    pub(super) async fn read(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Trouble> {
        Ok(self.client.query_typed(&self.schema.named(sql), values).await?)
    }

    pub(super) async fn write(&self, sql: &str, values: Values<'_>) -> Result<u64, Trouble> {
        Ok(self.client.execute_typed(&self.schema.named(sql), values).await?)
    }

    /// Looks at the database's clock.
    pub(super) async fn measure(&self, known: &Known) -> Result<(), Trouble> {
        let began = clock::now();
        let found = self.read(&format!("SELECT {NOW}"), &[]).await?;
        if let Some(row) = found.first() {
            known.measure(row.try_get(0)?, began, clock::now());
        }
        Ok(())
    }

    pub(super) async fn run(&self, statements: &str) -> Result<(), Trouble> {
        Ok(self.client.batch_execute(statements).await?)
    }

    /// Reads what is wanted: lanes are locked before anything of them is read, in the order of their hashes over the
    /// whole transaction. So two that want the same lanes cannot wait for each other: one that should have come before
    /// a lane that is locked already is not waited for, and fails the transaction if another has it.
    ///
    /// The first time it sets the group's commit mark, which nobody can set a second time, and draws its first number:
    /// behind the locks, so that numbers rise within a lane.
    pub(super) async fn load(
        &self,
        wanted: &Wanted,
        read: &mut Read,
        mark: Option<&[u8; 16]>,
    ) -> Result<Begun, Trouble> {
        let hashes: Vec<&[u8]> = wanted.lanes.keys().map(<[u8; 16]>::as_slice).collect();
        let documents: Vec<&[u8]> = wanted.documents.iter().map(<[u8; 16]>::as_slice).collect();
        let ids: Vec<&[u8]> = wanted.ids.iter().map(<[u8; 16]>::as_slice).collect();
        let numbers: Vec<i64> = wanted.events.iter().map(|number| signed(*number)).collect();
        let names: Vec<&str> = wanted.registers.iter().map(String::as_str).collect();
        let mark = mark.map(<[u8; 16]>::as_slice);
        let (of_lanes, of_names) = ([(&hashes as _, BYTES)], [(&names as _, TEXTS)]);
        let of_rows = [
            (&hashes as _, BYTES),
            (&documents as _, BYTES),
            (&ids as _, BYTES),
            (&numbers as _, NUMBERS),
            (&mark as _, Type::BYTEA),
        ];
        let (key, text, of_rows) = match mark {
            Some(_) => {
                ([MARKED], format!("{}{ROWS_READ}", MARKED.replace("{NOW}", NOW)), &of_rows[..])
            }
            None => ([ROWS_READ], ROWS_READ.to_owned(), &of_rows[..4]),
        };
        let lock = if comes_late(wanted, read) { LOCK_LANES_AT_ONCE } else { LOCK_LANES };
        let (lanes, found, registers) = tokio::try_join!(
            biased;
            self.read_if(!hashes.is_empty(), lock, &of_lanes),
            self.again(&key, || text, of_rows),
            self.read_if(!names.is_empty(), REGISTERS, &of_names),
        )?;
        let of_kind = |kind: i16| found.iter().filter(move |row| row.get::<_, i16>(0) == kind);
        take_lanes(wanted, &lanes, of_kind(OPEN), read)?;
        read.documents.extend(wanted.documents.iter().map(|hash| (*hash, None)));
        for row in of_kind(DOCUMENT) {
            let name: &str = row.try_get(6)?;
            read.documents.insert(hash_at(row, 1)?, Some(json(name.as_bytes())?));
        }
        read.ids.extend(wanted.ids.iter().map(|hash| (*hash, None)));
        for row in of_kind(KNOWN) {
            read.ids.insert(hash_at(row, 1)?, Some(unsigned(row.try_get(2)?)));
        }
        read.events.extend(wanted.events.iter().map(|number| (*number, None)));
        for row in of_kind(EVENT) {
            let (number, version) = (unsigned(row.try_get(2)?), row.try_get(5)?);
            read.row_versions.insert(number, version);
            if version <= read.rows_up_to {
                read.events.insert(number, Some(json(row.try_get(4)?)?));
            }
        }
        read.registers.extend(wanted.registers.iter().map(|name| (name.clone(), None)));
        for row in registers {
            let value: &str = row.try_get(2)?;
            let version = unsigned(row.try_get(1)?);
            let row_of = RegisterRow { version, value: json(value.as_bytes())? };
            read.registers.insert(row.try_get(0)?, Some((row_of, row.try_get(3)?)));
        }
        for conversation in &wanted.latest {
            let latest = self.latest(*conversation).await?;
            read.latest.insert(*conversation, latest);
        }
        let mut begun = Begun::default();
        for row in of_kind(MARK) {
            (begun.first, begun.at) = (unsigned(row.try_get(2)?), row.try_get(3)?);
        }
        for row in of_kind(OLDEST) {
            begun.oldest = i32::try_from(row.try_get::<_, i64>(2)?).ok();
        }
        Ok(begun)
    }

    async fn read_if(
        &self,
        needed: bool,
        sql: &'static str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        if needed { self.again(&[sql], || sql.to_owned(), values).await } else { Ok(Vec::new()) }
    }

    async fn latest(&self, conversation: u64) -> Result<Vec<(u64, IndexRow)>, Trouble> {
        let conversation = conversation.cast_signed();
        let values = [(&conversation as _, Type::INT8), (&MOVED as _, Type::INT8)];
        let found = self.read(LATEST, &values).await?;
        let mut latest = Vec::with_capacity(found.len());
        for row in found {
            let class = match row.try_get::<_, i16>(2)? {
                0..=2 => Class::Open,
                3 => Class::Dead,
                _ => Class::Ended,
            };
            let [own, lane]: [Option<i64>; 2] = [row.try_get(3)?, row.try_get(4)?];
            let conversations = own.zip(lane).map(|(own, lane)| [unsigned(own), unsigned(lane)]);
            // The columns will do, whoever has written the content; the id is known already.
            let (id, received_at) = (Hash::default(), UnixMillis(row.try_get(1)?));
            let index = IndexRow { id, received_at, class, conversations };
            latest.push((unsigned(row.try_get(0)?), index));
        }
        Ok(latest)
    }
}

const LOCK_LANES: &str = "SELECT hash, version, content, row_version FROM @.lane WHERE hash = ANY($1) ORDER BY hash FOR UPDATE";
const LOCK_LANES_AT_ONCE: &str = "SELECT hash, version, content, row_version FROM @.lane WHERE hash = ANY($1) ORDER BY hash FOR UPDATE NOWAIT";

const REGISTERS: &str =
    "SELECT name, version, value, row_version FROM @.register WHERE name = ANY($1)";

/// What a transaction begins with: its first number, the moment, and the oldest schema that may be written.
#[derive(Debug, Default)]
pub(super) struct Begun {
    pub(super) first: u64,
    pub(super) at: i64,
    pub(super) oldest: Option<i32>,
}

/// The kinds of rows that are read in one statement.
const MARK: i16 = 0;
const OPEN: i16 = 1;
const DOCUMENT: i16 = 2;
const KNOWN: i16 = 3;
const EVENT: i16 = 4;
const OLDEST: i16 = 5;

/// By kind: hash, number, moment, content, version, name.
const ROWS_READ: &str = "SELECT 1::int2, lane, number, NULL::int8, content, row_version, NULL::text FROM @.event WHERE lane = ANY($1)
    UNION ALL SELECT 2::int2, hash, NULL, NULL, NULL, NULL, name FROM @.document WHERE hash = ANY($2)
    UNION ALL SELECT 3::int2, hash, number, NULL, NULL, NULL, NULL FROM @.known WHERE hash = ANY($3)
    UNION ALL SELECT 4::int2, NULL, number, NULL, content, row_version, NULL FROM @.event WHERE number = ANY($4)";

/// What comes before it the first time.
const MARKED: &str = "WITH mark AS (INSERT INTO @.commit_mark VALUES ($5, {NOW}) RETURNING nextval('@.number') AS number, at)
    SELECT 0::int2, NULL::bytea, number, at, NULL::bytea, NULL::int2, NULL::text FROM mark
    UNION ALL SELECT 5::int2, NULL, oldest::int8, NULL, NULL, NULL, NULL FROM @.meta WHERE one UNION ALL ";

/// Whether one of the wanted lanes should have been locked before one that is.
fn comes_late(wanted: &Wanted, read: &Read) -> bool {
    let locked = read.lanes.iter().filter(|(_, lane)| lane.version.is_some());
    let last = locked.map(|(hash, _)| hash).max();
    wanted.lanes.keys().next().is_some_and(|first| last.is_some_and(|last| first < last))
}

const LATEST: &str =
    "SELECT number, received_at, state, conversation, lane_conversation FROM @.event
    WHERE conversation = $1 OR lane_conversation = $1 ORDER BY number DESC LIMIT $2";

pub(super) const BYTES: Type = Type::BYTEA_ARRAY;
pub(super) const NUMBERS: Type = Type::INT8_ARRAY;
pub(super) const TEXTS: Type = Type::TEXT_ARRAY;

/// What of a lane's events can go on, and what cannot because its row cannot be read. Of a lane whose own row cannot be
/// read nothing can go on.
fn take_lanes<'a>(
    wanted: &Wanted,
    lanes: &[Row],
    open: impl Iterator<Item = &'a Row>,
    read: &mut Read,
) -> Result<(), Trouble> {
    let mut rows: BTreeMap<Hash, (i64, Result<LaneRow, String>)> = BTreeMap::new();
    let mut versions: BTreeMap<Hash, (i16, bool)> = BTreeMap::new();
    for row in lanes {
        let (hash, version) = (hash_at(row, 0)?, row.try_get(3)?);
        rows.insert(hash, (row.try_get(1)?, parsed(row.try_get(2)?)));
        versions.insert(hash, (version, version > read.rows_up_to));
    }
    let mut entries: BTreeMap<Hash, (Vec<_>, Vec<Lost>)> = BTreeMap::new();
    for row in open {
        let (hash, number) = (hash_at(row, 1)?, unsigned(row.try_get(2)?));
        let version = row.try_get(5)?;
        read.row_versions.insert(number, version);
        versions.entry(hash).or_default().1 |= version > read.rows_up_to;
        let (entries, lost) = entries.entry(hash).or_default();
        let event: Result<EventRow, String> = parsed(row.try_get(4)?);
        let lane = rows.get(&hash).map(|(_, lane)| lane);
        match (event, lane) {
            (Ok(event), Some(Err(why))) => {
                let (index, why) = (Some(index_of(&event)), why.clone());
                lost.push(Lost { number, index, row: Some(Box::new(event)), why });
            }
            (Ok(event), _) => match event.into_entry(number) {
                Ok(entry) => entries.push(entry),
                Err(why) => lost.push(Lost { number, index: None, row: None, why }),
            },
            (Err(why), _) => lost.push(Lost { number, index: None, row: None, why }),
        }
    }
    for hash in wanted.lanes.keys() {
        let (version, row) = rows.remove(hash).unzip();
        let damaged = matches!(row, Some(Err(_)));
        let (entries, lost) = entries.remove(hash).unwrap_or_default();
        let lane = Arc::new(Lane::restore(row.and_then(Result::ok), entries));
        let (row_version, is_newer) = versions.remove(hash).unwrap_or_default();
        let read_lane = ReadLane { row_version, is_newer, lane, version, lost, damaged };
        read.lanes.insert(*hash, read_lane);
    }
    Ok(())
}

fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("its row cannot be read ({error})"))
}

/// A row as an operator sees it; none, and a log line, where it cannot be read: one is not to hide the others.
pub(super) fn shown(content: &[u8]) -> Option<EventRow> {
    match serde_json::from_slice(content) {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::error!(%error, "the store holds a row that cannot be read: damaged, or of a newer version");
            None
        }
    }
}

pub(super) fn index_of(row: &EventRow) -> IndexRow {
    let own = row.content.conversation();
    let conversations = own.zip(row.lane()).map(|(own, lane)| {
        [hashes::of_conversation(&own), hashes::of_conversation(&lane.conversation)]
    });
    IndexRow {
        id: hashes::of_event(&row.origin.source, row.content.id()),
        received_at: row.origin.received_at,
        class: row.class(),
        conversations,
    }
}

pub(super) fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(bytes)
        .map_err(|error| Trouble::refused(format!("a row cannot be read: {error}")))
}

/// A row, or that a newer program has written it, where that is why it cannot be read.
pub(super) fn read_row<T: serde::de::DeserializeOwned>(
    content: &[u8],
    version: i16,
) -> Result<T, Trouble> {
    json(content).map_err(|trouble| match version > ROWS {
        true => Trouble::Newer(trouble.to_string()),
        false => trouble,
    })
}

pub(super) fn bytes_of(row: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("rows are structs of texts, numbers and lists")
}

pub(super) fn text_of(row: &impl serde::Serialize) -> String {
    serde_json::to_string(row).expect("rows are structs of texts, numbers and lists")
}

fn hash_at(row: &Row, column: usize) -> Result<Hash, Trouble> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| Trouble::refused("a hash has not 16 bytes".to_owned()))
}

pub(super) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) const fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}
