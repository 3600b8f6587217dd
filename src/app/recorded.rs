//! What came in, as a sample or a flow of its profile: personal data replaced, with the expectation that the profile's
//! reading makes.
//!
//! What is written passes `check`, or is refused with the reason. Nothing is sent or stored.

mod file;
mod readings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::inputs::raw_request;
use super::{files, rehearsal, shipped};
use crate::config::Settings;
use crate::problem::Problem;
use crate::routing::UnixMillis;
use crate::source::flows::{self, Flow};
use crate::source::pseudonyms::Pseudonyms;
use crate::source::recorded::Written;
use crate::source::samples::{self, RECEIVED_AT};
use crate::source::{Inspected, Profile, Reading, Source};
pub(crate) use file::{place, write};
use readings::{difference, expected, kind_of, what};

/// The description's end: what a person has to do.
const REVIEW: &str = "Personal data is replaced. TO BE REVIEWED: what is expected is what the profile has made of it, \
                      not what it should make of it";

/// One request that came in.
pub(crate) struct Recorded {
    /// The source's name.
    pub(crate) source: String,
    pub(crate) received_at: UnixMillis,
    pub(crate) body: Vec<u8>,
    /// Kind and conversation of the events that are known to have come by it.
    pub(crate) events: Vec<(Option<String>, Option<String>)>,
}

/// A file's text, and what is worth knowing about it.
pub(crate) struct Made {
    pub(crate) vendor: String,
    /// `samples` or `flows`.
    pub(crate) folder: &'static str,
    /// The end of the file's name.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) notes: Vec<String>,
}

/// A source's profile as it is on this machine.
struct Origin {
    source: Source,
    profile: Arc<Profile>,
    options: Map<String, Value>,
    /// `vendor.toml` and `events.jq`.
    texts: (String, String),
}

/// A request beside what is left of it.
struct Replaced {
    body: Written,
    /// What is read of it as it came.
    before: Vec<Inspected>,
}

#[derive(Serialize)]
struct SampleJson {
    description: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    options: Map<String, Value>,
    body: Value,
    expect: Vec<Value>,
}

#[derive(Serialize)]
struct FlowJson {
    description: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    options: Map<String, Value>,
    steps: Vec<StepJson>,
    expect: Value,
}

#[derive(Serialize)]
struct StepJson {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    body: Value,
}

/// One request as a sample.
///
/// # Errors
/// Says why none can be made of it.
pub(crate) fn sample(
    settings: &Settings,
    request: &Recorded,
    kept: &[String],
) -> Result<Made, String> {
    let origin = Origin::of(settings, &request.source)?;
    let mut pseudonyms = Pseudonyms::new(request.received_at, RECEIVED_AT, kept);
    origin.lend_words(&mut pseudonyms);
    let before = origin.read(request)?;
    let written = Written::of(&origin.profile, &request.body)?;
    use_ids(&mut pseudonyms, &before, &written);
    pseudonyms.learn(&written.tree);
    let body = written.with(pseudonyms.replaced(&written.tree));
    let mut replaced = Replaced { body, before };
    let after = origin.settled(&mut replaced, RECEIVED_AT)?;
    let expect = after.iter().map(|one| expected(&one.reading)).collect();
    let description =
        format!("recorded from source {}: {}. {REVIEW}", request.source, what(&after));
    let options = origin.options.clone();
    let body = replaced.body.in_sample();
    let text = text_of(&SampleJson { description, options, body, expect })?;
    not_left(&pseudonyms, &text)?;
    let file = Path::new("sample");
    let sample = samples::parse(file, &text).map_err(|problem| problem.to_string())?;
    let checked = origin.unsigned("sample")?;
    let differences = sample.differences(&checked, RECEIVED_AT);
    if !differences.is_empty() {
        return Err(format!("the sample would not pass `check`: {}", differences.join("; ")));
    }
    let kind =
        after.iter().find_map(|one| kind_of(&one.reading)).unwrap_or_else(|| "event".to_owned());
    let notes = notes(&pseudonyms);
    let vendor = origin.profile.vendor().to_owned();
    Ok(Made { vendor, folder: "samples", name: format!("recorded-{kind}"), text, notes })
}

/// The requests of a whole call, in the order in which they came, as a flow of the first one's profile.
///
/// # Errors
/// Says why none can be made of them.
pub(crate) fn flow(
    settings: &Settings,
    requests: &[Recorded],
    of: &str,
    kept: &[String],
) -> Result<Made, String> {
    let mut origins: BTreeMap<&str, Origin> = BTreeMap::new();
    for name in requests.iter().map(|request| request.source.as_str()).chain([of]) {
        if !origins.contains_key(name) {
            origins.insert(name, Origin::of(settings, name)?);
        }
    }
    let (Some(own), Some(first)) = (origins.get(of), requests.first()) else {
        return Err("the conversation has no request".to_owned());
    };
    let started = first.received_at;
    let mut pseudonyms = Pseudonyms::new(started, RECEIVED_AT, kept);
    origins.values().for_each(|origin| origin.lend_words(&mut pseudonyms));
    let mut read = Vec::new();
    for request in requests {
        let origin = origins.get(request.source.as_str()).unwrap_or(own);
        let before = origin.read(request)?;
        let written = Written::of(&origin.profile, &request.body)?;
        use_ids(&mut pseudonyms, &before, &written);
        read.push((origin, request, written, before));
    }
    read.iter().for_each(|(_, _, written, _)| pseudonyms.learn(&written.tree));
    let (mut steps, mut notes_of_sources) = (Vec::new(), BTreeSet::new());
    for (origin, request, written, before) in read {
        let body = written.with(pseudonyms.replaced(&written.tree));
        let mut replaced = Replaced { body, before };
        let after_ms = request.received_at.since(started);
        origin.settled(&mut replaced, RECEIVED_AT.plus(after_ms))?;
        let same = origin.profile.vendor() == own.profile.vendor() && origin.options == own.options;
        if !same && !origin.options.is_empty() {
            notes_of_sources.insert(format!(
                "the options of source {} cannot stand in a flow of source {of}: its profile's defaults hold",
                request.source
            ));
        }
        let source = (!same).then(|| origin.profile.vendor().to_owned());
        let body = replaced.body.in_sample();
        steps.push(StepJson { at: format!("{after_ms}ms"), source, body });
    }
    let description = format!("a call recorded from source {of}. {REVIEW}");
    let options = own.options.clone();
    let nothing = json!({ "cards": [] });
    let mut flow = FlowJson { description, options, steps, expect: nothing };
    let scenario =
        rehearsal::scenario(Arc::clone(&own.profile), &settings.mappings).map_err(lines)?;
    let story = rehearsal::play_flow(&scenario, &parsed(&flow)?).map_err(lines)?;
    flow.expect = ended(&story);
    let story = rehearsal::play_flow(&scenario, &parsed(&flow)?).map_err(lines)?;
    if !story.faults.is_empty() {
        return Err(format!("the flow would not pass `check`: {}", story.faults.join("; ")));
    }
    let text = text_of(&flow)?;
    not_left(&pseudonyms, &text)?;
    let notes = notes(&pseudonyms).into_iter().chain(notes_of_sources).collect();
    let vendor = own.profile.vendor().to_owned();
    Ok(Made { vendor, folder: "flows", name: "recorded-call".to_owned(), text, notes })
}

impl Origin {
    #[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
    fn of(settings: &Settings, name: &str) -> Result<Self, String> {
        let source = settings.sources.get(name).ok_or_else(|| {
            format!("the configuration has no source {name}: its profile is not known here")
        })?;
        let folder = settings.mappings.join("vendors").join(&source.vendor);
        let profile = Arc::new(files::profile(&folder, &source.vendor).map_err(lines)?);
        let built = samples::unsigned(&profile, name, &source.options).map_err(lines)?;
        let texts = file::texts(&folder)
            .or_else(|| shipped::texts(&source.vendor).map(|(toml, jq)| (toml.into(), jq.into())))
            .ok_or_else(|| format!("{} cannot be read", folder.display()))?;
        Ok(Self { source: built, profile, options: source.options.clone(), texts })
    }

    fn unsigned(&self, name: &str) -> Result<Source, String> {
        samples::unsigned(&self.profile, name, &self.options).map_err(lines)
    }

    fn lend_words(&self, pseudonyms: &mut Pseudonyms) {
        let (toml, jq) = &self.texts;
        pseudonyms.use_words_of(toml, jq, &self.options);
    }

    /// What the profile makes of the request as it came.
    fn read(&self, request: &Recorded) -> Result<Vec<Inspected>, String> {
        let raw = raw_request(&self.source, request.body.clone(), request.received_at);
        let read = self.source.inspect(&raw).map_err(|malformed| malformed.to_string())?;
        let has = |(kind, conversation): &(Option<String>, Option<String>)| {
            read.iter().any(|one| match &one.reading {
                Reading::Event(event) => {
                    let event = event.to_json();
                    (kind.is_none() || event.kind == *kind)
                        && (conversation.is_none() || event.conversation == *conversation)
                }
                Reading::Unreadable(_) => true,
                Reading::Ignored { .. } | Reading::Unknown { .. } => false,
            })
        };
        if !request.events.iter().all(has) {
            return Err(format!(
                "the profile {} does not read the event from the body again: it reads headers or the query, which are not \
                 stored, or it has changed since",
                self.profile.vendor()
            ));
        }
        Ok(read)
    }

    /// What the profile makes of what is left of the request; keys that no event has are taken out of it.
    fn settled(&self, replaced: &mut Replaced, at: UnixMillis) -> Result<Vec<Inspected>, String> {
        let mut after = self.read_again(&replaced.body, at)?;
        let unread: BTreeSet<String> =
            after.iter().flat_map(|one| &one.unread).map(|key| last_part(key)).collect();
        if !unread.is_empty() {
            replaced.body.without(&unread.iter().map(String::as_str).collect::<Vec<_>>());
            after = self.read_again(&replaced.body, at)?;
        }
        match difference(&replaced.before, &after) {
            None => Ok(after),
            Some(difference) => Err(format!(
                "the profile {} reads the request otherwise once personal data is replaced: {difference}; name the field \
                 whose value it needs by --keep, if nothing in it is personal",
                self.profile.vendor()
            )),
        }
    }

    fn read_again(&self, body: &Written, at: UnixMillis) -> Result<Vec<Inspected>, String> {
        let sample = json!({ "description": "", "body": body.in_sample() }).to_string();
        let sample =
            samples::parse(Path::new("sample"), &sample).map_err(|problem| problem.to_string())?;
        let request = sample.request(&self.profile, "/webhooks/sample", at);
        self.source.inspect(&request).map_err(|malformed| malformed.to_string())
    }
}

/// The last name of `transfer.targt`.
fn last_part(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}

/// What the profile reads of a request, and what the vendor calls it, is not replaced.
fn use_ids(pseudonyms: &mut Pseudonyms, read: &[Inspected], written: &Written) {
    for one in read.iter().filter(|one| matches!(one.reading, Reading::Event(_))) {
        pseudonyms.use_ids_of(&samples::as_json(&one.reading));
    }
    let name = written.event_type.as_ref();
    let name = name.and_then(|name| {
        name.as_str().map(str::to_owned).or_else(|| Some(name.as_u64()?.to_string()))
    });
    if let Some(name) = name {
        pseudonyms.use_ids_of(&Value::String(name));
    }
}

/// How a story ended, as a flow expects it.
fn ended(story: &rehearsal::Story) -> Value {
    let cards = story
        .cards
        .iter()
        .map(|card| json!({ "document": card.document, "agent": card.agent, "state": card.state }));
    let events: Map<String, Value> =
        story.events.iter().map(|event| (event.id.clone(), event.state.into())).collect();
    json!({ "cards": cards.collect::<Vec<_>>(), "events": events, "dead": story.dead })
}

fn parsed(flow: &FlowJson) -> Result<Flow, String> {
    flows::parse(Path::new("flow"), &text_of(flow)?).map_err(|problem| problem.to_string())
}

fn text_of(value: &impl Serialize) -> Result<String, String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// The last look: nothing that was found to be personal may be in the file.
fn not_left(pseudonyms: &Pseudonyms, text: &str) -> Result<(), String> {
    match pseudonyms.left_in(text) {
        None => Ok(()),
        Some(kind) => Err(format!(
            "one of the {} would still be in the file, perhaps in a field of --keep; nothing is written",
            kind.plural()
        )),
    }
}

fn notes(pseudonyms: &Pseudonyms) -> Vec<String> {
    let counts = pseudonyms.counts();
    let counts: Vec<String> =
        counts.iter().map(|(kind, count)| format!("{count} {}", kind.plural())).collect();
    if counts.is_empty() {
        return vec!["nothing had to be replaced".to_owned()];
    }
    vec![format!("replaced: {}", counts.join(", "))]
}

fn lines(problems: Vec<Problem>) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Where the file goes where nobody says so.
pub(crate) fn folder_of(settings: &Settings, made: &Made) -> PathBuf {
    settings.mappings.join("vendors").join(&made.vendor)
}

#[cfg(test)]
mod tests;
