//! One webhook request as it came: everything that a signature or a filter may look at.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method};

use crate::routing::UnixMillis;

/// A request of a vendor, its body complete.
#[derive(Clone, Default)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// As on the wire, such as `/webhooks/demo?x=1`.
    pub path_and_query: String,
    /// All headers as they came.
    pub headers: HeaderMap,
    /// The body's bytes as they came.
    pub body: Bytes,
    /// When the request came in.
    pub received_at: UnixMillis,
}

impl Request {
    /// The first value of a header, if it is text.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The path without the query.
    #[must_use]
    pub(crate) fn path(&self) -> &str {
        self.path_and_query.split_once('?').map_or(self.path_and_query.as_str(), |(path, _)| path)
    }

    /// The query without its question mark, empty if there is none.
    #[must_use]
    pub(crate) fn raw_query(&self) -> &str {
        self.path_and_query.split_once('?').map_or("", |(_, query)| query)
    }

    /// The query's parameters in their order, percent-decoded.
    pub(crate) fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.raw_query().as_bytes())
    }

    /// The first query parameter of that name.
    #[must_use]
    pub(crate) fn query_parameter(&self, name: &str) -> Option<String> {
        self.query().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The content type in lower case without its parameters.
    #[must_use]
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.header(CONTENT_TYPE.as_str())?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }
}

/// Hides headers and body: they carry secrets and callers.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}
