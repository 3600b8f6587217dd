//! The token endpoint's own back-off: after a failure it is not asked for a moment, and longer after each that follows.
//! A refusal of the credentials is no such failure: for those [`Pace`](crate::awa::pace::Pace) holds all calls.

use std::time::{Duration, Instant};

use crate::awa::classify::Verdict;
use crate::awa::pace::Signal;
use crate::clock;
use crate::pauses::backoff_delay;
use crate::routing::AwaReply;

/// The pause after the first failure, doubled with each that follows, in milliseconds.
const FIRST: u64 = 250;
/// The longest pause, in milliseconds: short enough that a ring of a few seconds is still served when the endpoint is
/// back.
const LONGEST: u64 = 2_000;

/// What failed last; nothing while the endpoint grants.
#[derive(Default)]
pub(super) struct Pause(Option<Failed>);

struct Failed {
    verdict: Verdict,
    failures: u32,
    until: Instant,
}

impl Pause {
    /// While it lasts, what the endpoint would probably answer; it has not been asked.
    pub(super) fn lasts(&self, now: Instant) -> Option<Verdict> {
        let failed = self.0.as_ref().filter(|failed| now < failed.until)?;
        Some(Verdict { signal: Signal::Nothing, ..failed.verdict.clone() })
    }

    /// The endpoint has failed.
    pub(super) fn begins(&mut self, verdict: &Verdict, now: Instant) {
        if !matches!(verdict.reply, AwaReply::NotSent { .. } | AwaReply::InDoubt { .. }) {
            return self.ends();
        }
        let failures = self.0.as_ref().map_or(0, |before| before.failures);
        let pause = Duration::from_millis(backoff_delay(failures, FIRST, LONGEST, 1.0));
        let (failures, until) = (failures.saturating_add(1), clock::after(now, pause));
        self.0 = Some(Failed { verdict: verdict.clone(), failures, until });
    }

    /// It grants again.
    pub(super) fn ends(&mut self) {
        self.0 = None;
    }
}
