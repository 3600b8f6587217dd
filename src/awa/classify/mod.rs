//! An answer of ServiceNow to what it means. Pure: bytes in, [`AwaReply`] out.
//!
//! The text is read before the status, since the same fault arrives under several; what no text explains is judged by
//! its status and reported as unknown, so that it can be logged word for word.

#![warn(clippy::wildcard_enum_match_arm)]

mod message;
mod refusal;

use serde_json::Value;

use super::pace::Signal;
use super::received::{Page, Received, Shape, Words, http_date, success};
use super::work_item::text as field;
use crate::routing::{AwaCall, AwaReply, SysId, UnixMillis, Wait};
use message::Message;
use refusal::{final_word, of_item, of_offer};

/// What an answer means, in whose words, and what it says about the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reply: AwaReply,
    /// ServiceNow's own words, or what went wrong.
    pub(super) message: String,
    pub(super) signal: Signal,
    /// The text is not one that ServiceNow documents.
    pub(super) unknown: bool,
    /// The HTTP status; none if no answer came.
    pub(super) status: Option<u16>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The request never left.
    NotSent(String),
    /// The request may have been read; no whole answer came.
    NoAnswer(String),
    /// The credentials could not be got; the request never left.
    Identity(Verdict),
}

/// Reads the answer to a call. `after_doubt`: an earlier try of the same call may have landed.
pub(super) fn call(
    call: &AwaCall,
    after_doubt: bool,
    received: &Received,
    now: UnixMillis,
) -> Verdict {
    let verdict = judge(call, after_doubt, received, now);
    let verdict = Verdict { status: Some(received.status), ..verdict };
    match call {
        AwaCall::Offer { .. } | AwaCall::Transfer { .. } => of_offer(verdict),
        AwaCall::Accept { .. } | AwaCall::Reject { .. } | AwaCall::Assign { .. } => {
            of_item(final_word(verdict))
        }
        AwaCall::EndConsult { .. } | AwaCall::CloseDocument { .. } => final_word(verdict),
    }
}

fn judge(call: &AwaCall, after_doubt: bool, received: &Received, now: UnixMillis) -> Verdict {
    let value = match json_of(received, now) {
        Ok(value) => value,
        Err(verdict) => return verdict,
    };
    let words = Words::of(&value);
    if received.is_success()
        && !words.failed
        && let Some(verdict) = landed(call, &value, &words)
    {
        return verdict;
    }
    worded(Some((call, after_doubt)), received, &words)
}

/// Reads the answer to a question, such as a Table API query: its JSON, or the verdict on why there is none.
pub(super) fn read(received: &Received, now: UnixMillis) -> Result<Value, Verdict> {
    let verdict = match json_of(received, now) {
        Ok(value) => {
            let words = Words::of(&value);
            if received.is_success() && !words.failed && !value["result"].is_null() {
                return Ok(value);
            }
            worded(None, received, &words)
        }
        Err(verdict) => verdict,
    };
    Err(final_word(Verdict { status: Some(received.status), ..verdict }))
}

/// Says what a missing answer means for a call.
pub(super) fn failure(failure: Failure) -> Verdict {
    match failure {
        Failure::NotSent(why) => {
            Verdict::new(AwaReply::NotSent { why: why.clone() }, why, Signal::Silent)
        }
        Failure::NoAnswer(why) => {
            Verdict::new(AwaReply::InDoubt { why: why.clone() }, why, Signal::Silent)
        }
        Failure::Identity(verdict) => verdict,
    }
}

impl Verdict {
    pub(super) const fn new(reply: AwaReply, message: String, signal: Signal) -> Self {
        Self { reply, message, signal, unknown: false, status: None }
    }

    fn doubt(why: &str, signal: Signal) -> Self {
        Self::new(AwaReply::InDoubt { why: why.to_owned() }, why.to_owned(), signal)
    }
}

/// The JSON of an answer; what the platform answers before it calls an API is a verdict already.
pub(super) fn json_of(received: &Received, now: UnixMillis) -> Result<Value, Verdict> {
    let shape = received.shape();
    if let Shape::Page(Page::Hibernating) = shape {
        return Err(not_servicenow(&Page::Hibernating, Signal::Hibernating));
    }
    if received.status == 429 {
        return Err(busy(received, &shape, now));
    }
    match shape {
        Shape::Json(value) => Ok(value),
        Shape::Page(page) => Err(browser_page(received, &page)),
        Shape::Empty | Shape::Broken | Shape::Foreign => Err(wordless(received, &shape)),
    }
}

fn busy(received: &Received, shape: &Shape, now: UnixMillis) -> Verdict {
    let words =
        if let Shape::Json(value) = shape { Words::of(value).shown() } else { String::new() };
    let wait = retry_after(received, now);
    let message = if words.is_empty() { "too many requests".to_owned() } else { words };
    match wait {
        Some(ms) => {
            let message = format!("{message} (Retry-After {} s)", ms.div_ceil(1000));
            Verdict::new(
                AwaReply::Busy { wait: Wait::RetryAfter(ms) },
                message,
                pause(received, ms),
            )
        }
        None => Verdict::new(AwaReply::Busy { wait: Wait::BackOff }, message, Signal::Overloaded),
    }
}

/// A pause is ServiceNow's where its rate limit rule stands beside it; else it may be a proxy's.
const fn pause(received: &Received, ms: u64) -> Signal {
    match received.rate_rule {
        Some(_) => Signal::RetryAfter { ms },
        None => Signal::Hinted { ms },
    }
}

/// How long a pause ServiceNow asks for, in milliseconds.
fn retry_after(received: &Received, now: UnixMillis) -> Option<u64> {
    let text = received.retry_after.as_deref()?;
    parse_retry_after(text, received.date.unwrap_or(now))
}

/// Reads `Retry-After`, seconds or an HTTP date, as milliseconds from `at`.
pub(super) fn parse_retry_after(text: &str, at: UnixMillis) -> Option<u64> {
    let ms = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => http_date(text)?.since(at),
    };
    // No time at all is no answer to the question of how long: back off.
    (ms > 0).then_some(ms)
}

fn not_servicenow(page: &Page, signal: Signal) -> Verdict {
    let what = page.to_string();
    Verdict::new(AwaReply::NotServiceNow { what: what.clone() }, what, signal)
}

fn browser_page(received: &Received, page: &Page) -> Verdict {
    match received.status {
        401 => unauthorised(received, "User Not Authenticated"),
        403 => {
            let what = format!(
                "refused before the API was reached ({page}): check IP address access control and API access policies"
            );
            Verdict::new(AwaReply::Misconfigured { what: what.clone() }, what, Signal::Answered)
        }
        500..=599 => by_status(received, &page.to_string()),
        _ => not_servicenow(page, Signal::Foreign),
    }
}

/// An answer without a text: only its status counts.
fn wordless(received: &Received, shape: &Shape) -> Verdict {
    let what = match shape {
        Shape::Empty => "an empty answer",
        Shape::Broken => "an answer that broke off",
        Shape::Foreign | Shape::Json(_) | Shape::Page(_) => "an answer that is not JSON",
    };
    match (received.is_success(), shape) {
        (true, Shape::Foreign) => {
            let what = "something that is not ServiceNow's API answered: check servicenow.instance"
                .to_owned();
            Verdict::new(AwaReply::NotServiceNow { what: what.clone() }, what, Signal::Foreign)
        }
        (true, _) => {
            Verdict::doubt(&format!("{what} with status {}", received.status), Signal::Answered)
        }
        (false, _) => by_status(received, what),
    }
}

/// The success of a call; none where a 2xx does not confirm it.
fn landed(call: &AwaCall, value: &Value, words: &Words) -> Option<Verdict> {
    let result = &value["result"];
    let reply = match call {
        AwaCall::Offer { .. } | AwaCall::Transfer { .. } => {
            success(result)?;
            let work_item =
                field(&result["work_item"]["sys_id"]).and_then(|id| SysId::parse(&id).ok());
            AwaReply::Landed { work_item }
        }
        AwaCall::Assign { work_item, .. } => {
            success(result)?;
            AwaReply::Landed { work_item: Some(*work_item) }
        }
        AwaCall::Accept { work_item, .. } | AwaCall::Reject { work_item, .. } => {
            result.as_object()?;
            AwaReply::Landed { work_item: Some(*work_item) }
        }
        AwaCall::EndConsult { .. } => {
            success(result)?;
            AwaReply::Landed { work_item: None }
        }
        AwaCall::CloseDocument { .. } => closed(result)?,
    };
    Some(Verdict::new(reply, words.shown(), Signal::Answered))
}

/// A write that access rules drop is answered with the record as it was.
fn closed(result: &Value) -> Option<AwaReply> {
    let state = match &result.as_object()?.get("state") {
        Some(Value::Object(reference)) => reference.get("value").and_then(Value::as_str),
        Some(Value::String(state)) => Some(state.as_str()),
        Some(_) | None => None,
    };
    match state {
        None | Some("closed_abandoned") => Some(AwaReply::Landed { work_item: None }),
        Some(state) if state.starts_with("closed") => Some(AwaReply::DocumentClosed),
        Some(state) => Some(AwaReply::Misconfigured {
            what: format!(
                "the document's state stayed `{state}`: the integration user may not write it, or a business rule put it back"
            ),
        }),
    }
}

fn worded(asked: Option<(&AwaCall, bool)>, received: &Received, words: &Words) -> Verdict {
    let said = words.verbatim();
    if said.is_empty() {
        return wordless_json(received);
    }
    let text = words.shown();
    let Some(message) = message::parse(&said) else {
        if received.is_success() && !words.failed {
            return Verdict { unknown: true, ..Verdict::doubt(&text, Signal::Answered) };
        }
        return Verdict { unknown: true, ..by_status(received, &text) };
    };
    let reply = match message {
        Message::Misconfigured(what) => {
            AwaReply::Misconfigured { what: format!("{text} ({what})") }
        }
        Message::NotThere => AwaReply::NotThere {
            what: format!("{text} (the record is not there, or access rules hide it)"),
        },
        Message::LookFirst => AwaReply::InDoubt { why: text.clone() },
        Message::Conflict => AwaReply::Conflict { why: text.clone() },
        Message::AgentUnavailable => AwaReply::AgentUnavailable,
        Message::DocumentClosed => AwaReply::DocumentClosed,
        Message::TooLate => AwaReply::TooLate,
        Message::ClockSkew => AwaReply::ClockSkew,
        Message::AssignedTo(agent) => assigned_to(asked.map(|(call, _)| call), agent),
        Message::NoConsult => match asked {
            Some((_, true)) => AwaReply::AlreadyOurs { work_item: None },
            Some((_, false)) | None => AwaReply::NoConsult,
        },
        Message::Unauthorised => return unauthorised(received, &text),
        Message::Forbidden => return by_status(received, &text),
    };
    Verdict::new(reply, text, Signal::Answered)
}

fn wordless_json(received: &Received) -> Verdict {
    let what = "an answer that names neither success nor failure";
    if received.is_success() {
        return Verdict::doubt(what, Signal::Answered);
    }
    by_status(received, what)
}

fn assigned_to(call: Option<&AwaCall>, agent: &str) -> AwaReply {
    let ours = call.and_then(agent_of).map(|agent| agent.to_string());
    match ours {
        _ if SysId::parse(&agent.to_ascii_lowercase()).is_err() => AwaReply::Conflict {
            why: "already assigned, to an agent whose sys_id the answer does not say".into(),
        },
        Some(ours) if ours.eq_ignore_ascii_case(agent) => {
            AwaReply::AlreadyOurs { work_item: call.and_then(work_item_of) }
        }
        Some(_) | None => {
            AwaReply::TakenBy { agent: Some(agent.to_owned()), work_item: None, accepted: false }
        }
    }
}

/// The agent that a call is for.
pub(super) const fn agent_of(call: &AwaCall) -> Option<SysId> {
    use crate::routing::TransferTarget;
    match call {
        AwaCall::Offer { agent, .. }
        | AwaCall::Assign { agent, .. }
        | AwaCall::Accept { agent, .. }
        | AwaCall::Reject { agent, .. }
        | AwaCall::Transfer { target: TransferTarget::Agent(agent), .. } => Some(*agent),
        AwaCall::Transfer { target: TransferTarget::Queue(_), .. }
        | AwaCall::EndConsult { .. }
        | AwaCall::CloseDocument { .. } => None,
    }
}

const fn work_item_of(call: &AwaCall) -> Option<SysId> {
    match call {
        AwaCall::Assign { work_item, .. }
        | AwaCall::Accept { work_item, .. }
        | AwaCall::Reject { work_item, .. } => Some(*work_item),
        AwaCall::Offer { .. }
        | AwaCall::Transfer { .. }
        | AwaCall::EndConsult { .. }
        | AwaCall::CloseDocument { .. } => None,
    }
}

fn unauthorised(received: &Received, text: &str) -> Verdict {
    let why = if received.mfa {
        format!(
            "{text}: ServiceNow demands a second factor of the integration user; exempt it from multi-factor authentication"
        )
    } else {
        format!(
            "{text}: user name, password, key or token is wrong, the user is locked out, or an API access policy refuses it"
        )
    };
    Verdict::new(AwaReply::Unauthorised { why }, text.to_owned(), Signal::Unauthorised)
}

fn by_status(received: &Received, text: &str) -> Verdict {
    let misconfigured = |what: &str| {
        let what = format!("{text} ({what})");
        Verdict::new(AwaReply::Misconfigured { what }, text.to_owned(), Signal::Answered)
    };
    match received.status {
        401 => unauthorised(received, text),
        403 => misconfigured(
            "the integration user lacks a role, such as awa_integration_user, or the property glide.awa.enabled is not true",
        ),
        404 => {
            let what = format!(
                "{text} (the document, work item, queue or route is not there, or access rules hide it)"
            );
            Verdict::new(AwaReply::NotThere { what }, text.to_owned(), Signal::Answered)
        }
        408 => Verdict::doubt(text, Signal::Answered),
        502..=504 => {
            let wait = retry_after(received, received.date.unwrap_or(UnixMillis::MAX));
            Verdict::doubt(text, wait.map_or(Signal::Silent, |ms| pause(received, ms)))
        }
        400..=499 => misconfigured(&format!("status {}", received.status)),
        200..=299 => misconfigured("refused"),
        _ => Verdict::doubt(text, Signal::Answered),
    }
}

#[cfg(test)]
mod tests;
