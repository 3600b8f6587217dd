//! The store's directory: one process at a time, a marker that says what is to be expected in it, and what has to be
//! cleared or saved before sled may touch it. Never reads or changes sled's own files, but for leftovers that would
//! stop sled.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::locked;
use super::own_file::{self, NotOwn, Refused};
use crate::store::open_error::OpenError;

const LOCK: &str = "awa-bridge.lock";
const MARKER: &str = "awa-bridge.marker";
const RUNNING: &str = "awa-bridge store 2\nrunning\n";
/// How the marker of the schema before begins.
const OLDER: &str = "awa-bridge store 1\n";
const CLOSED: &str = "awa-bridge store 2\nclosed\n";

/// A directory that this process alone uses.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held for its lock.
    _lock: File,
    state: Before,
    is_older: bool,
}

/// What the marker says of the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Never used.
    Fresh,
    /// Closed in good order.
    Closed,
    /// The process or the machine stopped in the midst.
    Unclean,
}

impl Directory {
    /// Creates the directory if need be and takes it for this process.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Directory { path: path.to_owned(), error };
        if let Some(why) = own_file::of_others(path) {
            return Err(OpenError::NotOwn { path: path.to_owned(), why });
        }
        take_folder(path)?;
        let lock = own_file::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed)?;
        locked::take(|| {
            lock.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => OpenError::Locked(path.to_owned()),
                TryLockError::Error(error) => failed(error),
            })
        })?;
        let mut is_older = false;
        let state = match own_file::read(&path.join(MARKER)) {
            Ok(text) if text == CLOSED.as_bytes() => Before::Closed,
            Ok(text) => {
                is_older = text.starts_with(OLDER.as_bytes());
                Before::Unclean
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Before::Fresh,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path: path.to_owned(), _lock: lock, state, is_older })
    }

    pub(super) const fn before(&self) -> Before {
        self.state
    }

    /// Whether a program of a schema before this one's was the last to use it.
    pub(super) const fn is_older(&self) -> bool {
        self.is_older
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory fit for sled: one that has lost its files is copied aside and refused, and half-written
    /// snapshots are removed, which sled would take for whole ones and which are never needed.
    pub(super) fn prepare(&self) -> Result<(), OpenError> {
        let failed = |error| OpenError::Directory { path: self.path.clone(), error };
        let gone =
            |name: &str| fs::metadata(self.path.join(name)).map_or(true, |file| file.len() == 0);
        if self.state != Before::Fresh && (gone("db") || gone("conf")) {
            let copy = self.copy_aside().map_err(failed)?;
            return Err(OpenError::Emptied { path: self.path.clone(), copy });
        }
        for snapshot in self.partial_snapshots().map_err(failed)? {
            fs::remove_file(&snapshot).map_err(failed)?;
            tracing::warn!(file = %snapshot.display(), "removed a half-written snapshot");
        }
        Ok(())
    }

    /// Copies the directory to `<path>.suspect`, unless that is there already.
    pub(super) fn copy_aside(&self) -> io::Result<PathBuf> {
        let copy = self.aside();
        if !copy.exists() {
            copy_files(&self.path, &copy)?;
            sync_directory(copy.parent())?;
        }
        Ok(copy)
    }

    /// Closes to others what sled has created meanwhile, by the umask of the process.
    pub(super) fn close_files(&self) -> Result<(), OpenError> {
        take_folder(&self.path)
    }

    /// Makes files that were created durable, then says that records are to be expected from now on.
    pub(super) fn mark_running(&self) -> io::Result<()> {
        File::open(self.path.join("conf"))?.sync_all()?;
        self.mark(RUNNING)?;
        sync_directory(self.path.parent())
    }

    /// Says that everything is written.
    pub(super) fn mark_closed(&self) -> io::Result<()> {
        self.mark(CLOSED)
    }

    fn mark(&self, text: &str) -> io::Result<()> {
        let draft = self.path.join("awa-bridge.marker.new");
        let mut file = own_file::options().create(true).truncate(true).write(true).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, self.path.join(MARKER))?;
        sync_directory(Some(&self.path))
    }

    fn aside(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".suspect");
        PathBuf::from(name)
    }

    fn partial_snapshots(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                found.push(path);
            }
        }
        Ok(found)
    }
}

fn take_folder(path: &Path) -> Result<(), OpenError> {
    own_file::take_folder(path).map_err(|refused| match refused {
        Refused::NotOwn(NotOwn { path, why }) => OpenError::NotOwn { path, why },
        Refused::Failed(error) => OpenError::Directory { path: path.to_owned(), error },
    })
}

fn sync_directory(path: Option<&Path>) -> io::Result<()> {
    match path {
        Some(path) if path.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(path) => File::open(path)?.sync_all(),
        None => Ok(()),
    }
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    own_file::make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}
