//! Asks the instance whether what the bridge relies on is there: APIs, queues, agents and their roles, reject reasons.
//!
//! Only reads, but for the probes of write APIs: these name a record whose sys_id is 32 zeros, which no instance has,
//! so that ServiceNow refuses them after it has checked that the API exists and that the user may call it.

mod probe;
pub(super) mod roles;

use std::collections::HashMap;

use serde_json::Value;

use super::classify::{Verdict, failure, read};
use super::client::Client;
use super::reasons;
use super::transport::{Allowance, Outgoing};
use super::work_item::text;
use crate::clock;
use crate::routing::{AwaReply, ExternalId, RejectReason, SysId};

pub(super) const CALL: &str = "check";
/// Ids asked for in one query; keeps the URL below 4 KiB.
const BATCH: usize = 50;
/// Time for one question, in milliseconds; the client's request time is the nearer bound.
const PATIENCE: u64 = 60_000;

/// What the configuration and the tables name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) queues: Vec<ExternalId>,
    pub(crate) agents: Vec<SysId>,
    pub(crate) reasons: Vec<RejectReason>,
    /// The contact centres' channel names to sys_ids of service channels.
    pub(crate) channels: HashMap<String, String>,
}

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The sort of thing: `api`, `queue`, `agent`, `channel`, `reject reason`.
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) found: Found,
    /// What is wrong and what to do; empty where nothing is.
    pub(crate) detail: String,
}

/// Whether a thing is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Ok,
    Missing,
    /// It is there more than once, and nothing says which one counts.
    Ambiguous,
    /// It is there, but will not work as it is.
    Unfit,
    /// ServiceNow did not let the bridge find out.
    Unknown,
}

impl Found {
    /// The word in the table.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Ambiguous => "ambiguous",
            Self::Unfit => "unfit",
            Self::Unknown => "unknown",
        }
    }
}

impl Finding {
    pub(super) fn new(
        what: &'static str,
        name: impl ToString,
        found: Found,
        detail: impl ToString,
    ) -> Self {
        Self { what, name: name.to_string(), found, detail: detail.to_string() }
    }
}

impl Client {
    /// Asks for everything in turn. Where the credentials or the instance fail, only that is reported.
    pub(crate) async fn check_online(&self, wanted: &Wanted) -> Vec<Finding> {
        let mut findings = probe::apis(self).await;
        if findings.iter().any(|finding| finding.name == probe::INSTANCE) {
            return findings;
        }
        findings.extend(queues(self, &wanted.queues).await);
        findings.extend(roles::agents(self, &wanted.agents).await);
        findings.extend(reject_reasons(self, wanted).await);
        findings
    }

    pub(super) fn patience(&self) -> Allowance {
        let ends = clock::now().plus(PATIENCE);
        self.in_force().transport.allowance(ends, ends)
    }
}

/// The rows of a table whose `field` is one of the values; none of a batch that could not be read, with the reason.
pub(super) async fn rows_of<'a>(
    client: &Client,
    table: &str,
    field: &str,
    values: &'a [String],
    more: &str,
    fields: &str,
) -> Vec<(&'a [String], Result<Vec<Value>, Verdict>)> {
    let path = format!("/api/now/table/{table}");
    let mut answers = Vec::new();
    for batch in values.chunks(BATCH) {
        let condition = format!("{field}IN{}{more}", batch.join(","));
        let query = [
            ("sysparm_query", condition.as_str()),
            ("sysparm_fields", fields),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_limit", "1000"),
        ];
        answers.push((batch, ask(client, &path, &query).await));
    }
    answers
}

async fn ask(client: &Client, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, Verdict> {
    Ok(counted(client, path, query).await?.0)
}

/// The rows of a query's answer, and how many it matched, where ServiceNow says so.
pub(super) async fn counted(
    client: &Client,
    path: &str,
    query: &[(&str, &str)],
) -> Result<(Vec<Value>, Option<u64>), Verdict> {
    let outgoing = Outgoing::get(CALL, path, query);
    let received = client
        .in_force()
        .transport
        .exchange(&outgoing, &client.patience())
        .await
        .map_err(failure)?;
    let value = read(&received, clock::now())?;
    Ok((value["result"].as_array().cloned().unwrap_or_default(), received.total))
}

const QUEUE_FIELDS: &str = "sys_id,external_id,name,active,service_channel.name";

async fn queues(client: &Client, wanted: &[ExternalId]) -> Vec<Finding> {
    let (ids, external): (Vec<_>, Vec<_>) =
        wanted.iter().map(ToString::to_string).partition(|id| SysId::parse(id).is_ok());
    let askable = |id: &String| {
        !id.contains(['^', ',']) && !id.to_lowercase().trim_start().starts_with("javascript:")
    };
    let (external, odd): (Vec<_>, Vec<_>) = external.into_iter().partition(askable);
    let mut findings: Vec<_> = odd
        .iter()
        .map(|id| {
            Finding::new(
                "queue",
                id,
                Found::Unknown,
                "cannot stand in a query; use the queue's sys_id",
            )
        })
        .collect();
    for (field, values) in [("sys_id", ids), ("external_id", external)] {
        let answers = rows_of(client, "awa_queue", field, &values, "", QUEUE_FIELDS).await;
        for (batch, answer) in answers {
            match answer {
                Ok(rows) => findings.extend(batch.iter().map(|id| queue(field, id, &rows))),
                Err(verdict) => findings.extend(unread("queue", batch, &verdict)),
            }
        }
    }
    findings
}

fn queue(field: &str, id: &str, rows: &[Value]) -> Finding {
    let finding = |found, detail: &str| Finding::new("queue", id, found, detail);
    let same: Vec<_> = rows.iter().filter(|row| text(&row[field]).as_deref() == Some(id)).collect();
    let name = |row: &Value| text(&row["name"]).unwrap_or_default();
    match same.as_slice() {
        [] => finding(
            Found::Missing,
            "no readable awa_queue has it: check queues.csv and the Provider queue ID",
        ),
        [row] if text(&row["active"]).as_deref() == Some("false") => {
            finding(Found::Unfit, "the queue is not active")
        }
        [row] => finding(Found::Ok, &name(row)),
        several => {
            let named = |row: &&Value| {
                let channel = text(&row["service_channel.name"]).unwrap_or_default();
                let parts = [name(row), channel, text(&row["sys_id"]).unwrap_or_default()];
                parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
            };
            let named = several.iter().map(named).collect::<Vec<_>>().join(", ");
            let detail = format!(
                "{} queues share it ({named}): put the sys_id of the one for the channel into queues.csv",
                several.len()
            );
            finding(Found::Ambiguous, &detail)
        }
    }
}

async fn reject_reasons(client: &Client, wanted: &Wanted) -> Vec<Finding> {
    let mut known = Vec::new();
    let mut findings = Vec::new();
    let mut channels: Vec<_> = wanted.channels.iter().collect();
    channels.sort();
    for (name, id) in channels {
        match reasons::fetch(&client.in_force().network(&client.patience()), id).await {
            Ok(reasons) => {
                findings.push(Finding::new(
                    "channel",
                    name,
                    Found::Ok,
                    format!("{} reject reasons", reasons.len()),
                ));
                known.extend(reasons);
            }
            Err(verdict) => findings.push(unreadable("channel", name, &verdict)),
        }
    }
    let ids: Vec<String> = wanted.reasons.iter().filter_map(sys_id_of).collect();
    let answers = rows_of(client, "awa_reject_reason", "sys_id", &ids, "", "sys_id").await;
    for (batch, answer) in answers {
        match answer {
            Ok(rows) => findings.extend(batch.iter().map(|id| {
                let there = rows.iter().any(|row| text(&row["sys_id"]).as_ref() == Some(id));
                let found = if there { Found::Ok } else { Found::Missing };
                Finding::new("reject reason", id, found, "")
            })),
            Err(verdict) => findings.extend(unread("reject reason", batch, &verdict)),
        }
    }
    findings.extend(wanted.reasons.iter().filter_map(|reason| by_name(reason, &known)));
    findings
}

fn sys_id_of(reason: &RejectReason) -> Option<String> {
    match reason {
        RejectReason::SysId(id) => Some(id.to_string()),
        RejectReason::DisplayValue { .. } => None,
    }
}

fn by_name(reason: &RejectReason, known: &[reasons::Reason]) -> Option<Finding> {
    let RejectReason::DisplayValue { text, .. } = reason else { return None };
    Some(match reasons::named(known, text) {
        Some(_) => Finding::new("reject reason", text, Found::Ok, ""),
        None if known.is_empty() => Finding::new(
            "reject reason",
            text,
            Found::Unknown,
            "no channel's reasons could be read: name the channels in servicenow.channels",
        ),
        None => Finding::new(
            "reject reason",
            text,
            Found::Missing,
            "no channel has it: check reject_reasons.csv",
        ),
    })
}

pub(super) fn unread(what: &'static str, batch: &[String], verdict: &Verdict) -> Vec<Finding> {
    batch.iter().map(|name| unreadable(what, name, verdict)).collect()
}

fn unreadable(what: &'static str, name: &str, verdict: &Verdict) -> Finding {
    let missing =
        matches!(&verdict.reply, AwaReply::Misconfigured { .. }) && verdict.status == Some(404);
    let found = if missing && what == "channel" { Found::Missing } else { Found::Unknown };
    Finding::new(what, name, found, format!("could not be read: {}", verdict.message))
}

#[cfg(test)]
mod tests;
