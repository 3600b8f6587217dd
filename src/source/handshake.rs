//! The `[[handshake]]` sections: requests by which a vendor tests the address, and what it wants to hear.
//!
//! A handshake never carries an event. What it echoes is short, and matched narrowly, since some of them come unsigned.

mod answer;

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use jaq_json::Val;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use self::answer::{AnswerTemplate, AnswerToml, Echo};
use super::decode::{Decode, decode, pointer, string_of};
use super::request::Request;
use super::verify::Verifier;
use super::verify::mac::{Algorithm, same};

/// What a vendor hears when it tests the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandshakeAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandshakeToml {
    #[serde(default = "post")]
    method: String,
    /// Whether it is answered only if it is signed as an event is.
    #[serde(default = "yes")]
    verified: bool,
    #[serde(default)]
    when: WhenToml,
    answer: AnswerToml,
}

/// All of it must hold; `"*"` stands for any value that is not empty.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenToml {
    #[serde(default)]
    body: BTreeMap<String, String>,
    #[serde(default)]
    header: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// A query parameter that must be one of the secrets.
    secret_query: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

const fn yes() -> bool {
    true
}

/// A checked handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    method: Method,
    verified: bool,
    when: WhenToml,
    answer: AnswerTemplate,
}

impl HandshakeToml {
    pub(super) fn build(self) -> Result<Handshake, String> {
        let Self { method, verified, when, answer } = self;
        if when.body.is_empty()
            && when.header.is_empty()
            && when.query.is_empty()
            && method == "POST"
        {
            return Err("a handshake by POST needs `when`: it would swallow every event".to_owned());
        }
        Ok(Handshake {
            method: method
                .parse()
                .map_err(|_| "handshake: `method` is not an HTTP method".to_owned())?,
            verified,
            when,
            answer: answer.build()?,
        })
    }
}

/// What a handshake may look at beside the request.
pub(super) struct HandshakeContext<'a> {
    pub(super) decode: Decode,
    pub(super) verifier: &'a Verifier,
    pub(super) secrets: &'a [SecretString],
}

impl Handshake {
    /// The answer, if the request is this handshake and proves to be the vendor's where it has to.
    pub(super) fn answer(
        &self,
        request: &Request,
        context: &HandshakeContext<'_>,
    ) -> Option<HandshakeAnswer> {
        if request.method != self.method || !self.may_match(request) {
            return None;
        }
        let secret = match (self.verified, context.verifier.verify(request)) {
            (_, Ok(place)) => context.secrets.get(place),
            (false, Err(_)) => context.secrets.first(),
            (true, Err(_)) => return None,
        };
        let body =
            if self.reads_body() { decode(context.decode, &[], request).ok()? } else { Val::Null };
        let matches = |wanted: &str, found: Option<String>| {
            found.is_some_and(|found| !found.is_empty() && (wanted == "*" || wanted == found))
        };
        let fits = self
            .when
            .body
            .iter()
            .all(|(at, wanted)| matches(wanted, pointer(&body, at).and_then(string_of)))
            && self
                .when
                .query
                .iter()
                .all(|(name, wanted)| matches(wanted, request.query_parameter(name)))
            && self.when.secret_query.as_ref().is_none_or(|name| {
                let found = request.query_parameter(name).unwrap_or_default();
                context
                    .secrets
                    .iter()
                    .any(|one| same(one.expose_secret().as_bytes(), found.as_bytes()))
            });
        let echo = Echo { request, body: &body, secret };
        fits.then(|| self.answer.filled(&echo)).flatten()
    }

    /// Whether a request of that method may be answered without a proof of whose it is.
    pub(super) fn is_for_strangers(&self, method: &Method) -> bool {
        !self.verified && self.method == *method
    }

    /// The hashes of which whoever asks gets an HMAC over a text of their own choice.
    pub(super) fn signs_for_strangers(&self) -> Vec<Algorithm> {
        if self.verified || self.when.secret_query.is_some() {
            return Vec::new();
        }
        self.answer.signs_with().collect()
    }

    /// Cheap look before anything is verified or parsed: headers, and the wanted words somewhere in the body.
    fn may_match(&self, request: &Request) -> bool {
        let header_fits = |(name, wanted): (&String, &String)| {
            request
                .header(name)
                .is_some_and(|found| !found.is_empty() && (wanted == "*" || wanted == found))
        };
        let word_is_there = |wanted: &String| {
            let word = wanted.as_bytes();
            wanted == "*" || request.body.windows(word.len().max(1)).any(|window| window == word)
        };
        self.when.header.iter().all(header_fits) && self.when.body.values().all(word_is_there)
    }

    fn reads_body(&self) -> bool {
        !self.when.body.is_empty() || self.answer.reads_body()
    }
}

#[cfg(test)]
mod tests;
