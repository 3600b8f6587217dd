//! Text of others: bounded and without characters that change how the text around it is shown, or shown with those
//! escaped.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many characters are kept of a text that has no format of its own.
pub(super) const MAX_CHARS: usize = 256;

/// Whether a character is none to be seen, but changes how others are shown: a control character, a separator of lines,
/// a mark that changes the direction.
#[must_use]
pub(crate) const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// A text that others wrote, such as a reject's reason or an operator's name: at most [`MAX_CHARS`] characters, none of
/// them hidden. What was longer ends in `…`; each hidden character is U+FFFD. Nothing is refused.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ForeignText(Arc<str>);

impl ForeignText {
    /// Takes any text.
    #[must_use]
    pub(crate) fn of(text: &str) -> Self {
        let long = text.chars().nth(MAX_CHARS).is_some();
        let kept = if long { MAX_CHARS - 1 } else { MAX_CHARS };
        let shown = |c: char| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c };
        let mark = long.then_some('…');
        Self(text.chars().take(kept).map(shown).chain(mark).collect::<String>().into())
    }

    /// The text itself.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for ForeignText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ForeignText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

/// A text of several lines with hidden characters written `\u001b`, as in JSON; line feeds and tabs stay.
#[must_use]
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// The same of a text that has to stay on its line.
#[must_use]
pub(crate) fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if hidden(c) => shown.push_str("\\n"),
            '\t' if hidden(c) => shown.push_str("\\t"),
            _ if hidden(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => shown.push(c),
        }
    }
    shown.into()
}

/// At most `limit` characters of a sender's text, what cannot be printed escaped, fit for a message.
#[must_use]
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    let mut short = String::new();
    for letter in text.chars().take(limit) {
        match letter {
            '\'' | '"' | '\\' => short.push(letter),
            other => short.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}
