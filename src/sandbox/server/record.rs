//! What the sandbox remembers of the requests that reached it; credentials are left out.

use std::collections::VecDeque;

use hyper::HeaderMap;
use serde_json::Value;

use super::super::world::Endpoint;
use crate::routing::{SysId, UnixMillis};

/// How many requests are remembered.
const KEPT: usize = 100_000;

/// Headers whose values are credentials.
const SECRET: [&str; 2] = ["authorization", "x-sn-apikey"];

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// When it had arrived, on the real clock.
    pub at: UnixMillis,
    /// Which API it was for.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Undecoded, without the question mark.
    pub(crate) query: String,
    /// Names in lower case; the value of a credential is `…`.
    pub(crate) headers: Vec<(String, String)>,
    /// The JSON body; none of the token endpoint's.
    pub body: Option<Value>,
    /// As whom it was authenticated.
    pub caller: Option<SysId>,
    /// The name of the fault that was injected.
    pub(crate) fault: Option<&'static str>,
    /// The status of the API's answer; none if the call had no effect.
    pub performed: Option<u16>,
    /// The status that was sent; none if nothing was, or not yet.
    pub status: Option<u16>,
}

#[cfg(test)]
impl RecordedCall {
    /// A header's value by its lower-case name.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The last requests.
#[derive(Debug, Default)]
pub(super) struct Calls {
    kept: VecDeque<RecordedCall>,
    next: u64,
}

impl Calls {
    pub(super) fn iter(&self) -> impl Iterator<Item = &RecordedCall> {
        self.kept.iter()
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    /// Adds a request and gives its number.
    pub(super) fn add(&mut self, mut call: RecordedCall) -> u64 {
        call.number = self.next;
        self.next += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
        self.next - 1
    }

    /// Changes a request that is still remembered.
    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut RecordedCall)) {
        if let Some(call) = self.kept.iter_mut().rev().find(|call| call.number == number) {
            change(call);
        }
    }

    /// Writes a log line about a request that is through.
    pub(super) fn log(&self, number: u64) {
        let Some(call) = self.kept.iter().rev().find(|call| call.number == number) else { return };
        let RecordedCall { method, path, performed, status, fault, .. } = call;
        tracing::debug!(method, path, performed, status, fault, "a request");
    }
}

/// The headers of a request as they are remembered.
pub(super) fn visible(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |name: &str, value: &hyper::header::HeaderValue| {
        if SECRET.contains(&name) {
            "…".to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        }
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value))).collect()
}
