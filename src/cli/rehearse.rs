//! `rehearse`: plays a whole call in virtual time, and shows step by step who has the card.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, say};
use crate::app::Failure;
use crate::app::rehearsal::{self, Called, CardShown, EventShown, Input, Played, Rehearsed, Story};
use crate::routing::UnixMillis;

pub(super) fn run(config: Option<&Path>, source: &str, json: bool, files: &[PathBuf]) -> Exit {
    let (settings, loaded) = match super::load(config) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let inputs = match read(files) {
        Ok(inputs) => inputs,
        Err(text) => return Exit::Usage(text),
    };
    let played = match rehearsal::rehearse(&settings, &loaded, source, inputs) {
        Ok(played) => played,
        Err(problems) => return Exit::Usage(Failure::Configuration(problems).to_string()),
    };
    let mut failed = false;
    for rehearsed in &played {
        if json {
            show_json(rehearsed)
        } else {
            show(rehearsed)
        }
        let dead = rehearsed.flow.is_none() && rehearsed.story.dead > 0;
        failed |= dead || !rehearsed.story.faults.is_empty();
    }
    if failed { Exit::Failed(String::new()) } else { Exit::Done }
}

/// Reads the files; those of a folder in the order of their names.
fn read(files: &[PathBuf]) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    for file in files {
        let named = |error: std::io::Error| format!("{}: {error}", file.display());
        if file == Path::new("-") {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body).map_err(named)?;
            inputs.push(Input { file: PathBuf::from("stdin"), body });
        } else if file.is_dir() {
            let mut inside = Vec::new();
            for entry in std::fs::read_dir(file).map_err(named)? {
                inside.push(entry.map_err(named)?.path());
            }
            let is_hidden = |path: &Path| {
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
            };
            inside.retain(|path| path.is_file() && !is_hidden(path));
            inside.sort();
            if inside.is_empty() {
                return Err(format!("{}: the folder has no files", file.display()));
            }
            for file in inside {
                let body =
                    std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                inputs.push(Input { file, body });
            }
        } else {
            let body = std::fs::read(file).map_err(named)?;
            inputs.push(Input { file: file.clone(), body });
        }
    }
    Ok(inputs)
}

fn show_json(rehearsed: &Rehearsed) {
    for step in &rehearsed.story.steps {
        say(&serde_json::to_string(step).unwrap_or_default());
    }
    let mut end = serde_json::to_value(&rehearsed.story).unwrap_or_default();
    if let Some((file, _)) = &rehearsed.flow {
        end["flow"] = json!(file);
    }
    say(&end.to_string());
}

fn show(rehearsed: &Rehearsed) {
    if let Some((file, description)) = &rehearsed.flow {
        say(&format!("# {}: {description}\n", file.display()));
    }
    let Story { steps, events, cards, dead: _, faults } = &rehearsed.story;
    let start = steps.first().map_or(UnixMillis::MAX, |step| step.at);
    for step in steps {
        show_step(step, start);
    }
    say("At the end:");
    show_cards(cards, start);
    events.iter().for_each(show_event);
    if faults.is_empty() {
        if rehearsed.flow.is_some() {
            say("The call ends as expected.");
        }
    } else {
        say("Problems:");
        faults.iter().for_each(|fault| say(&format!("  {fault}")));
    }
    say("");
}

fn show_step(step: &Played, start: UnixMillis) {
    say(&format!("{}  {}", offset(step.at, start), step.name));
    if let Some(also) = &step.also {
        say(&format!("  agent  {also}"));
    }
    step.events.iter().for_each(|event| say(&format!("  event  {event}")));
    step.calls.iter().for_each(|call| show_call(call, start));
    show_cards(&step.cards, start);
    if let Some(later) = &step.later {
        say("  later, by itself:");
        later.calls.iter().for_each(|call| show_call(call, start));
        show_cards(&later.cards, start);
    }
    say("");
}

fn show_call(call: &Called, start: UnixMillis) {
    let Called { event, call, at, method, path, body, status, meaning, message } = call;
    let offset = offset(*at, start);
    say(&format!("  call   {offset} {call} for {event}: {method} {path}"));
    if let Some(body) = body {
        say(&format!("         {body}"));
    }
    let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    say(&format!("  answer {status} {meaning}{}", behind(message)));
}

fn behind(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn show_cards(cards: &[CardShown], start: UnixMillis) {
    if cards.is_empty() {
        say("  card   nobody has one");
    }
    for card in cards {
        let CardShown { document, agent, state, since, work_item: _, consult } = card;
        let consult = if *consult { ", a consult" } else { "" };
        let since = offset(*since, start);
        say(&format!("  card   {agent}: {state} since {since} (document {document}{consult})"));
    }
}

fn show_event(event: &EventShown) {
    let EventShown { source, id, kind, conversation, state, reason } = event;
    let kind = kind.unwrap_or("unreadable");
    let of = conversation.as_ref().map(|text| format!(" of {text}")).unwrap_or_default();
    let reason = reason.as_deref().unwrap_or_default();
    say(&format!("  event  {kind} {id}{of} ({source}): {state}{}", behind(reason)));
}

/// Since the start, such as `+12.040 s`.
fn offset(at: UnixMillis, start: UnixMillis) -> String {
    let ms = at.since(start);
    format!("+{}.{:03} s", ms / 1_000, ms % 1_000)
}
