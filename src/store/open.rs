//! Opening: proves durability, takes the directory, opens sled, checks the schema, and rebuilds what is held in memory.
//! A store that cannot be opened is an error that names the path and what to do, never a fresh start.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::apart::Apart;
use super::directory::{Before, Directory};
use super::journal::{self, Journal};
use super::keeper::Witness;
use super::layout::{self, Prefix};
use super::ledger::{Ledger, Live};
use super::memtable::Changed;
use super::open_error::OpenError;
use super::row::{Changes, RowError, Rows};
use super::rows::ConversationRow;
use super::tally::{self, Tally};
use super::{Settings, durable, ids, keeper, pack, shelf};
use crate::routing::{LaneKey, Stage};

/// The newest schema that this program reads; written once an entry has a row of its own.
pub(super) const SCHEMA: u32 = 2;
/// What it writes until then, so that the program before can still open the store.
const FIRST: u32 = 1;

/// How long sled may take to let go of its lock after a store of this process was closed.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// An open database with what was found in it.
pub(super) struct Opened {
    pub(super) directory: Directory,
    pub(super) db: sled::Db,
    pub(super) ledger: Ledger,
    pub(super) place: Place,
    /// Lanes that owe calls.
    pub(super) lanes: Vec<Arc<LaneKey>>,
    /// Whether a conversation could not be read, so that events may be without a lane.
    pub(super) orphans: bool,
    /// Conversations that moved into a lane which is not there.
    pub(super) strays: Vec<Arc<LaneKey>>,
}

/// Where the writer goes on.
pub(super) struct Place {
    pub(super) schema: u32,
    /// The first number that is free.
    pub(super) next_seq: u64,
    /// The number of the last commit.
    pub(super) commits: u64,
    pub(super) tally: Tally,
    pub(super) journal: Journal,
    pub(super) rows: Rows,
}

pub(super) fn open(settings: &Settings) -> Result<Opened, OpenError> {
    if !durable::syncs_for_real() {
        return Err(OpenError::NotDurable);
    }
    let directory = Directory::take(&settings.path)?;
    if directory.before() == Before::Unclean {
        tracing::warn!(path = %settings.path.display(), "the store was not closed in good order; recovering");
    }
    directory.prepare()?;
    let db = open_sled(&settings.path, settings.cache_bytes)?;
    let rows = Rows::new(&db);
    let schema = check_schema(&directory, &db, &rows)?;
    let commits = take_in_journal(&directory, &db, &rows)?;
    let files = || Ok((Tally::open(&settings.path)?, Journal::open(&settings.path)?));
    directory.close_files()?;
    let (tally, journal) = files()
        .and_then(|files| directory.mark_running().map(|()| files))
        .map_err(|error| OpenError::Directory { path: settings.path.clone(), error })?;
    rebuild(directory, db, rows, |next_seq, rows| Place {
        schema,
        next_seq,
        commits,
        tally,
        journal,
        rows,
    })
}

fn open_sled(path: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    let unreadable = |why: String| OpenError::Unreadable { path: path.to_owned(), why };
    let config =
        sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(Some(500));
    let mut waited = Duration::ZERO;
    loop {
        let error = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) => error.to_string(),
            Err(_) => return Err(unreadable("sled panicked over its files".to_owned())),
        };
        if !error.contains("could not acquire lock") {
            return Err(unreadable(error));
        }
        if waited >= LOCK_PATIENCE {
            return Err(OpenError::Locked(path.to_owned()));
        }
        let pause = Duration::from_millis(20);
        std::thread::sleep(pause);
        waited += pause;
    }
}

fn check_schema(directory: &Directory, db: &sled::Db, rows: &Rows) -> Result<u32, OpenError> {
    let path = || directory.path().to_owned();
    let found = rows.get(&layout::schema()).map_err(|error| fatal(directory.path(), error))?;
    let Some(row) = found else {
        return match directory.before() {
            Before::Fresh if is_new(db, rows) => create(directory, db).map(|()| FIRST),
            Before::Fresh => Err(OpenError::Foreign(path())),
            Before::Closed | Before::Unclean => {
                let copy = directory
                    .copy_aside()
                    .map_err(|error| OpenError::Directory { path: path(), error })?;
                Err(OpenError::Emptied { path: path(), copy })
            }
        };
    };
    let schema = std::str::from_utf8(&row.content).ok().and_then(|text| text.parse::<u32>().ok());
    match schema {
        Some(schema @ FIRST..=SCHEMA) => Ok(schema),
        Some(schema) => Err(OpenError::Newer { path: path(), schema }),
        None => Err(OpenError::Damaged { path: path(), why: "its schema row".to_owned() }),
    }
}

/// Moves into sled what a crash has left in the journal. The number of the last commit, if no confirmed one is missing, or if
/// a person has removed the file that names it: then what can be had of the journal is taken in.
fn take_in_journal(directory: &Directory, db: &sled::Db, rows: &Rows) -> Result<u64, OpenError> {
    let path = directory.path();
    let failed = |error| OpenError::Directory { path: path.to_owned(), error };
    // A store of an older program has no such row.
    let in_sled = number(rows, &layout::commits()).map_err(|error| fatal(path, error))?;
    let found = journal::read(path, in_sled.unwrap_or_default()).map_err(failed)?;
    let confirmed = tally::read(path).map_err(failed)?;
    if let Some(newest) = confirmed.map(|confirmed| confirmed.max(found.newest))
        && newest > found.last
    {
        let commits = newest - found.last;
        return Err(OpenError::Shortened { path: path.to_owned(), commits });
    }
    if !found.rows.is_empty() {
        save(directory, db, &found.rows, found.last)?;
    }
    Ok(found.last)
}

fn create(directory: &Directory, db: &sled::Db) -> Result<(), OpenError> {
    let mut changes = Changes::default();
    changes.put(&layout::schema(), FIRST.to_string().as_bytes());
    changes.put(&layout::next_seq(), &1_u64.to_be_bytes());
    save(directory, db, &changes.into_rows().collect(), 0)
}

/// Whether nothing was ever written but, at the most, a part of what [`create`] writes.
fn is_new(db: &sled::Db, rows: &Rows) -> bool {
    db.is_empty() || (db.len() == 1 && rows.has(&layout::next_seq()).unwrap_or(false))
}

fn save(
    directory: &Directory,
    db: &sled::Db,
    rows: &Changed,
    commit: u64,
) -> Result<(), OpenError> {
    let path = directory.path();
    let failed = |error| OpenError::Directory { path: path.to_owned(), error };
    let witness = Witness::of(path).map_err(failed)?;
    keeper::save(db, &witness, rows, commit, || {}).map_err(|error| match error {
        sled::Error::Io(error) => failed(error),
        other => OpenError::Unreadable { path: path.to_owned(), why: other.to_string() },
    })
}

fn rebuild(
    directory: Directory,
    db: sled::Db,
    rows: Rows,
    place: impl FnOnce(u64, Rows) -> Place,
) -> Result<Opened, OpenError> {
    let path = directory.path().to_owned();
    let fatal = |error| fatal(&path, error);
    let mut ledger = Ledger::default();
    let key = layout::next_seq();
    let missing = || RowError::Corrupt(key.escape_ascii().to_string());
    let next_seq =
        number(&rows, &key).and_then(|found| found.ok_or_else(missing)).map_err(fatal)?;
    let next_seq = next_seq.max(after_the_last_event(&rows).map_err(fatal)?);
    let mut damaged = Vec::new();
    for found in rows.scan(Prefix::Ids) {
        let Some((key, row)) = sound(found, &mut damaged).map_err(fatal)? else { continue };
        match ids::decode(&key, &row.content) {
            Ok(block) => block.into_iter().for_each(|(hash, seq)| ledger.learn(hash, seq)),
            Err(error) => damaged.push(error),
        }
    }
    for found in rows.scan(Prefix::Dead) {
        let Some((key, _)) = sound(found, &mut damaged).map_err(fatal)? else { continue };
        layout::seq_in(&key).into_iter().for_each(|seq| ledger.bury(seq));
    }
    let damaged_before = damaged.len();
    let (mut lanes, mut moved) = (Vec::new(), Vec::new());
    let last = rows.last_key(Prefix::Conversations).map_err(fatal)?;
    last.and_then(|key| layout::seq_in(&key))
        .into_iter()
        .for_each(|pack| ledger.shelves.last_found(pack));
    for found in rows.scan(Prefix::Conversations) {
        let Some((key, row)) = sound(found, &mut damaged).map_err(fatal)? else { continue };
        match take_pack(&rows, &key, &row.content, &mut ledger) {
            Ok(found) => {
                lanes.extend(found.owing);
                moved.extend(found.moved);
            }
            Err(error) => damaged.push(error),
        }
    }
    let strays = take_moved(moved, &mut ledger);
    let orphans = damaged.len() > damaged_before;
    for error in damaged {
        ledger.note_damage();
        tracing::error!(path = %path.display(), %error, "the store holds a damaged row");
    }
    let place = place(next_seq, rows);
    Ok(Opened { directory, db, ledger, place, lanes, orphans, strays })
}

/// The number after that of the last event: no number is given twice, whatever damage there was.
fn after_the_last_event(rows: &Rows) -> Result<u64, RowError> {
    let last = rows.range_back(&Prefix::Event.bytes(), &layout::event(u64::MAX)).next();
    match last.map(|found| found.and_then(|(key, row)| pack::seqs(&key, &row.content))) {
        Some(Ok(seqs)) => Ok(seqs.end),
        None | Some(Err(RowError::Corrupt(_) | RowError::Newer(_))) => Ok(0),
        Some(Err(error @ RowError::Read(_))) => Err(error),
    }
}

/// What was found in a pack.
#[derive(Default)]
struct Found {
    /// Lanes that owe calls.
    owing: Vec<Arc<LaneKey>>,
    /// Conversations that moved, and into which lane.
    moved: Vec<(Arc<LaneKey>, Arc<LaneKey>)>,
}

/// Takes note of a pack's conversations.
fn take_pack(
    rows: &Rows,
    key: &[u8],
    content: &[u8],
    ledger: &mut Ledger,
) -> Result<Found, RowError> {
    let damaged = || RowError::Corrupt(key.escape_ascii().to_string());
    let pack = layout::seq_in(key).ok_or_else(damaged)?;
    let mut found = Found::default();
    for (lane, row) in shelf::conversations(key, content)? {
        ledger.shelves.found(&lane, pack);
        ledger.see_contact_center(&lane.contact_center);
        if ConversationRow::owes_calls(row) {
            let lane = Arc::new(lane);
            set_live(rows, ledger, &lane, ConversationRow::decode(key, row)?)?;
            found.owing.push(lane);
        } else if ConversationRow::is_moved(row)
            && let Some(conversation) = ConversationRow::decode(key, row)?.moved_to
        {
            let root = LaneKey { contact_center: lane.contact_center.clone(), conversation };
            found.moved.push((Arc::new(lane), Arc::new(root)));
        }
    }
    Ok(found)
}

/// Counts who has moved into which lane; returns those whose lane is not there.
fn take_moved(
    mut moved: Vec<(Arc<LaneKey>, Arc<LaneKey>)>,
    ledger: &mut Ledger,
) -> Vec<Arc<LaneKey>> {
    let mut strays: HashSet<Arc<LaneKey>> = HashSet::new();
    loop {
        let is_there =
            |root: &LaneKey| ledger.shelves.pack_of(root).is_some() && !strays.contains(root);
        let (fine, stray): (Vec<_>, Vec<_>) =
            moved.into_iter().partition(|(_, root)| is_there(root));
        moved = fine;
        if stray.is_empty() {
            break;
        }
        strays.extend(stray.into_iter().map(|(lane, _)| lane));
    }
    moved.iter().for_each(|(_, root)| ledger.shelves.joins(root));
    strays.into_iter().collect()
}

/// Notes the entries of a lane. One that cannot be read is found when the lane is taken up.
fn set_live(
    rows: &Rows,
    ledger: &mut Ledger,
    lane: &Arc<LaneKey>,
    row: ConversationRow,
) -> Result<(), RowError> {
    let mut entries = row.entries;
    for seq in row.apart.iter() {
        match Apart::default().read(rows, seq) {
            Ok(entry) => entries.push(entry),
            Err(RowError::Corrupt(_)) => {}
            Err(error @ (RowError::Read(_) | RowError::Newer(_))) => return Err(error),
        }
    }
    for entry in entries {
        if entry.ended.is_some() {
            ledger.watch(entry.id.0);
            continue;
        }
        let parked = matches!(entry.stage, Stage::Parked { .. });
        let (lane, source) = (Arc::clone(lane), ledger.source_named(&entry.origin.source));
        let live = Live { lane, source, received_at: entry.received_at, parked };
        ledger.set_live(entry.id.0, live);
    }
    Ok(())
}

/// The number in a row, if the row is there.
fn number(rows: &Rows, key: &[u8]) -> Result<Option<u64>, RowError> {
    let Some(row) = rows.get(key)? else { return Ok(None) };
    let bytes = row.content.try_into();
    let bytes = bytes.map_err(|_| RowError::Corrupt(key.escape_ascii().to_string()))?;
    Ok(Some(u64::from_be_bytes(bytes)))
}

/// Keeps a damaged row apart, so that one of them does not keep the store shut.
fn sound<T>(
    found: Result<T, RowError>,
    damaged: &mut Vec<RowError>,
) -> Result<Option<T>, RowError> {
    match found {
        Ok(row) => Ok(Some(row)),
        Err(error @ RowError::Corrupt(_)) => {
            damaged.push(error);
            Ok(None)
        }
        Err(error @ (RowError::Read(_) | RowError::Newer(_))) => Err(error),
    }
}

fn fatal(path: &Path, error: RowError) -> OpenError {
    let path = path.to_owned();
    match error {
        RowError::Read(why) => OpenError::Unreadable { path, why },
        RowError::Corrupt(why) => OpenError::Damaged { path, why },
        RowError::Newer(version) => OpenError::Newer { path, schema: u32::from(version) },
    }
}
