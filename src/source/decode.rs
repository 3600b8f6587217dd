//! Makes one value tree of a body that is JSON, a form, a JWT or CloudEvents.
//!
//! Integers stay digit for digit. The nesting is limited here, so that no later traversal of the tree can exhaust the
//! stack. It says whether a body is what it is declared to be, and never what a value means.

mod cloudevents;
mod json;
mod reader;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jaq_json::{Map, Val};
use serde::Deserialize;

use super::request::Request;

pub(super) use json::{parse as parse_json, pointer, string_of};
pub(super) use reader::Reader;

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decode {
    /// One JSON value.
    Json,
    /// `application/x-www-form-urlencoded`; every value is a string.
    Form,
    /// The whole body is a compact JWT, its claims are the value.
    Jwt,
    /// CloudEvents over HTTP: structured, batch or binary.
    Cloudevents,
}

impl Decode {
    /// The content types that are taken where the profile names none; `*+json` stands for any such suffix.
    pub(super) fn default_content_types(self) -> Vec<String> {
        let types: &[&str] = match self {
            Self::Json => &["application/json", "*+json"],
            Self::Form => &["application/x-www-form-urlencoded"],
            Self::Jwt => &["application/jwt", "text/plain", "application/json"],
            Self::Cloudevents => &["application/json", "*+json"],
        };
        types.iter().map(|text| (*text).to_owned()).collect()
    }
}

/// Why a body is refused before any filter sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// It is not what it is declared to be; says where, never what stands there.
    Syntax(String),
    /// Its content type is none of the profile's.
    ContentType,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "the body is not {what}"),
            Self::ContentType => write!(f, "this content type is not taken here"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Reads the body of a request; form fields in `json_fields` are opened as JSON where they are JSON.
pub(super) fn decode(
    how: Decode,
    json_fields: &[String],
    request: &Request,
) -> Result<Val, Malformed> {
    match how {
        Decode::Json => json::parse(&request.body),
        Decode::Form => form(&request.body, json_fields),
        Decode::Jwt => jwt_claims(&request.body),
        Decode::Cloudevents => cloudevents::decode(request),
    }
}

/// Says whether the profile takes the request's content type; a request without one is taken.
pub(super) fn content_type_fits(how: Decode, types: &[String], request: &Request) -> bool {
    let Some(found) = request.media_type() else { return true };
    if how == Decode::Cloudevents && cloudevents::is_binary(request) {
        return true;
    }
    types.iter().any(|wanted| match wanted.strip_prefix('*') {
        Some(suffix) => found.ends_with(suffix),
        None => *wanted == found,
    })
}

fn form(body: &[u8], json_fields: &[String]) -> Result<Val, Malformed> {
    let syntax = |what: &str| Malformed::Syntax(format!("a form: {what}"));
    let text = std::str::from_utf8(body).map_err(|_| syntax("it is not UTF-8"))?;
    if !text.is_empty() && !text.contains('=') {
        return Err(syntax("it has no `name=value`"));
    }
    let mut fields = Map::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let opened = json_fields.iter().any(|field| *field == name);
        let value = opened
            .then(|| json::parse(value.as_bytes()).ok())
            .flatten()
            .unwrap_or_else(|| string_val(&value));
        match fields.get_mut(&string_val(&name)) {
            None => drop(fields.insert(string_val(&name), value)),
            // In place: a body may repeat one name a hundred thousand times.
            Some(Val::Arr(earlier)) => Arc::make_mut(earlier).push(value),
            Some(earlier) => *earlier = [std::mem::take(earlier), value].into_iter().collect(),
        }
    }
    Ok(Val::obj(fields))
}

/// The three parts of a body that is a compact JWT, blanks and quotes around it taken off.
pub(super) fn compact_jwt(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim().trim_matches('"');
    (text.split('.').count() == 3 && !text.contains(['{', ' '])).then_some(text)
}

/// The claims of a compact JWT, nothing of it checked: that is the verification's duty. A JSON object stands for
/// itself: a sender without a secret has nothing to make a token with.
fn jwt_claims(body: &[u8]) -> Result<Val, Malformed> {
    if body.trim_ascii_start().starts_with(b"{") {
        return json::parse(body);
    }
    let syntax = |what: &str| Malformed::Syntax(format!("a JWT: {what}"));
    let text = compact_jwt(body).ok_or_else(|| syntax("it has not three parts"))?;
    let claims = text.split('.').nth(1).unwrap_or_default();
    let claims =
        URL_SAFE_NO_PAD.decode(claims).map_err(|_| syntax("its claims are not base64url"))?;
    json::parse(&claims)
}

/// A string value.
pub(super) fn string_val(text: &str) -> Val {
    Val::utf8_str(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
