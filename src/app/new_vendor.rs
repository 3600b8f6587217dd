//! The folder of a new profile: an invented vendor's, whole and working, with a mark at each place that is to be
//! filled. And what of a folder is still to be.

#![expect(clippy::disallowed_methods, reason = "commands have the process to themselves")]

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where something is to be filled: a line that has this, and says what behind it.
const MARK: &str = "TODO:";

/// The name that the files have in place of the vendor's.
const VENDOR: &str = "VENDOR";

/// The files by their place in the folder.
const FILES: [(&str, &str); 8] = [
    ("vendor.toml", include_str!("new_vendor/template/vendor.toml")),
    ("events.jq", include_str!("new_vendor/template/events.jq")),
    ("README.md", include_str!("new_vendor/template/README.md")),
    ("samples/01-ringing.json", include_str!("new_vendor/template/samples/01-ringing.json")),
    ("samples/02-answered.json", include_str!("new_vendor/template/samples/02-answered.json")),
    ("samples/03-ended.json", include_str!("new_vendor/template/samples/03-ended.json")),
    ("samples/04-unknown.json", include_str!("new_vendor/template/samples/04-unknown.json")),
    ("flows/01-answered.json", include_str!("new_vendor/template/flows/01-answered.json")),
];

/// Writes the folder of a vendor below `vendors`; returns it with the files that it has. Nothing that is there is
/// touched.
///
/// # Errors
/// The name is none, the folder is there already, or it could not be written.
pub(crate) fn write(vendors: &Path, vendor: &str) -> Result<(PathBuf, Vec<PathBuf>), String> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if vendor.is_empty() || vendor.len() > 64 || !vendor.bytes().all(fits) {
        return Err("a vendor's name has 1 to 64 of a-z, 0-9, _ and -".to_owned());
    }
    let folder = vendors.join(vendor);
    let failed = |error: io::Error| format!("{} cannot be written: {error}", folder.display());
    fs::create_dir_all(vendors).map_err(failed)?;
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(format!("{} is there already; nothing was written", folder.display()));
        }
        other => other.map_err(failed)?,
    }
    let mut written = Vec::new();
    for (place, text) in FILES {
        let file = folder.join(place);
        let parent = file.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(failed)?;
        let mut new = fs::File::create_new(&file).map_err(failed)?;
        new.write_all(text.replace(VENDOR, vendor).as_bytes()).map_err(failed)?;
        written.push(file);
    }
    Ok((folder, written))
}

/// What of a profile's folder is still to be filled, a line each.
pub(super) fn to_do(folder: &Path) -> Vec<String> {
    let vendor = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = Vec::new();
    for file in files(folder) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let place = file.strip_prefix(folder).unwrap_or(&file).display();
        for (number, line) in text.lines().enumerate() {
            let Some((_, what)) = line.split_once(MARK) else { continue };
            let what = what.trim().trim_end_matches(['"', ',']);
            lines.push(format!("to do {vendor}: {place}:{}: {what}", number + 1));
        }
    }
    lines
}

/// The files that a profile may have, the samples and flows in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["vendor.toml", "events.jq"].map(|name| folder.join(name)).into();
    for part in ["samples", "flows"] {
        let entries = fs::read_dir(folder.join(part)).into_iter().flatten().filter_map(Result::ok);
        let mut of_part: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        of_part.sort();
        files.extend(of_part);
    }
    files.push(folder.join("README.md"));
    files
}
