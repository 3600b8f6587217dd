//! The only place that reads the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::routing::UnixMillis;

/// The wall clock, in milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A reading of the monotonic clock, for lengths of time that a step of the wall clock must not bend.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn instant() -> Instant {
    Instant::now()
}

/// The machine's monotonic clock (`CLOCK_MONOTONIC`, since boot), which no correction of the wall clock moves.
///
/// It is the clock that systemd compares a reload's time with.
#[must_use]
pub fn monotonic() -> Duration {
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(sd_notify::NotifyState::MonotonicUsec(micros)) => {
            Duration::from_micros(u64::try_from(micros).unwrap_or_default())
        }
        Ok(_) | Err(_) => Duration::ZERO,
    }
}
