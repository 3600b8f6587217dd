//! The token of the admin address: the configured one, else one that the daemon makes and keeps in a file that its own
//! user alone may read.
//!
//! The file is written beside its place and renamed, so that it is whole or not there, and a link in its place is
//! replaced, not followed. It is kept over restarts, for scripts that have read it.
//!
//! Where systemd gives the daemon a runtime directory, the token in force is copied there, readable by the daemon's
//! group: the state directory of a dynamic user is closed to all but root.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use secrecy::{ExposeSecret, SecretString};

use super::Failure;
use super::files::{found, of_config};
use crate::config::{Secret, Settings};

/// Hex digits of 256 random bits.
const LENGTH: usize = 64;

/// The name of the copy in the runtime directory.
const COPY: &str = "admin-token";

/// The mode of a token's file, and of the copy for the daemon's group.
const OWNER_ALONE: u32 = 0o600;
const GROUP_READS: u32 = 0o640;

/// No token is longer, in bytes.
const LONGEST: u64 = 4096;

/// The token that holds from now on.
///
/// # Errors
/// The configured one cannot be read, or the file of the made one can never be written where it is to be.
pub(super) fn in_force(settings: &Settings) -> Result<SecretString, Failure> {
    let wrong = |text: String| Failure::Configuration(vec![of_config(settings, text)]);
    if let Some(token) = &settings.admin.token {
        return Secret::reveal(token)
            .map_err(|problem| Failure::Configuration(vec![found(settings, &problem)]));
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
    match write(&path, &token, OWNER_ALONE) {
        Ok(()) => {}
        Err(error) if lasts(&error) => {
            return Err(wrong(format!(
                "admin.token_file: {} cannot be written ({error}); name a file in a folder that the daemon may write \
                 to, or set admin.token",
                path.display()
            )));
        }
        // Events are carried out all the same; only operators are locked out.
        Err(error) => tracing::error!(
            path = %path.display(), %error,
            "The admin token cannot be written, so the admin address answers health checks and metrics alone; make \
             room and restart"
        ),
    }
    Ok(token.into())
}

/// Copies the token into the runtime directory, for the commands of the members of the daemon's group.
pub(super) fn copy_to(runtime_directory: &Path, token: &SecretString) {
    let path = runtime_directory.join(COPY);
    if let Err(error) = write(&path, token.expose_secret(), GROUP_READS) {
        tracing::warn!(
            path = %path.display(), %error,
            "The admin token cannot be copied for the daemon's group; commands need root or the daemon's user"
        );
    }
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

/// Reads a file that a daemon keeps its own token in, for a command. A link is not followed, and what no daemon has
/// made is never sent: the folder may be another user's.
///
/// # Errors
/// As for any file; `InvalidData` where it holds something else than a token.
pub(crate) fn read(path: &Path) -> io::Result<SecretString> {
    match made(&text_of(open(path)?)?) {
        Some(token) => Ok(token.into()),
        None => Err(io::Error::new(ErrorKind::InvalidData, "it does not contain an admin token")),
    }
}

/// Reads the copy in a runtime directory, where a configured token may be of any form.
///
/// # Errors
/// As for any file.
pub(crate) fn read_copy(runtime_directory: &Path) -> io::Result<SecretString> {
    let text = text_of(open(&runtime_directory.join(COPY))?)?;
    Ok(text.trim_end_matches('\n').into())
}

/// The token of an earlier start; none if there is no file; why it does not count.
fn kept(path: &Path) -> Result<Option<String>, &'static str> {
    let unreadable = "its file cannot be read, or is a link";
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(unreadable),
    };
    let about = file.metadata().map_err(|_| unreadable)?;
    if !about.is_file() || about.nlink() > 1 {
        return Err("its file is not a regular file");
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err("its file belongs to another user");
    }
    if about.mode() & 0o077 != 0 {
        return Err("other users may read or write its file");
    }
    let text = text_of(file).map_err(|_| unreadable)?;
    made(&text).map(str::to_owned).map(Some).ok_or("its file does not contain a token")
}

/// Opens for reading, but no link, and without waiting for the other end of a pipe.
fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The text of a plain file; empty where it is no text.
fn text_of(file: fs::File) -> io::Result<String> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file"));
    }
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

/// The token in a text, if it looks like one that a daemon makes.
fn made(text: &str) -> Option<&str> {
    let token = text.trim_end_matches(['\r', '\n']);
    let fits = token.len() == LENGTH && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(token)
}

fn write(path: &Path, token: &str, mode: u32) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    // Created with mode 0600 and a name that was not there.
    let mut file = tempfile::Builder::new().prefix(".admin-token-").tempfile_in(folder)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
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
