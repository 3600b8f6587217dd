//! A gate that shuts on trouble and lets one call at a time through to see whether the trouble is over.

use crate::pauses::Pauses;
use crate::routing::UnixMillis;

/// Open, or shut with growing pauses between probes.
#[derive(Debug)]
pub(super) struct Gate {
    pauses: Pauses,
    shut: Option<Shut>,
}

#[derive(Debug, Clone, Copy)]
struct Shut {
    since: UnixMillis,
    pause: u64,
    /// A probe is in flight.
    probing: bool,
}

impl Gate {
    /// Open; `first` and `longest` of its pauses are in milliseconds.
    pub(super) fn new((first, longest): (u64, u64)) -> Self {
        Self { pauses: Pauses::doubling(first, longest), shut: None }
    }

    /// Whether a call may pass now, and if so whether as a probe. Else: when to ask again; `again` while a probe is on
    /// the way.
    pub(super) fn pass(&self, now: UnixMillis, again: UnixMillis) -> Result<bool, UnixMillis> {
        match self.shut {
            None => Ok(false),
            Some(shut) if shut.probing => Err(again),
            // A wall clock that was set back must not prolong the pause.
            Some(shut) if now < shut.since || now >= shut.until() => Ok(true),
            Some(shut) => Err(shut.until()),
        }
    }

    /// Takes note that a probe left, if it is one.
    pub(super) const fn probe(&mut self, is_probe: bool) {
        if let (true, Some(shut)) = (is_probe, &mut self.shut) {
            shut.probing = true;
        }
    }

    /// Takes note that a probe came back or was given up, if it is one.
    pub(super) const fn probe_over(&mut self, is_probe: bool) {
        if let (true, Some(shut)) = (is_probe, &mut self.shut) {
            shut.probing = false;
        }
    }

    /// Shuts it, or starts the next, longer pause if a probe was in flight. Late news of the same trouble changes
    /// nothing.
    pub(super) fn shut(&mut self, now: UnixMillis) {
        if self.shut.is_none_or(|shut| shut.probing) {
            self.shut = Some(Shut { since: now, pause: self.pauses.next(), probing: false });
        }
    }

    pub(super) fn open_again(&mut self) {
        self.shut = None;
        self.pauses.reset();
    }

    pub(super) const fn is_shut(&self) -> bool {
        self.shut.is_some()
    }

    pub(super) fn shut_until(&self) -> Option<UnixMillis> {
        self.shut.map(Shut::until)
    }
}

impl Shut {
    const fn until(self) -> UnixMillis {
        self.since.plus(self.pause)
    }
}
