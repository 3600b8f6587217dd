//! `query`: the secret is a parameter of the URL, as in `?code=…`. It is compared before the body is read, and whoever
//! reads the query afterwards does not see it.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::request::Request;
use super::mac::{same, which};
use super::{Unsignable, Unverified};

/// Which parameter it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct QuerySpec {
    parameter: String,
}

/// A query parameter that carries the secret.
pub(in super::super) struct Query {
    parameter: String,
    secrets: Vec<SecretString>,
}

impl Query {
    pub(super) fn build(spec: &QuerySpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        if spec.parameter.is_empty() || spec.parameter.chars().any(char::is_control) {
            return Err(vec!["`parameter` is not the name of a query parameter".to_owned()]);
        }
        Ok(Self { parameter: spec.parameter.clone(), secrets: secrets.to_vec() })
    }

    /// The parameter may be there only once: another reader might take another one.
    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let mut found = self.found(request.raw_query());
        let Some(written) = found.next() else {
            return Err(Unverified::Missing(self.parameter.clone()));
        };
        if found.next().is_some() {
            return Err(Unverified::Unreadable(self.parameter.clone()));
        }
        // A sender may have left a `+` of the secret as it is, which a form would read as a blank.
        let plain: Cow<'_, [u8]> = percent_decode_str(written).into();
        let as_form = plain_of_form(written);
        let fits = |secret: &SecretString| {
            let secret = secret.expose_secret().as_bytes();
            same(secret, &plain) | same(secret, &as_form)
        };
        which(&self.secrets, fits).ok_or(Unverified::Wrong)
    }

    /// The name of the parameter that nobody is to see.
    pub(super) fn parameter(&self) -> &str {
        &self.parameter
    }

    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let secret = self.secrets.first().ok_or(Unsignable)?;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pair = format!("{}={}", encoded(&self.parameter), encoded(secret.expose_secret()));
        let kept: Vec<&str> = request
            .raw_query()
            .split('&')
            .filter(|pair| !pair.is_empty() && name_of(pair) != self.parameter.as_bytes())
            .chain([pair.as_str()])
            .collect();
        request.path_and_query = format!("{}?{}", request.path(), kept.join("&"));
        Ok(())
    }

    /// The values of the parameter as they are written.
    fn found<'a>(&self, query: &'a str) -> impl Iterator<Item = &'a str> {
        query
            .split('&')
            .filter(|pair| name_of(pair) == self.parameter.as_bytes())
            .map(|pair| pair.split_once('=').map_or("", |(_, value)| value))
    }
}

fn name_of(pair: &str) -> Vec<u8> {
    plain_of_form(pair.split_once('=').map_or(pair, |(name, _)| name))
}

fn plain_of_form(written: &str) -> Vec<u8> {
    percent_decode_str(&written.replace('+', " ")).collect()
}
