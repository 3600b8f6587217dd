//! Calls a second, by governor, on a clock that is wound by hand.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::routing::UnixMillis;

type Limiter = RateLimiter<
    NotKeyed,
    InMemoryState,
    FakeRelativeClock,
    NoOpMiddleware<<FakeRelativeClock as Clock>::Instant>,
>;

/// At most so many calls a second, with a burst.
#[derive(Debug)]
pub(super) struct Rate {
    limiter: Limiter,
    /// The limiter's own clock, wound on by the time that is passed in.
    clock: FakeRelativeClock,
    last: Option<UnixMillis>,
}

impl Rate {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let clock = FakeRelativeClock::default();
        Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock, last: None }
    }

    /// Takes one call, or says when the next is free.
    pub(super) fn take(&mut self, now: UnixMillis) -> Result<(), UnixMillis> {
        if let Some(last) = self.last {
            self.clock.advance(Duration::from_millis(now.since(last)));
        }
        self.last = Some(now);
        self.limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            now.plus(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
        })
    }
}
