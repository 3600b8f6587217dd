//! How long to wait before the next try: pauses that double, by the `backoff` crate. The number of tries is the
//! caller's, nothing gives up here, and nothing sleeps.

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use crate::clock::millis;

/// Past this many tries the delay has long reached its maximum.
const MOST: u32 = 64;

/// The delay before the next try, in milliseconds: `jitter` (0 to 1) of `initial` doubled with each of `tries`, at most
/// `max` (both in milliseconds). This is full jitter.
#[must_use]
pub(crate) fn backoff_delay(tries: u32, initial: u64, max: u64, jitter: f64) -> u64 {
    let mut pauses = Pauses::growing(2_f64.powf(tries.min(MOST).into()), initial, max);
    // The first is `initial` itself, the second has grown by all tries at once.
    pauses.next();
    let whole = Duration::from_millis(pauses.next());
    millis(whole.mul_f64(jitter.clamp(0.0, 1.0)))
}

/// Pauses that grow up to a longest one.
#[derive(Debug)]
pub(crate) struct Pauses(ExponentialBackoff);

impl Pauses {
    /// Each twice as long as the one before; `first` and `longest` are in milliseconds.
    pub(crate) fn doubling(first: u64, longest: u64) -> Self {
        Self::growing(2.0, first, longest)
    }

    fn growing(factor: f64, first: u64, longest: u64) -> Self {
        let policy = ExponentialBackoffBuilder::new()
            .with_initial_interval(Duration::from_millis(first.min(longest)))
            .with_max_interval(Duration::from_millis(longest))
            .with_multiplier(factor)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self(policy)
    }

    /// The next pause, in milliseconds.
    pub(crate) fn next(&mut self) -> u64 {
        millis(self.0.next_backoff().unwrap_or(self.0.max_interval))
    }

    /// Begins with the first again.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_maximum_and_the_dice_choose_below_it() {
        let whole = |tries| backoff_delay(tries, 200, 10_000, 1.0);
        assert_eq!(
            (0..8).map(whole).collect::<Vec<_>>(),
            [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
        );
        assert_eq!(whole(u32::MAX), 10_000);
        assert_eq!(backoff_delay(3, 200, 10_000, 0.0), 0);
        assert_eq!(backoff_delay(3, 200, 10_000, 0.5), 800);
        assert_eq!(backoff_delay(0, 20_000, 10_000, 1.0), 10_000);
        assert_eq!(backoff_delay(0, 0, 0, 0.7), 0);
    }
}
