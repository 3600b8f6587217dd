//! A profile's samples: requests as the vendor sends them, with the routing events that they have to become.
//!
//! In a sample's texts `{{now}}`, `{{now_s}}` and `{{now_ms}}` stand for the time of receipt, and the string
//! `"{{#now_s}}"` or `"{{#now_ms}}"` for the bare number, so that the same samples serve a demonstration. An object
//! with the only key `"{{base64}}"` stands for the base64 of what is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::profile::Profile;
use super::reading::Reading;
use super::request::Request;
use super::source::{Source, SourceSpec};
use crate::problem::{Problem, in_plain_words};
use crate::routing::UnixMillis;

/// When samples are received if nothing says otherwise: 2026-11-21T17:00:01Z.
pub const RECEIVED_AT: UnixMillis = UnixMillis(1_795_280_401_000);

/// The key of an object that stands for base64.
const BASE64: &str = "{{base64}}";

/// One file of `samples/`.
#[derive(Debug, Clone)]
pub struct Sample {
    pub file: PathBuf,
    pub description: String,
    method: Method,
    headers: HeaderMap,
    query: String,
    body: Value,
    /// Options of the source that the sample is for.
    pub options: Map<String, Value>,
    expect: Vec<Value>,
    handshake: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleJson {
    description: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    query: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    expect: Vec<Value>,
    /// Instead of `expect`: the answer of a handshake, `status` and `body`.
    handshake: Option<Value>,
}

/// Loads a profile's samples in the order of their file names.
///
/// # Errors
/// Lists every file that is no sample.
pub fn load(profile_folder: &Path) -> Result<Vec<Sample>, Vec<Problem>> {
    let folder = profile_folder.join("samples");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut samples, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read(&file) {
            Ok(sample) => samples.push(sample),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(samples) } else { Err(problems) }
}

fn read(file: &Path) -> Result<Sample, Problem> {
    let text = fs::read_to_string(file)
        .map_err(|error| Problem::in_file(file, format!("cannot be read: {error}")))?;
    let json: SampleJson = serde_json::from_str(&text).map_err(|error| {
        let account = in_plain_words(&error.to_string(), "an object");
        Problem::at_line(file, error.line() as u64, account)
    })?;
    let mut headers = HeaderMap::new();
    for (name, value) in &json.headers {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            (Err(_), _) | (_, Err(_)) => {
                return Err(Problem::in_file(file, format!("`{name}` is no header with a value")));
            }
        }
    }
    let method = json.method.as_deref().unwrap_or("POST");
    let method = method
        .parse()
        .map_err(|_| Problem::in_file(file, "`method` is not an HTTP method".to_owned()))?;
    Ok(Sample {
        file: file.to_owned(),
        description: json.description,
        method,
        headers,
        query: json.query,
        body: json.body,
        options: json.options,
        expect: json.expect,
        handshake: json.handshake,
    })
}

impl Sample {
    /// The request as the vendor would send it to `path`, unsigned.
    #[must_use]
    pub fn request(&self, profile: &Profile, path: &str, received_at: UnixMillis) -> Request {
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

    /// Whether the sample is a test of the address and not an event.
    #[must_use]
    pub const fn is_handshake(&self) -> bool {
        self.handshake.is_some()
    }

    /// What differs between the expectation and what the source makes of the sample; empty if nothing does.
    #[must_use]
    pub fn differences(&self, source: &Source, received_at: UnixMillis) -> Vec<String> {
        let mut request = self.request(source.profile(), "/webhooks/sample", received_at);
        if let Some(expected) = &self.handshake {
            return handshake_differences(source, &mut request, expected);
        }
        if source.handshake(&request).is_some() {
            return vec!["is taken for a handshake".to_owned()];
        }
        let inspected = match source.inspect(&request) {
            Ok(inspected) => inspected,
            Err(malformed) => return vec![malformed.to_string()],
        };
        let (readings, unread): (Vec<_>, Vec<_>) =
            inspected.into_iter().map(|one| (one.reading, one.unread)).unzip();
        let found: Vec<Value> = readings.iter().map(as_json).collect();
        let mut differences = repeated_ids(&readings);
        differences.extend(unread_keys(&unread));
        if found.len() != self.expect.len() {
            differences.push(format!("yields {}, not {}", count(&found), self.expect.len()));
        }
        for (n, (expected, found)) in self.expect.iter().zip(&found).enumerate() {
            let expected = with_times(expected, received_at);
            compare(&format!("expect[{n}]"), &expected, found, &mut differences);
        }
        differences
    }
}

/// Runs every sample of a profile's folder, without signatures.
#[must_use]
pub fn run(profile_folder: &Path) -> Vec<Problem> {
    let profile = match Profile::load(profile_folder) {
        Ok(profile) => Arc::new(profile),
        Err(problems) => return problems,
    };
    let samples = match load(profile_folder) {
        Ok(samples) => samples,
        Err(problems) => return problems,
    };
    let mut problems = Vec::new();
    for sample in samples {
        match unsigned_source(&profile, &sample.options) {
            Ok(source) => {
                let differences = sample.differences(&source, RECEIVED_AT);
                problems.extend(
                    differences.into_iter().map(|text| Problem::in_file(&sample.file, text)),
                );
            }
            Err(more) => problems.extend(
                more.into_iter().map(|problem| Problem { file: sample.file.clone(), ..problem }),
            ),
        }
    }
    problems
}

/// A source that takes unsigned requests: for samples and dry runs, never for a listening address.
///
/// # Errors
/// The options are not the profile's.
pub fn unsigned_source(
    profile: &Arc<Profile>,
    options: &Map<String, Value>,
) -> Result<Source, Vec<Problem>> {
    let spec = SourceSpec {
        name: "sample".to_owned(),
        contact_center: "sample".to_owned(),
        vendor: profile.vendor().to_owned(),
        secrets: vec!["sample-secret".into()],
        verify: Some(json!({ "scheme": "none" })),
        options: options.clone(),
        public_url: None,
        loopback: true,
    };
    Source::build(Arc::clone(profile), spec)
}

fn handshake_differences(source: &Source, request: &mut Request, expected: &Value) -> Vec<String> {
    let Some(answer) = source.handshake(request) else {
        return vec!["is not taken for a handshake".to_owned()];
    };
    let body = String::from_utf8_lossy(&answer.body);
    let body = serde_json::from_str(&body).unwrap_or_else(|_| Value::String(body.into_owned()));
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let found = json!({ "status": answer.status.as_u16(), "body": body, "headers": headers });
    let mut differences = Vec::new();
    compare("handshake", expected, &found, &mut differences);
    differences
}

/// A reading as the samples write it.
fn as_json(reading: &Reading) -> Value {
    match reading {
        Reading::Event(event) => serde_json::to_value(event.to_json()).unwrap_or_default(),
        Reading::Unreadable { id, problem, .. } => {
            json!({ "unreadable": true, "id": id, "problem": problem })
        }
        Reading::Ignored { id, why } => json!({ "ignore": true, "id": id, "why": why }),
        Reading::Unknown { event_type } => json!({ "unknown": true, "event_type": event_type }),
    }
}

/// Two different events of one request under one id: the second would be taken for a redelivery of the first.
fn repeated_ids(readings: &[Reading]) -> Vec<String> {
    let events: Vec<_> = readings
        .iter()
        .filter_map(|reading| match reading {
            Reading::Event(event) => Some(event),
            Reading::Unreadable { .. } | Reading::Ignored { .. } | Reading::Unknown { .. } => None,
        })
        .collect();
    let repeats = |n: &usize| {
        let event = events[*n];
        events[..*n].iter().any(|earlier| earlier.id == event.id && *earlier != event)
    };
    let places = (0..events.len()).filter(repeats);
    places
        .map(|n| format!("event {n} has the id of an earlier event of the same request"))
        .collect()
}

/// Keys that no event has: most often a misspelt one.
fn unread_keys(unread: &[Vec<String>]) -> impl Iterator<Item = String> {
    let found = unread.iter().enumerate().filter(|(_, keys)| !keys.is_empty());
    found.map(|(n, keys)| {
        format!("event {n} has keys that no routing event has: `{}`", keys.join("`, `"))
    })
}

/// Every field that is expected has to be there with that value; more may be there. `null` means absent.
fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(_)) => {
            for (key, expected) in expected {
                compare(&format!("{path}.{key}"), expected, &found[key.as_str()], differences);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(format!("{path} is {found}, expected {expected}")),
    }
}

fn count(found: &[Value]) -> String {
    let kind = |value: &Value| {
        let named = value["kind"].as_str().map(ToOwned::to_owned);
        named.unwrap_or_else(|| {
            ["unreadable", "ignore", "unknown"]
                .into_iter()
                .find(|key| value.get(key).is_some())
                .unwrap_or("?")
                .to_owned()
        })
    };
    format!("{} ({})", found.len(), found.iter().map(kind).collect::<Vec<_>>().join(", "))
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

fn with_times(value: &Value, at: UnixMillis) -> Value {
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

#[cfg(test)]
mod tests;
