//! A profile's samples: requests as the vendor sends them, with the routing events that they have to become.
//!
//! How a request is written is in `template`; the times in what is expected are written as in the request.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::endpoint::{Source, SourceSpec};
use super::profile::Profile;
use super::reading::Reading;
use super::request::Request;
use super::template::{RequestJson, RequestTemplate, with_times};
use crate::problem::{Problem, in_plain_words};
use crate::routing::{UnixMillis, Unreadable};
use crate::text_file;

/// When samples are received if nothing says otherwise: 2026-11-21T17:00:01Z.
pub const RECEIVED_AT: UnixMillis = UnixMillis(1_795_280_401_000);

/// One file of `samples/`.
#[derive(Debug, Clone)]
pub struct Sample {
    pub(crate) file: PathBuf,
    request: RequestTemplate,
    /// Options of the source that the sample is for.
    pub options: Map<String, Value>,
    expect: Vec<Value>,
    handshake: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleJson {
    /// For the reader of the file.
    #[serde(rename = "description")]
    _description: String,
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
    let text = text_file::read(file, text_file::LARGEST)
        .map_err(|unread| Problem::in_file(file, unread.to_string()))?;
    parse(file, &text)
}

/// Reads the text of a sample's file.
///
/// # Errors
/// Says what is wrong, with the line.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Sample, Problem> {
    let json: SampleJson = serde_json::from_str(text).map_err(|error| {
        let account = in_plain_words(&error.to_string(), "an object");
        Problem::at_line(file, error.line() as u64, account)
    })?;
    let request = RequestJson {
        headers: json.headers,
        method: json.method,
        query: json.query,
        body: json.body,
    };
    Ok(Sample {
        file: file.to_owned(),
        request: RequestTemplate::new(request)
            .map_err(|problem| Problem::in_file(file, problem))?,
        options: json.options,
        expect: json.expect,
        handshake: json.handshake,
    })
}

/// Whether a JSON value is meant as a sample: a description, and a body or what is to come of it.
#[must_use]
pub(crate) fn is_sample(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    let only_keys = || {
        let keys = ["description", "headers", "method", "query", "body", "options"];
        value.as_object().into_iter().flatten().all(|(key, _)| keys.contains(&key.as_str()))
    };
    value.get("description").is_some_and(Value::is_string)
        && (has("expect") || has("handshake") || (has("body") && only_keys()))
}

impl Sample {
    /// The request as the vendor would send it to `path`, unsigned.
    #[must_use]
    pub fn request(&self, profile: &Profile, path: &str, received_at: UnixMillis) -> Request {
        self.request.at(profile, path, received_at)
    }

    /// Whether the sample is a test of the address and not an event.
    #[must_use]
    pub const fn is_handshake(&self) -> bool {
        self.handshake.is_some()
    }

    /// What differs between the expectation and what the source makes of the sample; empty if nothing does.
    #[must_use]
    pub(crate) fn differences(&self, source: &Source, received_at: UnixMillis) -> Vec<String> {
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
    unsigned(profile, "sample", options)
}

/// The same under a name of its own.
///
/// # Errors
/// The options are not the profile's.
pub(crate) fn unsigned(
    profile: &Arc<Profile>,
    name: &str,
    options: &Map<String, Value>,
) -> Result<Source, Vec<Problem>> {
    let spec = SourceSpec {
        name: name.into(),
        contact_center: name.into(),
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
pub(crate) fn as_json(reading: &Reading) -> Value {
    match reading {
        Reading::Event(event) => serde_json::to_value(event.to_json()).unwrap_or_default(),
        Reading::Unreadable(Unreadable { id, problem, .. }) => {
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
            Reading::Unreadable(_) | Reading::Ignored { .. } | Reading::Unknown { .. } => None,
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

#[cfg(test)]
mod tests;
