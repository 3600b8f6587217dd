//! Reads the three layers (compiled-in defaults, file, environment) with figment and remembers where each value came from.
//!
//! It does not judge values. An environment variable stays text until its key is known, so that a secret of digits
//! keeps every digit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Toml};
use figment::util::nest;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::{Problem, limits};
use crate::text_file::{self, Unread};

/// What every environment variable of the program starts with.
pub const ENV_PREFIX: &str = "AWA_BRIDGE_";

const ENVIRONMENT: &str = "environment";
const DEFAULTS: &str = include_str!("defaults.toml");

/// The merged values, and the places that they came from.
#[derive(Clone)]
pub(super) struct Layers {
    figment: Figment,
    renamed: Renamed,
    file: Option<PathBuf>,
    lines: Lines,
}

impl Layers {
    /// Merges defaults, the file if one is given, the environment, and what is laid over all of them.
    pub(super) fn of_file(path: Option<&Path>, over: Dict) -> Result<(Dict, Self), Problem> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        let mut lines = Lines::default();
        if let Some(path) = path {
            // Read once: what is judged is what was checked.
            let text = read(path)?;
            lines = Lines::of(&text, path)?;
            figment = figment.merge(Text(&text));
        }
        let (environment, renamed) = Environment::read(&names_of_sources(&figment))?;
        let figment = figment.merge(environment).merge(Over(over));
        Self { figment, renamed, file: path.map(Path::to_owned), lines }.merged()
    }

    /// Merges defaults, a text, and what is laid over both; the environment is left out.
    pub(super) fn of_text(text: &str, name: &Path, over: Dict) -> Result<(Dict, Self), Problem> {
        let lines = Lines::of(text, name)?;
        let figment = Figment::from(Toml::string(DEFAULTS)).merge(Text(text)).merge(Over(over));
        let renamed = Renamed::new();
        Self { figment, renamed, file: Some(name.to_owned()), lines }.merged()
    }

    fn merged(self) -> Result<(Dict, Self), Problem> {
        // The error's own text may quote a value, so it is left out.
        let mut profiles = self.figment.data().map_err(|_| Problem {
            place: self.file.as_ref().map(|file| file.display().to_string()),
            key: String::new(),
            text: "changed while it was being read; try again".to_owned(),
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
        let file = self.file.as_ref()?.display();
        Some(match self.lines.nearest(path) {
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
pub fn unread_variables() -> Vec<String> {
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

/// The text of the file, or one that stands for it.
struct Text<'a>(&'a str);

impl Text<'_> {
    const NAME: &'static str = "text";
}

impl Provider for Text<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Toml::string(self.0).data()
    }
}

/// The line of each key of a TOML text.
#[derive(Debug, Clone, Default)]
struct Lines {
    /// Where each line ends, as an offset.
    ends: Vec<usize>,
    keys: Keys,
}

impl Lines {
    /// Fails if the text is not TOML; the text itself is kept out of the problem.
    fn of(text: &str, name: &Path) -> Result<Self, Problem> {
        let ends: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
        if let Err(error) = toml::from_str::<IgnoredAny>(text) {
            let line = error.span().map(|span| line_of(&ends, span.start));
            return Err(Problem {
                place: Some(match line {
                    Some(line) => format!("{}:{line}", name.display()),
                    None => name.display().to_string(),
                }),
                key: String::new(),
                text: format!("is not TOML: {}", error.message().replace('\n', ", ")),
            });
        }
        // A text with dates has no lines: none of the keys takes one.
        Ok(Self { ends, keys: toml::from_str(text).unwrap_or_default() })
    }

    fn nearest(&self, path: &[String]) -> Option<usize> {
        let mut keys = &self.keys;
        let mut found = None;
        for key in path {
            let Some((offset, inner)) = keys.0.get(key) else { break };
            found = Some(line_of(&self.ends, *offset));
            keys = inner;
        }
        found
    }
}

fn line_of(ends: &[usize], offset: usize) -> usize {
    ends.partition_point(|end| *end < offset) + 1
}

/// The keys of a table with their offsets, and theirs in turn.
#[derive(Debug, Clone, Default)]
struct Keys(BTreeMap<String, (usize, Self)>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let offset = key.span().start;
            keys.insert(key.into_inner(), (offset, map.next_value()?));
        }
        Ok(Keys(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Keys::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Keys, E> {
        Ok(Keys::default())
    }
}
