//! The `[answer]` section: what a vendor wants to hear instead of the intake's own answer.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde::Deserialize;

use super::duration::Span;

/// A vendor's answers by situation; none = the intake's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AnswerPolicy {
    /// At least one event is newly stored.
    pub(crate) accepted: Option<Reply>,
    /// Every event was known already.
    pub(crate) duplicate: Option<Reply>,
    /// Nothing in the request was to be carried out.
    pub(crate) ignored: Option<Reply>,
    /// Nothing could be stored: the vendor has to come again.
    pub(crate) overload: Option<Reply>,
    /// The signature is missing, wrong or too old.
    pub(crate) bad_signature: Option<Reply>,
    /// The body is not what it is declared to be.
    pub(crate) malformed: Option<Reply>,
    /// How long the vendor waits for an answer.
    pub(crate) deadline: Option<Duration>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// None = empty.
    pub(crate) body: Option<String>,
    pub(crate) content_type: Option<HeaderValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerToml {
    accepted: Option<ReplyToml>,
    duplicate: Option<ReplyToml>,
    ignored: Option<ReplyToml>,
    overload: Option<ReplyToml>,
    bad_signature: Option<ReplyToml>,
    malformed: Option<ReplyToml>,
    deadline: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a status, or { status, body, content_type }")]
enum ReplyToml {
    Status(u16),
    Whole(WholeReply),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeReply {
    status: u16,
    body: Option<String>,
    content_type: Option<String>,
}

impl AnswerToml {
    /// Checks every answer; the problems name the key.
    pub(super) fn build(self) -> Result<AnswerPolicy, Vec<String>> {
        let mut problems = Vec::new();
        let mut reply = |key, toml, range| {
            reply(key, toml, range).unwrap_or_else(|problem| {
                problems.push(problem);
                None
            })
        };
        let policy = AnswerPolicy {
            accepted: reply("accepted", self.accepted, 200..300),
            duplicate: reply("duplicate", self.duplicate, 200..300),
            ignored: reply("ignored", self.ignored, 200..300),
            overload: reply("overload", self.overload, 400..600),
            bad_signature: reply("bad_signature", self.bad_signature, 200..600),
            malformed: reply("malformed", self.malformed, 200..600),
            deadline: self.deadline.map(Span::get),
        };
        if problems.is_empty() { Ok(policy) } else { Err(problems) }
    }
}

fn reply(
    key: &str,
    toml: Option<ReplyToml>,
    range: std::ops::Range<u16>,
) -> Result<Option<Reply>, String> {
    let (status, body, content_type) = match toml {
        None => return Ok(None),
        Some(ReplyToml::Status(status)) => (status, None, None),
        Some(ReplyToml::Whole(whole)) => (whole.status, whole.body, whole.content_type),
    };
    let outside =
        || format!("`answer.{key}` has status {status}, not {} to {}", range.start, range.end - 1);
    let status = Some(status)
        .filter(|status| range.contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(outside)?;
    if status == StatusCode::NO_CONTENT && body.is_some() {
        return Err(format!("`answer.{key}`: a 204 has no body"));
    }
    let content_type = content_type
        .map(|text| HeaderValue::from_str(&text))
        .transpose()
        .map_err(|_| format!("`answer.{key}.content_type` is not a header value"))?;
    Ok(Some(Reply { status, body, content_type }))
}
