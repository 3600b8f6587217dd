//! Words that say nothing about a person: those that a profile itself writes, and those of every contact centre.

use std::collections::BTreeSet;
use std::ops::Range;

/// Words of requests in general.
const COMMON: [&str; 40] = [
    "true",
    "false",
    "null",
    "none",
    "yes",
    "no",
    "on",
    "off",
    "unknown",
    "application",
    "json",
    "text",
    "plain",
    "cloudevents",
    "utf",
    "voice",
    "phone",
    "chat",
    "email",
    "sms",
    "messaging",
    "telephony",
    "message",
    "inbound",
    "outbound",
    "internal",
    "external",
    "call",
    "task",
    "queue",
    "agent",
    "user",
    "interaction",
    "incident",
    "sip",
    "tel",
    "http",
    "https",
    "id",
    "arn",
];

/// The words of profiles, in small letters.
#[derive(Debug, Clone)]
pub(super) struct Words(BTreeSet<String>);

impl Default for Words {
    fn default() -> Self {
        Self(COMMON.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl Words {
    /// Adds the words of a `vendor.toml` and of a filter; comments are none of them.
    pub(super) fn add_profile(&mut self, toml: &str, jq: &str) {
        without_comments(jq).iter().for_each(|code| self.add(code));
        if let Ok(table) = toml.parse::<toml::Table>() {
            table.values().for_each(|value| texts(value, &mut |text| self.add(text)));
        }
    }

    /// Adds the words of a text.
    pub(super) fn add(&mut self, text: &str) {
        self.0.extend(tokens(text).map(|at| text[at].to_lowercase()));
    }

    /// Whether the word is one of them, in any case.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains(&word.to_lowercase())
    }
}

fn texts(value: &toml::Value, add: &mut impl FnMut(&str)) {
    match value {
        toml::Value::String(text) => add(text),
        toml::Value::Array(values) => values.iter().for_each(|value| texts(value, add)),
        toml::Value::Table(table) => table.values().for_each(|value| texts(value, add)),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

/// The lines of a filter up to their comments.
fn without_comments(jq: &str) -> Vec<&str> {
    let code = |line: &'_ str| {
        let (mut quoted, mut escaped) = (false, false);
        let comment = line.char_indices().find(|(_, letter)| {
            match letter {
                '\\' if quoted && !escaped => {
                    escaped = true;
                    return false;
                }
                '"' if !escaped => quoted = !quoted,
                '#' if !quoted => return true,
                _ => {}
            }
            escaped = false;
            false
        });
        comment.map_or(line.len(), |(at, _)| at)
    };
    jq.lines().map(|line| &line[..code(line)]).collect()
}

/// The runs of letters and digits in a text.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices() {
        match (start, letter.is_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                runs.push(from..at);
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    runs.extend(start.map(|from| from..text.len()));
    runs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_code_and_texts_count_and_those_of_comments_do_not() {
        let mut words = Words::default();
        words.add_profile(
            "# Meyer\n[options]\nqueue = \"Sales desk\"\n",
            "# Schulze\n{ ringing: \"not-answered \\\" # held\" } # Huber\n",
        );
        for word in ["Ringing", "answered", "held", "sales", "desk", "voice"] {
            assert!(words.has(word), "{word}");
        }
        for word in ["Meyer", "Schulze", "Huber"] {
            assert!(!words.has(word), "{word}");
        }
    }
}
