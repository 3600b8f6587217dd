//! Reads the three layers (compiled-in defaults, file, environment) with figment and remembers where each value came from.
//!
//! It does not judge values. An environment variable stays text until its key is known, so that a secret of digits
//! keeps every digit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Toml};
use figment::util::nest;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::{self, Deserialize};
use toml_edit::de::Deserializer;
use toml_edit::{ImDocument, TableLike};

use super::{Problem, limits};
use crate::text_file::{self, Unread};

/// What every environment variable of the program starts with.
pub(crate) const ENV_PREFIX: &str = "AWA_BRIDGE_";

const ENVIRONMENT: &str = "environment";
const DEFAULTS: &str = include_str!("defaults.toml");

/// The merged values, and the places that they came from.
#[derive(Clone)]
pub(super) struct Layers {
    figment: Figment,
    renamed: Renamed,
    /// The file's name and its text.
    file: Option<(PathBuf, Text)>,
}

impl Layers {
    /// Merges defaults, the file if one is given, the environment, and what is laid over all of them.
    pub(super) fn of_file(path: Option<&Path>, over: Dict) -> Result<(Dict, Self), Problem> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        let mut file = None;
        if let Some(path) = path {
            let text = Text::parse(read(path)?, path)?;
            figment = figment.merge(&text);
            file = Some((path.to_owned(), text));
        }
        let (environment, renamed) = Environment::read(&names_of_sources(&figment))?;
        let figment = figment.merge(environment).merge(Over(over));
        Self { figment, renamed, file }.merged()
    }

    /// Merges defaults, a text, and what is laid over both; the environment is left out.
    pub(super) fn of_text(text: &str, name: &Path, over: Dict) -> Result<(Dict, Self), Problem> {
        let text = Text::parse(text.to_owned(), name)?;
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(&text).merge(Over(over));
        Self { figment, renamed: Renamed::new(), file: Some((name.to_owned(), text)) }.merged()
    }

    fn merged(self) -> Result<(Dict, Self), Problem> {
        // The error's own text may quote a value, so it is left out.
        let mut profiles = self.figment.data().map_err(|_| Problem {
            place: self.file.as_ref().map(|(file, _)| file.display().to_string()),
            key: String::new(),
            text: "has values that cannot be taken".to_owned(),
        })?;
        Ok((profiles.remove(&Profile::Default).unwrap_or_default(), self))
    }

    /// Whether a value came from the environment.
    pub(super) fn is_environment(&self, tag: Tag) -> bool {
        self.figment.get_metadata(tag).is_some_and(|metadata| metadata.name == ENVIRONMENT)
    }

    /// The file and line, or the variable, that a value came from.
    pub(super) fn place(&self, tag: Tag, path: &[String]) -> Option<String> {
        if self.is_environment(tag) {
            let mut path = path.to_vec();
            if let [section, name, ..] = path.as_mut_slice()
                && section == SOURCES
                && let Some(written) = self.renamed.get(name)
            {
                name.clone_from(written);
            }
            return Some(format!("{ENV_PREFIX}{}", path.join("__").to_ascii_uppercase()));
        }
        let metadata = self.figment.get_metadata(tag)?;
        if metadata.name == Text::NAME { self.nearest(path) } else { None }
    }

    /// The file, and the line of the nearest table around a key, which need not be there itself.
    pub(super) fn nearest(&self, path: &[String]) -> Option<String> {
        let (file, text) = self.file.as_ref()?;
        let file = file.display();
        Some(match text.nearest(path) {
            Some(line) => format!("{file}:{line}"),
            None => file.to_string(),
        })
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    text_file::read(path, limits::FILE).map_err(|unread| {
        let text = match unread {
            Unread::Io(error) => {
                format!("cannot be opened ({error}); name one with --config FILE")
            }
            other @ (Unread::Larger(_) | Unread::NotUtf8 | Unread::Utf16) => other.to_string(),
        };
        Problem { place: Some(path.display().to_string()), key: String::new(), text }
    })
}

/// Whether a variable names a section and a key. Others share the prefix: Kubernetes gives every pod the addresses of a
/// service `awa-bridge`, images tell their version.
fn is_key(name: &str) -> bool {
    name.contains("__")
}

/// The variables with the program's prefix that name no key, and so are not read.
#[must_use]
pub(crate) fn unread_variables() -> Vec<String> {
    let prefixed = Env::prefixed(ENV_PREFIX);
    let unread = prefixed.iter().filter(|(key, _)| !is_key(key.as_str()));
    let names = unread.map(|(key, _)| format!("{ENV_PREFIX}{}", key.as_str().to_ascii_uppercase()));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The section whose tables have names of the operator's own.
const SOURCES: &str = "sources";

/// Names of sources as the file has them, and as variables write them.
type Renamed = BTreeMap<String, String>;

/// The sources that defaults and file name.
fn names_of_sources(figment: &Figment) -> BTreeSet<String> {
    let sources = figment.find_value(SOURCES).ok().and_then(Value::into_dict);
    sources.into_iter().flat_map(Dict::into_keys).collect()
}

/// The environment as figment's `Env` splits it, but with every value left as it was written.
struct Environment(Dict);

impl Environment {
    /// Reads the variables. Where one names a source, `_` also stands for `-`, which a variable's name cannot hold.
    fn read(named: &BTreeSet<String>) -> Result<(Self, Renamed), Problem> {
        let (mut values, mut renamed) = (Dict::new(), Renamed::new());
        for (key, text) in Env::prefixed(ENV_PREFIX).iter().filter(|(key, _)| is_key(key.as_str()))
        {
            let mut path: Vec<_> = key.as_str().split("__").map(str::to_owned).collect();
            if let [section, name, ..] = path.as_mut_slice()
                && section == SOURCES
                && let Some(known) = meant(name, named)?
                && known != *name
            {
                renamed.insert(known.clone(), std::mem::replace(name, known));
            }
            if let Some(nested) = nest(&path.join("."), Value::from(text)).into_dict() {
                merge(&mut values, nested);
            }
        }
        Ok((Self(values), renamed))
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// The one source that a variable's part stands for; none if no source has such a name.
fn meant(written: &str, named: &BTreeSet<String>) -> Result<Option<String>, Problem> {
    let plain = |name: &str| name.replace('-', "_");
    let fits: Vec<_> = named.iter().filter(|name| plain(name) == plain(written)).collect();
    match fits.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        // With a `-` of its own, which a container may set, it says which.
        several if written.contains('-') && several.iter().any(|name| *name == written) => {
            Ok(Some(written.to_owned()))
        }
        several => {
            let several: Vec<_> = several.iter().map(|name| name.as_str()).collect();
            Err(Problem {
                place: Some(format!("{ENV_PREFIX}SOURCES__{}__…", written.to_ascii_uppercase())),
                key: SOURCES.to_owned(),
                text: format!(
                    "may mean each of these sources: {}; rename all but one of them, or set the key in the file",
                    several.join(", ")
                ),
            })
        }
    }
}

fn merge(into: &mut Dict, from: Dict) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Dict(_, inner)), Value::Dict(_, more)) => merge(inner, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Values that no file and no variable brought.
struct Over(Dict);

impl Provider for Over {
    fn metadata(&self) -> Metadata {
        Metadata::named("over")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// The text of the file, or one that stands for it, parsed: its values, and the line of each key.
#[derive(Debug, Clone)]
struct Text(ImDocument<String>);

impl Text {
    const NAME: &'static str = "text";

    /// Fails if the text is not TOML; the text itself is kept out of the problem.
    fn parse(text: String, name: &Path) -> Result<Self, Problem> {
        ImDocument::parse(text.clone()).map(Self).map_err(|error| {
            let line = error.span().map(|span| format!(":{}", line_of(&text, span.start)));
            Problem {
                place: Some(format!("{}{}", name.display(), line.unwrap_or_default())),
                key: String::new(),
                text: format!("is not TOML: {}", error.message().replace('\n', ", ")),
            }
        })
    }

    /// The line of the last key of the path that is there.
    fn nearest(&self, path: &[String]) -> Option<usize> {
        let mut table: Option<&dyn TableLike> = Some(self.0.as_table());
        let mut line = None;
        for key in path {
            let Some((key, item)) = table.and_then(|table| table.get_key_value(key)) else { break };
            line = key.span().map(|span| line_of(self.0.raw(), span.start));
            table = item.as_table_like();
        }
        line
    }
}

impl Provider for Text {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = Dict::deserialize(Deserializer::from(self.0.clone()));
        values.map(|values| Profile::Default.collect(values)).map_err(de::Error::custom)
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
