//! How many commits the disk has confirmed, kept in a file beside sled's own.
//!
//! sled takes a damaged stretch of its log for the log's end and goes on without an error, without all that came after
//! it. The number of the last commit is a row that each commit writes; the file names a commit that was synced. Where
//! the row knows of fewer commits than the file, what was answered is lost. The file is not synced: after a power cut
//! it may name an older commit, never one that was not on the disk before.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::own_file;

/// The file's name in the store's directory.
pub(in crate::store) const FILE: &str = "awa-bridge.commits";

/// The file, open for as long as the store is.
#[derive(Debug)]
pub(super) struct Watermark {
    file: File,
    /// It was logged that it cannot be written.
    silent: bool,
}

impl Watermark {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let file = own_file::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(FILE))?;
        Ok(Self { file, silent: false })
    }

    /// Notes that this commit is on the disk. Nothing depends on its success but the finding of damage.
    pub(super) fn note(&mut self, commit: u64) {
        let Err(error) = self.file.write_all_at(line(commit).as_bytes(), 0) else { return };
        if !std::mem::replace(&mut self.silent, true) {
            tracing::warn!(%error, "{FILE} cannot be written; lost records might not be noticed");
        }
    }
}

/// The commit that the file of a directory names, 0 where it cannot be understood; none where there is no file.
pub(super) fn read(directory: &Path) -> io::Result<Option<u64>> {
    let bytes = match own_file::read(&directory.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let commit = std::str::from_utf8(&bytes).ok().and_then(|text| {
        let commit = text.split(' ').next()?.parse().ok()?;
        (text == line(commit)).then_some(commit)
    });
    Ok(Some(commit.unwrap_or_default()))
}

/// Always as long, so that it is overwritten in place; the checksum shows a torn one.
fn line(commit: u64) -> String {
    let number = format!("{commit:020}");
    let checksum = crc32fast::hash(number.as_bytes());
    format!("{number} {checksum:08x}\n")
}
