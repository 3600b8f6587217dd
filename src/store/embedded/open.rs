//! Opening: proves durability, takes the directory, opens sled, checks the schema, and rebuilds what is held in memory.
//! A store that cannot be opened is an error that names the path and what to do, never a fresh start.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backoff::ExponentialBackoff;

use super::directory::{Before, Directory};
use super::view::{ReadEvent, read_events, restore_lane};
use super::watermark::{self, Watermark};
use super::{Database, Embedded, Kept, Retention, RowError, Rows, durable, layout};
use crate::routing::{Due, LaneKey};
use crate::store::changes::Change;
use crate::store::group::{Found, Lost};
use crate::store::hashes;
use crate::store::index::Index;
use crate::store::lane::LaneCache;
use crate::store::open_error::OpenError;
use crate::store::records::{Class, ConversationHash, IndexRow};
use crate::store::request::Failed;
use crate::store::settings::Settings;
use crate::store::shared::Pulse;

/// The schema that this program reads and writes.
pub(in crate::store) const SCHEMA: u32 = 2;

/// How long sled may take to release its lock after a store of this process was closed.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// An open database with what was found in it.
pub(in crate::store) struct Opened {
    pub(in crate::store) engine: Embedded,
    pub(in crate::store) lanes: Vec<OwedLane>,
    /// Events that belong to no lane any more.
    pub(in crate::store) lost: Vec<Lost>,
    /// Rows that a damaged one is to be replaced by.
    pub(in crate::store) repairs: Vec<Change>,
}

/// What the rows say.
struct Rebuilt {
    index: Index,
    lanes: Vec<OwedLane>,
    lost: Vec<Lost>,
    repairs: Vec<Change>,
}

/// A lane that owes something.
pub(in crate::store) struct OwedLane {
    pub(in crate::store) key: Arc<LaneKey>,
    pub(in crate::store) due: Option<Due>,
    /// A call of it was in flight when the process stopped.
    pub(in crate::store) in_flight: bool,
}

pub(in crate::store) fn open(settings: &Settings, pulse: &Arc<Pulse>) -> Result<Opened, OpenError> {
    if !durable::syncs_for_real() {
        return Err(OpenError::NotDurable);
    }
    let path = &settings.path;
    let directory = Directory::take(path)?;
    if directory.is_older() {
        return Err(OpenError::Older { path: path.clone(), schema: 1 });
    }
    if directory.before() == Before::Unclean {
        tracing::warn!(path = %path.display(), "the store was not closed in good order; recovering");
    }
    directory.prepare()?;
    let rows = Rows::new(open_sled(path, settings.cache_bytes)?);
    check_schema(&directory, &rows)?;
    let commits = check_commits(path, &rows)?;
    directory.close_files()?;
    let failed = |error| OpenError::Directory { path: path.clone(), error };
    let watermark = Watermark::open(path).map_err(failed)?;
    directory.mark_running().map_err(failed)?;
    let reserved = number(&rows, &layout::next_number()).map_err(|error| fatal(path, error))?;
    let missing = || fatal(path, RowError::Corrupt("mnext".to_owned()));
    let last = rows.last_number().map_err(|error| fatal(path, error))?;
    // No number is given twice, whatever damage there was.
    let next_number = reserved.ok_or_else(missing)?.max(last.map_or(0, |last| last + 1));
    let Rebuilt { index, lanes, lost, repairs } =
        rebuild(path, &rows).map_err(|error| match error {
            Failed::Damaged(why) => OpenError::Damaged { path: path.clone(), why },
            other => OpenError::Unreadable { path: path.clone(), why: other.to_string() },
        })?;
    let kept = Arc::new(Kept::new(index, rows.clone()));
    let database = Database { rows, directory, watermark, commits, reserved: next_number };
    let retention = Retention::new(settings.retention_ms, settings.body_retention_ms);
    let (cache, commits) = (LaneCache::default(), Arc::clone(pulse));
    let engine = Embedded { database, kept, cache, next_number, retention, commits };
    Ok(Opened { engine, lanes, lost, repairs })
}

fn open_sled(path: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    let unreadable = |why: String| OpenError::Unreadable { path: path.to_owned(), why };
    let config =
        sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(Some(500));
    let attempt = || {
        let error = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                let why = "sled panicked over its files".to_owned();
                return Err(backoff::Error::permanent(unreadable(why)));
            }
        };
        Err(if error.contains("could not acquire lock") {
            backoff::Error::transient(OpenError::Locked(path.to_owned()))
        } else {
            backoff::Error::permanent(unreadable(error))
        })
    };
    let patience = ExponentialBackoff {
        initial_interval: Duration::from_millis(10),
        max_interval: Duration::from_millis(200),
        max_elapsed_time: Some(LOCK_PATIENCE),
        ..ExponentialBackoff::default()
    };
    backoff::retry(patience, attempt).map_err(|error| match error {
        backoff::Error::Permanent(error) | backoff::Error::Transient { err: error, .. } => error,
    })
}

fn check_schema(directory: &Directory, rows: &Rows) -> Result<(), OpenError> {
    let path = || directory.path().to_owned();
    let key = layout::schema();
    let found = rows.get(&key).map_err(|error| fatal(directory.path(), error))?;
    let Some(content) = found else {
        return match directory.before() {
            Before::Fresh if is_new(rows) => create(directory.path(), rows),
            Before::Fresh => Err(OpenError::Foreign(path())),
            Before::Closed | Before::Unclean => {
                let copy = directory
                    .copy_aside()
                    .map_err(|error| OpenError::Directory { path: path(), error })?;
                Err(OpenError::Emptied { path: path(), copy })
            }
        };
    };
    match std::str::from_utf8(&content).ok().and_then(|text| text.parse::<u32>().ok()) {
        Some(SCHEMA) => Ok(()),
        Some(schema) if schema > SCHEMA => Err(OpenError::Newer { path: path(), schema }),
        Some(schema) => Err(OpenError::Older { path: path(), schema }),
        None => Err(OpenError::Damaged { path: path(), why: "its schema row".to_owned() }),
    }
}

/// The number of the last commit, if no confirmed one is missing, or if an operator has removed the file that names it.
fn check_commits(path: &Path, rows: &Rows) -> Result<u64, OpenError> {
    let commits = number(rows, &layout::commits()).map_err(|error| fatal(path, error))?;
    let commits = commits.unwrap_or_default();
    let confirmed = watermark::read(path)
        .map_err(|error| OpenError::Directory { path: path.to_owned(), error })?;
    match confirmed {
        Some(confirmed) if confirmed > commits => {
            let commits = confirmed - commits;
            Err(OpenError::Shortened { path: path.to_owned(), commits })
        }
        Some(_) | None => Ok(commits),
    }
}

/// Whether nothing was ever written.
fn is_new(rows: &Rows) -> bool {
    rows.tree.is_empty()
}

fn create(path: &Path, rows: &Rows) -> Result<(), OpenError> {
    let mut batch = sled::Batch::default();
    let schema = SCHEMA.to_string();
    for (key, content) in
        [(layout::schema(), schema.as_bytes()), (layout::next_number(), &1_u64.to_be_bytes())]
    {
        for (key, value) in super::value::chunks(&key, content, 0) {
            batch.insert(key, value);
        }
    }
    let written = rows.tree.apply_batch(batch).and_then(|()| rows.tree.flush().map(drop));
    written.map_err(|error| match error {
        sled::Error::Io(error) => OpenError::Directory { path: path.to_owned(), error },
        other => OpenError::Unreadable { path: path.to_owned(), why: other.to_string() },
    })
}

/// Reads the index, then lane by lane the events that have an entry in one.
fn rebuild(path: &Path, rows: &Rows) -> Result<Rebuilt, Failed> {
    let damaged = |index: &mut Index, error: &str| {
        index.note_damage();
        tracing::error!(path = %path.display(), %error, "the store holds a damaged row");
    };
    let (mut index, mut repairs, mut lost) = (Index::default(), Vec::new(), Vec::new());
    // By the lane's conversation: those of one lane are together, maybe with those of another contact centre's.
    let mut open: BTreeMap<Option<ConversationHash>, Vec<u64>> = BTreeMap::new();
    for found in rows.indexes(0) {
        let (number, row) = match found {
            Ok(found) => found,
            Err((_, RowError::Read(why))) => return Err(Failed::Write(why)),
            Err((number, error)) => {
                damaged(&mut index, &error.to_string());
                let Some(row) = index_from_event(rows, number)? else { continue };
                repairs.push(Change::Index(number, row));
                (number, row)
            }
        };
        index.apply(&Change::Index(number, row));
        if row.class == Class::Open {
            let lane = row.conversations.map(|[_, lane]| lane);
            open.entry(lane).or_default().push(number);
        }
    }
    let mut lanes = Vec::with_capacity(open.len());
    while let Some((_, numbers)) = open.pop_first() {
        let mut found: BTreeMap<Arc<LaneKey>, Vec<ReadEvent>> = BTreeMap::new();
        for event in read_events(rows, &numbers)? {
            match event.row {
                Ok(ref row) => {
                    index.set_event(event.number, row);
                    let Some(lane) = index.lane_of(event.number) else { continue };
                    found.entry(lane).or_default().push(event);
                }
                Err(why) => {
                    damaged(&mut index, &why);
                    let ReadEvent { number, index, .. } = event;
                    lost.push(Lost { number, index, row: None, why });
                }
            }
        }
        for (key, events) in found {
            let Found { lane, lost: gone, damaged } = restore_lane(rows, &key, events)?;
            if damaged {
                index.note_damage();
                repairs.push(Change::Lane(LaneKey::clone(&key), Some(Box::new(lane.to_row(&key)))));
            }
            lost.extend(gone);
            let due = lane.conversation.next_due();
            lanes.push(OwedLane { key, due, in_flight: lane.conversation.is_calling() });
        }
    }
    Ok(Rebuilt { index, lanes, lost, repairs })
}

/// What the index has to say of an event, from the event itself.
fn index_from_event(rows: &Rows, number: u64) -> Result<Option<IndexRow>, Failed> {
    let row = match rows.event(number) {
        Ok(Some(row)) => row,
        Err(RowError::Read(why)) => return Err(Failed::Write(why)),
        Ok(None) | Err(RowError::Corrupt(_) | RowError::Newer(_)) => return Ok(None),
    };
    let own = row.content.conversation();
    let conversations = own.zip(row.lane()).map(|(own, lane)| {
        [hashes::of_conversation(&own), hashes::of_conversation(&lane.conversation)]
    });
    let id = hashes::of_event(&row.origin.source, row.content.id());
    let (received_at, class) = (row.origin.received_at, row.class());
    Ok(Some(IndexRow { id, received_at, class, conversations }))
}

/// The number in a row, if the row is there.
fn number(rows: &Rows, key: &[u8]) -> Result<Option<u64>, RowError> {
    let Some(content) = rows.get(key)? else { return Ok(None) };
    let bytes = content.try_into();
    let bytes = bytes.map_err(|_| RowError::Corrupt(super::value::readable(key)))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

fn fatal(path: &Path, error: RowError) -> OpenError {
    let path = path.to_owned();
    match error {
        RowError::Read(why) => OpenError::Unreadable { path, why },
        RowError::Corrupt(why) => OpenError::Damaged { path, why },
        RowError::Newer(version) => OpenError::Newer { path, schema: u32::from(version) },
    }
}
