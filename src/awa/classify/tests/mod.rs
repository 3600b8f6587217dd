//! What the tests of the classification share.

mod messages;
mod shapes;

use serde_json::Value;

use super::*;
use crate::awa::samples::{OURS, id, transfer_to};
use crate::routing::TransferTarget;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn to_our_agent() -> AwaCall {
    transfer_to(TransferTarget::Agent(id(OURS)))
}

fn received(status: u16, content_type: &str, body: &str) -> Received {
    Received {
        status,
        content_type: content_type.into(),
        body: body.as_bytes().to_vec(),
        complete: true,
        ..Received::default()
    }
}

fn json_answer(status: u16, body: &Value) -> Received {
    received(status, "application/json;charset=utf-8", &body.to_string())
}

fn meaning_of(call: &AwaCall, received: &Received) -> Verdict {
    super::call(call, false, received, NOW)
}

/// The outcome's name and what it names.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some replies name somebody")]
fn reported(verdict: &Verdict) -> String {
    let name = verdict.reply.name();
    match &verdict.reply {
        AwaReply::TakenBy { agent, .. } => {
            format!("{name} {}", agent.as_deref().unwrap_or_default())
        }
        AwaReply::Landed { work_item: Some(work_item) }
        | AwaReply::AlreadyOurs { work_item: Some(work_item) } => format!("{name} {work_item}"),
        _ => name.to_owned(),
    }
}
