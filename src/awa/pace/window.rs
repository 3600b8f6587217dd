//! At most so many requests in any second, however they bunch: governor alone lets its burst leave on top of the rate.

use std::collections::VecDeque;

use crate::routing::UnixMillis;

/// The second, and what the way to ServiceNow may stretch or squeeze, in milliseconds.
const SPAN: u64 = 1_020;

/// When the last requests left, oldest first.
#[derive(Debug)]
pub(super) struct Window {
    most: usize,
    left: VecDeque<UnixMillis>,
}

impl Window {
    pub(super) fn new(per_second: u32) -> Self {
        let most = usize::try_from(per_second.max(1)).unwrap_or(usize::MAX);
        Self { most, left: VecDeque::new() }
    }

    /// When the next request fits; none if it fits now.
    pub(super) fn full_until(&mut self, now: UnixMillis) -> Option<UnixMillis> {
        // A wall clock that was set back must not keep the window full.
        self.left.retain(|at| *at <= now && now < at.plus(SPAN));
        let over = self.left.len().checked_sub(self.most)?;
        self.left.get(over).map(|at| at.plus(SPAN))
    }

    pub(super) fn add(&mut self, requests: u32, now: UnixMillis) {
        self.left.extend((0..requests).map(|_| now));
    }

    /// Takes one request out again that was to leave at that moment and did not.
    pub(super) fn give_back(&mut self, at: UnixMillis) {
        if let Some(index) = self.left.iter().rposition(|left| *left == at) {
            self.left.remove(index);
        }
    }
}
