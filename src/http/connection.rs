//! What one connection is at and what it has shown so far: reported by its stream and its server, read by whoever needs
//! its place.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::clock;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has come over it.
    Fresh,
    /// A head is on its way, or what comes before it in TLS.
    Head,
    /// The body of a request is on its way.
    Body,
    /// A whole request has come and is worked on.
    Working,
    /// The last request is answered, the next one not begun.
    Idle,
    /// The last request was refused, and the connection is about to end.
    Closing,
    /// Its place is given to another.
    Evicted,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Fresh,
        Self::Head,
        Self::Body,
        Self::Working,
        Self::Idle,
        Self::Closing,
        Self::Evicted,
    ];

    fn of(number: u8) -> Self {
        Self::ALL[usize::from(number)]
    }
}

/// Microseconds of quiet that a byte makes up for, also in advance: whoever sends less than 8 bytes a millisecond
/// counts as quiet.
const CREDIT: u64 = 125;

/// Whom a connection is from: an IPv4 address, or the /64 network of an IPv6 address, which is one customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin(u64);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(u32::from(address))),
            // None of them begins with 32 zero bits, but for those that are IPv4 addresses.
            IpAddr::V6(address) => Self((u128::from(address) >> 64) as u64),
        }
    }
}

/// One connection; times are microseconds of the monotonic clock.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) origin: Origin,
    phase: AtomicU8,
    /// How much quiet can be made up for in advance, in microseconds.
    advance: u64,
    /// Quiet since then, or from then on.
    quiet_since: AtomicU64,
    /// Whether its stream was read once: before that nobody knows whether something has come.
    read: AtomicBool,
    answered: AtomicBool,
    authentic: AtomicBool,
    /// Whether it ends with a reset.
    reset: AtomicBool,
}

/// A look at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) phase: Phase,
    pub(super) quiet_since: u64,
    pub(super) read: bool,
    /// Whether a request was answered over it.
    pub(super) answered: bool,
    /// Whether a request over it was proved to be its sender's.
    pub(super) authentic: bool,
}

impl Connection {
    pub(super) fn new(origin: Origin, advance: u64) -> Self {
        Self {
            origin,
            advance,
            phase: AtomicU8::new(Phase::Fresh as u8),
            quiet_since: AtomicU64::new(micros()),
            read: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            authentic: AtomicBool::new(false),
            reset: AtomicBool::new(false),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::SeqCst))
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            phase: self.phase(),
            quiet_since: self.quiet_since.load(Ordering::Relaxed),
            read: self.read.load(Ordering::SeqCst),
            answered: self.answered.load(Ordering::Relaxed),
            authentic: self.authentic.load(Ordering::Relaxed),
        }
    }

    /// Whether it has brought no authentic request and none of its requests is being worked on.
    pub(super) fn is_unproved(&self) -> bool {
        let standing = self.standing();
        !standing.authentic && !matches!(standing.phase, Phase::Working | Phase::Evicted)
    }

    /// The stream was read, and so many bytes came; none if it would block.
    pub(super) fn was_read(&self, bytes: usize) {
        if bytes > 0 {
            let latest = micros().saturating_add(self.advance);
            let credit = CREDIT.saturating_mul(bytes as u64);
            let since = self.quiet_since.load(Ordering::Relaxed);
            self.quiet_since.store(since.saturating_add(credit).min(latest), Ordering::Relaxed);
            if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
                self.enter(Phase::Head);
            }
        }
        self.read.store(true, Ordering::SeqCst);
    }

    /// A head has come, and with it the whole request if it has no body.
    pub(super) fn request_begins(&self, has_body: bool) {
        self.enter(if has_body { Phase::Body } else { Phase::Working });
    }

    /// The whole request has come; false if the connection has lost its place before.
    pub(super) fn request_is_whole(&self) -> bool {
        self.enter(Phase::Working)
    }

    /// The answer is there.
    pub(super) fn request_is_answered(&self, authentic: bool, closing: bool) {
        self.answered.store(true, Ordering::Relaxed);
        if authentic {
            self.authentic.store(true, Ordering::Relaxed);
        }
        self.quiet_since.store(micros(), Ordering::Relaxed);
        self.enter(if closing { Phase::Closing } else { Phase::Idle });
    }

    /// Its end is to be a reset.
    pub(super) fn reset_at_end(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    pub(super) fn ends_with_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Takes its place away, if it still is where it was seen.
    pub(super) fn evict(&self, seen: Phase) -> bool {
        let (seen, evicted) = (seen as u8, Phase::Evicted as u8);
        self.phase.compare_exchange(seen, evicted, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Nothing leads out of `Evicted`.
    fn enter(&self, phase: Phase) -> bool {
        let evicted = Phase::Evicted as u8;
        let entered = self.phase.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            (now != evicted).then_some(phase as u8)
        });
        entered.is_ok()
    }
}

/// Now, as connections count it.
pub(super) fn micros() -> u64 {
    u64::try_from(clock::monotonic().as_micros()).unwrap_or(u64::MAX)
}
