//! The profiles, samples and tables that are compiled into the program, so that it runs anywhere and a folder of tables
//! is enough to start.

use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::problem::Problem;
use crate::source::Profile;

static MAPPINGS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/mappings");

/// Writes all of it into a folder that is there.
///
/// # Errors
/// A file could not be written.
pub(super) fn unpack(folder: &Path) -> std::io::Result<()> {
    MAPPINGS.extract(folder)
}

/// The shipped profile of a vendor; none if none is shipped. `folder` is where it would lie, for messages.
///
/// # Errors
/// Every problem of the profile.
pub(super) fn profile(vendor: &str, folder: &Path) -> Option<Result<Profile, Vec<Problem>>> {
    let (toml, jq) = texts(vendor)?;
    Some(Profile::parse(vendor, folder, toml, jq))
}

/// The names of all shipped vendors.
pub(super) fn vendors() -> impl Iterator<Item = String> {
    let folders = MAPPINGS.get_dir("vendors").into_iter().flat_map(Dir::dirs);
    folders.filter_map(|folder| Some(folder.path().file_name()?.to_string_lossy().into_owned()))
}

/// The `vendor.toml` and `events.jq` of a shipped vendor.
pub(super) fn texts(vendor: &str) -> Option<(&'static str, &'static str)> {
    let text = |file: &str| MAPPINGS.get_file(format!("vendors/{vendor}/{file}"))?.contents_utf8();
    Some((text("vendor.toml")?, text("events.jq")?))
}
