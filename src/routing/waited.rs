//! Where an entry's time went: every millisecond under one cause.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an entry's time went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waited {
    /// Behind earlier events of its conversation, or for a free connection.
    pub(crate) lane: u64,
    /// For the rate limit.
    pub(crate) rate_limit: u64,
    /// Between tries.
    pub(crate) backoff: u64,
    /// Because ServiceNow said Retry-After.
    pub(crate) retry_after: u64,
    /// While the breaker was open or the instance was held.
    pub(crate) breaker: u64,
    /// For ServiceNow's answers.
    pub(crate) answer: u64,
    /// For a mapping, a document or a work item.
    pub(crate) mapping: u64,
}

impl Waited {
    /// All of it.
    #[must_use]
    pub(crate) const fn total(&self) -> u64 {
        self.lane
            + self.rate_limit
            + self.backoff
            + self.retry_after
            + self.breaker
            + self.answer
            + self.mapping
    }
}

/// The causes that took time, such as `rate_limit 120 ms, answer 35 ms`.
impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = [
            ("lane", self.lane),
            ("rate_limit", self.rate_limit),
            ("backoff", self.backoff),
            ("retry_after", self.retry_after),
            ("breaker", self.breaker),
            ("answer", self.answer),
            ("mapping", self.mapping),
        ];
        let mut first = true;
        for (name, ms) in causes.into_iter().filter(|(_, ms)| *ms > 0) {
            write!(f, "{}{name} {ms} ms", if first { "" } else { ", " })?;
            first = false;
        }
        if first { f.write_str("no time") } else { Ok(()) }
    }
}
