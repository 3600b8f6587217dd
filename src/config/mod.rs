//! The configuration: compiled-in defaults, then the file, then the environment, checked into [`Settings`].
//!
//! Every problem is reported at once with its place and its key. Reading settings opens nothing but the file itself:
//! secrets are only read when [`Secret::reveal`] or [`Settings::check_secrets`] asks for them.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

mod auth;
mod daemon;
mod found;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod layers;
mod notify;
mod problem;
mod reader;
mod report;
mod secret;
mod servicenow;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod unread;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use figment::value::{Dict, Value};
use serde::Deserialize;

use crate::base_url::BaseUrl;
use crate::clock::millis;
use crate::routing::{Directory, MAX_AHEAD, OfferDefaults, Rules};

pub use auth::Auth;
pub(crate) use daemon::{
    Admin, Engine, Intake, IntakeTls, KeyPair, Means, Postgres, Replicas, Store,
};
pub(crate) use keys::{Contents, KeyChange, Keys};
pub(crate) use layers::{ENV_PREFIX, unread_variables};
pub(crate) use notify::Notify;
pub(crate) use problem::Problem;
pub use problem::Problems;
pub use secret::Secret;
pub(crate) use secret::shown_path;
pub(crate) use servicenow::{RateLimit, Retry, ServiceNow, Withdraw};
pub(crate) use sources::Source;

use layers::Layers;
use report::Report;
use values::ShownDuration;

/// Two events of one kind, leg and agent whose moments lie no further apart tell the same thing: one answer raises
/// events for two channels at once (Zoom), parallel topics tell the same change (Genesys, Webex).
const DUPLICATE_WINDOW: Duration = Duration::from_secs(2);

/// Sections of the configuration with some of their keys.
pub(crate) type Sections = serde_json::Map<String, serde_json::Value>;

/// The whole configuration, checked. Relative paths are relative to the working directory.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// The file that was read; none if there was none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// `[intake]`.
    pub intake: Intake,
    /// `[admin]`.
    pub(crate) admin: Admin,
    /// `[servicenow]`.
    pub servicenow: ServiceNow,
    /// `[rate_limit]`.
    pub rate_limit: RateLimit,
    /// `[retry]`.
    pub retry: Retry,
    /// `[offer]`.
    #[serde(with = "servicenow::Offer")]
    pub offer: OfferDefaults,
    /// `[withdraw]`.
    pub withdraw: Withdraw,
    /// `[store]`.
    pub store: Store,
    /// `[notify]`.
    pub(crate) notify: Notify,
    /// The folder with profiles and tables.
    #[serde(deserialize_with = "daemon::mappings")]
    pub mappings: PathBuf,
    /// What is logged, in tracing-subscriber's words.
    #[serde(rename = "log", deserialize_with = "daemon::log")]
    pub log_filter: String,
    /// By name.
    pub sources: BTreeMap<String, Source>,
    /// All of it once more as it was given, for comparing.
    #[serde(skip)]
    pub(crate) keys: Keys,
}

/// Which secrets a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// All but ServiceNow's: a sandbox takes its place.
    WithoutServiceNow,
}

impl Settings {
    /// Reads the named file, else the first of [`found::SEARCHED`] that is there, else none; then the environment.
    ///
    /// # Errors
    /// All problems of all layers. A named file that is not there is one, and one in the working directory that may be
    /// a stranger's.
    pub fn load(path: Option<&Path>) -> Result<Self, Problems> {
        let found = match path {
            Some(path) => Some(path.to_owned()),
            None => found::find()?,
        };
        Self::load_with(found, &Sections::new())
    }

    /// Reads that file, if any, and the environment, and lays sections over both.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub(crate) fn load_with(file: Option<PathBuf>, over: &Sections) -> Result<Self, Problems> {
        let (values, layers) = Layers::of_file(file.as_deref(), dict(over))?;
        Self::read(file, values, layers)
    }

    /// What holds without file and environment, with sections over it.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub(crate) fn defaults_with(over: &Sections) -> Result<Self, Problems> {
        let (values, layers) = Layers::of_text("", Path::new("defaults"), dict(over))?;
        Self::read(None, values, layers)
    }

    /// Reads a text in place of the file and leaves the environment out; problems name it `name`.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, name: &str) -> Result<Self, Problems> {
        let (values, layers) = Layers::of_text(text, Path::new(name), Dict::new())?;
        Self::read(None, values, layers)
    }

    fn read(file: Option<PathBuf>, values: Dict, layers: Layers) -> Result<Self, Problems> {
        let report = Report::new(values, layers);
        let settings = report.read::<Self>();
        if let Some(settings) = &settings {
            settings.check(&report);
        }
        let (problems, keys) = report.close();
        let Some(mut settings) = settings.filter(|_| problems.is_empty()) else {
            return Err(Problems::from(problems));
        };
        (settings.file, settings.keys) = (file, keys);
        let store = &mut settings.store;
        store.body_retention = store.body_retention.min(store.retention);
        for source in settings.sources.values_mut() {
            if source.contact_center.is_empty() {
                source.contact_center.clone_from(&source.name);
            }
        }
        Ok(settings)
    }

    /// Notes the keys that do not go together.
    fn check(&self, report: &Report) {
        let (admin, retry) = (&self.admin, &self.retry);
        if !admin.listen.ip().is_loopback() && admin.token.is_none() {
            let text = "is missing, and `listen` is not a loopback address; set a token or listen on 127.0.0.1";
            report.complain(&["admin.token", "admin.listen"], text);
        }
        if self.intake.listen == admin.listen && admin.listen.port() != 0 {
            let text = "is the address of the intake too; give them two ports";
            report.complain(&["admin.listen", "intake.listen"], text);
        }
        if retry.initial > retry.max {
            let max = ShownDuration(retry.max);
            let text = format!("is longer than `max` ({max}); make it shorter");
            report.complain(&["retry.initial", "retry.max"], text);
        }
        if retry.hold >= retry.give_up_after {
            let limit = ShownDuration(retry.give_up_after);
            let text = format!("must be shorter than `give_up_after` ({limit})");
            report.complain(&["retry.hold", "retry.give_up_after"], text);
        }
        self.notify.check(&self.sources, report);
        let [client_auth, client_secret] =
            ["servicenow.auth.client_auth", "servicenow.auth.client_secret"];
        if report.is(client_auth, "basic") && !report.is_given(client_secret) {
            report.complain(
                &[client_auth, client_secret],
                "is \"basic\", which needs `client_secret`",
            );
        }
    }

    /// The instance to call, and how to prove oneself to it; `None` for the latter means by client certificate alone.
    ///
    /// # Errors
    /// A command that calls ServiceNow cannot start without them.
    pub fn instance(&self) -> Result<(&BaseUrl, Option<&Auth>), Problems> {
        let missing = |key: &str, text: &str| Problem {
            place: self.file.as_ref().map(|file| file.display().to_string()),
            key: format!("servicenow.{key}"),
            text: text.to_owned(),
        };
        let mut problems = Vec::new();
        if self.servicenow.instance.is_none() {
            let text = "is missing; write \"https://NAME.service-now.com\", or run with --sandbox";
            problems.push(missing("instance", text));
        }
        if self.servicenow.auth.is_none() && self.servicenow.client_certificate.is_none() {
            let text = "is missing; write { kind = \"basic\" | \"oauth\" | \"api_key\", … }";
            problems.push(missing("auth", text));
        }
        match &self.servicenow.instance {
            Some(instance) if problems.is_empty() => Ok((instance, self.servicenow.auth.as_ref())),
            Some(_) | None => Err(Problems::from(problems)),
        }
    }

    /// Reads every secret once to see that it is there; keeps none.
    ///
    /// # Errors
    /// Every one that could not be read.
    pub fn check_secrets(&self, scope: Scope) -> Result<(), Problems> {
        let problems = self.secrets(scope).into_iter();
        Problems::none_of(problems.filter_map(|secret| secret.reveal().err()).collect())
    }

    /// A problem with a key, at the file and line or the variable that it comes from.
    #[must_use]
    pub(crate) fn problem(&self, key: &str, text: impl Into<String>) -> Problem {
        Problem { place: self.keys.place(key), key: key.to_owned(), text: text.into() }
    }

    /// The folder with profiles and tables, where something names one that is not there.
    #[must_use]
    pub(crate) fn missing_mappings(&self) -> Option<&Path> {
        let is_missing = self.keys.is_set("mappings.directory") && !self.mappings.is_dir();
        is_missing.then_some(self.mappings.as_path())
    }

    fn secrets(&self, scope: Scope) -> Vec<&Secret> {
        let wanted = |secret: &&Secret| match scope {
            Scope::Everything => true,
            Scope::WithoutServiceNow => !secret.key().starts_with("servicenow."),
        };
        self.keys.secrets().iter().filter(wanted).collect()
    }

    /// Reads the file anew. Where a key for which `keeps` is true has changed, the settings that come back have its old
    /// value: so what they say can be put in force as a whole. All changes are told, the kept ones too.
    ///
    /// # Errors
    /// The file does not hold, with or without the kept values.
    pub(crate) fn reload(
        &self,
        keeps: impl Fn(&KeyChange) -> bool,
    ) -> Result<(Self, Vec<KeyChange>), Problems> {
        let Some(file) = &self.file else { return Ok((self.clone(), Vec::new())) };
        let (values, layers) = Layers::of_file(Some(file), Dict::new())?;
        let new = Self::read(Some(file.clone()), values, layers.clone())?;
        let changes = new.keys.since(&self.keys);
        if !changes.iter().any(&keeps) {
            return Ok((new, changes));
        }
        let values = new.keys.keeping(&self.keys, changes.iter().filter(|change| keeps(change)));
        Self::read(Some(file.clone()), values, layers).map(|settings| (settings, changes))
    }

    /// The keys whose secrets or files are others than they were.
    #[must_use]
    pub(crate) fn contents_since(&self, old: &Contents) -> (Contents, Vec<KeyChange>) {
        let contents = self.keys.contents();
        let changes = contents.since(old);
        (contents, changes)
    }

    /// What holds, but may be meant otherwise: a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let unread = unread_variables();
        let unread = (!unread.is_empty()).then(|| {
            format!(
                "environment variables without `__` name no key and are not read: {}",
                unread.join(", ")
            )
        });
        let blanks = self.secrets(Scope::Everything).into_iter().filter_map(Secret::warning);
        unread.into_iter().chain(blanks).collect()
    }

    /// Secrets that every user of the machine may read: a sentence each.
    #[must_use]
    pub(crate) fn open_secrets(&self) -> Vec<String> {
        let secrets = self.secrets(Scope::Everything);
        let written: Vec<_> =
            secrets.iter().filter_map(|secret| secret.written_in_file()).collect();
        let file = self.file.as_deref().filter(|file| !written.is_empty() && is_open_to_all(file));
        let of_file = file.map(|file| {
            format!(
                "{} can be read by every user of this machine and holds secrets as text ({}); take the right away (chmod \
                 o-r, and give it to the daemon's group), or keep them outside",
                file.display(),
                written.join(", ")
            )
        });
        of_file
            .into_iter()
            .chain(secrets.iter().filter_map(|secret| secret.open_to_all()))
            .collect()
    }

    /// The file of the admin token that the daemon makes where none is set: `admin.token_file`, else `admin-token`
    /// beside the store.
    #[must_use]
    pub(crate) fn admin_token_file(&self) -> PathBuf {
        let beside =
            || self.store.path.parent().unwrap_or_else(|| Path::new("")).join("admin-token");
        self.admin.token_file.clone().unwrap_or_else(beside)
    }

    /// The names of all contact centres: each has its own tables.
    #[must_use]
    pub(crate) fn contact_centers(&self) -> BTreeSet<&str> {
        self.sources.values().map(|source| source.contact_center.as_str()).collect()
    }

    /// The rules of one contact centre, whose tables are given.
    #[must_use]
    pub(crate) fn rules(&self, directory: Arc<Directory>) -> Rules {
        Rules {
            directory,
            offer: self.offer,
            give_up_after: millis(self.retry.give_up_after),
            hold: millis(self.retry.hold),
            repeat_window: millis(DUPLICATE_WINDOW),
            unavailable_pauses: self.retry.agent_unavailable.iter().copied().map(millis).collect(),
            doubt: self.servicenow.in_doubt,
            withdraw: self.withdraw.action,
            withdraw_ends_consult: self.withdraw.end_consult,
            memory: memory(self.store.retention),
            tables: self.servicenow.tables.clone(),
        }
    }
}

fn dict(sections: &Sections) -> Dict {
    Value::serialize(sections).ok().and_then(Value::into_dict).unwrap_or_default()
}

/// Ids are remembered for `retention` from their receipt, and an event may have occurred a little after that by its
/// sender's clock.
fn memory(retention: Duration) -> u64 {
    let retention = millis(retention);
    retention - MAX_AHEAD.min(retention / 2)
}

/// Whether every user of the machine may read a file, as far as its own mode says.
fn is_open_to_all(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|about| about.mode() & 0o004 != 0)
}
