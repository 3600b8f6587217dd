//! A delivery comes in: which of its events are new, what they mean, and what is written of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::{
    Acceptance, Change, Class, End, EventRow, Failed, Group, IndexRow, Origin, Settled, Transition,
    meta_of,
};
use crate::routing::{
    ConversationId, EntryId, Input, LaneKey, Outcome, Reason, ReasonCode, RoutingEvent, Story,
    UnixMillis, Unreadable, Waited,
};
use crate::store::hashes;
use crate::store::records::{BodyRow, Content, Hash};
use crate::store::refusal::Refusal;
use crate::store::request::{Delivery, Item};

impl Group<'_> {
    pub(super) fn accept(
        &mut self,
        delivery: &Delivery,
    ) -> Result<Result<Vec<Acceptance>, Refusal>, Failed> {
        let Delivery { source, body, items, fingerprint, .. } = delivery;
        let received_at = &self.received_at(delivery);
        let request = fingerprint.map(|found| hashes::of_request(source, &found));
        if request.is_some_and(|request| self.number_of(&request).is_some()) {
            let known = items.iter().filter_map(|item| duplicate(delivery, item));
            self.transitions.extend(known);
            return Ok(Ok(vec![Acceptance::Duplicate; items.len()]));
        }
        // What could not be read may come again as it is, once the profile can read it.
        let read = |item: &Item| matches!(item, Item::Event(_));
        let request = request.filter(|_| items.is_empty() || items.iter().any(read));
        let ids: Vec<_> = items.iter().map(|item| hashes::of_event(source, item.id())).collect();
        let fresh = self.fresh(&ids);
        if let Some(refusal) = self.refusal(delivery, &fresh)? {
            return Ok(Err(refusal));
        }
        let number = self.next_number;
        let body = body.as_ref().filter(|_| !fresh.is_empty()).map(|bytes| BodyRow {
            received_at: *received_at,
            events: u32::try_from(fresh.len()).unwrap_or(u32::MAX),
            bytes: bytes.clone(),
        });
        let body = body.map(|row| {
            self.changes.push(Change::Body(number, Some(row)));
            number
        });
        *self.added.entry(Arc::clone(source)).or_default() += fresh.len();
        let mut accepted = Vec::with_capacity(items.len());
        for (item, id) in items.iter().zip(ids) {
            accepted.push(self.accept_item(delivery, body, item, id)?);
        }
        if let Some(id) = request {
            let number = self.learn(id);
            let (received_at, class) = (*received_at, Class::Request);
            let row = IndexRow { id, received_at, class, conversations: None };
            self.changes.push(Change::Index(number, row));
        }
        Ok(Ok(accepted))
    }

    /// When a delivery came in, by the clock of the rows.
    const fn received_at(&self, delivery: &Delivery) -> UnixMillis {
        UnixMillis(delivery.received_at.0.saturating_add(self.terms.ahead_ms))
    }

    /// The places of the ids that are new, each once.
    fn fresh(&self, ids: &[Hash]) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut is_new = |id: &Hash| self.number_of(id).is_none() && seen.insert(*id);
        (0..ids.len()).filter(|place| is_new(&ids[*place])).collect()
    }

    fn accept_item(
        &mut self,
        delivery: &Delivery,
        body: Option<u64>,
        item: &Item,
        id: Hash,
    ) -> Result<Acceptance, Failed> {
        if self.number_of(&id).is_some() {
            self.transitions.extend(duplicate(delivery, item));
            return Ok(Acceptance::Duplicate);
        }
        let number = self.learn(id);
        let source = Arc::clone(&delivery.source);
        let origin = Origin {
            source,
            received_at: self.received_at(delivery),
            body,
            order: number,
            ..Origin::default()
        };
        match item {
            Item::Event(event) => {
                self.accept_event(delivery, number, RoutingEvent::clone(event), origin)?;
            }
            Item::Unreadable(one) => self.accept_unreadable(delivery, number, one, origin)?,
        }
        Ok(Acceptance::Accepted)
    }

    /// Remembers an id under a number of its own.
    fn learn(&mut self, id: Hash) -> u64 {
        let number = self.take_number();
        self.ids.insert(id, number);
        number
    }

    fn accept_event(
        &mut self,
        delivery: &Delivery,
        number: u64,
        mut event: RoutingEvent,
        origin: Origin,
    ) -> Result<(), Failed> {
        let meta = meta_of(&delivery.source, &event);
        self.transitions.push(Transition::Pending(meta));
        let conversation = lane_in(delivery, event.conversation.clone());
        let rules = self.terms.rules.rules(&conversation.contact_center);
        // A document that is not called for is neither the conversation's nor a reason to share a lane.
        let lane = if event.document.as_ref().is_none_or(|document| rules.allow(document)) {
            self.name_document(&conversation, &mut event)?;
            self.join(&conversation, event.document.as_ref())?
        } else {
            self.root(&conversation)?
        };
        let entry = EntryId(number);
        self.lane(&lane)?.origins.insert(entry, Arc::new(origin));
        let input = Input::Event { entry, event, at: self.received_at(delivery) };
        self.decide(&lane, input)?;
        Ok(())
    }

    fn accept_unreadable(
        &mut self,
        delivery: &Delivery,
        number: u64,
        unreadable: &Unreadable,
        origin: Origin,
    ) -> Result<(), Failed> {
        let reason = Reason::with(ReasonCode::Unreadable, &unreadable.problem);
        let received_at = self.received_at(delivery);
        let end = End {
            outcome: Outcome::Dead,
            reason: reason.clone(),
            settled_at: received_at,
            story: Story::default(),
        };
        let row = EventRow {
            contact_center: delivery.contact_center.clone(),
            content: Content::Unreadable(unreadable.clone()),
            origin: Origin { end: Some(end), ..origin },
            entry: None,
        };
        let settled = Settled {
            meta: row.meta(),
            outcome: Outcome::Dead,
            reason,
            attempts: 0,
            waited: Waited::default(),
        };
        let conversations = match row.content.conversation() {
            Some(own) => {
                let lane = self.root(&lane_in(delivery, own.clone()))?;
                Some([hashes::of_conversation(&own), hashes::of_conversation(&lane.conversation)])
            }
            None => None,
        };
        let id = hashes::of_event(&delivery.source, row.content.id());
        let index = IndexRow { id, received_at, class: Class::Dead, conversations };
        self.changes.push(Change::Index(number, index));
        self.changes.push(Change::Event(number, Box::new(row)));
        self.note_settled(number);
        self.transitions.push(Transition::Settled(settled));
        Ok(())
    }
}

/// The change that is reported for an item that is known already, where it is an event.
fn duplicate(delivery: &Delivery, item: &Item) -> Option<Transition> {
    match item {
        Item::Event(event) => Some(Transition::Duplicate(meta_of(&delivery.source, event))),
        Item::Unreadable(_) => None,
    }
}

fn lane_in(delivery: &Delivery, conversation: ConversationId) -> Arc<LaneKey> {
    Arc::new(LaneKey { contact_center: delivery.contact_center.clone(), conversation })
}
