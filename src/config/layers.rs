//! Reads the three layers (compiled-in defaults, file, environment) with figment and remembers where each value came
//! from.
//!
//! It does not judge values. An environment variable stays text until its key is known, so that a secret of digits
//! keeps every digit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use figment::providers::Env;
use figment::util::nest;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;
use toml_edit::de::Deserializer;
use toml_edit::{ImDocument, TableLike};

use super::Problem;
use super::keys::given;
use crate::text_file::{self, Unread};

/// What every environment variable of the program starts with.
pub(crate) const ENV_PREFIX: &str = "AWA_BRIDGE_";

const DEFAULTS_NAME: &str = "defaults";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";

/// The largest configuration file, in bytes.
pub(super) const LARGEST_FILE: u64 = 4_194_304;

/// The shipped file without what is an example in it.
static DEFAULTS: LazyLock<Dict> = LazyLock::new(|| {
    let shipped = include_str!("../../config.toml");
    let mut values: Dict = toml::from_str(shipped).unwrap_or_default();
    values.remove(SOURCES);
    if let Some(Value::Dict(_, servicenow)) = values.get_mut("servicenow") {
        servicenow.retain(|key, _| key != "instance" && key != "auth");
    }
    values
});

/// What holds where neither the file nor the environment says otherwise.
pub(super) fn defaults() -> &'static Dict {
    &DEFAULTS
}

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
        let mut figment = Figment::from(Layer(DEFAULTS_NAME, defaults().clone()));
        let mut file = None;
        if let Some(path) = path {
            let text = Text::parse(read(path)?, path)?;
            figment = figment.merge(text.layer(path)?);
            file = Some((path.to_owned(), text));
        }
        let (environment, renamed) = environment(&names_of_sources(&figment))?;
        let figment = figment.merge(environment).merge(Layer("over", over));
        Self { figment, renamed, file }.merged()
    }

    /// Merges defaults, a text, and what is laid over both; the environment is left out.
    pub(super) fn of_text(text: &str, name: &Path, over: Dict) -> Result<(Dict, Self), Problem> {
        let text = Text::parse(text.to_owned(), name)?;
        let figment = Figment::from(Layer(DEFAULTS_NAME, defaults().clone()))
            .merge(text.layer(name)?)
            .merge(Layer("over", over));
        Self { figment, renamed: Renamed::new(), file: Some((name.to_owned(), text)) }.merged()
    }

    fn merged(self) -> Result<(Dict, Self), Problem> {
        let file = self.file.as_ref().map(|(file, _)| file.as_path());
        let mut profiles = self.figment.data().map_err(|_| unreadable(file))?;
        Ok((profiles.remove(&Profile::Default).unwrap_or_default(), self))
    }

    /// Whether a value came from the environment.
    pub(super) fn is_environment(&self, tag: Tag) -> bool {
        self.figment.get_metadata(tag).is_some_and(|metadata| metadata.name == ENVIRONMENT)
    }

    /// Whether a value is a compiled-in default.
    pub(super) fn is_default(&self, tag: Tag) -> bool {
        self.figment.get_metadata(tag).is_none_or(|metadata| metadata.name == DEFAULTS_NAME)
    }

    /// The file and line, or the variable, that a key's value came from; where it has none, the nearest table's line.
    pub(super) fn place_among(&self, values: &Dict, path: &[String]) -> Option<String> {
        let own = given(values, path).and_then(|(tag, _)| self.place(tag, path));
        own.or_else(|| self.nearest(path))
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
        if metadata.name == FILE { self.nearest(path) } else { None }
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
    text_file::read(path, LARGEST_FILE).map_err(|unread| {
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

/// The environment as figment's `Env` splits it, but with every value left as it was written. Where a variable names a
/// source, `_` also stands for `-`, which a variable's name cannot hold.
fn environment(sources: &BTreeSet<String>) -> Result<(Layer, Renamed), Problem> {
    let (mut values, mut renamed) = (Dict::new(), Renamed::new());
    for (key, text) in Env::prefixed(ENV_PREFIX).iter().filter(|(key, _)| is_key(key.as_str())) {
        let mut path: Vec<_> = key.as_str().split("__").map(str::to_owned).collect();
        if let [section, name, ..] = path.as_mut_slice()
            && section == SOURCES
            && let Some(known) = meant(name, sources)?
            && known != *name
        {
            renamed.insert(known.clone(), std::mem::replace(name, known));
        }
        if let Some(nested) = nest(&path.join("."), Value::from(text)).into_dict() {
            merge(&mut values, nested);
        }
    }
    Ok((Layer(ENVIRONMENT, values), renamed))
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

/// Values by the name of where they come from.
struct Layer(&'static str, Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.1.clone()))
    }
}

/// The text of the file, or one that stands for it, parsed: its values, and the line of each key.
#[derive(Debug, Clone)]
struct Text(ImDocument<String>);

impl Text {
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

    /// Its values. An error's own text may quote one, so it is left out.
    fn layer(&self, name: &Path) -> Result<Layer, Problem> {
        let values = Dict::deserialize(Deserializer::from(self.0.clone()));
        values.map(|values| Layer(FILE, values)).map_err(|_| unreadable(Some(name)))
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

fn unreadable(file: Option<&Path>) -> Problem {
    Problem {
        place: file.map(|file| file.display().to_string()),
        key: String::new(),
        text: "has values that cannot be taken".to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
