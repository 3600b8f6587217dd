//! `header`, `bearer` and `basic`: a secret that travels with every request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::request::Request;
use super::mac::{same, which};
use super::{Unsignable, Unverified, set_header};

/// The secret as it is in a header.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct HeaderSpec {
    header: String,
    #[serde(default)]
    prefix: String,
}

/// `Authorization: Bearer …`, or the same in another header.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct BearerSpec {
    #[serde(default)]
    header: Option<String>,
}

/// `Authorization: Basic …`; the secrets are the passwords.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct BasicSpec {
    username: String,
}

/// A header that carries prefix and secret.
pub(in super::super) struct Header {
    name: String,
    prefix: String,
    secrets: Vec<SecretString>,
}

impl Header {
    pub(super) fn build(spec: &HeaderSpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        let name = checked_name("header", &spec.header).map_err(|problem| vec![problem])?;
        Ok(Self { name, prefix: spec.prefix.clone(), secrets: secrets.to_vec() })
    }

    pub(super) fn bearer(spec: &BearerSpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        let name = spec.header.as_deref().unwrap_or(AUTHORIZATION.as_str());
        let name = checked_name("header", name).map_err(|problem| vec![problem])?;
        Ok(Self { name, prefix: "Bearer ".to_owned(), secrets: secrets.to_vec() })
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let value = request
            .headers
            .get(&self.name)
            .ok_or_else(|| Unverified::Missing(self.name.clone()))?;
        let (prefix, token) = value
            .as_bytes()
            .split_at_checked(self.prefix.len())
            .ok_or_else(|| Unverified::Unreadable(self.name.clone()))?;
        if !prefix.eq_ignore_ascii_case(self.prefix.as_bytes()) {
            return Err(Unverified::Unreadable(self.name.clone()));
        }
        which(&self.secrets, |secret| same(secret.expose_secret().as_bytes(), token))
            .ok_or(Unverified::Wrong)
    }

    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let secret = self.secrets.first().ok_or(Unsignable)?;
        set_header(request, &self.name, &format!("{}{}", self.prefix, secret.expose_secret()))
    }
}

/// A user name and its passwords.
pub(in super::super) struct Basic {
    username: String,
    secrets: Vec<SecretString>,
}

impl Basic {
    pub(super) fn build(spec: &BasicSpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        if spec.username.is_empty() || spec.username.contains(':') {
            return Err(vec!["`username` is empty or holds a colon".to_owned()]);
        }
        Ok(Self { username: spec.username.clone(), secrets: secrets.to_vec() })
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let unreadable = || Unverified::Unreadable(AUTHORIZATION.to_string());
        let value = request
            .headers
            .get(AUTHORIZATION)
            .ok_or_else(|| Unverified::Missing(AUTHORIZATION.to_string()))?;
        let value = value.to_str().map_err(|_| unreadable())?;
        let (scheme, encoded) = value.split_once(' ').ok_or_else(unreadable)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(unreadable());
        }
        let found = STANDARD.decode(encoded.trim()).map_err(|_| unreadable())?;
        which(&self.secrets, |secret| same(self.pair(secret).as_bytes(), &found))
            .ok_or(Unverified::Wrong)
    }

    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let secret = self.secrets.first().ok_or(Unsignable)?;
        let value = format!("Basic {}", STANDARD.encode(self.pair(secret)));
        set_header(request, AUTHORIZATION.as_str(), &value)
    }

    fn pair(&self, secret: &SecretString) -> String {
        format!("{}:{}", self.username, secret.expose_secret())
    }
}

/// A header name in lower case; `key` is what names it.
pub(super) fn checked_name(key: &str, name: &str) -> Result<String, String> {
    HeaderName::from_bytes(name.as_bytes())
        .map(|name| name.to_string())
        .map_err(|_| format!("`{key}` is not the name of a header: letters, digits and -"))
}

/// The header that a token stands in, `authorization` where none is named; empty, with a problem more, where it can be
/// none.
pub(super) fn of_token(named: Option<&str>, problems: &mut Vec<String>) -> String {
    let checked = checked_name("header", named.unwrap_or(AUTHORIZATION.as_str()));
    checked.map_err(|problem| problems.push(problem)).unwrap_or_default()
}
