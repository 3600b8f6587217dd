//! A delivery comes in: which of its events are new, what they mean, and what is written of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::Writer;
use crate::routing::{
    ContactCenter, ConversationId, EntryId, Input, LaneKey, Outcome, Reason, RoutingEvent, Story,
    UnixMillis, Waited,
};
use crate::store::layout::{self, IdHash};
use crate::store::request::{Acceptance, Delivery, Failed, Item, Refusal, Settled};
use crate::store::rows::{BodyPlace, Content, EventRow, Origin, StoryRow};

/// What the events of a delivery have in common.
struct Sender {
    source: Arc<str>,
    contact_center: ContactCenter,
    received_at: UnixMillis,
    body: Option<BodyPlace>,
}

impl Writer {
    pub(super) fn accept(
        &mut self,
        delivery: Delivery,
    ) -> Result<Result<Vec<Acceptance>, Refusal>, Failed> {
        let Delivery { source, contact_center, received_at, body, items, fingerprint } = delivery;
        let request = fingerprint.map(|found| layout::hash_of_request(&source, &found));
        if request.is_some_and(|request| self.shared.ledger().seq_of(&request).is_some()) {
            return Ok(Ok(vec![Acceptance::Duplicate; items.len()]));
        }
        // What could not be read may come again as it is, once the profile can read it.
        let read = |item: &Item| matches!(item, Item::Event(_));
        let request = request.filter(|_| items.is_empty() || items.iter().any(read));
        let hashes: Vec<_> = items.iter().map(|item| layout::hash_of(&source, item.id())).collect();
        let fresh = self.fresh(&hashes);
        if let Some(refusal) = self.refusal(&source, &contact_center, &items, &fresh)? {
            return Ok(Err(refusal));
        }
        let fresh = fresh.len();
        let bucket = layout::bucket_of(received_at);
        let body = body.filter(|_| fresh > 0);
        let first = self.next_seq;
        let place = body.as_ref().map(|_| BodyPlace { bucket, seq: first });
        if let (Some(body), Some(place)) = (body, place) {
            let events = u32::try_from(fresh).unwrap_or(u32::MAX);
            self.group.bodies.add(place, events, &body, &mut self.group.changes);
        }
        let sender = Sender { source, contact_center, received_at, body: place };
        self.shared.ledger().see_contact_center(&sender.contact_center);
        let mut accepted = Vec::with_capacity(items.len());
        for (item, hash) in items.into_iter().zip(hashes) {
            accepted.push(self.accept_item(&sender, item, hash)?);
        }
        if let Some(request) = request {
            self.learn(request, received_at);
        }
        Ok(Ok(accepted))
    }

    /// The places of the ids that are new, each once.
    fn fresh(&self, hashes: &[IdHash]) -> Vec<usize> {
        let (ledger, mut seen) = (self.shared.ledger(), HashSet::new());
        let is_new = |hash: &IdHash| ledger.seq_of(hash).is_none() && seen.insert(*hash);
        let mut is_new = is_new;
        (0..hashes.len()).filter(|place| is_new(&hashes[*place])).collect()
    }

    fn accept_item(
        &mut self,
        sender: &Sender,
        item: Item,
        hash: IdHash,
    ) -> Result<Acceptance, Failed> {
        if self.shared.ledger().seq_of(&hash).is_some() {
            return Ok(Acceptance::Duplicate);
        }
        let seq = self.learn(hash, sender.received_at);
        let settled = match item {
            Item::Event(event) => self.accept_event(sender, seq, *event)?,
            Item::Unreadable { id, kind, conversation, problem } => {
                let reason = Reason::with("unreadable", &problem);
                let content = Content::Unreadable { id, kind, conversation, problem };
                vec![self.accept_unreadable(sender, seq, content, reason)?]
            }
        };
        Ok(Acceptance::Accepted { settled })
    }

    /// Remembers an id under a number of its own.
    fn learn(&mut self, hash: IdHash, received_at: UnixMillis) -> u64 {
        let seq = self.take_seq();
        self.shared.ledger().learn(hash, seq);
        let bucket = layout::bucket_of(received_at);
        self.block.add(bucket, hash, seq, &mut self.group.changes);
        seq
    }

    fn accept_event(
        &mut self,
        sender: &Sender,
        seq: u64,
        mut event: RoutingEvent,
    ) -> Result<Vec<Settled>, Failed> {
        let conversation = sender.lane(event.conversation.clone());
        let rules = self.terms.rules.rules(&conversation.contact_center);
        // A document that is not called for is neither the conversation's nor a reason to share a lane.
        let lane = if event.document.as_ref().is_none_or(|document| rules.allow(document)) {
            self.name_document(&conversation, &mut event)?;
            self.join(&conversation, event.document.as_ref())?
        } else {
            self.lane_of(&conversation)?
        };
        self.remember(&conversation, &lane, seq)?;
        let entry = EntryId(seq);
        let source = sender.source.to_string();
        self.load(&lane)?.origins.insert(entry, Origin::of(source));
        let input = Input::Event { entry, event, at: sender.received_at };
        let done = self.decide(&lane, input)?;
        if let Some(event) = done.entered {
            self.put_event(sender, seq, Content::Event(Box::new(event)));
        }
        Ok(done.settled)
    }

    fn accept_unreadable(
        &mut self,
        sender: &Sender,
        seq: u64,
        content: Content,
        reason: Reason,
    ) -> Result<Settled, Failed> {
        let settled = Settled {
            meta: content.meta(&sender.source),
            outcome: Outcome::Dead,
            reason,
            attempts: 0,
            waited: Waited::default(),
            received_at: sender.received_at,
        };
        if let Some(conversation) = content.conversation() {
            let conversation = sender.lane(conversation);
            let lane = self.lane_of(&conversation)?;
            self.remember(&conversation, &lane, seq)?;
        }
        let row = StoryRow {
            outcome: settled.outcome,
            reason: settled.reason.clone(),
            settled_at: sender.received_at,
            story: Story::default(),
            by: None,
            earlier: Vec::new(),
        };
        self.put_story(seq, &row);
        self.put_event(sender, seq, content);
        Ok(settled)
    }

    fn put_event(&mut self, sender: &Sender, seq: u64, content: Content) {
        let row = EventRow {
            source: sender.source.to_string(),
            contact_center: sender.contact_center.clone(),
            received_at: sender.received_at,
            content,
            body: sender.body,
        };
        self.group.events.add(seq, &row, &mut self.group.changes);
    }
}

impl Sender {
    fn lane(&self, conversation: ConversationId) -> Arc<LaneKey> {
        Arc::new(LaneKey { contact_center: self.contact_center.clone(), conversation })
    }
}
