//! A file is replaced whole or not at all, and keeps its owner.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// The mode of a file that was not there.
const NEW: u32 = 0o644;

/// Writes the text beside the file and renames it into its place. Mode and owner stay as they are, and a link leads
/// where it led; a file that was not there gets its folder, and the mode 0644.
///
/// # Errors
/// The folder cannot be made or written, or the owner cannot be kept.
pub(super) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let (file, before) = match fs::canonicalize(file) {
        Ok(place) => {
            let before = fs::metadata(&place)?;
            (place, Some(before))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => (file.to_owned(), None),
        Err(error) => return Err(error),
    };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut written = tempfile::Builder::new().prefix(".pulled-").tempfile_in(folder)?;
    written.write_all(text)?;
    let mode = before.as_ref().map_or(NEW, |before| before.mode() & 0o7777);
    if let Some(before) = before {
        let own = written.as_file().metadata()?;
        if (own.uid(), own.gid()) != (before.uid(), before.gid()) {
            chown(written.path(), Some(before.uid()), Some(before.gid()))?;
        }
    }
    written.as_file().set_permissions(Permissions::from_mode(mode))?;
    written.as_file().sync_all()?;
    written.persist(&file).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}
