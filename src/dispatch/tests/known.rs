//! What a conversation has reported, as far as later events depend on it.

use super::fate::{Fate, agent_of};
use crate::routing::*;

/// What a conversation has reported so far.
#[derive(Default)]
pub(super) struct Known {
    pub(super) document: Option<DocumentRef>,
    /// None where other conversations are carried out in the same lane.
    pub(super) queue: Option<VendorQueueId>,
    pub(super) shared: bool,
    /// What put work before an agent on a leg, oldest first.
    rings: Vec<Ring>,
}

struct Ring {
    kind: Kind,
    leg: SegmentId,
    agent: VendorAgentId,
    occurred_at: UnixMillis,
}

impl Known {
    /// Whether this surely says what was just said under another id; remembers it if not.
    pub(super) fn hears(&mut self, event: &RoutingEvent, window: u64) -> bool {
        let Some(ring) = ring(event) else { return false };
        let again =
            self.rings.iter().rev().take(5).any(|before| before.is_repeated_by(&ring, window));
        if !again {
            self.rings.push(ring);
        }
        again && !self.shared
    }

    /// A ring whose leg has ended is not remembered, and who knows which has.
    pub(super) fn forgets_rings(&mut self) {
        self.rings.clear();
    }
}

impl Ring {
    fn is_repeated_by(&self, now: &Self, window: u64) -> bool {
        self.kind == now.kind
            && self.leg == now.leg
            && self.agent == now.agent
            && self.occurred_at.0.abs_diff(now.occurred_at.0) < window
    }
}

impl Fate {
    /// Whether this may say the same as an earlier event.
    pub(super) fn may_repeat(&self, earlier: &Self, window: u64) -> bool {
        ring(&earlier.event)
            .zip(ring(&self.event))
            .is_some_and(|(earlier, ours)| earlier.is_repeated_by(&ours, window))
    }
}

fn ring(event: &RoutingEvent) -> Option<Ring> {
    let agent = agent_of(event)?.clone();
    let (kind, leg) = (event.kind(), event.segment.clone()?);
    Some(Ring { kind, leg, agent, occurred_at: event.occurred_at })
}
