//! What a value itself looks like, whatever its field is called.

use std::net::IpAddr;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Kind;

/// Fewer digits are no telephone number that anybody could be called by.
const LEAST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 15;

/// How many digits a text has.
pub(super) fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// A value that is personal by its look alone.
pub(super) fn personal(value: &str) -> Option<Kind> {
    let value = value.trim();
    if is_email(value) {
        return Some(Kind::Email);
    }
    if is_jwt(value) {
        return Some(Kind::Token);
    }
    if value.len() >= LEAST_DIGITS && value.parse::<IpAddr>().is_ok() {
        return Some(Kind::Ip);
    }
    let plain = value.strip_prefix("tel:").unwrap_or(value);
    let begins = plain.starts_with('+') || value.starts_with("tel:");
    (begins && is_phone(plain)).then_some(Kind::Phone)
}

/// Whether the value is written as numbers are, with signs between the digits.
pub(super) fn is_phone(value: &str) -> bool {
    let count = digits(value);
    (LEAST_DIGITS..=MOST_DIGITS).contains(&count)
        && value.chars().all(|c| c.is_ascii_digit() || " +()-./".contains(c))
}

/// Whether the value is nothing but many digits and signs between them.
pub(super) fn is_number(value: &str) -> bool {
    digits(value) >= LEAST_DIGITS
        && value.chars().all(|c| c.is_ascii_digit() || " +()-./".contains(c))
}

fn is_email(value: &str) -> bool {
    let Some((local, host)) = value.split_once('@') else { return false };
    !local.is_empty()
        && local.chars().all(is_of_local)
        && local.chars().any(char::is_alphabetic)
        && host.contains('.')
        && host.chars().all(is_of_host)
}

fn is_of_local(letter: char) -> bool {
    letter.is_alphanumeric() || "._%+-'".contains(letter)
}

fn is_of_host(letter: char) -> bool {
    letter.is_alphanumeric() || ".-".contains(letter)
}

fn is_jwt(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let is_part = |part: &&str| {
        part.len() >= 4 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
    };
    parts.len() == 3 && value.starts_with("eyJ") && parts.iter().all(is_part)
}

/// Personal parts of a longer text: addresses, numbers with their country prefix, IP addresses; none overlaps another.
pub(super) fn embedded(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let local = text[..at].chars().rev().take_while(|c| is_of_local(*c));
        let from = at - local.map(char::len_utf8).sum::<usize>();
        let host = text[at + 1..].chars().take_while(|c| is_of_host(*c));
        let to = at + 1 + host.map(char::len_utf8).sum::<usize>();
        if from < at && to > at + 1 {
            found.push((from..to, Kind::Email));
        }
    }
    for (at, _) in text.match_indices('+') {
        let run = text[at + 1..].find(|c: char| !(c.is_ascii_digit() || " ()-./".contains(c)));
        let end = run.map_or(text.len(), |end| at + 1 + end);
        let end = at + text[at..end].trim_end_matches(|c: char| !c.is_ascii_digit()).len();
        if end > at && is_phone(&text[at..end]) {
            found.push((at..end, Kind::Phone));
        }
    }
    let is_of_ip = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = 0;
    while let Some(at) = text[rest..].find(is_of_ip).map(|at| rest + at) {
        let end = text[at..].find(|c| !is_of_ip(c)).map_or(text.len(), |end| at + end);
        let run = text[at..end].trim_matches('.');
        if run.split('.').count() == 4 && run.parse::<IpAddr>().is_ok() {
            let from = at + text[at..end].find(run).unwrap_or_default();
            found.push((from..from + run.len(), Kind::Ip));
        }
        rest = end;
    }
    found.sort_by_key(|(span, _)| (span.start, usize::MAX - span.end));
    let mut end = 0;
    found.retain(|(span, _)| {
        let free = span.start >= end;
        if free {
            end = span.end;
        }
        free
    });
    found
}

/// The JSON that is written in a text.
pub(super) fn json_inside(text: &str) -> Option<Value> {
    let begins = text.trim_start().starts_with(['{', '[']);
    let value: Value = begins.then(|| serde_json::from_str(text).ok())??;
    (value.is_object() || value.is_array()).then_some(value)
}

/// The text whose base64 it is.
pub(super) fn base64_inside(text: &str) -> Option<String> {
    let long = text.len() >= 16 && text.len().is_multiple_of(4);
    let bytes = long.then(|| STANDARD.decode(text).ok())??;
    let text = String::from_utf8(bytes).ok()?;
    let readable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    text.chars().all(readable).then_some(text)
}

/// Base64 again.
pub(super) fn in_base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_values_are_known_by_their_look() {
        for (value, kind) in [
            ("anna@example.org", Some(Kind::Email)),
            ("+49 (151) 123-45678", Some(Kind::Phone)),
            ("tel:0301234567", Some(Kind::Phone)),
            ("192.168.17.4", Some(Kind::Ip)),
            ("2a02:8070::1", Some(Kind::Ip)),
            ("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl", Some(Kind::Token)),
            ("WT00000000000000000000000000000001", None),
            ("1.0", None),
            ("22222222-0000-4333-8444-000000000001", None),
            ("5000000000000000", None),
            ("+1", None),
        ] {
            assert_eq!(personal(value), kind, "{value}");
        }
    }

    #[test]
    fn personal_parts_are_found_in_a_text() {
        let text = "call +49 151 12345678 or a.b@x.org (10.1.2.3), sip:1001@pbx.local";
        let parts: Vec<_> =
            embedded(text).into_iter().map(|(span, kind)| (&text[span], kind)).collect();
        assert_eq!(
            parts,
            [
                ("+49 151 12345678", Kind::Phone),
                ("a.b@x.org", Kind::Email),
                ("10.1.2.3", Kind::Ip),
                ("1001@pbx.local", Kind::Email),
            ]
        );
        assert_eq!(embedded("a+b, 1.2.3, @x, 1+1"), []);
    }
}
