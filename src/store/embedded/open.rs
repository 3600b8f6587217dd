//! Opening: proves durability, takes the directory, opens sled, checks the schema, and rebuilds what is held in memory.
//! A store that cannot be opened is an error that names the path and what to do, never a fresh start.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::directory::{Before, Directory};
use super::view::{ReadEvent, read_events, restore_lane};
use super::watermark::{self, Watermark};
use super::{
    Database, Embedded, Kept, Retention, RowError, Rows, durable, layout, locked, parallel,
};
use crate::routing::{Due, LaneKey};
use crate::store::changes::Change;
use crate::store::group::{Found, Lost};
use crate::store::hashes;
use crate::store::index::{Index, Open};
use crate::store::lane::LaneCache;
use crate::store::open_error::OpenError;
use crate::store::records::{Class, ConversationHash, IndexRow, ROWS};
use crate::store::request::Failed;
use crate::store::settings::Settings;
use crate::store::shared::Pulse;

/// The schema that this program reads and writes.
pub(in crate::store) const SCHEMA: u32 = 2;

// A program that does not know a version of rows must not open a store of it: it would write them anew without what it
// does not know.
const _: () = assert!(SCHEMA == ROWS.cast_unsigned() as u32 + 1, "a version of rows is a schema");

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
    locked::take(|| {
        let error = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error.to_string(),
            Err(_) => return Err(unreadable("sled panicked over its files".to_owned())),
        };
        Err(if error.contains("could not acquire lock") {
            OpenError::Locked(path.to_owned())
        } else {
            unreadable(error)
        })
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

/// How many numbers of the index, or lanes, are one piece of what is read on several threads; of numbers, of which many
/// may be free, there may be more for the sake of fewer pieces.
const NUMBERS_AT_ONCE: u64 = 4096;
const MOST_PIECES: u64 = 65_536;
const LANES_AT_ONCE: usize = 64;

/// Reads the index, then lane by lane the events that have an entry in one.
fn rebuild(path: &Path, rows: &Rows) -> Result<Rebuilt, Failed> {
    let damaged = |index: &mut Index, error: &str| {
        index.note_damage();
        tracing::error!(path = %path.display(), %error, "the store holds a damaged row");
    };
    let (mut index, mut repairs, mut lost) = (Index::default(), Vec::new(), Vec::new());
    // By the lane's conversation: those of one lane are together, maybe with those of another contact centre's.
    let mut open: BTreeMap<Option<ConversationHash>, Vec<u64>> = BTreeMap::new();
    let mut named = Vec::new();
    let Range { start, end } = rows.index_bounds()?;
    let at_once = NUMBERS_AT_ONCE.max((end - start) / MOST_PIECES + 1);
    let pieces: Vec<_> = (start..end)
        .step_by(usize::try_from(at_once).unwrap_or(usize::MAX))
        .map(|first| first..end.min(first.saturating_add(at_once)))
        .collect();
    let read = |numbers: &Range<u64>| rows.indexes(numbers.clone()).collect::<Vec<_>>();
    parallel::each(&pieces, read, |found| {
        for found in found {
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
            index.learn(number, &row);
            if let Some([own, lane]) = row.conversations {
                named.push((own, number));
                named.extend((lane != own).then_some((lane, number)));
            }
            if row.class == Class::Open {
                let lane = row.conversations.map(|[_, lane]| lane);
                open.entry(lane).or_default().push(number);
            }
        }
        Ok(())
    })?;
    index.learn_conversations(named);
    let mut lanes = Vec::with_capacity(open.len());
    // In the order of arrival: what lies together is read together.
    let mut open: Vec<_> = open.into_values().collect();
    open.sort_unstable_by_key(|numbers| numbers.first().copied());
    let pieces: Vec<_> = open.chunks(LANES_AT_ONCE).collect();
    let read = |piece: &&[Vec<u64>]| -> Vec<_> {
        piece.iter().map(|open| read_lanes(rows, open)).collect()
    };
    parallel::each(&pieces, read, |found| {
        for found in found {
            let found = found?;
            found.events.into_iter().for_each(|(number, open)| index.set_open(number, open));
            found.damage.iter().for_each(|why| damaged(&mut index, why));
            lost.extend(found.lost);
            for (OwedLane { key, due, in_flight }, repair) in found.lanes {
                if repair.is_some() {
                    index.note_damage();
                }
                repairs.extend(repair);
                lanes.push(OwedLane { key: index.same_lane(key), due, in_flight });
            }
        }
        Ok::<_, Failed>(())
    })?;
    Ok(Rebuilt { index, lanes, lost, repairs })
}

/// What was read of lanes and their events.
#[derive(Default)]
struct OpenLanes {
    events: Vec<(u64, Option<Open>)>,
    /// With the row that a damaged one is to be replaced by.
    lanes: Vec<(OwedLane, Option<Change>)>,
    lost: Vec<Lost>,
    damage: Vec<String>,
}

/// Reads events that have an entry, and the lanes that they are in.
fn read_lanes(rows: &Rows, numbers: &[u64]) -> Result<OpenLanes, Failed> {
    let mut read = OpenLanes::default();
    let mut found: BTreeMap<Arc<LaneKey>, Vec<ReadEvent>> = BTreeMap::new();
    for event in read_events(rows, numbers)? {
        match event.row {
            Ok(ref row) => {
                let open = Open::of(row);
                let lane = open.as_ref().map(|open| Arc::clone(open.lane()));
                read.events.push((event.number, open));
                if let Some(lane) = lane {
                    found.entry(lane).or_default().push(event);
                }
            }
            Err(why) => {
                read.damage.push(why.clone());
                let ReadEvent { number, index, .. } = event;
                read.lost.push(Lost { number, index, row: None, why });
            }
        }
    }
    for (key, events) in found {
        let Found { lane, lost, damaged } = restore_lane(rows, &key, events)?;
        let repair =
            damaged.then(|| Change::Lane(LaneKey::clone(&key), Some(Box::new(lane.to_row(&key)))));
        read.lost.extend(lost);
        let (due, in_flight) = (lane.conversation.next_due(), lane.conversation.is_calling());
        read.lanes.push((OwedLane { key, due, in_flight }, repair));
    }
    Ok(read)
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
