//! What answers say about an instance. Pure: answers in, findings out.

mod transfers;

use serde_json::json;

use super::finding::{Finding, Probe};
use crate::awa::observe::{Observed, SeenItem, SeenQueue};
use crate::routing::{AwaReply, ClockOffset, SysId};
pub(super) use transfers::{canceled_spelling, rejected, transfer, transfer_of_pending};

/// Found later than this it is late, in milliseconds: the bridge's own patience after a doubt is of that order.
const SOON: u64 = 1_000;

/// What an answer says, for a person.
pub(super) fn says(observed: &Observed) -> String {
    let status =
        observed.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    match observed.message.as_str() {
        "" => status,
        message => format!("{status} `{message}`"),
    }
}

/// An offer that must be refused, to a user whom no instance has: its shape, and its words.
pub(super) fn refused_call(observed: &Observed) -> Vec<Finding> {
    if observed.is_done() {
        let why = "an offer to a user who does not exist was not refused";
        return [Probe::RefusedCall, Probe::Language]
            .map(|probe| Finding::not_tried(probe, why))
            .into();
    }
    if let Some(switch) = missing_role(observed) {
        let why = format!("the integration user lacks its role: {}", says(observed));
        let of = |probe| Finding::not_tried(probe, &why);
        return vec![of(Probe::RefusedCall).switch("missing_role", switch), of(Probe::Language)];
    }
    vec![shape(observed), language(observed)]
}

fn shape(observed: &Observed) -> Finding {
    let body = observed.body.as_ref();
    let error = body.is_some_and(|body| body["error"].is_object());
    let result = body.is_some_and(|body| body["result"].get("success").is_some());
    let said = says(observed);
    let probe = Probe::RefusedCall;
    match (observed.status, error, result) {
        (Some(409), true, _) => Finding::holds(probe, said).switch("refusals", "conflict_error"),
        (Some(200..=299), _, true) => Finding::fails(
            probe,
            format!("it is a success with `success` false: {said}. The bridge reads both"),
        )
        .switch("refusals", "success_false"),
        (Some(409), _, true) => Finding::fails(
            probe,
            format!("it is a result with `success` false: {said}. The bridge reads both"),
        )
        .switch("refusals", "conflict_result"),
        _ => Finding::fails(probe, format!("it is neither of the documented ones: {said}")),
    }
}

fn language(observed: &Observed) -> Finding {
    if !observed.undocumented {
        return Finding::holds(Probe::Language, says(observed));
    }
    let detail = format!(
        "the words are not documented: {}. Give the integration user the language English; where it has it, this release has \
         other words",
        says(observed)
    );
    Finding::fails(Probe::Language, detail)
}

/// The sandbox's switch for how a caller without the role is refused; none where that is not why.
fn missing_role(observed: &Observed) -> Option<&'static str> {
    let text = observed.message.to_ascii_lowercase();
    if !(text.contains("does not have the") && text.contains("awa_integration_user")) {
        return None;
    }
    match observed.status {
        Some(200..=299) => Some("success_false200"),
        Some(401) => Some("unauthorised401"),
        Some(403) => Some("forbidden403"),
        Some(409) => Some("conflict409"),
        Some(_) => Some("server_error500"),
        None => None,
    }
}

/// The queues that share an external id, oldest first, and the queue that an offer by it was put in: none where the
/// offer was refused as naming nothing.
pub(super) fn shared_external_id(queues: &[SeenQueue], taken: Option<&str>) -> Finding {
    let probe = Probe::SharedExternalId;
    let [first, .., last] = queues else {
        return Finding::holds(probe, "");
    };
    let named = |queue: &SeenQueue| format!("{} ({})", queue.sys_id, queue.channel);
    let all: Vec<_> = queues.iter().map(named).collect();
    let finding = |what: String| {
        let detail = format!(
            "{} queues share it: {}; {what}. Put the sys_id of the queue of each channel into queues.csv",
            queues.len(),
            all.join(", ")
        );
        Finding::fails(probe, detail)
            .setting("queues.csv: external_id", format!("\"{}\"", first.sys_id))
    };
    match taken {
        None => {
            finding("an offer by it finds none".into()).switch("shared_external_id", "not_found")
        }
        Some(queue) if queue == first.sys_id.to_string() => {
            finding("an offer by it takes the oldest".into()).switch("shared_external_id", "first")
        }
        Some(queue) if queue == last.sys_id.to_string() => {
            finding("an offer by it takes the newest".into()).switch("shared_external_id", "last")
        }
        Some(queue) => finding(format!("an offer by it takes {queue}")),
    }
}

/// The answer to an offer whose queue was named by external id, and the one to an offer by sys_id.
pub(super) fn queue_ids(by_external_id: &Observed, by_sys_id: &Observed) -> Finding {
    let probe = Probe::QueueIds;
    match (by_external_id.is_done(), by_sys_id.is_done()) {
        (true, true) => Finding::holds(probe, ""),
        (false, _) => Finding::fails(probe, format!("by external id: {}", says(by_external_id))),
        (true, false) => Finding::fails(probe, format!("by sys_id: {}", says(by_sys_id))),
    }
}

/// The queue that the answer to an offer by that external id names.
pub(super) fn reply_queue(observed: &Observed, given: &str) -> Finding {
    let probe = Probe::ReplyQueue;
    let body = observed.body.as_ref();
    let named = body.and_then(|body| body["result"]["work_item"]["queue"].as_str());
    match named {
        Some(queue) if queue == given => {
            Finding::fails(probe, "it names the external id").switch("reply_queue", "as_given")
        }
        Some(queue) if SysId::parse(queue).is_ok() => {
            Finding::holds(probe, "").switch("reply_queue", "sys_id")
        }
        Some(_) => Finding::fails(probe, "it names the queue in another way"),
        None => Finding::fails(probe, "it names no queue"),
    }
}

/// A look at work items right after an offer, and after how many milliseconds its card was found pending.
pub(super) fn look_up(observed: &Observed, found: Option<u64>) -> Finding {
    let probe = Probe::LookUp;
    let remedy = "calls whose answer is lost cannot be looked up; let the integration user read awa_work_item (sys_id, \
                  state, assigned_to, document_id, queue)";
    if !observed.is_done() {
        let finding = Finding::fails(probe, format!("{}: {remedy}", says(observed)));
        let finding = finding.setting("servicenow.in_doubt", "\"repeat\"");
        return if observed.status == Some(403) {
            finding.switch("table_reads", "forbidden")
        } else {
            finding
        };
    }
    match found {
        Some(ms) if ms <= SOON => {
            Finding::holds(probe, format!("found after {ms} ms")).switch("table_reads", "allowed")
        }
        Some(ms) => Finding::fails(probe, format!("found after {ms} ms only"))
            .switch("table_reads", "allowed"),
        None if observed.row_count() == 0 => {
            Finding::fails(probe, format!("no row is shown: {remedy}"))
                .switch("table_reads", "no_rows")
                .setting("servicenow.in_doubt", "\"repeat\"")
        }
        None => Finding::fails(probe, "its row does not become pending with the agent"),
    }
}

/// How many rows a query with an unknown field found, where the same without it finds some.
pub(super) fn unknown_field(rows: usize) -> Finding {
    let probe = Probe::UnknownField;
    let switch = "invalid_query_returns_no_rows";
    if rows > 0 {
        return Finding::holds(probe, format!("{rows} rows")).switch(switch, false);
    }
    Finding::fails(probe, "no rows: glide.invalid_query.returns_no_rows is set")
        .switch(switch, true)
}

/// The answer to the same offer again.
pub(super) fn repeat_offer(first: SysId, again: &Observed) -> Finding {
    let probe = Probe::RepeatOffer;
    match &again.reply {
        AwaReply::Landed { work_item } if work_item.is_none_or(|item| item == first) => {
            Finding::holds(probe, "on the same work item").switch("repeat_offer", "success")
        }
        AwaReply::Landed { .. } => Finding::fails(
            probe,
            "a second work item is made: an offer that is repeated after a lost answer rings twice",
        )
        .setting("servicenow.in_doubt", "\"dead\""),
        AwaReply::AlreadyOurs { .. } => {
            Finding::fails(probe, format!("{}; the bridge takes it for done", says(again)))
                .switch("repeat_offer", "already_assigned")
        }
        _ => Finding::fails(probe, says(again)),
    }
}

/// The answer to an offer to a second agent, and the work items after it where they can be read.
pub(super) fn offer_to_another(
    second: &Observed,
    items: Option<&[SeenItem]>,
    first_agent: SysId,
) -> Finding {
    let probe = Probe::OfferToAnother;
    let stays =
        items.is_some_and(|items| items.iter().any(|item| item.is_pending_with(first_agent)));
    match &second.reply {
        AwaReply::TakenBy { .. } => {
            Finding::holds(probe, says(second)).switch("offer_to_another", "refused")
        }
        AwaReply::Landed { .. } if stays => {
            Finding::fails(probe, "both agents have a card of the same document")
        }
        AwaReply::Landed { .. } => {
            Finding::fails(probe, "the card moves").switch("offer_to_another", "moves")
        }
        _ => Finding::fails(probe, says(second)),
    }
}

/// The work item after a reject, where it can be read, and whether the document took another offer.
pub(super) fn reject(item: Option<&SeenItem>, next: &Observed, again: bool) -> Finding {
    let probe = if again { Probe::RejectAgain } else { Probe::Reject };
    let closes = |detail: String| {
        let finding = Finding::fails(probe, detail)
            .setting("offer.replace", "\"wait\"")
            .setting("withdraw.action", "\"none\"");
        if again { finding.switch("rejected_again", "closes_document") } else { finding }
    };
    if next.reply == AwaReply::DocumentClosed {
        return closes(format!("the reject ended the document: {}", says(next)));
    }
    if !next.is_done() {
        return Finding::not_tried(probe, format!("the next offer was refused: {}", says(next)));
    }
    let state = item.and_then(|item| item.state.as_deref()).unwrap_or_default();
    if item.is_some_and(|item| !item.is_in("queued")) {
        return Finding::fails(probe, format!("its state is `{state}`; the next offer is taken"));
    }
    if again {
        return Finding::holds(probe, "")
            .switch("rejected_again", "queued")
            .setting("offer.replace", "\"reject\"")
            .setting("withdraw.action", "\"reject\"");
    }
    Finding::holds(probe, "")
}

/// The work item after its time; none where it was still pending.
pub(super) fn time_out(item: Option<&SeenItem>, waited_ms: u64) -> Finding {
    let probe = Probe::TimeOut;
    match item {
        Some(item) if item.is_in("queued") => {
            Finding::holds(probe, format!("seen {waited_ms} ms after the offer"))
                .switch("timed_out", "queued")
        }
        Some(item) if item.is_canceled() => {
            Finding::fails(probe, "it is canceled").switch("timed_out", "canceled")
        }
        Some(item) => {
            let state = item.state.as_deref().unwrap_or_default();
            Finding::fails(probe, format!("its state is `{state}`"))
        }
        None => {
            Finding::fails(probe, format!("it is still pending {waited_ms} ms after the offer"))
        }
    }
}

/// After how many milliseconds an agent who became available was taken for it.
pub(super) fn presence_lag(took: Option<u64>, patience: u64) -> Finding {
    let probe = Probe::PresenceLag;
    let Some(ms) = took else {
        let detail = format!("no offer was taken within {patience} ms of the agent's return");
        return Finding::fails(probe, detail);
    };
    if ms == 0 {
        return Finding::holds(probe, "").switch("presence_lag_ms", 0);
    }
    Finding::fails(probe, format!("it is taken {ms} ms later"))
        .switch("presence_lag_ms", ms)
        .setting("retry.agent_unavailable", pauses(ms))
}

/// Pauses that double, and together are longer than that.
fn pauses(ms: u64) -> String {
    let (mut pauses, mut next, mut sum) = (Vec::new(), 500, 0);
    while sum < ms + 1_000 || pauses.len() < 4 {
        pauses.push(if next < 1_000 {
            format!("\"{next}ms\"")
        } else {
            format!("\"{}s\"", next / 1_000)
        });
        sum += next;
        next *= 2;
    }
    format!("[{}]", pauses.join(", "))
}

/// The answer to an offer whose time is ahead.
pub(super) fn offered_on(observed: &Observed) -> Finding {
    let probe = Probe::OfferedOn;
    match &observed.reply {
        AwaReply::ClockSkew => Finding::holds(probe, says(observed)),
        AwaReply::Landed { .. } => Finding::fails(probe, "it is taken"),
        AwaReply::AgentUnavailable => Finding::not_tried(probe, says(observed)),
        _ => Finding::fails(probe, says(observed)),
    }
}

/// ServiceNow's clock less ours.
pub(super) fn clock(offset: Option<ClockOffset>) -> Finding {
    let probe = Probe::Clock;
    let Some(offset) = offset else {
        return Finding::not_tried(probe, "no answer carried a date");
    };
    let (likely, ClockOffset { low, high }) = (offset.likely(), offset);
    let detail = format!(
        "ServiceNow's clock is {} ms {} (between {low} and {high})",
        likely.unsigned_abs(),
        if likely < 0 { "behind" } else { "ahead" }
    );
    if low <= 1_000 && high >= -1_000 {
        return Finding::holds(probe, detail);
    }
    let detail = format!(
        "{detail}: let this machine keep time by NTP; the bridge reckons with the difference"
    );
    Finding::fails(probe, detail).switch("clock_offset_ms", likely)
}

/// The rate limits that answers named.
pub(super) fn rate_limit(limit: Option<u64>) -> Finding {
    let probe = Probe::RateLimit;
    let Some(limit) = limit else {
        return Finding::holds(probe, "no answer carried X-RateLimit-Limit");
    };
    Finding::fails(probe, format!("{limit} requests an hour"))
        .setting("rate_limit.per_hour", limit.to_string())
        .switch("rate_limit", json!({ "limit": limit }))
}

/// The answer to the closing of a document, and the pending work item after it where it can be read.
pub(super) fn close_document(closed: &Observed, item: Option<&SeenItem>) -> Finding {
    let probe = Probe::CloseDocument;
    if !closed.is_done() {
        let detail = format!("{}: withdraw.action must not be \"close_document\"", says(closed));
        return Finding::fails(probe, detail);
    }
    match item {
        Some(item) if item.is_canceled() || !item.active => Finding::holds(probe, ""),
        Some(item) => {
            let state = item.state.as_deref().unwrap_or_default();
            Finding::fails(probe, format!("its state is `{state}`"))
        }
        None => Finding::not_tried(probe, "its work item cannot be read"),
    }
}
