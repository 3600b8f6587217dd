//! Every key that is set, as it was given, so that two readings of the configuration can be compared key by key: a key
//! that is new in the program is compared like all others. Of a secret only a hash is compared, and no value of one is
//! told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use figment::value::{Dict, Tag, Value};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::Secret;
use super::layers::{LARGEST_FILE, Layers};

/// What the readers of the keys said about them.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// Keys whose values are no secrets.
    pub(super) shown: BTreeSet<String>,
    /// Keys that name a file.
    pub(super) files: BTreeMap<String, PathBuf>,
    /// Every secret of every key.
    pub(super) secrets: Vec<Secret>,
}

/// The keys of one reading.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    values: Dict,
    marks: Marks,
    /// Where the values come from; none where nothing was read.
    layers: Option<Layers>,
}

/// The contents of the secrets and files that keys name, hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents(BTreeMap<String, Vec<u8>>);

/// A key that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyChange {
    /// Its path with dots.
    pub(crate) key: String,
    /// What became of it; both values where it is no secret.
    pub(crate) words: String,
    path: Vec<String>,
    removed: bool,
}

impl KeyChange {
    /// Whether the key is not set any more.
    #[must_use]
    pub(crate) const fn is_removed(&self) -> bool {
        self.removed
    }
}

impl Keys {
    pub(super) const fn new(values: Dict, marks: Marks, layers: Layers) -> Self {
        Self { values, marks, layers: Some(layers) }
    }

    /// The file and line, or the variable, that a key comes from, by its path with dots; where it is not set, the line
    /// of the nearest table.
    pub(super) fn place(&self, key: &str) -> Option<String> {
        let path = path_of(key);
        self.values.get(path.first()?)?;
        self.layers.as_ref()?.place_among(&self.values, &path)
    }

    /// Whether a key is set by anything but the defaults.
    pub(super) fn is_set(&self, key: &str) -> bool {
        let found = given(&self.values, &path_of(key)).map(|(tag, _)| tag);
        found.is_some_and(|tag| self.layers.as_ref().is_some_and(|layers| !layers.is_default(tag)))
    }

    /// Every secret that a key gives or names.
    #[must_use]
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.marks.secrets
    }

    /// Reads what the keys name. Blocks. What cannot be read counts as empty: whoever needs it will say so.
    #[must_use]
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = BTreeMap::new();
        let mut add = |key: &str, content: &[u8]| {
            let hash: &mut Vec<u8> = contents.entry(key.to_owned()).or_default();
            hash.extend(Sha256::digest(content));
        };
        for secret in &self.marks.secrets {
            let text = secret.reveal().ok();
            let text = text.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
            let key = secret.key().split('[').next().unwrap_or_default();
            add(key, text.as_bytes());
        }
        for (key, file) in &self.marks.files {
            let mut content = Vec::new();
            if file.is_file()
                && let Ok(file) = fs::File::open(file)
            {
                // A part of a file that breaks off differs from the whole, which is all that is asked for.
                drop(file.take(LARGEST_FILE).read_to_end(&mut content));
            }
            add(key, &content);
        }
        Contents(contents)
    }

    /// The keys that differ from those of an earlier reading, in their order.
    pub(super) fn since(&self, old: &Self) -> Vec<KeyChange> {
        let (before, after) = (old.leaves(), self.leaves());
        let all: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let mut changes = Vec::new();
        for path in all {
            let key = path.join(".");
            let words = match (before.get(path), after.get(path)) {
                (Some(old), Some(new)) if old == new => continue,
                (Some(old), Some(new)) if self.marks.shown.contains(&key) => {
                    format!("{key}: {} becomes {}", shown(old), shown(new))
                }
                (None, Some(new)) if self.marks.shown.contains(&key) => {
                    format!("{key}: is now {}", shown(new))
                }
                (Some(_), Some(_)) => format!("{key} changed"),
                (None, _) => format!("{key} added"),
                (Some(_), None) => format!("{key} removed"),
            };
            let removed = !after.contains_key(path);
            changes.push(KeyChange { key, words, path: path.clone(), removed });
        }
        changes
    }

    /// The values, but those of the changed keys as an earlier reading has them.
    pub(super) fn keeping<'a>(
        &self,
        old: &Self,
        kept: impl IntoIterator<Item = &'a KeyChange>,
    ) -> Dict {
        let mut values = self.values.clone();
        let before = old.leaves();
        for change in kept {
            set(&mut values, &change.path, before.get(&change.path).map(|value| (*value).clone()));
        }
        values
    }

    fn leaves(&self) -> BTreeMap<Vec<String>, &Value> {
        let mut leaves = BTreeMap::new();
        let mut path = Vec::new();
        self.walk(&self.values, &mut path, &mut leaves);
        leaves
    }

    fn walk<'a>(
        &self,
        values: &'a Dict,
        path: &mut Vec<String>,
        leaves: &mut BTreeMap<Vec<String>, &'a Value>,
    ) {
        for (name, value) in values {
            path.push(name.clone());
            match value {
                // `{ file = "PATH" }` says where one secret is: it is one value.
                Value::Dict(_, inner) if !self.is_secret(path) => self.walk(inner, path, leaves),
                _ => drop(leaves.insert(path.clone(), value)),
            }
            path.pop();
        }
    }

    fn is_secret(&self, path: &[String]) -> bool {
        let key = path.join(".");
        self.marks.secrets.iter().any(|secret| secret.key() == key)
    }
}

/// A value that was given, and where it comes from.
pub(super) fn given<'v>(values: &'v Dict, path: &[String]) -> Option<(Tag, &'v Value)> {
    let (last, tables) = path.split_last()?;
    let (mut tag, mut table) = (Tag::Default, values);
    let nearer =
        |tag: Tag, value: &Value| Some(value.tag()).filter(|own| !own.is_default()).unwrap_or(tag);
    for key in tables {
        let value = table.get(key)?;
        tag = nearer(tag, value);
        table = value.as_dict()?;
    }
    let value = table.get(last)?;
    Some((nearer(tag, value), value))
}

/// A key's path; a place in an array is not part of it.
pub(super) fn path_of(key: &str) -> Vec<String> {
    let name = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
    key.split('.').map(name).collect()
}

impl Contents {
    /// The keys whose secret or file is another than it was.
    pub(super) fn since(&self, old: &Self) -> Vec<KeyChange> {
        let changed = self
            .0
            .iter()
            .filter(|(key, hash)| old.0.get(*key).is_some_and(|before| before != *hash));
        changed
            .map(|(key, _)| KeyChange {
                key: key.clone(),
                words: format!("{key}: what it names has changed"),
                path: key.split('.').map(str::to_owned).collect(),
                removed: false,
            })
            .collect()
    }
}

fn set(values: &mut Dict, path: &[String], value: Option<Value>) {
    match (path, value) {
        ([], _) => {}
        ([last], Some(value)) => drop(values.insert(last.clone(), value)),
        ([last], None) => drop(values.remove(last)),
        ([first, rest @ ..], value) => {
            let inner = values.entry(first.clone()).or_insert_with(|| Dict::new().into());
            if !matches!(inner, Value::Dict(..)) {
                *inner = Value::Dict(Tag::Default, Dict::new());
            }
            let Value::Dict(_, inner) = inner else { return };
            set(inner, rest, value);
            // A table that is there without its keys would be one that lacks them.
            if inner.is_empty() {
                values.remove(first);
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) if text.is_empty() => "empty".to_owned(),
        Value::Array(_, elements) => {
            format!("[{}]", elements.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::String(_, text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}
