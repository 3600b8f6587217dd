//! One harmless read that shows whether calls in doubt can be looked up at all, and whether the instance is there.

use super::super::classify::{Verdict, failure, read};
use super::super::client::Client;
use super::super::pace::Signal;
use super::super::transport::{Allowance, Outgoing};
use super::super::work_item::text;
use crate::clock;
use crate::routing::AwaReply;

/// The fields without which no work item can be distinguished from another.
const NEEDED: [&str; 4] = ["sys_id", "state", "assigned_to", "document_id"];

/// Whether the integration user may read work items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LookUps {
    Allowed,
    /// Calls in doubt cannot be looked up; says why.
    Forbidden(String),
    /// It could not be found out; says why.
    Unknown(String),
}

/// What one question to the instance found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) look_ups: LookUps,
    /// What ServiceNow said, or what went wrong.
    pub(crate) message: String,
    /// What it says about the instance, for [`crate::awa::pace::Pace`].
    pub(crate) signal: Signal,
    /// How many requests of the hourly budget it took.
    pub(crate) requests: u32,
}

pub(in crate::awa) async fn probe(client: &Client, allowance: &Allowance) -> Probed {
    let fields = NEEDED.join(",");
    let query = [
        ("sysparm_fields", fields.as_str()),
        ("sysparm_exclude_reference_link", "true"),
        ("sysparm_limit", "1"),
    ];
    let outgoing = Outgoing::get("probe", "/api/now/table/awa_work_item", &query);
    let answer = match client.in_force().transport.exchange(&outgoing, allowance).await {
        Ok(received) => read(&received, clock::now()).map(|value| (value, received.total)),
        Err(fault) => Err(failure(fault)),
    };
    let (look_ups, signal, message) = match answer {
        Ok((value, total)) => {
            let rows = value["result"].as_array().map(Vec::as_slice).unwrap_or_default();
            (by_rows(rows, total), Signal::Answered, String::new())
        }
        Err(verdict) => (by_verdict(&verdict), verdict.signal, verdict.message),
    };
    Probed { look_ups, message, signal, requests: allowance.requests() }
}

fn by_rows(rows: &[serde_json::Value], total: Option<u64>) -> LookUps {
    match (rows.first(), total) {
        (Some(row), _) => {
            let hidden: Vec<_> =
                NEEDED.into_iter().filter(|field| text(&row[*field]).is_none()).collect();
            if hidden.is_empty() {
                return LookUps::Allowed;
            }
            LookUps::Forbidden(format!("its fields {} are hidden", hidden.join(", ")))
        }
        (None, Some(total)) if total > 0 => {
            LookUps::Forbidden("an access rule hides every row".to_owned())
        }
        (None, _) => LookUps::Unknown("no work item is there to be read".to_owned()),
    }
}

fn by_verdict(verdict: &Verdict) -> LookUps {
    match &verdict.reply {
        AwaReply::Misconfigured { what } => LookUps::Forbidden(what.clone()),
        _ => LookUps::Unknown(verdict.message.clone()),
    }
}
