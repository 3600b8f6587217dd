//! What is between the bridge and the instance: calls and look-ups in one direction, answers in the other.

use crate::routing::{Answer, AwaCall, AwaReply, CallOptions, EntryId, LookUp, UnixMillis};

/// A call or a look-up under way.
pub(super) struct InFlight {
    /// When it arrives.
    pub(super) at: UnixMillis,
    /// When the call left.
    pub(super) sent: UnixMillis,
    pub(super) entry: EntryId,
    pub(super) options: CallOptions,
    pub(super) leg: Leg,
}

/// What is under way, and in which direction.
pub(super) enum Leg {
    Call(AwaCall),
    LookUp(LookUp),
    Answer { reply: AwaReply, answer: Answer },
}

/// All that is under way.
#[derive(Default)]
pub(super) struct Traffic(Vec<InFlight>);

impl Traffic {
    pub(super) fn add(&mut self, way: InFlight) {
        self.0.push(way);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries whose call, look-up or answer is under way.
    pub(super) fn entries(&self) -> impl Iterator<Item = EntryId> {
        self.0.iter().map(|way| way.entry)
    }

    /// When something arrives next.
    pub(super) fn next_at(&self) -> Option<UnixMillis> {
        self.0.iter().map(|way| way.at).min()
    }

    /// Takes what has arrived first.
    pub(super) fn take_arrived(&mut self, now: UnixMillis) -> Option<InFlight> {
        let arrived = (0..self.0.len()).filter(|n| self.0[*n].at <= now);
        let first = arrived.min_by_key(|n| (self.0[*n].at, self.0[*n].entry))?;
        Some(self.0.remove(first))
    }
}
