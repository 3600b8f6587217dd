//! Everything that can be wrong with the files, found without starting anything.

#![expect(clippy::disallowed_methods, reason = "`check` has the process to itself")]

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::files::Files;
use super::{build, new_vendor, places, rehearsal};
use crate::config::{Scope, Settings};
use crate::problem::{Once, Problem};
use crate::routing::{Replace, WithdrawAction};
use crate::{source, store};

/// What a check looked at.
pub(crate) struct Checked {
    pub(crate) files: Files,
    /// A line a thing, for a person.
    pub(crate) lines: Vec<String>,
}

/// Reads profiles, filters and tables, runs every profile's samples, plays its flows, and looks for secrets.
///
/// # Errors
/// All problems, with file and line where they have one.
pub(crate) fn check(settings: &Settings) -> Result<Checked, Vec<Problem>> {
    let mut problems = Once::default();
    if let Err(found) = settings.check_secrets(Scope::Everything) {
        problems.extend(found.iter().map(|problem| super::files::found(settings, problem)));
    }
    let places = places::problems(settings).into_iter();
    problems.extend(places.map(|text| super::files::of_config(settings, text)));
    let files = match build::build(settings) {
        Ok(built) => Some(built.files),
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let mut lines = Vec::new();
    for tried in try_profiles(&profile_folders(settings), &settings.mappings) {
        match tried {
            Ok(line) => lines.push(line),
            Err(found) => problems.extend(found),
        }
    }
    let Some(files) = files.filter(|_| problems.is_empty()) else {
        return Err(problems.into_vec());
    };
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
    if let Some(url) = &settings.notify.url {
        let outcomes: Vec<_> =
            settings.notify.outcomes.iter().map(|state| state.as_str()).collect();
        lines.push(format!("notify: {} events are pushed to {}", outcomes.join(", "), url.host()));
    }
    let build::Notes { warnings, hints } = build::Notes::of(settings);
    lines.extend(warnings.into_iter().chain(hints).map(|text| format!("warning: {text}")));
    lines.extend(weak_secrets(&files));
    lines.extend(tight_deadlines(&files));
    lines.extend(cards_that_stay(settings, &files));
    lines.extend(tables_without_work(settings));
    lines.extend(unsigned_reads(&files));
    lines.extend(profile_folders(settings).iter().flat_map(|folder| new_vendor::to_do(folder)));
    Ok(Checked { files, lines })
}

/// Sources whose secrets hold, but could be tried out.
fn weak_secrets(files: &Files) -> Vec<String> {
    let of = |(name, source): (&String, &std::sync::Arc<source::Source>)| {
        let note = |note| format!("note {name}: {note}");
        source.notes().into_iter().map(note).collect::<Vec<_>>()
    };
    let mut lines: Vec<_> = files.sources.iter().flat_map(of).collect();
    lines.sort();
    lines
}

/// Contact centres without a default reject reason, where cards are to be taken away with it.
fn cards_that_stay(settings: &Settings, files: &Files) -> Vec<String> {
    let rejects = settings.withdraw.action != WithdrawAction::None;
    let replaces = settings.offer.replace == Replace::Reject;
    let mut lines = Vec::new();
    for (contact_center, directory) in &files.directories {
        if directory.reason(None, None).is_some() || !(rejects || replaces) {
            continue;
        }
        lines.push(format!(
            "note {contact_center}: reject_reasons.csv has no default reason (row *), so no card is taken away: [withdraw] action acts \
             as \"none\" where it would reject, [offer] replace as \"wait\""
        ));
    }
    lines
}

/// Tables of ServiceNow's own that hold no work for agents: a vendor's attribute could name their records.
fn tables_without_work(settings: &Settings) -> Vec<String> {
    let own = |name: &&str| {
        ["sys_", "awa_", "cmdb_", "ecc_", "oauth_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let tables = settings.servicenow.tables.iter().map(crate::routing::TableName::as_str);
    let note = |name: &str| {
        format!(
            "note servicenow.tables: {name} contains no work that could be offered to an agent; remove it"
        )
    };
    tables.filter(own).map(note).collect()
}

/// Tries every profile, on all of the machine's cores; in the order of the folders.
fn try_profiles(folders: &[PathBuf], mappings: &Path) -> Vec<Result<String, Vec<Problem>>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut tried = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(folder) = folders.get(n) else { return tried };
            tried.push((n, try_profile(folder, mappings)));
        }
    };
    let mut tried: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores.min(folders.len())).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    tried.sort_by_key(|(n, _)| *n);
    tried.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Runs a profile's samples and plays its flows.
fn try_profile(folder: &Path, mappings: &Path) -> Result<String, Vec<Problem>> {
    let mut problems = Once::default();
    problems.extend(source::samples::run(folder));
    let flows = match rehearsal::play_profile(folder, mappings) {
        Ok(flows) => flows,
        Err(found) => {
            problems.extend(found);
            0
        }
    };
    if !problems.is_empty() {
        return Err(problems.into_vec());
    }
    let samples = source::samples::load(folder).map_or(0, |samples| samples.len());
    let vendor = folder.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("profile {vendor}: {samples} samples as expected, {flows} flows end as expected"))
}

/// Sources whose vendor waits less for its answer than a commit may take: past that, the vendor sends again, which the
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

/// Sources whose filter reads what their scheme does not sign.
fn unsigned_reads(files: &Files) -> Vec<String> {
    let note = |source: &source::Source| {
        let unsigned = source.reads_unsigned();
        (!unsigned.is_empty()).then(|| {
            format!(
                "note {}: events.jq reads {}, which the signature does not cover: no id and no time is taken from there, and requests \
                 that differ in nothing else count as one; sign it, as with `message` in [verify]",
                source.name(),
                unsigned.join(", ")
            )
        })
    };
    let mut lines: Vec<String> = files.sources.values().filter_map(|source| note(source)).collect();
    lines.sort();
    lines
}

/// Every folder of `mappings/vendors`, used by a source or not: one that is broken is better known before it is wanted.
fn profile_folders(settings: &Settings) -> Vec<PathBuf> {
    source::profile_folders(&settings.mappings.join("vendors")).unwrap_or_default()
}
