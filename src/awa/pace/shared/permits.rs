//! The permits that a node holds, and what becomes of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::state::{Fate, LIFE_MS};
use crate::clock::{self, millis};
use crate::routing::UnixMillis;

/// When the register was read: between two moments of ours, at that moment of the database's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) at: UnixMillis,
}

/// Permits that may be used, oldest first, and the fates of others that are yet to be told.
#[derive(Debug, Default)]
pub(super) struct Permits {
    grants: VecDeque<Grant>,
    pub(super) fates: Vec<Fate>,
}

/// Permits that were granted together.
#[derive(Debug, Clone, Copy)]
struct Grant {
    read: Read,
    granted_at: UnixMillis,
    count: u32,
}

impl Permits {
    pub(super) fn add(&mut self, read: Read, granted_at: UnixMillis, count: u32) {
        self.grants.push_back(Grant { read, granted_at, count });
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Permits whose time is over go back, and all that are more than `needed`.
    pub(super) fn give_back(&mut self, needed: u32, now: Instant) {
        let (mut kept, mut left) = (VecDeque::new(), needed);
        for mut grant in self.grants.drain(..) {
            let stays = if grant.is_over(now) { 0 } else { grant.count.min(left) };
            for _ in stays..grant.count {
                self.fates.push(Fate { granted_at: grant.granted_at, used_at: None });
            }
            (grant.count, left) = (stays, left.saturating_sub(stays));
            if stays > 0 {
                kept.push_back(grant);
            }
        }
        self.grants = kept;
    }

    pub(super) fn live(&self) -> u32 {
        self.grants.iter().map(|grant| grant.count).fold(0, u32::saturating_add)
    }

    /// Uses one, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let now = clock::instant();
        self.give_back(u32::MAX, now);
        let Some(grant) = self.grants.front_mut() else { return false };
        grant.count = grant.count.saturating_sub(1);
        let used_at = Some(grant.read.at_the_latest(now));
        self.fates.push(Fate { granted_at: grant.granted_at, used_at });
        if grant.count == 0 {
            self.grants.pop_front();
        }
        true
    }
}

impl Grant {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.read.began) >= Duration::from_millis(LIFE_MS)
    }
}

impl Read {
    /// The latest that the database's clock can show at one of our moments.
    pub(super) fn at_the_latest(&self, now: Instant) -> UnixMillis {
        self.at.plus(millis(now.saturating_duration_since(self.began)).saturating_add(1))
    }
}
