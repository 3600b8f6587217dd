//! `trace`: the story of one conversation in time order, for a supervisor to read.

use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, segment, text, title};
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
    if json {
        say(&record.to_string());
        return Ok(Exit::Done);
    }
    tell(&record, conversation);
    Ok(Exit::Done)
}

async fn source_of(admin: &AdminClient, conversation: &str) -> Result<String, Exit> {
    let path = format!("/v1/events?limit=1000&conversation={}", segment(conversation));
    let (_, body) = admin.get(&path).await?;
    let events = body.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut sources: Vec<_> = events.iter().map(|event| text(event, "source")).collect();
    sources.sort();
    sources.dedup();
    match sources.as_slice() {
        [source, ..] => Ok(source.clone()),
        [] => Err(Exit::Failed(format!("no event of a conversation `{conversation}` is known"))),
    }
}

/// Every event with its calls, one line each, by time.
fn tell(record: &Value, conversation: &str) {
    say(&format!("Conversation {conversation}"));
    for (member, what) in [("document", "document"), ("queue", "last queue")] {
        let value = text(record, member);
        if !value.is_empty() {
            say(&format!("  {what}: {value}"));
        }
    }
    say("");
    let events = record.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for event in &events {
        let name = format!("{} {}", text(event, "kind"), text(event, "id"));
        lines.push((
            text(event, "received_at"),
            format!("{name} came in from {}", text(event, "source")),
        ));
        for call in event.get("calls").and_then(Value::as_array).into_iter().flatten() {
            lines.push((text(call, "at"), call_line(&name, call)));
        }
        let settled_at = text(event, "settled_at");
        if !settled_at.is_empty() {
            let reason = [text(event, "reason"), text(event, "detail")];
            let reason = reason.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
            lines.push((
                settled_at,
                format!("{name} is {}: {}", text(event, "state"), reason.join(": ")),
            ));
        } else {
            lines.push(("now".to_owned(), format!("{name} is {}", text(event, "state"))));
        }
    }
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    for (at, line) in lines {
        say(&format!("{at:<24}  {line}"));
    }
}

fn call_line(name: &str, call: &Value) -> String {
    let status = match text(call, "status").as_str() {
        "" => "no answer".to_owned(),
        status => status.to_owned(),
    };
    let elapsed = text(call, "elapsed_ms");
    let elapsed = if elapsed.is_empty() { String::new() } else { format!(" in {elapsed} ms") };
    format!(
        "{name}: call {} → {status}{elapsed}, {} {}",
        text(call, "call"),
        text(call, "meaning"),
        text(call, "message")
    )
    .trim_end()
    .to_owned()
}
