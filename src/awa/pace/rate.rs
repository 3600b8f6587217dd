//! Calls a second, by governor, on a clock that is wound by hand. What was taken and not used may be given back, which
//! governor does not offer: such calls are kept beside it, no more than it has yet to refill.

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

/// One call, in the unit of what is missing: a millisecond refills a thousand for each call a second.
const ONE: u64 = 1_000_000;

/// At most so many calls a second, with a burst.
#[derive(Debug)]
pub(super) struct Rate {
    limiter: Limiter,
    /// The limiter's own clock, wound on by the time that is passed in.
    clock: FakeRelativeClock,
    last: Option<UnixMillis>,
    per_second: u32,
    /// What governor has yet to refill until it is full, in millionths of a call.
    missing: u64,
    /// Calls that were given back and not taken again.
    spare: u64,
}

impl Rate {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        let per_second = per_second.max(1);
        Self { limiter, clock, last: None, per_second, missing: 0, spare: 0 }
    }

    /// Takes one call, or says when the next is free.
    pub(super) fn take(&mut self, now: UnixMillis) -> Result<(), UnixMillis> {
        if let Some(last) = self.last {
            let ms = now.since(last);
            self.clock.advance(Duration::from_millis(ms));
            let refilled = ms.saturating_mul(u64::from(self.per_second)).saturating_mul(1_000);
            self.missing = self.missing.saturating_sub(refilled);
            self.spare = self.spare.min(self.missing.div_euclid(ONE));
        }
        self.last = Some(now);
        if self.spare > 0 {
            self.spare = self.spare.saturating_sub(1);
            return Ok(());
        }
        self.limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            now.plus(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
        })?;
        self.missing = self.missing.saturating_add(ONE);
        Ok(())
    }

    /// Gives one call back that was taken and did not leave.
    pub(super) fn give_back(&mut self) {
        self.spare = self.spare.saturating_add(1).min(self.missing.div_euclid(ONE));
    }
}
