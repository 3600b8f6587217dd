//! Why a value of the configuration was not read, as the end of a sentence that starts with the key; no text is quoted.

use std::convert::Infallible;
use std::fmt;

use serde::de::{Error, Expected, Unexpected, Visitor};

/// Why a value was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// What is wrong and what to do.
    Because(String),
    /// It is in the report.
    Noted,
}

impl Unread {
    pub(super) fn missing() -> Self {
        Self::Because("is missing; it has no default".to_owned())
    }

    pub(super) fn empty(wanted: &dyn Expected) -> Self {
        Self::Because(format!("is empty; write {}", in_plain_words(wanted)))
    }
}

impl Error for Unread {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Because(text.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Because(format!("is {}; write {}", what(&found, "a text"), in_plain_words(wanted)))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let found = what(&found, "not valid");
        Self::Because(format!("is {found}; write {}", in_plain_words(wanted)))
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        Self::Because(format!("is not valid; write one of {}", words.join(", ")))
    }

    /// All fields are read, also those that are not there: this one was noted then.
    fn missing_field(_: &'static str) -> Self {
        Self::Noted
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(text) => f.write_str(text),
            Self::Noted => f.write_str("is wrong"),
        }
    }
}

impl std::error::Error for Unread {}

/// What kind of value it is, and which one where that is a number or a flag: a text may be a secret in a wrong place.
fn what(value: &Unexpected<'_>, text: &'static str) -> String {
    match value {
        Unexpected::Str(_) | Unexpected::Char(_) => text.to_owned(),
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Unit | Unexpected::Option => "empty".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        _ => "another value".to_owned(),
    }
}

/// The words of serde's own types for what they want.
fn in_plain_words(wanted: &dyn Expected) -> String {
    let wanted = wanted.to_string();
    match wanted.as_str() {
        "a string" => "a text in quotes".to_owned(),
        "path string" => "the path of a file or folder, in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array, [\"…\", \"…\"]".to_owned(),
        _ => wanted,
    }
}

/// Takes nothing, and says what is wanted.
pub(super) struct Wanted(pub(super) String);

impl Visitor<'_> for Wanted {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
