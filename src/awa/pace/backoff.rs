//! How long to wait before the next try. The `backoff` crate is used for its formula alone: the number of tries is
//! the caller's, nothing gives up here, and nothing sleeps.

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// Past this many tries the delay has long reached its maximum.
const MOST: u32 = 64;

/// The delay before the next try, in milliseconds: `dice` (0 to 1) of `initial` doubled with each of `tries`, at most
/// `max` (both in milliseconds). This is full jitter.
#[must_use]
pub fn backoff_delay(tries: u32, initial: u64, max: u64, dice: f64) -> u64 {
    let mut policy: ExponentialBackoff = ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(initial.min(max)))
        .with_max_interval(Duration::from_millis(max))
        .with_multiplier(2.0)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let mut interval = Duration::ZERO;
    for _ in 0..=tries.min(MOST) {
        interval = policy.next_backoff().unwrap_or_default();
    }
    let whole = interval.min(Duration::from_millis(max));
    u64::try_from(whole.mul_f64(dice.clamp(0.0, 1.0)).as_millis()).unwrap_or(max)
}
