//! What an exchange says about the instance, and what may keep a call back.

/// What an exchange says about the instance, whatever it means for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Nothing was asked.
    Nothing,
    /// ServiceNow answered.
    Answered,
    /// It refused the call without saying for how long.
    Overloaded,
    /// It said for how long nothing is to be sent, by a rate limit rule of its own.
    RetryAfter { ms: u64 },
    /// The same, but nothing shows that it was ServiceNow who said it.
    Hinted { ms: u64 },
    /// No connection, no answer, or a gateway's answer.
    Silent,
    /// Something else answered.
    Foreign,
    /// The developer instance sleeps.
    Hibernating,
    /// The credentials were refused.
    Unauthorised,
}

/// Why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    RateLimit,
    Budget,
    RetryAfter,
    Breaker,
    Unauthorised,
    Concurrency,
}
