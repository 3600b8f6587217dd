//! Takes keys out of a table one by one, notes every problem instead of stopping at the first, and refuses what is left over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use figment::value::{Dict, Tag, Value};

use super::Problem;
use super::keys::Marks;
use super::layers::Layers;
use super::values::check_name;
use crate::problem::key_name;

/// Where problems are gathered.
pub(super) struct Report {
    layers: Layers,
    found: RefCell<Vec<Problem>>,
    marks: Rc<RefCell<Marks>>,
}

impl Report {
    pub(super) fn new(layers: Layers) -> Self {
        Self { layers, found: RefCell::default(), marks: Rc::default() }
    }

    /// All problems, and what is known of the keys that were read.
    pub(super) fn close(self) -> (Vec<Problem>, Marks) {
        (self.found.into_inner(), self.marks.take())
    }

    fn note(&self, place: Option<String>, path: &[String], text: String) {
        // A part that is no name may be a secret in the place of a key.
        let word = |part: &str| {
            part.len() <= 40
                && part.chars().all(|char| char.is_alphabetic() || " _-".contains(char))
        };
        let named = |part: &String| match check_name(part).is_ok() || word(part) {
            true => part.clone(),
            false => "…".to_owned(),
        };
        let key = path.iter().map(named).collect::<Vec<_>>().join(".");
        self.found.borrow_mut().push(Problem { place, key, text });
    }
}

/// One value as it was found, and where.
pub(super) struct Given {
    pub(super) value: Value,
    /// Text from the environment, to be read as the key wants it.
    pub(super) environment: bool,
    pub(super) place: Option<String>,
    /// The key's path with dots.
    pub(super) key: String,
    pub(super) marks: Rc<RefCell<Marks>>,
}

impl Given {
    /// Notes that the value is no secret, so that a reload may tell it.
    pub(super) fn may_be_shown(&self) {
        self.marks.borrow_mut().shown.insert(self.key.clone());
    }

    /// Notes that the value names a file, whose content is part of what is configured.
    pub(super) fn names_file(&self, file: &str) {
        self.marks.borrow_mut().files.insert(self.key.clone(), file.into());
    }
}

/// A table that is being read; [`Section::close`] ends it.
pub(super) struct Section<'a> {
    report: &'a Report,
    path: Vec<String>,
    tag: Tag,
    entries: Dict,
    /// The keys asked for so far and where their values stand.
    known: Vec<(&'static str, Option<String>)>,
    /// It is not a table, which has been told; what it lacks is not told again.
    told: bool,
}

impl<'a> Section<'a> {
    pub(super) fn root(report: &'a Report, entries: Dict) -> Self {
        Self {
            report,
            path: Vec::new(),
            tag: Tag::Default,
            entries,
            known: Vec::new(),
            told: false,
        }
    }

    /// The table of that name; an empty one if it is not there.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let told = self.told || self.entries.contains_key(key);
        self.table(key).unwrap_or_else(|| Self {
            report: self.report,
            path: self.path_of(key),
            tag: self.tag,
            entries: Dict::new(),
            known: Vec::new(),
            told,
        })
    }

    /// The table of that name, if it is there.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let path = self.path_of(key);
        self.known.push((key, self.report.layers.nearest(&path)));
        let value = self.entries.remove(key)?;
        self.opened(key, value)
    }

    /// Every table under a key by its own name.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(String, Self)> {
        let mut outer = self.section(key);
        let entries = std::mem::take(&mut outer.entries);
        entries
            .into_iter()
            .filter_map(|(name, value)| Some((name.clone(), outer.opened(&name, value)?)))
            .collect()
    }

    /// Reads a key that must be there.
    pub(super) fn need<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<T> {
        match self.wish(key, read)? {
            Some(value) => Some(value),
            None if self.told => None,
            None => {
                let path = self.path_of(key);
                let place = self.report.layers.nearest(&self.path);
                self.report.note(place, &path, "is missing; it has no default".to_owned());
                None
            }
        }
    }

    /// Reads a key that may be missing; the outer `None` means that it could not be read.
    pub(super) fn wish<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let path = self.path_of(key);
        let Some(value) = self.entries.remove(key) else {
            self.known.push((key, self.report.layers.nearest(&path)));
            return Some(None);
        };
        let place = self.report.layers.place(self.tag_of(&value), &path);
        self.known.push((key, place));
        self.one(key, value, read).map(Some)
    }

    /// Reads a key whose table may hold anything; variables inside are read as what they look like.
    pub(super) fn wish_tree<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<Option<T>> {
        if let Some(value) = self.entries.get_mut(key) {
            unfold(&self.report.layers, value);
        }
        self.wish(key, read)
    }

    /// Reads every value of a table whose keys are the operator's own.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Given) -> Result<T, String>,
    ) -> Option<BTreeMap<String, T>> {
        let mut inner = self.section(key);
        let mut found = Some(BTreeMap::new());
        for (name, value) in std::mem::take(&mut inner.entries) {
            match (inner.one(&name, value, &read), &mut found) {
                (Some(value), Some(found)) => {
                    found.insert(name, value);
                }
                (Some(_), None) => {}
                (None, _) => found = None,
            }
        }
        found
    }

    /// Notes a problem with a key that has been asked for before.
    pub(super) fn complain(&self, key: &str, text: impl Into<String>) {
        let path = self.path_of(key);
        let place = match self.known.iter().find(|(known, _)| *known == key) {
            Some((_, place)) => place.clone(),
            None => self.report.layers.nearest(&path),
        };
        self.report.note(place, &path, text.into());
    }

    /// Notes a problem with the section as a whole.
    pub(super) fn complain_of_itself(&self, text: impl Into<String>) {
        let place = self.report.layers.nearest(&self.path);
        self.report.note(place, &self.path, text.into());
    }

    /// Refuses what nobody took.
    pub(super) fn close(self) {
        let what = match self.path.last() {
            None => "section".to_owned(),
            Some(_) => format!("key of [{}]", self.path.join(".")),
        };
        let known: Vec<_> = self.known.iter().map(|(key, _)| *key).collect();
        let known = known.join(", ");
        for (key, value) in &self.entries {
            let mut path = self.path_of(key);
            let tag = leaf(value, &mut path).unwrap_or(self.tag);
            let variable = self.report.layers.is_environment(tag).then(|| path.clone());
            path.truncate(self.path.len() + 1);
            let place = self.report.layers.place(tag, variable.as_ref().unwrap_or(&path));
            let text = format!("is not a {what}; known are {known}");
            let name = key_name(key);
            if name.starts_with('`') {
                self.report.note(place, &path, text);
                continue;
            }
            // It may be a secret in the place of a key; a variable's name would tell it too.
            let place = if variable.is_some() { None } else { place };
            self.report.note(place, &self.path, format!("the key {name}, {text}"));
        }
    }

    fn opened(&self, key: &str, value: Value) -> Option<Self> {
        let path = self.path_of(key);
        let tag = self.tag_of(&value);
        let value = match value {
            Value::String(_, text) if self.report.layers.is_environment(tag) => parsed(&text),
            other => other,
        };
        match value {
            Value::Dict(_, entries) => Some(Self {
                report: self.report,
                path,
                tag,
                entries,
                known: Vec::new(),
                told: false,
            }),
            _ => {
                let text = "is not a table; write it as [section] or { key = value }".to_owned();
                self.report.note(self.report.layers.place(tag, &path), &path, text);
                None
            }
        }
    }

    fn one<T>(
        &self,
        key: &str,
        value: Value,
        read: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<T> {
        let path = self.path_of(key);
        let tag = self.tag_of(&value);
        let place = self.report.layers.place(tag, &path);
        let environment = self.report.layers.is_environment(tag);
        let marks = Rc::clone(&self.report.marks);
        let given = Given { value, environment, place: place.clone(), key: path.join("."), marks };
        match read(given) {
            Ok(value) => Some(value),
            Err(text) => {
                self.report.note(place, &path, text);
                None
            }
        }
    }

    /// Values inside a variable's text carry no tag of their own.
    fn tag_of(&self, value: &Value) -> Tag {
        if value.tag().is_default() { self.tag } else { value.tag() }
    }

    fn path_of(&self, key: &str) -> Vec<String> {
        self.path.iter().map(String::as_str).chain([key]).map(str::to_owned).collect()
    }
}

/// Reads an environment variable's text as figment does: numbers, arrays, tables, else text.
pub(super) fn parsed(text: &str) -> Value {
    match text.parse() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

fn unfold(layers: &Layers, value: &mut Value) {
    match value {
        Value::String(tag, text) if layers.is_environment(*tag) => *value = parsed(text),
        Value::Dict(_, entries) => entries.values_mut().for_each(|inner| unfold(layers, inner)),
        _ => {}
    }
}

/// The first value below, which tells where a table comes from better than the table does.
fn leaf(value: &Value, path: &mut Vec<String>) -> Option<Tag> {
    match value {
        Value::Dict(tag, entries) => match entries.iter().next() {
            Some((key, inner)) => {
                path.push(key.clone());
                leaf(inner, path)
            }
            None => Some(*tag),
        },
        other => Some(other.tag()).filter(|tag| !tag.is_default()),
    }
}
