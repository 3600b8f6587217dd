//! The keeper: the thread that moves what commits have changed from the journal into sled, so that no caller waits for sled.
//!
//! It is given a layer of the memtable at a time and answers when sled has it for good. On an error of sled it fails
//! the store: the journal has what was answered.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};

use sled::IVec;

use super::layout;
use super::memtable::{Changed, MemTable};
use super::request::Failed;
use super::row::Changes;
use super::shared::Shared;

/// So many bytes are given to sled, which queues them without limit, before it has to have written them: a sign of life each
/// time, and no more in memory.
const AT_ONCE: usize = 512 * 1024;

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
    /// Starts the thread over the sled in that directory.
    pub(super) fn start(
        directory: &Path,
        db: sled::Db,
        memtable: Arc<MemTable>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let (work, loads) = channel::<Load>();
        let (finished, done) = channel();
        let told = Arc::clone(&shared);
        let witness = Witness::of(directory)?;
        let thread = thread::Builder::new().name("store-keeper".to_owned()).spawn(move || {
            for Load { rows, commit } in loads {
                let alive = || told.moves.begins_or_ends();
                alive();
                let saved = catch_unwind(AssertUnwindSafe(|| {
                    save(&db, &witness, &rows, commit, || {
                        alive();
                        alive();
                    })
                }));
                alive();
                match saved {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return told.fail(Failed::Write(error.to_string())),
                    Err(panic) => {
                        return told.fail(Failed::Panicked(super::panic_message(panic.as_ref())));
                    }
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
        self.shared.failure().unwrap_or(Failed::Closed)
    }
}

/// Sled's file, opened by ourselves. The kernel tells each opener once that a write did not reach the disk; sled's own
/// threads share one, and the one of them that does nothing about it may be the one that is told.
pub(super) struct Witness(File);

impl Witness {
    /// To be called before anything is written that it is to vouch for.
    pub(super) fn of(directory: &Path) -> io::Result<Self> {
        File::open(directory.join("db")).map(Self)
    }
}

/// Writes all of it into sled, and then, when that is on the disk, the number of its last commit. In between, and after a
/// crash in between, the journal is needed.
pub(super) fn save(
    tree: &sled::Tree,
    witness: &Witness,
    rows: &Changed,
    commit: u64,
    alive: impl Fn(),
) -> sled::Result<()> {
    let flush = || -> sled::Result<()> {
        tree.flush()?;
        alive();
        Ok(())
    };
    let mut bytes = 0;
    for (key, value) in rows {
        write(tree, key, value.as_ref())?;
        bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
        if bytes >= AT_ONCE {
            bytes = 0;
            flush()?;
        }
    }
    flush()?;
    witness.0.sync_data()?;
    let mut last = Changes::default();
    last.put(&layout::commits(), &commit.to_be_bytes());
    for (key, value) in last.into_rows() {
        write(tree, &key, value.as_ref())?;
    }
    flush()?;
    Ok(witness.0.sync_data()?)
}

/// Writes one chunk, or removes it.
pub(super) fn write(tree: &sled::Tree, key: &[u8], value: Option<&IVec>) -> sled::Result<()> {
    match value {
        Some(value) => tree.insert(key, value)?,
        None => tree.remove(key)?,
    };
    Ok(())
}
