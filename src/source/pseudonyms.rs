//! Replaces personal data in a vendor's requests, so that they can be kept as samples and flows: each value by one that
//! is nobody's and has the same shape, the same value by the same one in all requests of a call.
//!
//! A value is replaced unless it is known to be harmless: an id that is used in the events, words that the profile
//! itself writes, moments, yes and no, small numbers. What its field is called, or what it looks like, may say that it
//! is personal all the same. Moments are moved by whole seconds, all alike.

mod field;
mod moments;
mod replace;
mod shape;
mod stand_in;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value};

use crate::routing::UnixMillis;
use moments::Moments;
use stand_in::StandIns;
use words::{Words, tokens};

/// The sort of what is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Phone,
    Email,
    Name,
    Address,
    Ip,
    Token,
    Url,
    Text,
    /// Ids and words of which nothing is known.
    Other,
}

impl Kind {
    /// What several of them are called.
    #[must_use]
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Phone => "numbers",
            Self::Email => "addresses of mail and telephones",
            Self::Name => "names",
            Self::Address => "street addresses",
            Self::Ip => "IP addresses",
            Self::Token => "tokens",
            Self::Url => "URLs",
            Self::Text => "texts",
            Self::Other => "other words and ids",
        }
    }
}

/// So many digits in a row, whatever stands between them, may be somebody's number.
const MANY_DIGITS: usize = 7;
/// A shorter value is found in too many others by chance.
const TELLING: usize = 4;

/// The stand-ins of one call.
#[derive(Debug, Clone)]
pub(crate) struct Pseudonyms {
    words: Words,
    moments: Moments,
    /// Fields whose values stay.
    kept: BTreeSet<String>,
    /// The ids of the events in small letters, and the words in them as they are.
    ids: BTreeSet<String>,
    id_words: BTreeSet<String>,
    /// Personal values, which are looked for in all others.
    personal: BTreeMap<String, Kind>,
    /// Those addresses among them that have another one in them, such as `user.anna@example.org`.
    composed: BTreeSet<String>,
    stand_ins: StandIns,
}

impl Pseudonyms {
    /// For requests of which the first came at `received_at` and shall look as if it came at `shown_at`. The values of
    /// the `kept` fields stay as they are.
    pub(crate) fn new(received_at: UnixMillis, shown_at: UnixMillis, kept: &[String]) -> Self {
        Self {
            words: Words::default(),
            moments: Moments::new(received_at, shown_at),
            kept: kept.iter().cloned().collect(),
            ids: BTreeSet::new(),
            id_words: BTreeSet::new(),
            personal: BTreeMap::new(),
            composed: BTreeSet::new(),
            stand_ins: StandIns::default(),
        }
    }

    /// Takes the words of a profile for harmless: of its `vendor.toml`, its `events.jq`, and its source's options.
    pub(crate) fn use_words_of(&mut self, toml: &str, jq: &str, options: &Map<String, Value>) {
        self.words.add_profile(toml, jq);
        for value in options.values() {
            self.words.add(&value.to_string());
        }
    }

    /// Takes the ids of an event for harmless, unless they turn out to be personal: an agent's with blanks is a name.
    pub(crate) fn use_ids_of(&mut self, event: &Value) {
        match event {
            Value::Object(members) => {
                for (key, value) in members {
                    if ["occurred_at", "reason", "style"].contains(&key.as_str()) {
                        continue;
                    }
                    let name = value.as_str().filter(|text| text.trim().contains(' '));
                    match name.filter(|_| key == "agent") {
                        Some(name) => self.add_personal(name, Kind::Name),
                        None => self.use_ids_of(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.use_ids_of(value)),
            Value::String(text) => {
                self.id_words.extend(tokens(text).map(|at| text[at].to_owned()));
                self.ids.insert(text.to_lowercase());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Finds out what is personal in a request. All requests of a call are looked at before the first one is replaced.
    pub(crate) fn learn(&mut self, body: &Value) {
        self.learn_in("", "", body);
        let addresses: Vec<&String> = self.personal.keys().filter(|of| of.contains('@')).collect();
        let has_another = |whole: &&&String| {
            addresses.iter().any(|part| *part != **whole && !bounded(whole, part).is_empty())
        };
        self.composed = addresses.iter().filter(has_another).map(|of| (*of).clone()).collect();
    }

    fn learn_in(&mut self, name: &str, parent: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    if let Some(kind) = shape::personal(key) {
                        self.add_personal(key, kind);
                    }
                    self.learn_in(key, name, value);
                }
            }
            Value::Array(values) => {
                values.iter().for_each(|value| self.learn_in(name, parent, value));
            }
            Value::String(text) => self.learn_text(name, parent, text),
            Value::Number(number) => {
                let text = number.to_string();
                if self.by_field(name, parent, &text) == Some(Kind::Phone) {
                    self.add_personal(&text, Kind::Phone);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn learn_text(&mut self, name: &str, parent: &str, text: &str) {
        if self.kept.contains(name) {
            return;
        }
        if let Some(inner) = inside(text) {
            return self.learn_in(name, parent, &inner);
        }
        if let Some(kind) = self.personal_kind(name, parent, text) {
            return self.add_personal(text.trim(), kind);
        }
        for (span, kind) in shape::embedded(text) {
            self.add_personal(&text[span], kind);
        }
    }

    fn add_personal(&mut self, value: &str, kind: Kind) {
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let known = tokens(value).all(|at| self.words.has(&value[at]));
        if kind == Kind::Phone && digits.len() >= TELLING {
            self.stand_ins.avoid(&digits);
            self.personal.insert(digits, kind);
        }
        if value.chars().count() >= TELLING && !known {
            self.stand_ins.avoid(value);
            self.personal.insert(value.to_owned(), kind);
        }
    }

    /// The sort of a value that is personal whatever it is used for.
    fn personal_kind(&self, name: &str, parent: &str, text: &str) -> Option<Kind> {
        shape::personal(text).or_else(|| self.by_field(name, parent, text))
    }

    fn by_field(&self, name: &str, parent: &str, text: &str) -> Option<Kind> {
        let text = text.trim();
        let (kind, true) = field::kind(name, parent)? else { return None };
        let is_word = || tokens(text).all(|at| self.words.has(&text[at]));
        let digits = shape::digits(text);
        let fits = match kind {
            Kind::Phone => {
                let short = digits < MANY_DIGITS && self.ids.contains(&text.to_lowercase());
                let signs = |c: char| c.is_ascii_digit() || " +()-./".contains(c);
                digits >= 3 && text.chars().all(signs) && !short
            }
            Kind::Email => text.contains('@'),
            Kind::Ip => text.parse::<std::net::IpAddr>().is_ok(),
            Kind::Name | Kind::Address | Kind::Token | Kind::Text => !is_word(),
            Kind::Url | Kind::Other => false,
        };
        (fits && !self.moments.are_in(text)).then_some(kind)
    }

    /// The sort of a personal value that still stands in a text.
    pub(crate) fn left_in(&self, text: &str) -> Option<Kind> {
        let of = |value: &&String| value.chars().count() > TELLING;
        let values: BTreeMap<_, _> = self.personal.iter().filter(|(value, _)| of(value)).collect();
        let spans = self.personal_spans(text);
        let value = |(at, _): &(Range<usize>, Kind)| values.get(&text[at.clone()].to_owned());
        spans.iter().find_map(value).map(|kind| **kind)
    }

    /// How many values of each sort were replaced.
    pub(crate) fn counts(&self) -> BTreeMap<Kind, usize> {
        self.stand_ins.counts()
    }
}

/// What is written in a text: JSON, or text in base64 that is JSON or personal itself.
fn inside(text: &str) -> Option<Value> {
    if let Some(json) = shape::json_inside(text) {
        return Some(json);
    }
    let decoded = shape::base64_inside(text)?;
    match shape::json_inside(&decoded) {
        Some(json) => Some(json),
        None => {
            let has_any = shape::embedded(&decoded).next().is_some();
            has_any.then_some(Value::String(decoded))
        }
    }
}

/// Where a value stands in a text, with no letter or digit beside it.
fn bounded(text: &str, value: &str) -> Vec<Range<usize>> {
    let outside = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    let places = text.match_indices(value).map(|(at, _)| at..at + value.len());
    places
        .filter(|at| {
            outside(text[..at.start].chars().next_back()) && outside(text[at.end..].chars().next())
        })
        .collect()
}
