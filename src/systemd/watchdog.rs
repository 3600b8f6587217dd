//! The watchdog: loops report heartbeats, and systemd is notified only while every one of them does.
//! It never restarts anything itself: a stuck loop stops the feeding, and systemd does the rest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Notifier;
use crate::clock::{self, millis};

/// How often the loops are looked at where systemd asks for no watchdog.
const UNWATCHED_PERIOD: Duration = Duration::from_secs(10);

/// A look that is later than this came so late because nothing could move: the process or its machine was stopped.
const STOOD_STILL: Duration = Duration::from_secs(5);

/// The loops that must keep moving. Clones watch the same loops.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchdog {
    loops: Arc<Mutex<Vec<Arc<Heart>>>>,
}

#[derive(Debug)]
struct Heart {
    name: &'static str,
    allowance: Duration,
    /// Milliseconds of the monotonic clock.
    last: AtomicU64,
}

/// The heartbeat of one loop. Dropping it counts as a loop that is stuck (it panicked); at an orderly end
/// [`Watchdog::retire_all`] comes first.
#[derive(Debug)]
pub(crate) struct Beat {
    heart: Arc<Heart>,
}

/// What a look at all loops found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Every loop has beaten within its allowance.
    Steady,
    /// These loops have not.
    Stuck(Vec<&'static str>),
}

impl Watchdog {
    /// Watches a loop from now on: it must beat at least once in each `allowance`, or it counts as stuck.
    #[must_use = "a beat that is dropped is a stuck loop"]
    pub(crate) fn register(&self, name: &'static str, allowance: Duration) -> Beat {
        self.register_at(name, allowance, clock::monotonic())
    }

    fn register_at(&self, name: &'static str, allowance: Duration, now: Duration) -> Beat {
        let heart = Arc::new(Heart { name, allowance, last: AtomicU64::new(millis(now)) });
        self.loops().push(Arc::clone(&heart));
        Beat { heart }
    }

    /// Looks at all loops at `now` on [`clock::monotonic`].
    #[must_use]
    pub(crate) fn pulse(&self, now: Duration) -> Pulse {
        let stuck: Vec<_> = self
            .loops()
            .iter()
            .filter(|heart| heart.is_stuck(now))
            .map(|heart| heart.name)
            .collect();
        if stuck.is_empty() { Pulse::Steady } else { Pulse::Stuck(stuck) }
    }

    /// Feeds systemd at half of its period for as long as the loops move; runs until it is dropped.
    ///
    /// Without a period of systemd's it still looks, so that a stuck loop is in the log.
    pub(crate) async fn run(self, notifier: Notifier, period: Option<Duration>) {
        let pause = period.map_or(UNWATCHED_PERIOD, |period| period / 2);
        let (mut before, mut looked) = (Pulse::Steady, clock::monotonic());
        loop {
            let now = clock::monotonic();
            let stood_still = now.saturating_sub(looked).saturating_sub(pause);
            if stood_still > STOOD_STILL {
                // Nobody could move; all begin anew.
                self.loops().iter().for_each(|heart| heart.beat(now));
                let ms = millis(stood_still);
                tracing::warn!(ms, "This process, or its machine, stood still");
            }
            looked = now;
            let pulse = self.pulse(clock::monotonic());
            if pulse == Pulse::Steady {
                notifier.feed_watchdog();
            }
            report(&before, &pulse);
            before = pulse;
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends the watch of all loops in good order: the program is about to stop, which has a time limit of its own.
    pub(crate) fn retire_all(&self) {
        self.loops().clear();
    }

    fn loops(&self) -> MutexGuard<'_, Vec<Arc<Heart>>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The period in which systemd wants to be fed (`$WATCHDOG_USEC`), where it wants to.
#[must_use]
pub(crate) fn period_from_environment() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
}

/// The loops that `now` became stuck and those that move again, against the look before.
fn changes(before: &Pulse, now: &Pulse) -> (Vec<&'static str>, Vec<&'static str>) {
    let (before, now) = (before.stuck(), now.stuck());
    let only_in = |these: &[&'static str], those: &[&'static str]| {
        these.iter().copied().filter(|name| !those.contains(name)).collect()
    };
    (only_in(now, before), only_in(before, now))
}

fn report(before: &Pulse, now: &Pulse) {
    let (stopped, moving) = changes(before, now);
    for name in stopped {
        tracing::error!(
            r#loop = name,
            "The {name} does not move: systemd's watchdog is no longer fed"
        );
    }
    for name in moving {
        tracing::warn!(r#loop = name, "The {name} moves again");
    }
}

impl Pulse {
    fn stuck(&self) -> &[&'static str] {
        match self {
            Self::Steady => &[],
            Self::Stuck(names) => names,
        }
    }
}

impl Heart {
    fn beat(&self, now: Duration) {
        self.last.store(millis(now), Ordering::Relaxed);
    }

    fn is_stuck(&self, now: Duration) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        now.saturating_sub(last) > self.allowance
    }
}

impl Beat {
    /// Says that the loop is about its work. Cheap enough for every turn of a loop.
    pub(crate) fn beat(&self) {
        self.beat_at(clock::monotonic());
    }

    fn beat_at(&self, now: Duration) {
        self.heart.beat(now);
    }

    /// The longest that the loop should sleep when it has nothing to do: a third of its allowance.
    #[must_use]
    pub(crate) fn interval(&self) -> Duration {
        self.heart.allowance / 3
    }
}

#[cfg(test)]
mod tests;
