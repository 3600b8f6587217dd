//! The report: for a person's ticket, in Markdown, with what was sent and answered. Of an answer only what is known to
//! be ServiceNow's own words and ids is shown; names and texts of records are not.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::finding::{Finding, Outcome};
use super::session::Exchanged;
use super::{Report, Subject};
use crate::routing::visible_line;

/// Members of a request or an answer whose values hold nothing of a caller's.
const SHOWN: [&str; 42] = [
    "active",
    "after_timeout_presence",
    "agent_id",
    "agent_sys_id",
    "allowed_to_decline",
    "assigned_to",
    "available",
    "detail",
    "display_option",
    "documentSysId",
    "documentTable",
    "document_id",
    "document_sys_id",
    "document_table",
    "enable_auto_assign",
    "external_id",
    "external_segment_id",
    "hand_over",
    "message",
    "offered_on",
    "queue",
    "queue.external_id",
    "queue_id",
    "reject_reason_id",
    "rejected",
    "restrict_update",
    "service_channel",
    "service_channel.name",
    "source_queue_id",
    "state",
    "status",
    "success",
    "sys_created_on",
    "sys_id",
    "sys_updated_on",
    "target_id",
    "target_type",
    "timed_out",
    "timeout",
    "transfer_type",
    "work_item_id",
    "error_description",
];

impl Report {
    /// The settings that follow, each once.
    #[must_use]
    pub(crate) fn settings(&self) -> BTreeMap<&'static str, String> {
        self.findings.iter().flat_map(|finding| finding.settings.iter().cloned()).collect()
    }

    /// The switches of a sandbox that behaves as this instance.
    #[must_use]
    pub(crate) fn switches(&self) -> Value {
        let switches = self.findings.iter().flat_map(|finding| finding.switches.iter());
        let switches = switches.map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(switches.collect::<Map<_, _>>())
    }

    /// The last line of the JSON output.
    #[must_use]
    pub(crate) fn json(&self) -> Value {
        json!({
            "instance": self.instance,
            "settings": self.settings(),
            "switches": self.switches(),
            "undone": self.undone.done,
            "left": self.undone.left,
            "whole": self.is_whole(),
        })
    }

    /// The whole report.
    #[must_use]
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self { instance, started, subject, findings, exchanges, undone } = self;
        writeln!(out, "# How {instance} behaves\n")?;
        let version = env!("CARGO_PKG_VERSION");
        writeln!(
            out,
            "Tried by `awa-bridge certify` {version} from {started} on, with {}.\n",
            of(subject)
        )?;
        writeln!(out, "| | assumption | result | seen | requests |\n|---|---|---|---|---|")?;
        for finding in findings {
            let probe = finding.probe;
            writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                probe.as_str(),
                cell(probe.assumption()),
                finding.outcome.as_str(),
                cell(&seen(finding)),
                range(&finding.exchanges)
            )?;
        }
        writeln!(out, "\n## Settings that follow\n\n```toml")?;
        for (key, value) in self.settings() {
            match key.strip_prefix("queues.csv: ") {
                Some(column) => writeln!(out, "# queues.csv, column {column}: {value}")?,
                None => writeln!(out, "{key} = {value}")?,
            }
        }
        writeln!(out, "```\n\n## A sandbox that behaves alike\n\n```json")?;
        writeln!(out, "{}", serde_json::to_string_pretty(&self.switches()).unwrap_or_default())?;
        writeln!(out, "```\n\n## Taken back\n")?;
        list(out, &undone.done)?;
        writeln!(out, "\n## Not taken back\n")?;
        list(out, &undone.left)?;
        writeln!(out, "\n## Requests and answers\n")?;
        writeln!(out, "Credentials are not shown, nor texts of records: `…` stands for one.\n")?;
        for (index, exchanged) in exchanges.iter().enumerate() {
            exchange(out, index + 1, exchanged)?;
        }
        Ok(())
    }
}

fn of(subject: &Subject) -> String {
    let mut text = format!("agent `{}`, queue `{}`", subject.agent, cell(subject.queue.as_str()));
    if let Some(agent) = &subject.second_agent {
        text += &format!(", second agent `{agent}`");
    }
    if let Some(queue) = &subject.second_queue {
        text += &format!(", second queue `{}`", cell(queue.as_str()));
    }
    let documents: Vec<_> = subject.documents.iter().map(|it| format!("`{it}`")).collect();
    format!("{text}, documents {}", documents.join(", "))
}

/// What was seen, or why nothing was.
pub(crate) fn seen(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::NotTried(why) => format!("because {}", without_numbers(why)),
        Outcome::Holds | Outcome::DoesNotHold => without_numbers(&finding.detail),
    }
}

fn range(exchanges: &[usize]) -> String {
    match (exchanges.first(), exchanges.last()) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => String::new(),
    }
}

fn list(out: &mut String, lines: &[String]) -> std::fmt::Result {
    if lines.is_empty() {
        writeln!(out, "Nothing.")?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "- {}", cell(line)))
}

fn exchange(out: &mut String, number: usize, exchanged: &Exchanged) -> std::fmt::Result {
    let Exchanged { what, observed } = exchanged;
    writeln!(out, "### {number}. {what}\n\n```http")?;
    writeln!(out, "{} {}", observed.request.method, observed.request.path)?;
    if let Some(body) = &observed.request.body {
        writeln!(out, "{}", shown(body))?;
    }
    let status =
        observed.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    writeln!(out, "\n{status} after {} ms, at {}", observed.elapsed_ms, observed.at)?;
    if let Some(seconds) = &observed.retry_after {
        writeln!(out, "Retry-After: {}", visible_line(seconds))?;
    }
    if let Some(limit) = observed.rate_limit {
        writeln!(out, "X-RateLimit-Limit: {limit}")?;
    }
    match &observed.body {
        Some(body) => writeln!(out, "{}", shown(body))?,
        None if observed.message.is_empty() => {}
        None => writeln!(out, "({})", without_numbers(&visible_line(&observed.message)))?,
    }
    writeln!(out, "```\n\nThe bridge reads it as: {}.\n", observed.reply.name())
}

/// A JSON text in which only known members have their values.
fn shown(value: &Value) -> String {
    known(value, false).to_string()
}

fn known(value: &Value, is_known: bool) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), known(value, SHOWN.contains(&name.as_str()))))
            .collect(),
        Value::Array(values) => values.iter().map(|value| known(value, is_known)).collect(),
        Value::String(text) if is_known => Value::from(without_numbers(text)),
        Value::String(_) | Value::Number(_) if !is_known => Value::from("…"),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// A text without what may be a telephone number or an address of somebody's: words with `@`, and runs of seven digits
/// and more that are no part of an id or a time.
pub(super) fn without_numbers(text: &str) -> String {
    let mut private = false;
    let words = text.split(' ').map(|word| {
        // A number may have blanks in it.
        let goes_on = private && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        private = goes_on || is_private(word);
        if private { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_private(word: &str) -> bool {
    if word.contains('@') {
        return true;
    }
    if word.strip_prefix('+').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return true;
    }
    let bare = word.trim_matches(|char: char| !char.is_alphanumeric() && char != '+');
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    let mut others = bare.chars().filter(|char| !char.is_ascii_digit());
    digits >= 7 && others.all(|char| matches!(char, '+' | '(' | ')' | '/' | '.'))
}

/// A text in a cell of a table, in one line.
fn cell(text: &str) -> String {
    visible_line(text).replace('|', "\\|")
}
