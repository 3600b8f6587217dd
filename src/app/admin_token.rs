//! The token of the admin address: the configured one, else one that the daemon makes and keeps in a file that its own
//! user alone may read.
//!
//! The file is written beside its place and renamed, so that it is whole or not there, and a link in its place is
//! replaced, not followed. It is kept over restarts, for scripts that have read it.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use secrecy::SecretString;

use super::Failure;
use super::files::of_config;
use crate::config::{Secret, Settings};

/// Hex digits of 256 random bits.
const LENGTH: usize = 64;

/// The token that holds from now on.
///
/// # Errors
/// The configured one cannot be read, or the file of the made one can never be written where it is to be.
pub(super) fn in_force(settings: &Settings) -> Result<SecretString, Failure> {
    let wrong = |text: String| Failure::Configuration(vec![of_config(settings, text)]);
    if let Some(token) = &settings.admin.token {
        return Secret::reveal(token).map_err(|problem| wrong(problem.to_string()));
    }
    let path = settings.admin_token_file();
    match kept(&path) {
        Ok(Some(token)) => return Ok(token.into()),
        Ok(None) => {}
        Err(why) => {
            let path = path.display();
            tracing::warn!(%path, why, "The admin token is replaced by a new one");
        }
    }
    let token = hex::encode(rand::random::<[u8; LENGTH / 2]>());
    match write(&path, &token) {
        Ok(()) => {}
        Err(error) if lasts(&error) => {
            return Err(wrong(format!(
                "admin.token_file: {} cannot be written ({error}); name a file in a folder that the daemon may write \
                 to, or set admin.token",
                path.display()
            )));
        }
        // Events go on; only operators are locked out.
        Err(error) => tracing::error!(
            path = %path.display(), %error,
            "The admin token cannot be written, so the admin address answers health checks and metrics alone; make \
             room and restart"
        ),
    }
    Ok(token.into())
}

/// The token that a daemon has made in this file.
pub(super) fn of_file(path: &Path) -> Result<SecretString, Failure> {
    let why = match kept(path) {
        Ok(Some(token)) => return Ok(token.into()),
        Ok(None) => "there is none",
        Err(why) => why,
    };
    Err(Failure::Broken(format!("no admin token in {}: {why}", path.display())))
}

/// The token of an earlier start; none if there is no file; why it does not count.
fn kept(path: &Path) -> Result<Option<String>, &'static str> {
    let unreadable = "its file cannot be read, or is a link";
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(|_| unreadable)?;
    let file = match fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(unreadable),
    };
    let about = file.metadata().map_err(|_| unreadable)?;
    if !about.is_file() || about.nlink() > 1 {
        return Err("its file is no plain file");
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err("its file belongs to another user");
    }
    if about.mode() & 0o077 != 0 {
        return Err("other users may read or write its file");
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).map_err(|_| unreadable)?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.len() == LENGTH && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(token.to_owned()));
    }
    Err("its file holds something else")
}

fn write(path: &Path, token: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    // Created with mode 0600 and a name that was not there.
    let mut file = tempfile::Builder::new().prefix(".admin-token-").tempfile_in(folder)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

/// Whether the next start would fail the same way.
fn lasts(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::ReadOnlyFilesystem
    )
}
