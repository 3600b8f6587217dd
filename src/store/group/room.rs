//! Whether a delivery may be taken: how much is owed already, in all, to its source, and in the lanes of its
//! conversations.
//!
//! Each of a source's events counts against that source alone: a source or a conversation that owes much is refused,
//! and no other. What is parked counts apart, since it waits for an operator.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Failed, Group};
use crate::routing::{ContactCenter, DocumentRef, LaneKey, RoutingEvent};
use crate::store::refusal::{Limit, Refusal};
use crate::store::request::{Delivery, Item};

/// `Retry-After` when too much is owed, in seconds.
const RETRY_AFTER: u32 = 5;
/// The same where an operator has to add a mapping first.
const RETRY_AFTER_PARKED: u32 = 30;

/// What a delivery would add.
#[derive(Default)]
struct Added {
    to_lanes: HashMap<Arc<LaneKey>, usize>,
    /// Documents that no lane has yet, and the lanes that they would get.
    documents: HashMap<DocumentRef, Arc<LaneKey>>,
}

impl Group<'_> {
    /// Why a delivery cannot be taken whose items at the places `fresh` are new.
    pub(super) fn refusal(
        &mut self,
        delivery: &Delivery,
        fresh: &[usize],
    ) -> Result<Option<Refusal>, Failed> {
        let Delivery { source, contact_center, items, .. } = delivery;
        if fresh.is_empty() {
            return Ok(None);
        }
        if self.terms.no_space {
            return Ok(Some(Refusal::NoSpace));
        }
        let limits = self.terms.limits;
        let (pending, owed) = self.view.owed(source);
        let pending = pending + self.added.values().sum::<usize>();
        let owed_pending = owed.pending + self.added.get(source).copied().unwrap_or_default();
        let full =
            |limit, retry_after_seconds| Ok(Some(Refusal::Full { limit, retry_after_seconds }));
        if owed.parked >= limits.per_source {
            return full(Limit::Parked, RETRY_AFTER_PARKED);
        }
        if owed_pending + fresh.len() > limits.per_source {
            return full(Limit::Source, RETRY_AFTER);
        }
        if pending + fresh.len() > limits.pending {
            return full(Limit::Pending, RETRY_AFTER);
        }
        let mut added = Added::default();
        for item in fresh.iter().filter_map(|place| items.get(*place)) {
            let Item::Event(event) = item else { continue };
            if self.owed_with(contact_center, event, &mut added)? > limits.per_conversation {
                return full(Limit::Conversation, RETRY_AFTER);
            }
        }
        Ok(None)
    }

    /// How much an event's lane would owe with it and with all that was added before.
    fn owed_with(
        &mut self,
        contact_center: &ContactCenter,
        event: &RoutingEvent,
        added: &mut Added,
    ) -> Result<usize, Failed> {
        let contact_center = contact_center.clone();
        let conversation = event.conversation.clone();
        let lane = self.root(&Arc::new(LaneKey { contact_center, conversation }))?;
        let root = match &event.document {
            Some(document) if !self.lane(&lane)?.has_document(document) => {
                match self.lane_of_document(&lane.contact_center, document)? {
                    Some(root) => self.root(&root)?,
                    None => {
                        let root = added.documents.entry(document.clone());
                        Arc::clone(root.or_insert_with(|| Arc::clone(&lane)))
                    }
                }
            }
            Some(_) | None => Arc::clone(&lane),
        };
        let mut owed = self.lane(&root)?.unsettled() + added.to(&root) + 1;
        if root != lane {
            owed += self.lane(&lane)?.unsettled() + added.to(&lane);
        }
        *added.to_lanes.entry(root).or_default() += 1;
        Ok(owed)
    }
}

impl Added {
    fn to(&self, lane: &Arc<LaneKey>) -> usize {
        self.to_lanes.get(lane).copied().unwrap_or_default()
    }
}
