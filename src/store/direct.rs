//! Direct dispatch: a call that may leave at once is claimed in the commit that makes it due, so that it takes one sync
//! from the webhook to the call instead of two.

use super::request::Claim;
use crate::routing::{EntryId, LaneKey, UnixMillis, Urgency};

/// Says whether a call may leave now. The writer asks, so it must not wait.
pub(crate) trait DirectDispatch: Send + Sync {
    /// The right to make one call of that urgency. It is given back by dropping it.
    fn open(&self, urgency: Urgency, now: UnixMillis) -> Option<Box<dyn SendSlot>>;
}

/// The right to make one call.
pub(crate) trait SendSlot: Send {
    /// The claim is on record: the call may leave, if it is one.
    fn leave(self: Box<Self>, lane: LaneKey, entry: EntryId, claim: Claim);
}

/// A claim that leaves with the commit in the making.
pub(super) struct PendingSend {
    pub(super) slot: Box<dyn SendSlot>,
    pub(super) lane: LaneKey,
    pub(super) entry: EntryId,
    pub(super) claim: Claim,
}

impl PendingSend {
    pub(super) fn leave(self) {
        let Self { slot, lane, entry, claim } = self;
        slot.leave(lane, entry, claim);
    }
}
