//! Where a recorded sample or flow is written, and the texts of a profile.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Made, folder_of};
use crate::config::Settings;
use crate::text_file;

/// `vendor.toml` and `events.jq` of a profile's folder.
pub(super) fn texts(folder: &Path) -> Option<(String, String)> {
    let read = |file: &str| text_file::read(&folder.join(file), text_file::LARGEST).ok();
    Some((read("vendor.toml")?, read("events.jq")?))
}

/// A file that is not there yet, behind those that the profile has: `samples/05-recorded-offer.json`.
///
/// # Errors
/// The profile is not on this disk.
pub(crate) fn place(settings: &Settings, made: &Made) -> Result<PathBuf, String> {
    let profile = folder_of(settings, made);
    if !profile.join("vendor.toml").is_file() {
        return Err(format!(
            "{} is not there, the profile is the one in the program: name a file by --output",
            profile.display()
        ));
    }
    let folder = profile.join(made.folder);
    let names = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let number = |name: std::ffi::OsString| {
        let name = name.to_string_lossy().into_owned();
        name.split('-').next().and_then(|number| number.parse::<u32>().ok())
    };
    let last = names.filter_map(|entry| number(entry.file_name())).max().unwrap_or(0);
    Ok(folder.join(format!("{:02}-{}.json", last + 1, made.name)))
}

/// Writes the text; a file that is there stays as it is.
///
/// # Errors
/// It is there already, or cannot be written.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(file)?.write_all(text.as_bytes())
}
