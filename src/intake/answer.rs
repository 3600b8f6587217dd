//! What a vendor hears: the only place that names the statuses of the intake.
//!
//! Errors are RFC 9457 problems without internals; a profile may put its own words in the place of each.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::http::Authentic;
use crate::source::{AnswerPolicy, HandshakeAnswer, Malformed, Reply};
use crate::store::{Limit, Refusal};

/// An answer of the intake.
pub(crate) type Answer = Response<Full<Bytes>>;

/// When a sender may come again after the store could not write, in seconds: a restart takes about as long.
const RETRY_AFTER_UNAVAILABLE: u32 = 5;

/// When a sender may come again whose requests wait to be read, in seconds.
const RETRY_AFTER_OVERLOAD: u32 = 5;

/// When a sender may come again while the keys of its issuer cannot be had, in seconds.
const RETRY_AFTER_NO_KEYS: u32 = 10;

/// When a sender may come again after the disk was found nearly full, in seconds: a person has to make room.
const RETRY_AFTER_NO_SPACE: u32 = 30;

/// What became of one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct EventStatus {
    /// The event's id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) status: Status,
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Accepted,
    Duplicate,
    Ignored,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Authentic, read, and stored where it was new.
    Handled(Vec<EventStatus>),
    /// The vendor only asked whether somebody is there.
    Handshake(HandshakeAnswer),
    /// No source listens at this path.
    UnknownSource,
    /// Not a POST.
    WrongMethod,
    /// The body is coded, such as with gzip.
    Encoded,
    /// Larger than the limit, in bytes.
    TooLarge { limit: usize },
    /// The body did not come in time.
    TooSlow,
    /// The body broke off.
    BrokenOff,
    /// Not from the vendor, or not provably.
    Unverified,
    /// The same by its head alone, its body unread.
    UnverifiedUnread,
    /// Whether it is the vendor's cannot be told: its keys cannot be had.
    NoKeys,
    /// The body is not what it is declared to be.
    Malformed(Malformed),
    /// Nothing was stored; the sender should retry.
    Refused(Refusal),
    /// Too much of this source waits to be verified or read; nothing was stored.
    Overloaded,
    /// The handling panicked; it is unknown what was stored.
    Defect,
}

impl Verdict {
    /// Whether the request passed verification.
    const fn is_authentic(&self) -> bool {
        match self {
            Self::Handled(_) | Self::Malformed(_) | Self::Refused(_) | Self::Overloaded => true,
            Self::Handshake(_)
            | Self::UnknownSource
            | Self::WrongMethod
            | Self::Encoded
            | Self::TooLarge { .. }
            | Self::TooSlow
            | Self::BrokenOff
            | Self::Unverified
            | Self::UnverifiedUnread
            | Self::NoKeys
            | Self::Defect => false,
        }
    }
}

/// Words a verdict as HTTP.
#[must_use]
pub(super) fn answer(verdict: Verdict, policy: &AnswerPolicy) -> Answer {
    let authentic = verdict.is_authentic();
    let mut answer = worded(verdict, policy);
    if authentic {
        answer.extensions_mut().insert(Authentic);
    }
    answer
}

fn worded(verdict: Verdict, policy: &AnswerPolicy) -> Answer {
    match verdict {
        Verdict::Handled(events) => handled(&events, policy),
        Verdict::Handshake(answer) => handshake(answer),
        Verdict::UnknownSource => problem(StatusCode::NOT_FOUND, "no source listens here"),
        Verdict::WrongMethod => with(
            problem(StatusCode::METHOD_NOT_ALLOWED, "webhooks are sent by POST"),
            ALLOW,
            HeaderValue::from_static("POST"),
        ),
        Verdict::Encoded => with(
            problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no content coding is taken here"),
            ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        ),
        Verdict::TooLarge { limit } => closing(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("the body is larger than {limit} bytes"),
        )),
        Verdict::TooSlow => {
            closing(problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))
        }
        Verdict::BrokenOff => closing(problem(StatusCode::BAD_REQUEST, "the body broke off")),
        Verdict::Unverified => match &policy.bad_signature {
            // Whatever its status is: who proves nothing gets no place for long.
            Some(reply) => closing(own(reply)),
            None => with(
                problem(StatusCode::UNAUTHORIZED, "signature verification failed"),
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"webhooks\""),
            ),
        },
        Verdict::UnverifiedUnread => closing(worded(Verdict::Unverified, policy)),
        Verdict::NoKeys => {
            come_again(RETRY_AFTER_NO_KEYS, "the sender cannot be verified right now", policy)
        }
        Verdict::Malformed(malformed) => match (&policy.malformed, malformed) {
            (Some(reply), Malformed::Syntax(_) | Malformed::ContentType) => own(reply),
            (None, malformed @ Malformed::Syntax(_)) => {
                problem(StatusCode::BAD_REQUEST, &malformed.to_string())
            }
            (None, malformed @ Malformed::ContentType) => {
                problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &malformed.to_string())
            }
        },
        Verdict::Refused(refusal) => refused(refusal, policy),
        Verdict::Overloaded => {
            come_again(RETRY_AFTER_OVERLOAD, "too much is waiting to be read", policy)
        }
        Verdict::Defect => problem(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here"),
    }
}

fn handled(events: &[EventStatus], policy: &AnswerPolicy) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        events: &'a [EventStatus],
    }
    let any = |wanted: Status| events.iter().any(|event| event.status == wanted);
    let (status, reply) = if any(Status::Accepted) {
        (StatusCode::ACCEPTED, &policy.accepted)
    } else if any(Status::Duplicate) {
        (StatusCode::OK, &policy.duplicate)
    } else {
        (StatusCode::OK, &policy.ignored)
    };
    match reply {
        Some(reply) => own(reply),
        None => json(status, "application/json", &Body { events }),
    }
}

fn handshake(answer: HandshakeAnswer) -> Answer {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn refused(refusal: Refusal, policy: &AnswerPolicy) -> Answer {
    let (seconds, detail) = match refusal {
        Refusal::Full { limit, retry_after_seconds } => (
            retry_after_seconds,
            match limit {
                Limit::Pending | Limit::Queue => "too much is pending",
                Limit::Source => "too much of this source is pending",
                Limit::Parked => "too many events of this source wait for a mapping",
                Limit::Conversation => "too much of one conversation is pending",
            },
        ),
        Refusal::NoSpace => (RETRY_AFTER_NO_SPACE, "nothing can be stored right now"),
        Refusal::Unavailable => (RETRY_AFTER_UNAVAILABLE, "nothing can be stored right now"),
        Refusal::Newer => (RETRY_AFTER_UNAVAILABLE, "another node has to take this one"),
    };
    come_again(seconds, detail, policy)
}

fn come_again(seconds: u32, detail: &str, policy: &AnswerPolicy) -> Answer {
    let response = match &policy.overload {
        Some(reply) => own(reply),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, detail),
    };
    with(response, RETRY_AFTER, HeaderValue::from(seconds))
}

/// A profile's own words.
fn own(reply: &Reply) -> Answer {
    let mut response = Response::new(Full::from(reply.body.clone().unwrap_or_default()));
    *response.status_mut() = reply.status;
    match &reply.content_type {
        Some(content_type) => with(response, CONTENT_TYPE, content_type.clone()),
        None => response,
    }
}

fn problem(status: StatusCode, detail: &str) -> Answer {
    #[derive(Serialize)]
    struct Problem<'a> {
        title: &'a str,
        status: u16,
        detail: &'a str,
    }
    let title = status.canonical_reason().unwrap_or_default();
    let body = Problem { title, status: status.as_u16(), detail };
    json(status, "application/problem+json", &body)
}

fn json(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Answer {
    let text =
        serde_json::to_vec(body).expect("texts, numbers and arrays of them have a JSON form");
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, HeaderValue::from_static(content_type))
}

/// The rest of the request is not read, so the connection cannot go on.
fn closing(response: Answer) -> Answer {
    with(response, CONNECTION, HeaderValue::from_static("close"))
}

fn with(mut response: Answer, name: hyper::header::HeaderName, value: HeaderValue) -> Answer {
    response.headers_mut().insert(name, value);
    response
}
