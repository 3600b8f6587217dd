//! What a value becomes: itself where it is harmless, its stand-in else.

use std::ops::Range;

use serde_json::{Map, Number, Value};

use super::words::tokens;
use super::{Kind, MANY_DIGITS, Pseudonyms, bounded, field, inside, shape};

/// A larger number says whose it is, or of what.
const SMALL: f64 = 9_999.0;
/// A text of more words is no word of a profile's.
const MOST_WORDS: usize = 24;
/// A text of more words is somebody's own.
const PHRASE: usize = 5;

impl Pseudonyms {
    /// The value with everything replaced that is not known to be harmless.
    pub(crate) fn replaced(&mut self, body: &Value) -> Value {
        self.replaced_in("", "", body)
    }

    fn replaced_in(&mut self, name: &str, parent: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut replaced = Map::new();
                for (key, value) in members {
                    let other = self.replaced_in(key, name, value);
                    replaced.insert(self.key(key), other);
                }
                Value::Object(replaced)
            }
            Value::Array(values) => {
                values.iter().map(|value| self.replaced_in(name, parent, value)).collect()
            }
            Value::String(text) => Value::String(self.text(name, parent, text)),
            Value::Number(number) => self.number(name, parent, number),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// A key is a field's name, unless it looks like somebody's.
    fn key(&mut self, key: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:$/ ".contains(c);
        let named = key.len() <= 64
            && key.chars().all(plain)
            && tokens(key).all(|at| shape::digits(&key[at]) < 5)
            && !self.personal.contains_key(key);
        if named { key.to_owned() } else { self.text("", "", key) }
    }

    fn text(&mut self, name: &str, parent: &str, text: &str) -> String {
        if text.trim().is_empty() || self.kept.contains(name) {
            return text.to_owned();
        }
        if let Some(inner) = shape::json_inside(text) {
            return self.replaced_in(name, parent, &inner).to_string();
        }
        if let Some(inner) = shape::base64_inside(text).filter(|_| inside(text).is_some()) {
            return shape::in_base64(&self.text(name, parent, &inner));
        }
        let composed = self.composed.contains(text.trim());
        if let Some(kind) = self.personal_kind(name, parent, text).filter(|_| !composed) {
            return self.stand_ins.of(kind, text);
        }
        if let Some(moved) = self.moments.moved_text(text) {
            return moved;
        }
        let spans = self.personal_spans(text);
        let rest = outside(text, &spans);
        let is_id = self.ids.contains(&text.to_lowercase());
        if is_id || rest.iter().all(|part| self.is_harmless(&text[part.clone()])) {
            return self.with_stand_ins(text, &spans);
        }
        if text.contains("://") {
            return self.stand_ins.of(Kind::Url, text);
        }
        match field::kind(name, parent) {
            Some((Kind::Name, _)) => self.stand_ins.of(Kind::Text, text),
            _ if shape::is_number(text) => self.stand_ins.of(Kind::Phone, text),
            _ if text.trim().contains(char::is_whitespace) && !self.is_phrase(text) => {
                self.stand_ins.of(Kind::Text, text)
            }
            _ => self.word_by_word(text, &spans),
        }
    }

    /// Where personal values stand in a text.
    pub(super) fn personal_spans(&self, text: &str) -> Vec<(Range<usize>, Kind)> {
        let mut spans: Vec<(Range<usize>, Kind)> = Vec::new();
        let mut values: Vec<_> =
            self.personal.iter().filter(|(value, _)| !self.composed.contains(*value)).collect();
        values.sort_by_key(|(value, _)| usize::MAX - value.len());
        let known = values
            .into_iter()
            .flat_map(|(value, kind)| bounded(text, value).into_iter().map(|at| (at, *kind)));
        for (at, kind) in known.chain(shape::embedded(text)) {
            if spans.iter().all(|(of, _)| of.end <= at.start || at.end <= of.start) {
                spans.push((at, kind));
            }
        }
        spans.sort_by_key(|(at, _)| at.start);
        spans
    }

    fn with_stand_ins(&mut self, text: &str, spans: &[(Range<usize>, Kind)]) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut copied = 0;
        for (at, kind) in spans {
            replaced.push_str(&text[copied..at.start]);
            replaced += &self.stand_ins.of(*kind, &text[at.clone()]);
            copied = at.end;
        }
        replaced.push_str(&text[copied..]);
        replaced
    }

    /// Whether every word of a text is harmless, and its digits are no number together.
    fn is_harmless(&self, text: &str) -> bool {
        let words: Vec<_> = tokens(text).collect();
        let mut digits = 0;
        for at in &words {
            let word = &text[at.clone()];
            if word.bytes().all(|b| b.is_ascii_digit()) && !self.id_words.contains(word) {
                digits += word.len();
            } else {
                digits = 0;
            }
            if digits >= MANY_DIGITS || !self.is_harmless_word(word) {
                return false;
            }
        }
        words.len() <= MOST_WORDS
    }

    /// Whether a text is short and has a word that the profile may look for.
    fn is_phrase(&self, text: &str) -> bool {
        let words: Vec<_> = tokens(text).collect();
        words.len() <= PHRASE && words.into_iter().any(|at| self.words.has(&text[at]))
    }

    fn is_harmless_word(&self, word: &str) -> bool {
        let is_small = |word: &str| word.len() <= 4 && word.bytes().all(|b| b.is_ascii_digit());
        let version = word.strip_prefix(['v', 'V']);
        self.id_words.contains(word)
            || self.words.has(word)
            || is_small(word)
            || version.is_some_and(is_small)
            || word.chars().count() == 1
    }

    /// Keeps the harmless words of an id that is made of several.
    fn word_by_word(&mut self, text: &str, spans: &[(Range<usize>, Kind)]) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut parts: Vec<(Range<usize>, Option<Kind>)> =
            outside(text, spans).into_iter().map(|part| (part, None)).collect();
        parts.extend(spans.iter().map(|(at, kind)| (at.clone(), Some(*kind))));
        parts.sort_by_key(|(at, _)| at.start);
        for (at, kind) in parts {
            let part = &text[at];
            let Some(kind) = kind else {
                let mut copied = 0;
                for at in tokens(part) {
                    replaced.push_str(&part[copied..at.start]);
                    let word = &part[at.clone()];
                    let digits = word.bytes().all(|b| b.is_ascii_digit());
                    let keeps = self.is_harmless_word(word)
                        && (!digits || self.id_words.contains(word) || self.is_harmless(part));
                    if keeps {
                        replaced.push_str(word);
                    } else {
                        replaced += &self.stand_ins.same_shape(word, text);
                    }
                    copied = at.end;
                }
                replaced.push_str(&part[copied..]);
                continue;
            };
            replaced += &self.stand_ins.of(kind, part);
        }
        replaced
    }

    fn number(&mut self, name: &str, parent: &str, number: &Number) -> Value {
        let text = number.to_string();
        let personal = self.by_field(name, parent, &text).is_some() || {
            let place = matches!(field::kind(name, parent), Some((Kind::Address, _)));
            place || self.personal.contains_key(&text)
        };
        let small = number.as_f64().is_some_and(|number| number.abs() <= SMALL);
        if self.kept.contains(name) {
            return Value::Number(number.clone());
        }
        if !personal {
            if let Some(moved) = self.moments.moved_number(number) {
                return moved;
            }
            if small || self.is_harmless_word(&text) {
                return Value::Number(number.clone());
            }
        }
        let other = self.stand_ins.of(Kind::Phone, &text);
        // A number does not begin with a nought.
        let first = other.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
        let whole = match other.get(first..first + 1) {
            Some("0") => format!("{}9{}", &other[..first], &other[first + 1..]),
            Some(_) | None => other,
        };
        serde_json::from_str(&whole).unwrap_or_default()
    }
}

/// The parts of a text between the spans.
fn outside(text: &str, spans: &[(Range<usize>, Kind)]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in spans {
        parts.push(from..at.start);
        from = at.end;
    }
    parts.push(from..text.len());
    parts
}
