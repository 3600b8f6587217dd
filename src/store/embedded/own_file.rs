//! The store's folder and files are its user's alone: no other user can read the bodies in them or redirect a write.
//!
//! What the program makes is closed to others whatever the umask; what it finds must be its own, plain files, no links.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Modes of a folder and of a file that are its owner's alone.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// The bits of a mode that are not its owner's.
const OTHERS: u32 = 0o077;

/// A folder or file that is not used, and why.
pub(super) struct NotOwn {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

/// Why a folder cannot be taken.
pub(super) enum Refused {
    NotOwn(NotOwn),
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes the folder, with those around it that are missing, or takes the one that is there: it and what is kept in it
/// must be this user's own, and are closed to others.
pub(super) fn take_folder(path: &Path) -> Result<(), Refused> {
    make_folder(path)?;
    // A link in the folder's place is trusted only if this user made it.
    let link = fs::symlink_metadata(path)?;
    if link.is_symlink() && link.uid() != 0 {
        owned(&link, path)?;
    }
    let about = fs::metadata(path)?;
    owned(&about, path)?;
    close(path, &about, FOLDER)?;
    own_files(path, path)
}

/// Why a folder is taken for another's than a store: it holds something, and nothing of ours. None where that cannot be
/// seen.
pub(crate) fn of_others(path: &Path) -> Option<String> {
    let entries = fs::read_dir(path).ok()?.filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // What a file system of its own has from the start.
    let names: Vec<String> = names.filter(|name| name != "lost+found").collect();
    let is_ours = |name: &String| {
        let of_sled = ["db", "conf", "blobs"].contains(&name.as_str()) || name.starts_with("snap.");
        of_sled || name.starts_with("awa-bridge.")
    };
    if names.is_empty() || names.iter().any(is_ours) {
        return None;
    }
    Some(format!(
        "holds files and is no store; name a folder of the store's own, such as {}",
        path.join("state.sled").display()
    ))
}

/// Makes a folder, with those around it that are missing, for this user alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Opens a file of the store, which is made for this user alone where it is missing, and follows no link.
pub(super) fn options() -> OpenOptions {
    let mut options = File::options();
    // The flag fits wherever there is one.
    let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.mode(FILE).custom_flags(no_link);
    options
}

/// All of a file of the store.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    options().read(true).open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Looks at every file of sled's and ours, and closes it to others.
fn own_files(folder: &Path, path: &Path) -> Result<(), Refused> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if folder == path && !is_of_the_store(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let about = match entry.metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if about.is_dir() {
            owned(&about, &entry.path())?;
            close(&entry.path(), &about, FOLDER)?;
            own_files(&entry.path(), path)?;
            continue;
        }
        if !about.is_file() {
            let why = "is a link or no plain file; move it away".to_owned();
            return Err(Refused::NotOwn(NotOwn { path: entry.path(), why }));
        }
        owned(&about, &entry.path())?;
        close(&entry.path(), &about, FILE)?;
    }
    Ok(())
}

/// Whether a name in the folder is one of sled's or ours; other files are left alone.
fn is_of_the_store(name: &str) -> bool {
    ["db", "conf", "blobs"].contains(&name)
        || name.starts_with("snap.")
        || name.starts_with("awa-bridge.")
}

fn owned(about: &Metadata, path: &Path) -> Result<(), Refused> {
    let own = rustix::process::geteuid().as_raw();
    if about.uid() == own {
        return Ok(());
    }
    let why = format!(
        "belongs to the user with the number {}, and the bridge runs as {own}; give it to the bridge's user (chown -R), or \
         run the bridge as its owner",
        about.uid()
    );
    Err(Refused::NotOwn(NotOwn { path: path.to_owned(), why }))
}

/// Takes away what others may do.
fn close(path: &Path, about: &Metadata, mode: u32) -> io::Result<()> {
    if about.mode() & OTHERS == 0 {
        return Ok(());
    }
    tracing::info!(path = %path.display(), "closed to other users, who could read or enter it");
    fs::set_permissions(path, Permissions::from_mode(mode))
}
