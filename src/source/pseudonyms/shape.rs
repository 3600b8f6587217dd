//! What a value itself looks like, whatever its field is called.

use std::net::IpAddr;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Kind;
pub(super) use crate::personal::digits;
use crate::personal::{self, LEAST_DIGITS, Look, is_email, is_phone};

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

/// Whether the value is nothing but many digits and signs between them.
pub(super) fn is_number(value: &str) -> bool {
    digits(value) >= LEAST_DIGITS
        && value.chars().all(|c| c.is_ascii_digit() || " +()-./".contains(c))
}

fn is_jwt(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let is_part = |part: &&str| {
        part.len() >= 4 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
    };
    parts.len() == 3 && value.starts_with("eyJ") && parts.iter().all(is_part)
}

/// Personal parts of a longer text: addresses, numbers with their country prefix, IP addresses; none overlaps another.
pub(super) fn embedded(text: &str) -> impl Iterator<Item = (Range<usize>, Kind)> {
    personal::embedded(text).into_iter().map(|(span, look)| {
        let kind = match look {
            Look::Phone => Kind::Phone,
            Look::Email => Kind::Email,
            Look::Ip => Kind::Ip,
        };
        (span, kind)
    })
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
}
