//! `field`: the secret sits in the body itself, so the body is read before it is believed.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::decode::{Decode, decode, pointer, string_of};
use super::super::request::Request;
use super::Unverified;
use super::mac::{same, which};

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
        let body = decode(self.decode, &[], request)
            .map_err(|_| Unverified::Unreadable(self.pointer.clone()))?;
        let found = pointer(&body, &self.pointer)
            .and_then(string_of)
            .ok_or_else(|| Unverified::Missing(self.pointer.clone()))?;
        which(&self.secrets, |secret| same(secret.expose_secret().as_bytes(), found.as_bytes()))
            .ok_or(Unverified::Wrong)
    }
}
