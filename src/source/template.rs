//! A vendor's request as samples and flows write it, and the request that it becomes at a moment.
//!
//! In its texts `{{now}}`, `{{now_s}}` and `{{now_ms}}` stand for the time of receipt, and the string `"{{#now_s}}"` or
//! `"{{#now_ms}}"` for the bare number, so that the same request can be sent at any time. An object with the only key
//! `"{{base64}}"` stands for the base64 of what is in it, a body that is `{"form": {…}}` or `{"jwt": {…}}` for a form
//! or a token.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use serde_json::Value;

use super::profile::Profile;
use super::request::Request;
use crate::routing::UnixMillis;

/// The key of an object that stands for base64.
const BASE64: &str = "{{base64}}";

/// The keys of a request, nothing checked.
#[derive(Debug, Default)]
pub(super) struct RequestJson {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) method: Option<String>,
    pub(super) query: String,
    pub(super) body: Value,
}

/// A request without its moment.
#[derive(Debug, Clone)]
pub(super) struct RequestTemplate {
    method: Method,
    headers: HeaderMap,
    query: String,
    body: Value,
}

impl RequestTemplate {
    /// Checks headers and method; the method is POST where none is said.
    ///
    /// # Errors
    /// Says which of them is none.
    pub(super) fn new(json: RequestJson) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &json.headers {
            match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => drop(headers.append(name, value)),
                (Err(_), _) | (_, Err(_)) => {
                    return Err(format!("`{name}` is no header with a value"));
                }
            }
        }
        let method = json.method.as_deref().unwrap_or("POST");
        let method = method.parse().map_err(|_| "`method` is not an HTTP method".to_owned())?;
        Ok(Self { method, headers, query: json.query, body: json.body })
    }

    /// The request as the vendor would send it to `path`, unsigned.
    pub(super) fn at(&self, profile: &Profile, path: &str, received_at: UnixMillis) -> Request {
        let body = match with_times(&self.body, received_at) {
            Value::Null => String::new(),
            Value::String(text) => text,
            Value::Object(fields)
                if fields.len() == 1 && fields.get("form").is_some_and(Value::is_object) =>
            {
                form(&fields["form"])
            }
            Value::Object(fields)
                if fields.len() == 1 && fields.get("jwt").is_some_and(Value::is_object) =>
            {
                unsigned_jwt(&fields["jwt"])
            }
            other => other.to_string(),
        };
        let mut headers = self.headers.clone();
        if !headers.contains_key(CONTENT_TYPE)
            && let Ok(value) = HeaderValue::from_str(profile.content_type())
        {
            headers.insert(CONTENT_TYPE, value);
        }
        let joint = if self.query.is_empty() { "" } else { "?" };
        Request {
            method: self.method.clone(),
            path_and_query: format!("{path}{joint}{}", self.query),
            headers,
            body: body.into(),
            received_at,
        }
    }
}

fn form(fields: &Value) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => out.append_pair(name, text),
            other => out.append_pair(name, &other.to_string()),
        };
    }
    out.finish()
}

/// A token with these claims; a source that signs makes a signed one of it.
fn unsigned_jwt(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The value with its times filled in.
pub(super) fn with_times(value: &Value, at: UnixMillis) -> Value {
    let seconds = at.0.div_euclid(1_000);
    match value {
        Value::String(text) => match text.as_str() {
            "{{#now_s}}" => seconds.into(),
            "{{#now_ms}}" => at.0.into(),
            text => text
                .replace("{{now}}", &at.to_string())
                .replace("{{now_s}}", &seconds.to_string())
                .replace("{{now_ms}}", &at.0.to_string())
                .into(),
        },
        Value::Array(elements) => elements.iter().map(|value| with_times(value, at)).collect(),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key(BASE64) => {
            let inner = match with_times(&fields[BASE64], at) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            STANDARD.encode(inner).into()
        }
        Value::Object(fields) => {
            let filled = fields.iter().map(|(key, value)| (key.clone(), with_times(value, at)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}
