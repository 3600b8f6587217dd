//! The last gate before a request leaves: at most so many in any second as ServiceNow sees them, calls, look-ups and
//! tokens alike.
//!
//! The pace decides the order beforehand; between its permit and the bytes lies a commit to disk, whose time varies.
//! A place is taken until a second after the answer came, which is surely a second after the request arrived, or a
//! little longer after the request left where the answer is slow.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Queue;

use crate::clock;

/// A second, rounded up for clocks that count milliseconds.
const SECOND: Duration = Duration::from_millis(1_002);
/// The same, and how long a request may be on its way to ServiceNow.
const TAKEN: Duration = SECOND.saturating_add(Duration::from_millis(30));

/// The gate; none may pass it but through [`Turnstile::pass`].
#[derive(Debug)]
pub(super) struct Turnstile {
    /// 0 = no limit.
    per_second: AtomicU32,
    next: AtomicU64,
    /// Whoever waits, in the order of coming.
    queue: Queue<()>,
    places: Mutex<VecDeque<Place>>,
}

#[derive(Debug)]
struct Place {
    number: u64,
    free_at: Instant,
}

/// One request's place.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    turnstile: &'a Turnstile,
    number: u64,
}

impl Turnstile {
    /// 0 lets everything through.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second: AtomicU32::new(per_second),
            next: AtomicU64::new(0),
            queue: Queue::default(),
            places: Mutex::default(),
        }
    }

    pub(super) fn set(&self, per_second: u32) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    /// Waits for a place, if it has to.
    pub(super) async fn pass(&self) -> Pass<'_> {
        let _turn = self.queue.lock().await;
        loop {
            let now = clock::instant();
            match self.take(now) {
                Ok(number) => return Pass { turnstile: self, number },
                Err(free_at) => tokio::time::sleep(free_at.saturating_duration_since(now)).await,
            }
        }
    }

    fn take(&self, now: Instant) -> Result<u64, Instant> {
        let most = self.per_second.load(Ordering::Relaxed);
        let mut places = self.places();
        places.retain(|place| place.free_at > now);
        let taken = u32::try_from(places.len()).unwrap_or(u32::MAX);
        if most > 0
            && taken >= most
            && let Some(first) = places.iter().map(|place| place.free_at).min()
        {
            return Err(first);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if most > 0 {
            places.push_back(Place { number, free_at: clock::after(now, TAKEN) });
        }
        Ok(number)
    }

    fn places(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The answer's head is there.
    pub(super) fn answered(self) {
        let free_at = clock::after(clock::instant(), SECOND);
        let mut places = self.turnstile.places();
        if let Some(place) = places.iter_mut().find(|place| place.number == self.number) {
            place.free_at = place.free_at.min(free_at);
        }
    }
}

#[cfg(test)]
mod tests;
