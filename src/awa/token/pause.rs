//! The token endpoint's own back-off: after a failure it is not asked for a moment, and longer after each that follows. A
//! refusal of the credentials is no such failure: for those [`Pace`](crate::awa::pace::Pace) holds all calls.

use std::time::{Duration, Instant};

use crate::awa::classify::Verdict;
use crate::awa::pace::Signal;
use crate::clock;
use crate::routing::AwaReply;

/// The pause after the first failure, doubled with each that follows.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause: short enough that a ring of a few seconds is still served when the endpoint is back.
const LONGEST: Duration = Duration::from_secs(2);

/// What failed last; nothing while the endpoint grants.
#[derive(Default)]
pub(super) struct Pause(Option<Failed>);

struct Failed {
    verdict: Verdict,
    pause: Duration,
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
        let pause =
            self.0.as_ref().map_or(FIRST, |before| before.pause.saturating_mul(2).min(LONGEST));
        self.0 = Some(Failed { verdict: verdict.clone(), pause, until: clock::after(now, pause) });
    }

    /// It grants again.
    pub(super) fn ends(&mut self) {
        self.0 = None;
    }
}
