//! Whose fault a problem of a source is: the path of a key in the configuration, before what is said of it.

use crate::problem::{Problem, looks_like_key};

/// The keys below a source that a message may name first.
const OWN: [&str; 3] = ["options", "secrets", "verify"];

/// A message about a source, behind the path of its key. `own`: the source has a scheme of its own, whose keys messages
/// name without `verify`; else the scheme is the profile's.
pub(super) fn problem(source: &str, own: bool, message: &str) -> Problem {
    let (key, text) = keyed(own, message);
    Problem::unplaced(format!("sources.{source}.{key}: {text}"))
}

fn keyed(own: bool, message: &str) -> (String, &str) {
    // Of a message about two keys neither is the key.
    let about_one =
        |(_, text): &(&str, &str)| !text.starts_with("and ") && !text.starts_with("or ");
    let first = message.strip_prefix('`').and_then(|rest| rest.split_once("` "));
    if let Some((key, text)) = first.filter(about_one) {
        let is_key = key.split('.').all(looks_like_key);
        match key.split('.').next() {
            Some(first) if is_key && OWN.contains(&first) => return (key.to_owned(), text),
            _ if is_key && own && !key.contains('.') => return (format!("verify.{key}"), text),
            _ => {}
        }
    }
    let numbered = message.strip_prefix("secret ").and_then(|rest| rest.split_once(' '));
    if let Some((number, text)) = numbered
        && let Some(place) = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1))
    {
        return (format!("secrets[{place}]"), text);
    }
    let key = match message.starts_with("a secret ") {
        true => "secrets",
        false if own => "verify",
        false => "vendor",
    };
    (key.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_names_first_is_its_key() {
        for (own, message, expected) in [
            (false, "`secrets` is empty: name one", "sources.s.secrets: is empty: name one"),
            (true, "`options.a_b` is odd", "sources.s.options.a_b: is odd"),
            (true, "`verify` is not a scheme", "sources.s.verify: is not a scheme"),
            (true, "`header` is no name", "sources.s.verify.header: is no name"),
            (
                true,
                "`a` and `b` exclude each other",
                "sources.s.verify: `a` and `b` exclude each other",
            ),
            (false, "`header` is no name", "sources.s.vendor: `header` is no name"),
            (true, "`{part:NAME}` needs x", "sources.s.verify: `{part:NAME}` needs x"),
            (true, "`intake.public_url` is no", "sources.s.verify: `intake.public_url` is no"),
            (false, "secret 2 is not hex", "sources.s.secrets[1]: is not hex"),
            (false, "secret x is", "sources.s.vendor: secret x is"),
            (true, "a secret is empty", "sources.s.secrets: a secret is empty"),
        ] {
            assert_eq!(problem("s", own, message).to_string(), expected);
        }
    }
}
