//! `field`: the secret sits in the body itself, so the body is read before it is believed, and is kept without it.

use std::borrow::Cow;

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::decode::{Decode, decode, pointer, string_of};
use super::super::request::Request;
use super::mac::{same, which};
use super::{SHORT, Unverified};

/// Where the secret is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct FieldSpec {
    pointer: String,
}

/// A secret at a JSON pointer into the decoded body.
pub(in super::super) struct Field {
    pointer: String,
    decode: Decode,
    secrets: Vec<SecretString>,
}

impl Field {
    pub(super) fn build(
        spec: &FieldSpec,
        decode: Decode,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        if !spec.pointer.starts_with('/') {
            return Err(vec!["`pointer` is not a JSON pointer such as \"/token\"".to_owned()]);
        }
        Ok(Self { pointer: spec.pointer.clone(), decode, secrets: secrets.to_vec() })
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        if !self.may_hold_a_secret(&request.body) {
            return Err(Unverified::Wrong);
        }
        let body = decode(self.decode, &[], request)
            .map_err(|_| Unverified::Unreadable(self.pointer.clone()))?;
        let found = pointer(&body, &self.pointer)
            .and_then(string_of)
            .ok_or_else(|| Unverified::Missing(self.pointer.clone()))?;
        which(&self.secrets, |secret| same(secret.expose_secret().as_bytes(), found.as_bytes()))
            .ok_or(Unverified::Wrong)
    }

    /// Whether reading a long body can bring a secret to light: where no character is written otherwise than it is, the
    /// secret's own bytes stand there. Reading costs far more than looking for them.
    fn may_hold_a_secret(&self, body: &[u8]) -> bool {
        let plain = match self.decode {
            Decode::Json | Decode::Cloudevents => !body.contains(&b'\\'),
            Decode::Form => !body.contains(&b'%') && !body.contains(&b'+'),
            Decode::Jwt => false,
        };
        let Ok(text) = std::str::from_utf8(body) else { return true };
        body.len() <= SHORT
            || !plain
            || self.secrets.iter().any(|secret| text.contains(secret.expose_secret()))
    }

    /// The body with every text that holds a secret blotted out, however the secret is written there.
    pub(super) fn without_secrets(&self, body: &Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(body) else { return Bytes::new() };
        let kept = match self.decode {
            Decode::Form => self.without_secret_pairs(text),
            Decode::Json | Decode::Cloudevents => self.without_secret_strings(text),
            // What it says is coded as a whole.
            Decode::Jwt => Cow::Borrowed(""),
        };
        // As a number, or within a longer text. A short one would be found by chance everywhere.
        let secrets = self.secrets.iter().map(|secret| secret.expose_secret());
        let kept = secrets.filter(|secret| secret.len() >= TELLING).fold(kept, |kept, secret| {
            if kept.contains(secret) { kept.replace(secret, CUT).into() } else { kept }
        });
        match kept {
            Cow::Borrowed(kept) if kept.len() == text.len() => body.clone(),
            kept => kept.into_owned().into(),
        }
    }

    fn is_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text == secret.expose_secret())
    }

    fn without_secret_pairs<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        if !pairs.iter().any(|(_, value)| self.is_secret(value)) {
            return text.into();
        }
        let cut =
            |value: &str| if self.is_secret(value) { CUT.to_owned() } else { value.to_owned() };
        let pairs = pairs.iter().map(|(name, value)| (name, cut(value)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into()
    }

    /// JSON text whose string literals are looked at one by one: a secret may be written with escapes.
    fn without_secret_strings<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut kept = String::new();
        let mut copied = 0;
        let mut rest = 0;
        while let Some(start) = text[rest..].find('"').map(|place| rest + place) {
            let Some(end) = end_of_literal(text, start) else { break };
            let literal = &text[start..end];
            let holds = serde_json::from_str::<String>(literal).is_ok_and(|it| self.is_secret(&it));
            if holds {
                kept.push_str(&text[copied..start]);
                kept.push('"');
                kept.push_str(CUT);
                kept.push('"');
                copied = end;
            }
            rest = end;
        }
        if copied == 0 {
            return text.into();
        }
        kept.push_str(&text[copied..]);
        kept.into()
    }
}

/// What replaces a secret.
const CUT: &str = "***";

/// From how many bytes on a text is a secret wherever it stands.
const TELLING: usize = 8;

/// Behind the closing quote of the string literal that opens at `start`.
fn end_of_literal(text: &str, start: usize) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}
