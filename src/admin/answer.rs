//! Answers of the admin address: JSON, text and RFC 9457 problems.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// The body of every admin answer.
pub(super) type Body = Full<Bytes>;

/// JSON with this status.
pub(super) fn json(status: u16, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => response(status, "application/json", body),
        Err(_) => problem(500, "The answer cannot be written as JSON"),
    }
}

/// A plain text.
pub(super) fn text(status: u16, content_type: &'static str, text: String) -> Response<Body> {
    response(status, content_type, text.into_bytes())
}

/// A text of the program's own.
pub(super) fn fixed(content_type: &'static str, text: &'static str) -> Response<Body> {
    response(200, content_type, text)
}

/// Bytes of which nothing is known.
pub(super) fn bytes(bytes: Bytes) -> Response<Body> {
    response(200, "application/octet-stream", bytes)
}

/// What is wrong, in a sentence.
pub(super) fn problem(status: u16, title: &str) -> Response<Body> {
    let body = serde_json::json!({ "type": "about:blank", "status": status, "title": title });
    response(status, "application/problem+json", body.to_string().into_bytes())
}

/// The token is not there, or another.
pub(super) fn unauthorised() -> Response<Body> {
    let mut response = problem(401, "The admin token is missing or wrong");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Not now: why, and in how many seconds again.
pub(super) fn busy(title: &str, seconds: u32) -> Response<Body> {
    let mut response = problem(503, title);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What was asked for is no longer there, and from where on everything is.
pub(super) fn gone(title: &str, cursor: &str) -> Response<Body> {
    let body = serde_json::json!({
        "type": "about:blank", "status": 410, "title": title, "cursor": cursor,
    });
    response(410, "application/problem+json", body.to_string().into_bytes())
}

/// What is wrong, with every single problem.
pub(super) fn problems(status: u16, title: &str, problems: &[String]) -> Response<Body> {
    let body = serde_json::json!({
        "type": "about:blank", "status": status, "title": title, "problems": problems,
    });
    response(status, "application/problem+json", body.to_string().into_bytes())
}

fn response(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
