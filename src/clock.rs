//! The only place that reads the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::routing::UnixMillis;

/// The wall clock, in milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn now() -> UnixMillis {
    #[cfg(test)]
    if let Some(now) = by_hand::now() {
        return now;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A length of time in whole milliseconds.
#[must_use]
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds in seconds, for metrics.
#[must_use]
pub(crate) fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// A reading of the monotonic clock, for lengths of time that a step of the wall clock must not bend.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place that may")]
pub fn instant() -> Instant {
    #[cfg(test)]
    if let Some(instant) = by_hand::instant() {
        return instant;
    }
    Instant::now()
}

/// A moment of the monotonic clock and a length of time more; of lengths that no clock can count, a year.
#[must_use]
pub(crate) fn after(from: Instant, length: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    from.checked_add(length).or_else(|| from.checked_add(YEAR)).unwrap_or(from)
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

/// Clocks that a test winds by hand, for all that runs on the test's own thread.
#[cfg(test)]
pub(crate) mod by_hand {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use crate::routing::UnixMillis;

    thread_local! {
        static NOW: Cell<Option<UnixMillis>> = const { Cell::new(None) };
        static INSTANT: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    pub(super) fn now() -> Option<UnixMillis> {
        NOW.get()
    }

    pub(super) fn instant() -> Option<Instant> {
        INSTANT.get()
    }

    pub(crate) fn set(now: UnixMillis) {
        NOW.set(Some(now));
    }

    /// Stops the monotonic clock; [`wind`] alone moves it from now on.
    pub(crate) fn stop() {
        INSTANT.set(Some(super::instant()));
    }

    /// The same at a moment so long ago: what lasts no longer is over whenever it is looked at.
    pub(crate) fn stop_before(length: Duration) {
        INSTANT.set(super::instant().checked_sub(length));
    }

    /// Lets both go by themselves again.
    pub(crate) fn go_on() {
        NOW.set(None);
        INSTANT.set(None);
    }

    pub(crate) fn wind(length: Duration) {
        INSTANT.set(Some(super::after(super::instant(), length)));
    }
}
