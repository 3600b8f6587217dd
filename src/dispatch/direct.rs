//! Direct dispatch: what the store claims in the commit that makes it due is sent at once. Open while the pace allows a
//! call and nothing is held.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::awa::pace::{Pace, Permit};
use crate::routing::{EntryId, LaneKey, UnixMillis, Urgency};
use crate::store::{Claim, DirectDispatch, SendSlot};

/// A call that was claimed in the commit that made it due.
pub(super) struct Claimed {
    pub(super) permit: Permit,
    pub(super) lane: LaneKey,
    pub(super) entry: EntryId,
    pub(super) claim: Claim,
}

/// Where the store asks for a slot; closed for good when the dispatcher stops.
pub(super) struct DirectSender {
    pace: Arc<Pace>,
    held: Arc<dyn Fn() -> bool + Send + Sync>,
    out: Mutex<Option<UnboundedSender<Claimed>>>,
}

struct Way {
    /// None once it was used.
    permit: Option<Permit>,
    out: UnboundedSender<Claimed>,
}

impl DirectSender {
    /// The sender and its receiver. No more calls are between them than `pace` allows in flight.
    pub(super) fn new(
        pace: Arc<Pace>,
        held: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> (Arc<Self>, UnboundedReceiver<Claimed>) {
        let (out, claimed) = unbounded_channel();
        (Arc::new(Self { pace, held, out: Mutex::new(Some(out)) }), claimed)
    }

    /// Gives no slot any more. What was claimed already still arrives, before the receiver ends.
    pub(super) fn close(&self) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl DirectDispatch for DirectSender {
    fn open(&self, urgency: Urgency, now: UnixMillis) -> Option<Box<dyn SendSlot>> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if (self.held)() {
            return None;
        }
        let permit = self.pace.permit(urgency, now).ok()?;
        Some(Box::new(Way { permit: Some(permit), out }))
    }
}

impl SendSlot for Way {
    fn leave(mut self: Box<Self>, lane: LaneKey, entry: EntryId, claim: Claim) {
        let Some(permit) = self.permit.take() else { return };
        // Without a receiver it is not sent; the call is looked up at the next start.
        drop(self.out.send(Claimed { permit, lane, entry, claim }));
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.unused();
        }
    }
}
