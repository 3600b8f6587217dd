//! The store's door for calls that can go at once: it stands open while there is pace and nothing is held.

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

/// The door; shut for good when the dispatcher stops.
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
    /// The sender, and where what it sends arrives: no more than `pace` allows in flight at once.
    pub(super) fn new(
        pace: Arc<Pace>,
        held: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> (Arc<Self>, UnboundedReceiver<Claimed>) {
        let (out, claimed) = unbounded_channel();
        (Arc::new(Self { pace, held, out: Mutex::new(Some(out)) }), claimed)
    }

    /// Lets nothing more out. What is on its way still arrives; the receiver's end is the last of it.
    pub(super) fn shut(&self) {
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
        // With nobody there to send it, it is looked up at the next start.
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
