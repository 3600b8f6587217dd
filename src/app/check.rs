//! Everything that can be wrong with the files, found without starting anything.

use std::path::PathBuf;

use super::files::Files;
use crate::config::{Scope, Settings};
use crate::problem::Problem;
use crate::{store, vendor};

/// What a check looked at.
pub struct Checked {
    pub files: Files,
    /// A line a thing, for a person.
    pub lines: Vec<String>,
}

/// Reads profiles, filters and tables, runs every profile's samples, and looks for secrets.
///
/// # Errors
/// All problems, with file and line where they have one.
pub fn check(settings: &Settings) -> Result<Checked, Vec<Problem>> {
    let mut problems = Vec::new();
    if let Err(found) = settings.check_secrets(Scope::Everything) {
        let of_config = |problem: &crate::config::Problem| {
            super::files::of_config(settings, problem.to_string())
        };
        problems.extend(found.iter().map(of_config));
    }
    if let Err(found) = settings.instance() {
        problems.extend(
            found.iter().map(|problem| super::files::of_config(settings, problem.to_string())),
        );
    }
    let files = match Files::load(settings) {
        Ok(files) => Some(files),
        Err(found) => {
            add_new(&mut problems, found);
            None
        }
    };
    let mut lines = Vec::new();
    for folder in profile_folders(settings) {
        let found = vendor::samples::run(&folder);
        if found.is_empty() {
            let samples = vendor::samples::load(&folder).map_or(0, |samples| samples.len());
            let vendor = folder.file_name().unwrap_or_default().to_string_lossy();
            lines.push(format!("profile {vendor}: {samples} samples as expected"));
        }
        add_new(&mut problems, found);
    }
    let Some(files) = files.filter(|_| problems.is_empty()) else { return Err(problems) };
    for (contact_center, directory) in &files.directories {
        let counts = directory.counts();
        lines.push(format!(
            "tables {contact_center}: {} queues, {} agents, {} reject reasons",
            counts.queues, counts.agents, counts.reject_reasons
        ));
    }
    for source in settings.sources.values() {
        lines.push(format!(
            "source {}: POST /webhooks/{} ({})",
            source.name, source.name, source.vendor
        ));
    }
    lines.extend(tight_deadlines(&files));
    Ok(Checked { files, lines })
}

/// Sources whose vendor waits less for its answer than a commit may take: past that, the vendor comes again, which the
/// store recognises.
fn tight_deadlines(files: &Files) -> Vec<String> {
    let commit = store::Settings::default().commit_timeout;
    let mut lines: Vec<String> = files
        .sources
        .values()
        .filter_map(|source| {
            let deadline = source.answer().deadline.filter(|deadline| *deadline < commit)?;
            Some(format!(
                "note {}: its vendor waits {deadline:?} for an answer, a commit of a slow disk may take up to {commit:?}; it would \
                 send again, and be answered as a duplicate",
                source.name()
            ))
        })
        .collect();
    lines.sort();
    lines
}

/// Every folder of `mappings/vendors`, used by a source or not: one that is broken is better known before it is wanted.
fn profile_folders(settings: &Settings) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(settings.mappings.join("vendors")) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn add_new(problems: &mut Vec<Problem>, found: Vec<Problem>) {
    for problem in found {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}
