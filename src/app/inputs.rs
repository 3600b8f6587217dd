//! Files that a user names for a dry run: what they are, by their content.

use std::path::Path;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use crate::problem::Problem;
use crate::routing::UnixMillis;
use crate::source::flows::{self, Flow};
use crate::source::samples::{self, Sample};
use crate::source::{Request, Source};
use crate::text_file::without_mark;

/// What a file is.
pub(super) enum Kind {
    Flow(Box<Flow>),
    /// A request as profiles' samples write it.
    Sample(Box<Sample>),
    /// A request's body, as it came.
    Body,
}

/// Finds out what a file is by its content.
///
/// # Errors
/// It is meant as a flow or a sample and is none.
pub(super) fn kind_of(file: &Path, body: &[u8]) -> Result<Kind, Problem> {
    let Ok(text) = std::str::from_utf8(without_mark(body)) else { return Ok(Kind::Body) };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Ok(Kind::Body) };
    if flows::is_flow(&value) {
        return Ok(Kind::Flow(Box::new(flows::parse(file, text)?)));
    }
    if samples::is_sample(&value) {
        return Ok(Kind::Sample(Box::new(samples::parse(file, text)?)));
    }
    Ok(Kind::Body)
}

/// The request whose body that is.
pub(super) fn raw_request(source: &Source, body: Vec<u8>, received_at: UnixMillis) -> Request {
    let content_type = HeaderValue::from_str(source.profile().content_type());
    let headers = content_type.map(|value| (CONTENT_TYPE, value)).into_iter().collect();
    let path_and_query = format!("/webhooks/{}", source.name());
    Request { method: Method::POST, path_and_query, headers, body: body.into(), received_at }
}
