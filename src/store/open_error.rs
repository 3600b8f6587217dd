//! Why the store cannot be opened, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::embedded::open::SCHEMA;
use super::embedded::watermark;

/// Why the store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// `sync_file_range` is not overridden in this binary.
    NotDurable,
    /// Another process has the directory.
    Locked(PathBuf),
    /// The directory or one of our own files in it cannot be used.
    Directory { path: PathBuf, error: io::Error },
    /// The directory or a file in it is another user's, or a link.
    NotOwn { path: PathBuf, why: String },
    /// sled cannot read its files.
    Unreadable { path: PathBuf, why: String },
    /// The directory should hold records and does not.
    Emptied { path: PathBuf, copy: PathBuf },
    /// The newest records are gone: so many commits that had been confirmed.
    Shortened { path: PathBuf, commits: u64 },
    /// The directory holds a sled database that is not ours.
    Foreign(PathBuf),
    /// A newer program wrote the store.
    Newer { path: PathBuf, schema: u32 },
    /// A program from before the first release wrote the store.
    Older { path: PathBuf, schema: u32 },
    /// The database refuses: what, and why.
    Refused(String),
    /// Another node uses something else of the database.
    OtherMeans(String),
    /// A row that nothing can go on without is damaged.
    Damaged { path: PathBuf, why: String },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDurable => f.write_str(
                "this binary does not override sync_file_range, so the store would lose events in a power cut; \
                 build it for Linux with glibc, or make the call fail with ENOSYS by a system call filter",
            ),
            Self::Locked(path) => write!(
                f,
                "another process uses the store {}; stop it, or set [store] path to another directory",
                path.display()
            ),
            Self::NotOwn { path, why } => {
                write!(f, "the store ([store] path) is not used: {} {why}", path.display())
            }
            Self::Directory { path, error } => write!(
                f,
                "the store {} ([store] path) cannot be used: {error}; the user that runs the bridge must be able to write \
                 there: check owner, mode, mount and disk",
                path.display()
            ),
            Self::Unreadable { path, why } => write!(
                f,
                "the store {} ([store] path) cannot be read: {why}; keep a copy of the directory, then restore it from a \
                 backup or move it away to start with an empty one",
                path.display()
            ),
            Self::Emptied { path, copy } => write!(
                f,
                "the store {} ([store] path) has lost its records (a copy may be found at {}); restore it from a backup, \
                 or move it away to start with an empty one",
                path.display(),
                copy.display()
            ),
            Self::Shortened { path, commits } => write!(
                f,
                "the store {} ([store] path) has lost its last {commits} commits, so the disk or the files are damaged, \
                 or a copy was made while the bridge ran; restore the whole directory from a backup, or, to go on without \
                 what is lost, remove {} and have the senders send again",
                path.display(),
                path.join(watermark::FILE).display()
            ),
            Self::Foreign(path) => write!(
                f,
                "the directory {} holds a database of another program; set [store] path to another directory",
                path.display()
            ),
            Self::Newer { path, schema } => write!(
                f,
                "the store {} ([store] path) has schema {schema}, this program knows {SCHEMA}; start a version that knows \
                 it, such as the one that wrote it",
                path.display()
            ),
            Self::Older { path, schema } => write!(
                f,
                "the store {} ([store] path) has schema {schema}, from before the first release; this program knows {SCHEMA}; \
                 move it away to start with an empty one",
                path.display()
            ),
            Self::Refused(why) => write!(
                f,
                "the database of [store.postgres] refuses: {why}; check url, password and rights; tables that the user may not make are made by `awa-bridge migrate`"
            ),
            Self::OtherMeans(why) => f.write_str(why),
            Self::Damaged { path, why } => write!(
                f,
                "the store {} ([store] path) is damaged: {why}; keep a copy of the directory, then restore it from a \
                 backup or move it away to start with an empty one",
                path.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {}
