//! `trace`: the story of one conversation in time order, for a supervisor to read.

use std::path::Path;

use super::admin_client::{AdminClient, read, segment};
use super::{Exit, runtime, say};
use crate::admin::story::Story;
use crate::routing::{ConversationRecord, Page};

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
    let record = admin.get(&path).await;
    let record = record.map_err(|refused| refused.about(&format!("{source}/{conversation}")))?;
    say(&if json { record.to_string() } else { tell(&read(record)?, conversation) });
    Ok(Exit::Done)
}

async fn source_of(admin: &AdminClient, conversation: &str) -> Result<String, Exit> {
    let path = format!("/v1/events?limit=1000&conversation={}", segment(conversation));
    let Page { events, .. } = read::<Page>(admin.get(&path).await?)?;
    let mut centers: Vec<_> = events.iter().map(|event| event.contact_center.as_str()).collect();
    centers.sort();
    centers.dedup();
    match (centers.as_slice(), events.first()) {
        ([_], Some(event)) => Ok(event.source.clone()),
        ([], _) | (_, None) => Err(Exit::Failed(format!(
            "no events are known for conversation `{conversation}`; they are forgotten after store.retention"
        ))),
        (several, Some(_)) => Err(Exit::Usage(format!(
            "several contact centres have a conversation `{conversation}`; add --source with one of {}",
            several.join(", ")
        ))),
    }
}

/// Head, then every event with its calls, one line each, by time.
fn tell(record: &ConversationRecord, conversation: &str) -> String {
    let story = Story::of_conversation(record, conversation);
    let mut lines = vec![story.title.clone(), String::new()];
    lines.extend(story.facts.iter().map(|(name, value)| format!("  {name:<14}{value}")));
    lines.push(String::new());
    let times = story.times();
    lines.extend(story.moments.iter().map(|moment| {
        let at = moment.at.map_or_else(|| "now".to_owned(), times);
        format!("{at:<12}  {}", moment.line())
    }));
    lines.join("\n")
}
