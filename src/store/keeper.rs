//! The keeper: the thread that moves what commits have changed from the journal into sled, so that no caller waits for sled.
//!
//! It is given a layer of the memtable at a time and answers when sled has it for good. On an error of sled it fails
//! the store: the journal has what was answered.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};

use super::layout;
use super::memtable::{Changed, MemTable};
use super::request::Failed;
use super::row::Changes;
use super::shared::Shared;

/// So many chunks are written between two signs of life.
const AT_ONCE: usize = 64;

/// What is to be moved.
struct Load {
    rows: Arc<Changed>,
    /// The number of the last commit in it.
    commit: u64,
}

pub(super) struct Keeper {
    work: Sender<Load>,
    done: Receiver<()>,
    busy: bool,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start(
        db: sled::Db,
        memtable: Arc<MemTable>,
        shared: Arc<Shared>,
    ) -> std::io::Result<Self> {
        let (work, loads) = channel::<Load>();
        let (finished, done) = channel();
        let told = Arc::clone(&shared);
        let thread = thread::Builder::new().name("store-keeper".to_owned()).spawn(move || {
            for Load { rows, commit } in loads {
                let alive = || told.moves.begins_or_ends();
                alive();
                let saved = save(&db, &rows, commit, || {
                    alive();
                    alive();
                });
                alive();
                if let Err(error) = saved {
                    return told.fail(Failed::Write(error.to_string()));
                }
                drop(rows);
                memtable.arrived();
                if finished.send(()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { work, done, busy: false, shared, thread })
    }

    /// Whether nothing is being moved.
    pub(super) fn is_at_rest(&mut self) -> Result<bool, Failed> {
        match self.done.try_recv() {
            Ok(()) => self.busy = false,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(self.failure()),
        }
        Ok(!self.busy)
    }

    /// Waits until nothing is being moved.
    pub(super) fn rest(&mut self) -> Result<(), Failed> {
        if self.busy {
            self.done.recv().map_err(|_| self.failure())?;
            self.busy = false;
        }
        Ok(())
    }

    /// Has a layer moved. The one before has to be done with.
    pub(super) fn take(&mut self, rows: Arc<Changed>, commit: u64) -> Result<(), Failed> {
        self.busy = true;
        self.work.send(Load { rows, commit }).map_err(|_| self.failure())
    }

    /// Ends the thread, which lets go of the database.
    pub(super) fn close(self) {
        let Self { work, thread, .. } = self;
        drop(work);
        // A panic has failed what waited for it.
        drop(thread.join());
    }

    fn failure(&self) -> Failed {
        let panicked = || Failed::Panicked("the thread that writes into sled is gone".to_owned());
        self.shared.failure().unwrap_or_else(panicked)
    }
}

/// Writes all of it into sled, and then, when that is on the disk, the number of its last commit. In between, and after a
/// crash in between, the journal is needed.
pub(super) fn save(
    tree: &sled::Tree,
    rows: &Changed,
    commit: u64,
    alive: impl Fn(),
) -> sled::Result<()> {
    for (number, (key, value)) in rows.iter().enumerate() {
        match value {
            Some(value) => drop(tree.insert(key, value)?),
            None => drop(tree.remove(key)?),
        }
        if number % AT_ONCE == AT_ONCE - 1 {
            alive();
        }
    }
    tree.flush()?;
    alive();
    let mut last = Changes::default();
    last.put(&layout::commits(), &commit.to_be_bytes());
    for (key, value) in last.rows() {
        if let Some(value) = value {
            tree.insert(key, value)?;
        }
    }
    tree.flush()?;
    Ok(())
}
