//! A profile's flows: whole calls, request by request, with what has to be there at the end.
//!
//! A flow is only read here; whoever plays it brings the clock, the tables and the instance. Requests are written as in
//! samples, the times in them are those of their own step.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::duration::Span;
use super::profile::Profile;
use super::request::Request;
use super::template::{RequestJson, RequestTemplate};
use crate::problem::{Problem, in_plain_words};
use crate::routing::{SysId, UnixMillis, VendorAgentId};
use crate::text_file;

/// One file of `flows/`.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) file: PathBuf,
    pub(crate) description: String,
    /// The name of the source that its requests are for.
    pub(crate) source: String,
    /// Options of that source.
    pub(crate) options: Map<String, Value>,
    /// Sections of the configuration, over what holds without them.
    pub(crate) settings: Map<String, Value>,
    /// What the instance has to be like where ServiceNow's pages leave it open: the sandbox's switches.
    pub(crate) needs: Map<String, Value>,
    pub(crate) steps: Vec<Step>,
    pub(crate) expect: Expected,
}

/// One step: a request, something that an agent does in ServiceNow, or both.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// From the start of the flow, in milliseconds.
    pub(crate) at: u64,
    /// The profile that reads the request, where it is not the flow's own.
    pub(crate) profile: Option<String>,
    request: Option<RequestTemplate>,
    pub(crate) also: Option<Also>,
}

/// What happens in ServiceNow without the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Also {
    /// The agent takes the card that is pending.
    AgentAccepts(VendorAgentId),
    /// The agent declines it.
    AgentRejects(VendorAgentId),
    /// The card's time is over at this moment.
    CardTimesOut(VendorAgentId),
}

/// What has to be there when the flow has come to rest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// All work items that an agent has, and no other.
    pub(crate) cards: Vec<Card>,
    /// The states of events, by id; of events that are not named nothing is expected.
    #[serde(default)]
    pub(crate) events: BTreeMap<String, String>,
    /// How many events may be dead.
    #[serde(default)]
    pub(crate) dead: usize,
}

/// A work item that an agent has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    pub(crate) document: SysId,
    pub(crate) agent: VendorAgentId,
    pub(crate) state: CardState,
}

/// Where an agent's work item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CardState {
    PendingAccept,
    Accepted,
}

impl CardState {
    /// ServiceNow's word.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PendingAccept => "pending_accept",
            Self::Accepted => "accepted",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowJson {
    description: String,
    #[serde(default = "flow")]
    source: String,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    needs: Map<String, Value>,
    #[serde(deserialize_with = "steps")]
    steps: Vec<StepJson>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepJson {
    at: Span,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    also: Option<Also>,
}

fn flow() -> String {
    "flow".to_owned()
}

/// At least one step, none before the one in front of it.
fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<StepJson>, D::Error> {
    let steps = Vec::<StepJson>::deserialize(deserializer)?;
    if steps.is_empty() {
        return Err(serde::de::Error::custom("`steps` is empty"));
    }
    if let Some(n) = (1..steps.len()).find(|n| steps[*n].at.millis() < steps[n - 1].at.millis()) {
        let text = format!("`at` of step {} lies before that of the step in front of it", n + 1);
        return Err(serde::de::Error::custom(text));
    }
    Ok(steps)
}

/// Loads a profile's flows in the order of their file names.
///
/// # Errors
/// Lists every file that is no flow.
pub(crate) fn load(profile_folder: &Path) -> Result<Vec<Flow>, Vec<Problem>> {
    let Ok(entries) = fs::read_dir(profile_folder.join("flows")) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut flows, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let text = text_file::read(&file, text_file::LARGEST)
            .map_err(|unread| Problem::in_file(&file, unread.to_string()));
        match text.and_then(|text| parse(&file, &text)) {
            Ok(flow) => flows.push(flow),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(flows) } else { Err(problems) }
}

/// Reads the text of a flow's file.
///
/// # Errors
/// Says what is wrong, with the line.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Flow, Problem> {
    let json: FlowJson = serde_json::from_str(text).map_err(|error| {
        let account = in_plain_words(&error.to_string(), "an object");
        Problem::at_line(file, error.line() as u64, account)
    })?;
    let mut steps = Vec::with_capacity(json.steps.len());
    for (n, step) in json.steps.into_iter().enumerate() {
        let step = Step::new(step)
            .map_err(|problem| Problem::in_file(file, format!("step {}: {problem}", n + 1)))?;
        steps.push(step);
    }
    Ok(Flow {
        file: file.to_owned(),
        description: json.description,
        source: json.source,
        options: json.options,
        settings: json.settings,
        needs: json.needs,
        steps,
        expect: json.expect,
    })
}

/// Whether a JSON value is meant as a flow: it has steps.
#[must_use]
pub(crate) fn is_flow(value: &Value) -> bool {
    value.get("description").is_some_and(Value::is_string)
        && value.get("steps").is_some_and(Value::is_array)
}

impl Step {
    fn new(json: StepJson) -> Result<Self, String> {
        let StepJson { at, source, headers, method, query, body, also } = json;
        let asks = !headers.is_empty() || method.is_some() || query.is_some() || body.is_some();
        if source.is_some() && !asks {
            return Err("has a `source` and no request for it".to_owned());
        }
        let request = asks.then(|| {
            let (query, body) = (query.unwrap_or_default(), body.unwrap_or_default());
            RequestTemplate::new(RequestJson { headers, method, query, body })
        });
        Ok(Self { at: at.millis(), profile: source, request: request.transpose()?, also })
    }

    /// The request as the vendor would send it to `path` at that moment, unsigned; none where nothing comes from the
    /// vendor.
    #[must_use]
    pub(crate) fn request(
        &self,
        profile: &Profile,
        path: &str,
        received_at: UnixMillis,
    ) -> Option<Request> {
        self.request.as_ref().map(|request| request.at(profile, path, received_at))
    }
}

#[cfg(test)]
mod tests;
