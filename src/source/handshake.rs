//! The `[[handshake]]` sections: requests by which a vendor tests the address, and what it wants to hear.
//!
//! A handshake never carries an event. What it echoes is short, and matched narrowly, since some of them come unsigned.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use jaq_json::Val;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::decode::{Decode, decode, pointer, string_of};
use super::request::Request;
use super::verify::Verifier;
use super::verify::mac::{self, Algorithm, same};

/// The longest text of a request that is echoed, in bytes.
const MAX_ECHO: usize = 1_024;

/// What a vendor hears when it tests the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerToml {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    text: Option<String>,
    json: Option<BTreeMap<String, String>>,
}

fn post() -> String {
    "POST".to_owned()
}

const fn yes() -> bool {
    true
}

const fn ok() -> u16 {
    200
}

/// A checked handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    method: Method,
    verified: bool,
    when: WhenToml,
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    text: Option<String>,
    json: Option<BTreeMap<String, String>>,
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
        if answer.text.is_some() && answer.json.is_some() {
            return Err("a handshake answers `text` or `json`, not both".to_owned());
        }
        let named = |(name, value): (String, String)| {
            HeaderName::from_bytes(name.as_bytes())
                .map(|name| (name, value))
                .map_err(|_| "handshake: a header of the answer is not a header name".to_owned())
        };
        Ok(Handshake {
            method: method
                .parse()
                .map_err(|_| "handshake: `method` is not an HTTP method".to_owned())?,
            verified,
            when,
            status: StatusCode::from_u16(answer.status)
                .map_err(|_| format!("handshake: {} is not a status", answer.status))?,
            headers: answer.headers.into_iter().map(named).collect::<Result<_, _>>()?,
            text: answer.text,
            json: answer.json,
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
        fits.then(|| self.filled(&echo)).flatten()
    }

    /// Whether whoever asks gets an HMAC over a text of their own choice.
    pub(super) fn signs_for_strangers(&self) -> bool {
        let json = self.json.iter().flat_map(BTreeMap::values);
        let mut templates = self.text.iter().chain(json).chain(self.headers.iter().map(|(_, t)| t));
        !self.verified
            && self.when.secret_query.is_none()
            && templates.any(|template| template.contains("{hmac"))
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
        let json = self.json.iter().flat_map(BTreeMap::values);
        let mut templates = self.text.iter().chain(json).chain(self.headers.iter().map(|(_, t)| t));
        !self.when.body.is_empty()
            || templates.any(|template| template.contains("{body:") || template.contains("{hmac"))
    }

    fn filled(&self, echo: &Echo<'_>) -> Option<HandshakeAnswer> {
        let mut headers = HeaderMap::new();
        let (content_type, body) = match (&self.text, &self.json) {
            (Some(template), _) => (Some("text/plain; charset=utf-8"), echo.fill(template)?),
            (None, Some(fields)) => {
                let filled = |(name, template): (&String, &String)| {
                    echo.fill(template).map(|text| (name.clone(), serde_json::Value::String(text)))
                };
                let object: serde_json::Map<_, _> =
                    fields.iter().map(filled).collect::<Option<_>>()?;
                (Some("application/json"), serde_json::Value::Object(object).to_string())
            }
            (None, None) => (None, String::new()),
        };
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, template) in &self.headers {
            headers.insert(name.clone(), echo.fill(template)?.parse().ok()?);
        }
        Some(HandshakeAnswer { status: self.status, headers, body: body.into() })
    }
}

/// What placeholders stand for.
struct Echo<'a> {
    request: &'a Request,
    body: &'a Val,
    secret: Option<&'a SecretString>,
}

impl Echo<'_> {
    /// Fills `{header:N}`, `{query:N}`, `{body:/P}` and `{hmac_sha256_hex:/P}`; none if one of them is missing.
    fn fill(&self, template: &str) -> Option<String> {
        let (mut out, mut rest) = (String::new(), template);
        while let Some((text, after)) = rest.split_once('{') {
            let (placeholder, after) = after.split_once('}')?;
            let (what, name) = placeholder.split_once(':')?;
            let from_body = || pointer(self.body, name).and_then(string_of);
            let value = match what {
                "header" => self.request.header(name)?.to_owned(),
                "query" => self.request.query_parameter(name)?,
                "body" => from_body()?,
                "hmac_sha256_hex" => {
                    let key = self.secret?.expose_secret().as_bytes().to_vec().into();
                    hex::encode(mac::hmac(Algorithm::Sha256, &key, &[from_body()?.as_bytes()]))
                }
                _ => return None,
            };
            if value.len() > MAX_ECHO || value.chars().any(char::is_control) {
                return None;
            }
            out.push_str(text);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }
}

#[cfg(test)]
mod tests;
