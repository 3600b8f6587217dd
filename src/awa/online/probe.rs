//! Calls each API once, with a record that no instance has, to see whether it is there and open to the user.

use reqwest::Method;
use serde_json::{Value, json};

use super::{CALL, Finding, Found};
use crate::awa::classify::{Verdict, failure, read};
use crate::awa::client::Client;
use crate::awa::transport::Outgoing;
use crate::awa::wire::ApiVersion;
use crate::clock;
use crate::routing::Meaning;

/// The name of the finding that makes all others pointless.
pub(super) const INSTANCE: &str = "instance";

const NOBODY: &str = "00000000000000000000000000000000";

/// Finds out which APIs answer. Credentials that are refused, or an instance that is none, end it.
pub(super) async fn apis(client: &Client) -> Vec<Finding> {
    let mut findings = Vec::new();
    let wired = client.in_force();
    let version = wired.transport.api_version;
    for (name, method, path, body) in probes(version) {
        let outgoing =
            Outgoing { call: CALL, method, path: &path, query: &[], body: body.as_ref() };
        let answer = match wired.transport.exchange(&outgoing, &client.patience()).await {
            Ok(received) => read(&received, clock::now()).map(drop),
            Err(fault) => Err(failure(fault)),
        };
        let finding = finding(name, answer, version);
        let ended = finding.name == INSTANCE;
        findings.push(finding);
        if ended {
            break;
        }
    }
    findings
}

fn probes(version: ApiVersion) -> [(&'static str, Method, String, Option<Value>); 4] {
    [
        (
            "Inbox Actions",
            Method::GET,
            version.path(format_args!("inbox/actions/reject_reasons/{NOBODY}")),
            None,
        ),
        (
            "Offer Work",
            Method::POST,
            version.path(format_args!("documents/interaction/{NOBODY}/offer")),
            Some(json!({ "queue_id": NOBODY, "assignment": { "agent_sys_id": NOBODY } })),
        ),
        (
            "Manual Assignment",
            Method::POST,
            version.path(format_args!("workitems/{NOBODY}/assignments")),
            Some(json!({ "agent_sys_id": NOBODY })),
        ),
        (
            "Agent Consult",
            Method::PUT,
            version.path("consult/end"),
            Some(json!({ "document_sys_id": NOBODY, "hand_over": false })),
        ),
    ]
}

/// That the record is not there is the good answer.
fn finding(name: &str, answer: Result<(), Verdict>, version: ApiVersion) -> Finding {
    let Err(verdict) = answer else { return Finding::new("api", name, Found::Ok, "") };
    let api = |found, detail: &str| Finding::new("api", name, found, detail);
    let says = |part: &str| verdict.message.to_lowercase().contains(part);
    let detail = verdict.reply.detail().unwrap_or(&verdict.message);
    match verdict.reply.meaning() {
        Meaning::Unauthorised | Meaning::NotServiceNow => {
            Finding::new("api", INSTANCE, Found::Unfit, detail)
        }
        Meaning::NotSent => Finding::new("api", INSTANCE, Found::Unknown, detail),
        Meaning::Misconfigured if says("does not represent any resource") => {
            let detail = match version.pinned() {
                Some(pinned) => format!("{detail}; or it has not the version of {pinned}"),
                None => detail.to_owned(),
            };
            api(Found::Missing, &detail)
        }
        Meaning::Misconfigured if verdict.status == Some(403) || says("does not have the") => {
            api(Found::Unfit, detail)
        }
        Meaning::Misconfigured => api(Found::Ok, ""),
        Meaning::InDoubt if verdict.status.is_none_or(|status| status >= 502) => {
            api(Found::Unknown, detail)
        }
        Meaning::Busy => api(Found::Unknown, &verdict.message),
        // It was answered by the API itself, whatever it made of a record that is not there.
        _ => api(Found::Ok, &verdict.message),
    }
}
