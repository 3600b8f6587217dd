//! One reading of the configuration: the merged values, and what has been found out about them so far.

use std::cell::RefCell;
use std::collections::BTreeMap;

use figment::value::{Dict, Tag, Value};
use serde::de::DeserializeOwned;

use super::Problem;
use super::keys::{Keys, Marks, given, path_of};
use super::layers::{self, Layers};
use super::reader::{OWN_NAME, Reader};
use super::values::check_name;
use crate::problem::key_name;

/// Keys whose words say which other keys stand beside them.
const KINDS: [&str; 2] = ["kind", "grant"];

/// How a key is read that cannot be read as it was given: by its default, or as one that is not there.
#[derive(Default)]
struct Refused {
    /// It has a problem of its own, not one of a key below.
    is_noted: bool,
    /// That did not help either: the table has to be read without it.
    is_dropped: bool,
}

/// The values that are read, and every problem with them.
pub(super) struct Report {
    pub(super) layers: Layers,
    values: Dict,
    problems: RefCell<Vec<Problem>>,
    /// The keys that cannot be read, by their paths.
    refused: RefCell<BTreeMap<Vec<String>, Refused>>,
    /// The fields that were asked for, by the paths of their tables.
    known: RefCell<BTreeMap<Vec<String>, Vec<&'static str>>>,
    pub(super) marks: RefCell<Marks>,
}

impl Report {
    pub(super) fn new(values: Dict, layers: Layers) -> Self {
        Self {
            layers,
            values,
            problems: RefCell::default(),
            refused: RefCell::default(),
            known: RefCell::default(),
            marks: RefCell::default(),
        }
    }

    /// Reads all values, again and again while that brings a new problem to light: what serde derives ends at its first
    /// one. A key that is refused has its default in the next reading, or is not there.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        loop {
            let before = self.count();
            self.marks.take();
            let values = Some(self.values.clone().into());
            let read = T::deserialize(Reader::new(self, Vec::new(), Tag::Default, values));
            if self.count() == before {
                return read.ok();
            }
        }
    }

    /// All problems, and the values with what is known of their keys.
    pub(super) fn close(self) -> (Vec<Problem>, Keys) {
        (self.problems.into_inner(), Keys::new(self.values, self.marks.into_inner(), self.layers))
    }

    /// How much has been found out so far.
    pub(super) fn count(&self) -> usize {
        self.refused.borrow().values().map(|refused| 1 + usize::from(refused.is_dropped)).sum()
    }

    pub(super) fn is_refused(&self, path: &[String]) -> bool {
        self.refused.borrow().contains_key(path)
    }

    pub(super) fn is_dropped(&self, path: &[String]) -> bool {
        self.refused.borrow().get(path).is_some_and(|refused| refused.is_dropped)
    }

    /// Refuses a key, or drops it if it is refused already.
    pub(super) fn refuse(&self, path: Vec<String>) {
        self.refused
            .borrow_mut()
            .entry(path)
            .and_modify(|refused| refused.is_dropped = true)
            .or_default();
    }

    /// Refuses a key for a problem of its own; false if it is refused already.
    fn refuse_noted(&self, path: &[String]) -> bool {
        let noted = Refused { is_noted: true, is_dropped: false };
        !self.is_refused(path) && self.refused.borrow_mut().insert(path.to_vec(), noted).is_none()
    }

    /// Refuses a key, once.
    pub(super) fn note(&self, place: Option<String>, path: &[String], text: String) {
        // A part that is no name may be a secret in the place of a key.
        let word = |part: &str| {
            part.len() <= 40
                && part.chars().all(|char| char.is_alphabetic() || " _-".contains(char))
        };
        let named = |part: &String| match check_name(part).is_ok() || word(part) {
            true => part.clone(),
            false => "…".to_owned(),
        };
        if self.refuse_noted(path) {
            let path = path.iter().filter(|part| *part != OWN_NAME);
            let key = path.map(named).collect::<Vec<_>>().join(".");
            self.problems.borrow_mut().push(Problem { place, key, text });
        }
    }

    /// Notes a problem with the first of some keys that do not go together, where all of them could be read.
    pub(super) fn complain(&self, keys: &[&str], text: impl Into<String>) {
        let paths: Vec<_> = keys.iter().map(|key| path_of(key)).collect();
        let Some(first) = paths.first() else { return };
        if paths.iter().any(|path| self.is_refused(path)) {
            return;
        }
        let place = self.layers.place_among(&self.values, first);
        self.note(place, first, text.into());
    }

    /// Whether a key is given, by its path with dots.
    pub(super) fn is_given(&self, key: &str) -> bool {
        given(&self.values, &path_of(key)).is_some()
    }

    /// Whether a key has been given that word.
    pub(super) fn is(&self, key: &str, word: &str) -> bool {
        given(&self.values, &path_of(key)).is_some_and(|(_, value)| value.as_str() == Some(word))
    }

    /// Takes note of the fields that a table may have.
    pub(super) fn knows(&self, table: &[String], fields: &'static [&'static str]) {
        let mut known = self.known.borrow_mut();
        let known = known.entry(table.to_vec()).or_default();
        for field in fields.iter().filter(|field| !field.starts_with('$')) {
            if !known.contains(field) {
                known.push(field);
            }
        }
    }

    /// Refuses the keys that a table does not know, unless the word that says which ones it has is wrong itself.
    pub(super) fn note_unknown(&self, table: &[String], tag: Tag, entries: &Dict) {
        let known = self.known.borrow().get(table).cloned().unwrap_or_default();
        let wrong = |kind: &&str| {
            let path = [table, &[(**kind).to_owned()]].concat();
            self.refused.borrow().get(&path).is_some_and(|refused| refused.is_noted)
        };
        if KINDS.iter().any(wrong) {
            return;
        }
        let what = match table {
            [] => "section".to_owned(),
            path => format!("key of [{}]", path.join(".")),
        };
        for (key, value) in entries.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let text = format!("is not a {what}; known are {}", known.join(", "));
            let path = [table, std::slice::from_ref(key)].concat();
            let mut inner = path.clone();
            let tag = first_leaf(value, &mut inner).unwrap_or(tag);
            let is_variable = self.layers.is_environment(tag);
            let place = self.layers.place(tag, if is_variable { &inner } else { &path });
            let name = key_name(key);
            if name.starts_with('`') {
                self.note(place, &path, text);
            } else if self.refuse_noted(&path) {
                // It may be a secret in the place of a key; a variable's name would tell it too.
                let place = if is_variable { None } else { place };
                let (key, text) = (table.join("."), format!("the key {name}, {text}"));
                self.problems.borrow_mut().push(Problem { place, key, text });
            }
        }
    }

    /// What a refused key is read as.
    pub(super) fn default_of(path: &[String]) -> Option<Value> {
        let (last, tables) = path.split_last()?;
        let mut table = layers::defaults();
        for key in tables {
            table = table.get(key)?.as_dict()?;
        }
        table.get(last).cloned()
    }
}

/// The first value below, which tells where a table comes from better than the table does.
fn first_leaf(value: &Value, path: &mut Vec<String>) -> Option<Tag> {
    match value {
        Value::Dict(tag, entries) => match entries.iter().next() {
            Some((key, inner)) => {
                path.push(key.clone());
                first_leaf(inner, path)
            }
            None => Some(*tag),
        },
        other => Some(other.tag()).filter(|tag| !tag.is_default()),
    }
}
