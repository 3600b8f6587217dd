//! Which configuration file is believed where the user names none.
//!
//! A file that merely lies where a command is run may be a stranger's, and says where passwords are read and sent.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Problem;

/// Where the file is looked for if none is named, in this order.
pub(super) const SEARCHED: [&str; 2] = ["config.toml", "/etc/awa-bridge/config.toml"];

/// The bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// The first of [`SEARCHED`] that is there.
///
/// # Errors
/// The one in the working directory is another user's, or others may write it or put files beside it.
pub(super) fn find() -> Result<Option<PathBuf>, Problem> {
    let [here, installed] = SEARCHED.map(Path::new);
    if fs::symlink_metadata(here).is_ok() {
        return match doubt(here) {
            Ok(None) => Ok(Some(here.to_owned())),
            Ok(Some(doubt)) => Err(refused(here, &doubt)),
            Err(error) => Err(refused(here, &format!("cannot be looked at ({error})"))),
        };
    }
    Ok(Some(installed).filter(|path| path.exists()).map(Path::to_owned))
}

fn refused(file: &Path, doubt: &str) -> Problem {
    Problem {
        place: Some(file.display().to_string()),
        key: String::new(),
        text: format!(
            "{doubt}, so it is not read by itself; where it is the one that is meant, say so with --config {0}, else work \
             in another directory or name the right one with --config {1}",
            file.display(),
            SEARCHED[1]
        ),
    }
}

/// Why a file in the working directory may say what a stranger wants.
fn doubt(file: &Path) -> io::Result<Option<String>> {
    let directory = fs::metadata(".")?;
    // Also one with the sticky bit, such as /tmp: the paths in the file lead into it.
    if let Some(why) = of_a_stranger(&directory) {
        return Ok(Some(format!("lies in the working directory, which {why}")));
    }
    for about in [fs::symlink_metadata(file)?, fs::metadata(file)?] {
        // A link's own mode says nothing.
        let why = match about.is_symlink() {
            true => belongs_to_another(&about),
            false => of_a_stranger(&about),
        };
        if let Some(why) = why {
            return Ok(Some(format!("lies in the working directory and {why}")));
        }
    }
    Ok(None)
}

fn of_a_stranger(about: &Metadata) -> Option<String> {
    let writable = (about.mode() & OTHERS_WRITE != 0).then(|| {
        format!(
            "can be written by others than its owner (mode {:04o}; chmod go-w)",
            about.mode() & 0o7777
        )
    });
    belongs_to_another(about).or(writable)
}

fn belongs_to_another(about: &Metadata) -> Option<String> {
    let own = [0, rustix::process::geteuid().as_raw()];
    (!own.contains(&about.uid()))
        .then(|| format!("belongs to the user with the number {}, not to you or root", about.uid()))
}
