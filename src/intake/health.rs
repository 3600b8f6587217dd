//! `/livez` and `/readyz` beside the webhooks, for a load balancer in front: whether webhooks are taken, never why not.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::Answer;

/// The answer to a health check; none if the request is for another path. `takes` says whether webhooks can be stored.
pub(crate) fn health<B>(request: &Request<B>, takes: impl FnOnce() -> bool) -> Option<Answer> {
    let path = request.uri().path();
    if path != "/livez" && path != "/readyz" {
        return None;
    }
    let (status, text) = if request.method() != Method::GET && request.method() != Method::HEAD {
        (StatusCode::METHOD_NOT_ALLOWED, "asked by GET or HEAD\n")
    } else if path == "/livez" || takes() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    Some(answer)
}
