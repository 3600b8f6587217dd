//! Everything that comes from files and may change under a running daemon: profiles, sources with their secrets,
//! tables. Loaded all or nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::shipped;
use crate::awa::Client;
use crate::config::{self, Settings};
use crate::mapping;
use crate::problem::Problem;
use crate::routing::{ClockOffset, ContactCenter, Directory, Rules};
use crate::source::{Profile, Source, SourceSpec, profile_folders};
use crate::store::RulesFor;

/// What the files say, whole; a clone shares them.
#[derive(Clone)]
pub(crate) struct Files {
    /// By name.
    pub(crate) sources: HashMap<String, Arc<Source>>,
    /// By contact centre.
    pub(crate) directories: BTreeMap<ContactCenter, Arc<Directory>>,
}

impl Files {
    /// Reads profiles, secrets and tables.
    ///
    /// # Errors
    /// Every problem of every file.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if let Some(missing) = settings.missing_mappings() {
            let text = format!(
                "mappings.directory: {} is no folder that is there; make it, or name the one with profiles and tables",
                missing.display()
            );
            return Err(vec![of_config(settings, text)]);
        }
        let profiles = profiles(settings, &mut problems);
        let mut sources = HashMap::new();
        for source in settings.sources.values() {
            let Some(profile) = profiles.get(&source.vendor) else { continue };
            match build(settings, source, Arc::clone(profile)) {
                Ok(built) => {
                    sources.insert(source.name.clone(), Arc::new(built));
                }
                Err(found) => problems.extend(found),
            }
        }
        let mut directories = BTreeMap::new();
        for contact_center in settings.contact_centers() {
            let pass_through = settings.sources.values().any(|source| {
                source.contact_center == contact_center && source.pass_through_queues
            });
            match mapping::load(&settings.mappings, contact_center, pass_through) {
                Ok(directory) => {
                    directories.insert(contact_center.into(), Arc::new(directory));
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Self { sources, directories }) } else { Err(problems) }
    }

    /// Goes on with the keys that were fetched for the same sources before; no other part has the sources yet.
    pub(super) fn share_issuers(&mut self, before: &Self) {
        for (name, source) in &mut self.sources {
            if let (Some(source), Some(before)) = (Arc::get_mut(source), before.sources.get(name)) {
                source.share_issuer(before);
            }
        }
    }

    /// What keeps sources from verifying their requests, a sentence each.
    pub(super) fn issuers_trouble(&self) -> Vec<String> {
        let trouble = |(name, source): (&String, &Arc<Source>)| {
            let trouble = source.issuer()?.trouble()?;
            Some(format!("sources.{name}: {trouble}"))
        };
        let mut all: Vec<String> = self.sources.iter().filter_map(trouble).collect();
        all.sort();
        all
    }

    /// The source of that name.
    ///
    /// # Errors
    /// Names the sources that there are.
    pub(crate) fn source(&self, name: &str) -> Result<&Arc<Source>, String> {
        self.sources.get(name).ok_or_else(|| {
            let mut known: Vec<_> = self.sources.keys().map(String::as_str).collect();
            known.sort_unstable();
            let known = known.join(", ");
            format!("no source is called `{name}`; the configuration has: {known}")
        })
    }
}

/// The profile of every vendor that a source names, each read once.
fn profiles(settings: &Settings, problems: &mut Vec<Problem>) -> BTreeMap<String, Arc<Profile>> {
    let (mut profiles, mut broken) = (BTreeMap::new(), BTreeSet::new());
    let vendors = settings.mappings.join("vendors");
    for source in settings.sources.values() {
        let vendor = &source.vendor;
        if profiles.contains_key(vendor) || broken.contains(vendor) {
            continue;
        }
        let folder = vendors.join(vendor);
        if !folder.exists() && shipped::texts(vendor).is_none() {
            let text = format!(
                "sources.{}.vendor: there is no profile {vendor}; there are {} (a new one is a folder in {})",
                source.name,
                known_vendors(&vendors).join(", "),
                vendors.display()
            );
            problems.push(of_config(settings, text));
            continue;
        }
        match profile(&folder, vendor) {
            Ok(profile) => {
                profiles.insert(vendor.clone(), Arc::new(profile));
            }
            Err(found) => {
                problems.extend(found);
                broken.insert(vendor.clone());
            }
        }
    }
    profiles
}

/// The names of all profiles: those in the folder and those that are shipped.
fn known_vendors(vendors: &Path) -> Vec<String> {
    let own = profile_folders(vendors).unwrap_or_default();
    let own = own.iter().filter_map(|folder| folder.file_name());
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(shipped::vendors()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The profile in the mappings folder; where there is no such folder, the one that is compiled in.
pub(super) fn profile(folder: &Path, vendor: &str) -> Result<Profile, Vec<Problem>> {
    let shipped = if folder.exists() { None } else { shipped::profile(vendor, folder) };
    shipped.unwrap_or_else(|| Profile::load(folder))
}

fn build(
    settings: &Settings,
    source: &config::Source,
    profile: Arc<Profile>,
) -> Result<Source, Vec<Problem>> {
    let secrets = source.reveal_secrets().map_err(|problems| {
        problems.iter().map(|problem| found(settings, problem)).collect::<Vec<_>>()
    })?;
    let spec = SourceSpec {
        name: source.name.as_str().into(),
        contact_center: source.contact_center.as_str().into(),
        secrets,
        verify: source.verify.clone().map(serde_json::Value::Object),
        options: source.options.clone(),
        public_url: settings.intake.public_url.as_ref().map(ToString::to_string),
        loopback: settings.intake.listen.ip().is_loopback(),
    };
    let placed = |problem: Problem| of_config(settings, problem.message);
    Source::build(profile, spec).map_err(|problems| problems.into_iter().map(placed).collect())
}

/// A problem with the configuration. Where the message begins with the path of a key and a colon, it is told at the
/// line or the variable that sets the key; else with the file as a whole.
pub(crate) fn of_config(settings: &Settings, message: String) -> Problem {
    let fits = |char: char| char.is_ascii_alphanumeric() || "._-[]".contains(char);
    let keyed =
        message.split_once(": ").filter(|(key, _)| key.contains('.') && key.chars().all(fits));
    let placed = keyed.map(|(key, text)| settings.problem(key, text));
    if let Some(problem) = placed.filter(|problem| problem.place.is_some()) {
        return Problem::unplaced(problem.to_string());
    }
    let file = settings.file.clone().unwrap_or_else(|| Path::new("configuration").to_owned());
    Problem::in_file(&file, message)
}

/// A problem that the configuration's own reader has found, at its place.
pub(crate) fn found(settings: &Settings, problem: &config::Problem) -> Problem {
    match problem.place {
        Some(_) => Problem::unplaced(problem.to_string()),
        None => of_config(settings, problem.to_string()),
    }
}

/// The rules in force, by contact centre; a reload swaps them.
pub(crate) struct RulesInForce {
    /// Knows ServiceNow's clock.
    client: Arc<Client>,
    by_contact_center: RwLock<HashMap<ContactCenter, Arc<Rules>>>,
    fallback: Arc<Rules>,
}

impl RulesInForce {
    /// The rules that settings and tables make.
    #[must_use]
    pub(crate) fn new(settings: &Settings, files: &Files, client: Arc<Client>) -> Self {
        let fallback = Arc::new(settings.rules(Arc::default()));
        let this = Self { client, by_contact_center: RwLock::default(), fallback };
        this.replace(settings, files);
        this
    }

    /// Takes new ones over.
    pub(crate) fn replace(&self, settings: &Settings, files: &Files) {
        let rules = files
            .directories
            .iter()
            .map(|(name, directory)| {
                (name.clone(), Arc::new(settings.rules(Arc::clone(directory))))
            })
            .collect();
        *self.by_contact_center.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

impl RulesFor for RulesInForce {
    fn clock_offset(&self) -> Option<ClockOffset> {
        self.client.clock_offset()
    }

    fn rules(&self, contact_center: &ContactCenter) -> Arc<Rules> {
        let all = self.by_contact_center.read().unwrap_or_else(PoisonError::into_inner);
        // A source that was taken out of the configuration may still have events: their tables are empty then.
        all.get(contact_center).cloned().unwrap_or_else(|| Arc::clone(&self.fallback))
    }
}
