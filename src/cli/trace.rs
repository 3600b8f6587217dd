//! `trace`: the story of one conversation in time order, for a supervisor to read.

use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, segment, text, title};
use super::story::{self, Happened, call_line, happened, why};
use super::wording::{full_time, words};
use super::{Exit, runtime, say};

pub(super) fn run(
    config: Option<&Path>,
    conversation: &str,
    source: Option<&str>,
    json: bool,
) -> Exit {
    let asked = || -> Result<Exit, Exit> {
        let admin = AdminClient::new(config)?;
        runtime()?.block_on(trace(&admin, conversation, source, json))
    };
    asked().unwrap_or_else(|exit| exit)
}

async fn trace(
    admin: &AdminClient,
    conversation: &str,
    source: Option<&str>,
    json: bool,
) -> Result<Exit, Exit> {
    let source = match source {
        Some(source) => source.to_owned(),
        None => source_of(admin, conversation).await?,
    };
    let path = format!("/v1/conversations/{}/{}", segment(&source), segment(conversation));
    let (status, record) = admin.get(&path).await?;
    if status != 200 {
        return Err(Exit::Failed(format!("{source}/{conversation}: {}", title(&record))));
    }
    say(&if json { record.to_string() } else { tell(&record, conversation) });
    Ok(Exit::Done)
}

async fn source_of(admin: &AdminClient, conversation: &str) -> Result<String, Exit> {
    let path = format!("/v1/events?limit=1000&conversation={}", segment(conversation));
    let (status, body) = admin.get(&path).await?;
    if status != 200 {
        return Err(Exit::Failed(format!("the daemon answered {status}: {}", title(&body))));
    }
    let events = body.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut centers: Vec<_> = events.iter().map(|event| text(event, "contact_center")).collect();
    centers.sort();
    centers.dedup();
    match (centers.as_slice(), events.first()) {
        ([_], Some(event)) => Ok(text(event, "source")),
        ([], _) | (_, None) => Err(Exit::Failed(format!(
            "no event of a conversation `{conversation}` is known; ids are forgotten after store.retention"
        ))),
        (several, Some(_)) => Err(Exit::Usage(format!(
            "several contact centres have a conversation `{conversation}`; add --source with one of {}",
            several.join(", ")
        ))),
    }
}

/// Head, then every event with its calls, one line each, by time.
fn tell(record: &Value, conversation: &str) -> String {
    let events = record.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut lines = head(record, conversation);
    if let Some(first) = events.first() {
        lines.push(format!("  from          {}", full_time(&text(first, "received_at"))));
    }
    lines.push(String::new());
    let mut moments: Vec<(String, String)> =
        events.iter().flat_map(|event| moments_of(event, conversation)).collect();
    moments.sort_by(|left, right| left.0.cmp(&right.0));
    let shown = story::moments(moments.iter().map(|(at, _)| at.as_str()));
    lines.extend(moments.iter().map(|(at, line)| format!("{:<12}  {line}", shown(at))));
    lines.join("\n")
}

fn head(record: &Value, conversation: &str) -> Vec<String> {
    let center = text(record, "contact_center");
    let mut lines = vec![format!("Conversation {conversation} of {center}"), String::new()];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<14}{value}"));
        }
    };
    let document = &record["document"];
    if document.is_object() {
        fact("document", format!("{} {}", text(document, "table"), text(document, "sys_id")));
    }
    let others = record.get("shared_with").and_then(Value::as_array).into_iter().flatten();
    let others: Vec<_> = others.filter_map(Value::as_str).collect();
    fact("shared with", others.join(", "));
    fact("last queue", text(record, "queue"));
    fact("channel", text(record, "channel"));
    let since = text(record, "consult_since");
    if !since.is_empty() {
        fact("consult", format!("open since {}", full_time(&since)));
    }
    lines
}

/// What happened with one event, each with its moment. Of another conversation that shares the document, with its name.
fn moments_of(event: &Value, conversation: &str) -> Vec<(String, String)> {
    let of = match text(event, "conversation") {
        other if other.is_empty() || other == conversation => String::new(),
        other => format!(" (of {other})"),
    };
    let name = format!("{} {}{of}", words(&text(event, "kind")), text(event, "id"));
    let mut moments = vec![(text(event, "received_at"), came_in(event, &name))];
    moments.extend(happened(event).into_iter().map(|(at, what)| {
        let line = match what {
            Happened::Call(call) => format!("  {name}: {}", call_line(call)),
            Happened::Ended(end) => format!("  {name} is {}{}", text(end, "state"), why(end)),
            Happened::OperatorAction(action) => format!("  {name}: {action}"),
        };
        (at, line)
    }));
    let (state, why) = (text(event, "state"), why(event));
    moments.push(match text(event, "settled_at") {
        at if at.is_empty() => ("now".to_owned(), format!("  {name} is {state}{why}")),
        at => (at, format!("  {name} is {state}{why}")),
    });
    moments
}

/// What came in, with the members that tell the story.
fn came_in(event: &Value, name: &str) -> String {
    let said = &event["event"];
    let told = ["agent", "queue", "channel", "reason"].map(|member| (member, text(said, member)));
    let mut told: Vec<_> = told
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(member, value)| format!("{member} {value}"))
        .collect();
    let ring = text(said, "timeout_seconds");
    if !ring.is_empty() {
        told.push(format!("rings {ring} s"));
    }
    let target = &said["transfer"]["target"];
    told.extend(["agent", "queue"].iter().filter_map(|member| {
        let to = text(target, member);
        (!to.is_empty()).then(|| format!("to {member} {to}"))
    }));
    let told = if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) };
    format!("{name} came in from {}{told}", text(event, "source"))
}
