//! One thing that is wrong with what an operator has written: the file, the line where it is known, and what to do.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in a profile, a table or a setting; its text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// The file, empty where the mistake is not in a file of its own.
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: Option<u64>,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

impl Problem {
    /// A mistake in a file as a whole.
    pub(crate) fn in_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, message: message.into() }
    }

    /// A mistake in one line of a file.
    pub(crate) fn at_line(file: &Path, line: u64, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Some(line), message: message.into() }
    }

    /// A mistake that is in no file, or in one that only the caller knows.
    pub(crate) fn unplaced(message: impl Into<String>) -> Self {
        Self { file: PathBuf::new(), line: None, message: message.into() }
    }
}

/// Problems of which each is told once, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Once {
    list: Vec<Problem>,
    seen: HashSet<Problem>,
}

impl Once {
    /// Takes those that are new.
    pub(crate) fn extend(&mut self, found: impl IntoIterator<Item = Problem>) {
        for problem in found {
            if self.seen.insert(problem.clone()) {
                self.list.push(problem);
            }
        }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.list
    }
}

/// A number of things with the word for one of them.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// serde's account of what a value of the configuration is not, without the value: a secret may have been put there by
/// mistake. The words for types are those of [`in_plain_words`].
pub(crate) fn without_values(account: &str, object: &str) -> String {
    let plain = in_plain_words(account, object);
    let cut = |before: &str, close: &str| {
        let rest = plain.strip_prefix(before)?;
        let (value, expected) = rest.rsplit_once(&format!("{close}, expected "))?;
        Some((value.to_owned(), expected.to_owned()))
    };
    if let Some((_, expected)) = cut("unknown variant `", "`") {
        return format!("unknown word, expected {expected}");
    }
    if let Some((name, expected)) = cut("unknown field `", "`") {
        return format!("unknown key {}, expected {expected}", key_name(&name));
    }
    for kind in ["invalid type: string", "invalid value: string"] {
        if let Some((_, expected)) = cut(&format!("{kind} \""), "\"") {
            return format!("{kind}, expected {expected}");
        }
    }
    plain
}

/// A key as it may be shown: one that looks like no key may be a secret in a wrong place.
pub(crate) fn key_name(key: &str) -> String {
    if looks_like_key(key) {
        return format!("`{key}`");
    }
    format!("of {} characters, which is not shown", key.chars().count())
}

/// Whether a text could be a key: all keys are words of small letters.
pub(crate) fn looks_like_key(key: &str) -> bool {
    let fits = |char: char| char.is_ascii_lowercase() || char == '_';
    !key.is_empty() && key.len() <= 40 && key.chars().all(fits)
}

/// serde's account of what a value is not, for whoever wrote the value: the program's types are called by what they
/// look like in the file, `object` being the word for a group of keys there.
pub(crate) fn in_plain_words(account: &str, object: &str) -> String {
    let Some((before, expected)) = account.rsplit_once("expected ") else {
        return account.to_owned();
    };
    let (what, rest) = plain_type(expected, object);
    format!("{before}expected {what}{rest}")
}

/// A type in plain words, and what stands behind its name.
fn plain_type<'a>(expected: &'a str, object: &'a str) -> (&'a str, &'a str) {
    let named = [
        ("internally tagged enum ", object),
        ("adjacently tagged enum ", object),
        ("untagged enum ", "another kind of value"),
        ("tuple struct ", "an array"),
        ("unit struct ", "nothing"),
        ("struct ", object),
        ("enum ", "a string"),
    ];
    for (kind, plain) in named {
        if let Some(name) = expected.strip_prefix(kind) {
            let rest = name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            // How many keys the type has says nothing.
            let counted = rest.strip_prefix(" with ").and_then(|rest| rest.split_once(" elements"));
            return (plain, counted.map_or(rest, |(_, rest)| rest));
        }
    }
    let words = [
        ("string or map", "a string"),
        ("variant identifier", "a string"),
        ("field identifier", "a string"),
        ("a map", object),
        ("map", object),
        ("a sequence", "an array"),
        ("a borrowed string", "a string"),
    ];
    let integers = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize", "isize"];
    let whole = integers.map(|integer| (integer, "a whole number"));
    let floats = ["f32", "f64"].map(|float| (float, "a number"));
    for (word, plain) in words.into_iter().chain(whole).chain(floats) {
        let rest = expected.strip_prefix(word);
        if let Some(rest) = rest.filter(|rest| !rest.starts_with(char::is_alphanumeric)) {
            return (plain, rest);
        }
    }
    (expected, "")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => f.write_str(&self.message),
            (false, None) => write!(f, "{}: {}", self.file.display(), self.message),
            (false, Some(line)) => write!(f, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_types_are_called_by_what_they_look_like() {
        for (account, plain) in [
            (
                "invalid type: string \"x\", expected struct A",
                "invalid type: string \"x\", expected an object",
            ),
            (
                "invalid type: map, expected i64 at line 3 column 5",
                "invalid type: map, expected a whole number at line 3 column 5",
            ),
            ("expected internally tagged enum VerifySpec", "expected an object"),
            (
                "expected struct A with 2 elements at line 1 column 2",
                "expected an object at line 1 column 2",
            ),
            (
                "invalid type: integer `1`, expected variant identifier",
                "invalid type: integer `1`, expected a string",
            ),
            (
                "unknown variant `a`, expected one of `b`, `c`",
                "unknown variant `a`, expected one of `b`, `c`",
            ),
            ("expected a sequence", "expected an array"),
            ("expected i64ish", "expected i64ish"),
            ("missing field `a`", "missing field `a`"),
            ("a struct A that expected enum B", "a struct A that expected a string"),
        ] {
            assert_eq!(in_plain_words(account, "an object"), plain);
        }
    }
}
