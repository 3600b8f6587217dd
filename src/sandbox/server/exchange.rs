//! One request: recorded, given a fault or not, authenticated, counted, carried out, answered.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use serde_json::Value;

use super::super::faults::Misbehaviour;
use super::super::world::{Answer, ApiRequest, Endpoint};
use super::record::{RecordedCall, visible};
use super::reply::{Reply, ReplyBody};
use super::{Inner, State, token};
use crate::clock;
use crate::http::{TrackedBody, Unanswered};
use crate::routing::UnixMillis;

/// ServiceNow's own limit of a request body, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The running window of the rate limit rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    ends_at: UnixMillis,
    used: u32,
}

/// A request whose body is read.
struct Received {
    number: u64,
    endpoint: Endpoint,
    head: Parts,
    query: Vec<(String, String)>,
    bytes: Bytes,
    json: Option<Value>,
}

/// Answers one request, or ends its connection without an answer where a fault wants that.
pub(super) async fn answer(state: &State, request: Request<TrackedBody>) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let answer = Answer::bad_request("The request body cannot be read or is over 10 MB");
        return Reply::answer(&answer).into_response(0, clock::now());
    };
    let received = receive(state, head, body.to_bytes());
    let fault = {
        let mut inner = state.lock();
        if inner.world.switches.hibernating {
            let reply = Reply::html(200, "Instance Hibernating page");
            return inner.send(received.number, reply);
        }
        let fault = inner.faults.matching_fault(received.endpoint);
        let name = fault.as_ref().map(Misbehaviour::name);
        inner.calls.change(received.number, |call| call.fault = name);
        fault
    };
    let reply = match fault {
        Some(fault) => apply(state, &received, fault).await,
        None => Ok(state.lock().perform(&received)),
    };
    match reply {
        Ok(reply) => state.lock().send(received.number, reply),
        Err(unanswered) => {
            state.lock().calls.log(received.number);
            let mut response = Response::new(ReplyBody::from(Bytes::new()));
            response.extensions_mut().insert(unanswered);
            response
        }
    }
}

fn receive(state: &State, head: Parts, bytes: Bytes) -> Received {
    let (method, path) = (head.method.as_str(), head.uri.path());
    let json: Option<Value> = serde_json::from_slice(&bytes).ok();
    let endpoint = Endpoint::of(method, path, json.as_ref());
    let raw_query = head.uri.query().unwrap_or_default();
    let number = state.lock().calls.add(RecordedCall {
        number: 0,
        at: clock::now(),
        endpoint,
        method: method.to_owned(),
        path: path.to_owned(),
        query: raw_query.to_owned(),
        headers: visible(&head.headers),
        body: json.clone().filter(|_| endpoint != Endpoint::Token),
        caller: None,
        fault: None,
        performed: None,
        status: None,
    });
    let query = form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    Received { number, endpoint, head, query, bytes, json }
}

/// Does to a request what the fault says.
async fn apply(
    state: &State,
    received: &Received,
    fault: Misbehaviour,
) -> Result<Reply, Unanswered> {
    let perform = || state.lock().perform(received);
    match fault {
        Misbehaviour::Status { status, body, headers } => {
            let mut reply = match &body {
                Value::Null => Reply { body: Bytes::new(), ..Reply::json(status, &body) },
                Value::String(text) => {
                    Reply { body: text.clone().into(), ..Reply::json(status, &body) }
                }
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    Reply::json(status, &body)
                }
            };
            let overridden =
                |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
            reply.headers.retain(|(name, _)| !overridden(name));
            reply.headers.extend(headers);
            Ok(reply)
        }
        Misbehaviour::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(perform())
        }
        Misbehaviour::DelayAfterEffect { ms } => {
            let reply = perform();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(reply)
        }
        Misbehaviour::Hang => std::future::pending().await,
        Misbehaviour::HangAfterEffect => {
            perform();
            std::future::pending().await
        }
        Misbehaviour::Reset => Err(Unanswered::Reset),
        Misbehaviour::CloseBeforeAnswer => Err(Unanswered::Closed),
        Misbehaviour::DropResponseAfterEffect => {
            perform();
            Err(Unanswered::Closed)
        }
        Misbehaviour::Html { status } => Ok(Reply::html(status, "Sign In")),
        Misbehaviour::Redirect { to } => Ok(Reply::html(302, "Moved").with("location", to)),
        Misbehaviour::EmptyBody => Ok(Reply { body: Bytes::new(), ..perform() }),
        Misbehaviour::CutBody => Ok(Reply { cut: true, ..perform() }),
        Misbehaviour::TooManyRequests { retry_after: Some(seconds) } => {
            Ok(limit_exceeded(0, received.endpoint).with("retry-after", seconds))
        }
        Misbehaviour::TooManyRequests { retry_after: None } => {
            Ok(Reply::answer(&Answer::error(429, "Too many requests", Value::Null)))
        }
        Misbehaviour::SuccessFalse { message } => {
            Ok(Reply::answer(&Answer::success_false(200, &message)))
        }
    }
}

impl Inner {
    fn send(&mut self, number: u64, reply: Reply) -> Response<ReplyBody> {
        self.calls.change(number, |call| call.status = Some(reply.status));
        self.calls.log(number);
        reply.into_response(number, self.now())
    }

    /// Does what the request asks for.
    fn perform(&mut self, received: &Received) -> Reply {
        let now = self.now();
        if received.endpoint == Endpoint::Token {
            let answer = token::grant(&mut self.access, &received.bytes, &self.world, now);
            self.calls.change(received.number, |call| call.performed = Some(answer.status));
            return Reply::json(answer.status, &answer.body);
        }
        let caller = self.access.caller(&received.head.headers, &self.world, now);
        let Some(caller) = caller else {
            let reply = Reply::answer(&Answer::not_authenticated());
            return reply.with("x-is-logged-in", false);
        };
        self.calls.change(received.number, |call| call.caller = Some(caller));
        let (limit_headers, exceeded) = self.count(received.endpoint, now);
        let mut reply = match exceeded.or_else(|| unreadable(received)) {
            Some(reply) => reply,
            None => {
                let request = ApiRequest {
                    method: received.head.method.as_str(),
                    path: received.head.uri.path(),
                    query: &received.query,
                    body: received.json.as_ref(),
                };
                let answer = self.world.answer(caller, request, now);
                self.calls.change(received.number, |call| call.performed = Some(answer.status));
                Reply::answer(&answer)
            }
        };
        reply.headers.extend(limit_headers);
        reply.with("x-is-logged-in", true)
    }

    /// Counts a request for the rate limit rule: the headers that every answer carries, and the refusal.
    fn count(
        &mut self,
        endpoint: Endpoint,
        now: UnixMillis,
    ) -> (Vec<(String, String)>, Option<Reply>) {
        let Some(rule) = self.world.switches.rate_limit.clone() else {
            self.window = None;
            return (Vec::new(), None);
        };
        let length = u64::from(rule.window_seconds) * 1000;
        let mut window = self
            .window
            .filter(|window| window.ends_at > now)
            .unwrap_or_else(|| Window { ends_at: now.plus(length), used: 0 });
        window.used = window.used.saturating_add(1);
        self.window = Some(window);
        let headers = [
            ("x-ratelimit-limit", rule.limit.to_string()),
            ("x-ratelimit-reset", (window.ends_at.0 / 1000).to_string()),
            ("x-ratelimit-rule", rule.rule),
        ];
        let exceeded = (window.used > rule.limit).then(|| {
            let reply = limit_exceeded(rule.limit, endpoint);
            let wait = window.ends_at.since(now).div_ceil(1000);
            if rule.retry_after { reply.with("retry-after", wait) } else { reply }
        });
        (headers.map(|(name, value)| (name.to_owned(), value)).into(), exceeded)
    }
}

/// What the platform says of a body or a format that it does not take.
fn unreadable(received: &Received) -> Option<Reply> {
    let header = |name: &str| {
        received.head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let accept = header("accept");
    if !accept.is_empty() && !accept.contains("json") && !accept.contains("*/*") {
        let detail = "None of the accepted formats is supported by this sandbox";
        return Some(Reply::answer(&Answer::error(406, "Not acceptable", detail)));
    }
    if received.bytes.is_empty() {
        return None;
    }
    let format = header("content-type");
    if !format.is_empty() && !format.starts_with("application/json") {
        let detail = format!("{format} is not supported by this sandbox");
        return Some(Reply::answer(&Answer::error(415, "Unsupported media type", detail)));
    }
    received.json.is_none().then(|| {
        let detail = "The payload is not valid JSON.";
        Reply::answer(&Answer::error(400, "Exception while reading request", detail))
    })
}

fn limit_exceeded(limit: u32, endpoint: Endpoint) -> Reply {
    let api = match endpoint {
        Endpoint::TableRead | Endpoint::TableWrite => "Table API",
        Endpoint::Offer
        | Endpoint::Transfer
        | Endpoint::Assign
        | Endpoint::Accept
        | Endpoint::Reject
        | Endpoint::RejectReasons
        | Endpoint::EndConsult
        | Endpoint::Agent
        | Endpoint::Token
        | Endpoint::Unknown => "AWA API",
    };
    let detail = format!("Rate limit of {limit} requests per hour for {api} exceeded");
    Reply::answer(&Answer::error(429, "Rate limit exceeded", detail))
}
