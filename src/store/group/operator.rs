//! What an operator orders: replay a settled event, or discard one. Asked in a group of its own.

use std::sync::Arc;

use super::{Change, Class, EventRow, Failed, Group, IndexRow, Origin, Settled, Transition};
use crate::routing::{Effect, Entry, EntryId, Input, LaneKey, Outcome, Reason, ReasonCode, decide};
use crate::store::hashes;
use crate::store::records::Content;
use crate::store::request::{DiscardAnswer, ReplayAnswer, Wish};

impl Group<'_> {
    pub(super) fn replay(&mut self, wish: &Wish, force: bool) -> Result<ReplayAnswer, Failed> {
        let Some(number) = self.number_of_wish(wish) else { return Ok(ReplayAnswer::Unknown) };
        if self.view.is_unsettled(number) {
            return Ok(ReplayAnswer::NotSettled);
        }
        let Some(row) = self.view.event(number)? else { return Ok(ReplayAnswer::Unknown) };
        let EventRow { contact_center, content, origin, .. } = row;
        let Some(end) = &origin.end else { return Ok(ReplayAnswer::Unknown) };
        if end.outcome != Outcome::Dead && !force {
            return Ok(ReplayAnswer::NeedsForce(format!("it is {} already", end.outcome)));
        }
        if matches!(content, Content::Unreadable(_) | Content::Lost) {
            return Ok(ReplayAnswer::Unreadable);
        }
        let damaged = |why: String| Failed::Damaged(format!("event {number}: {why}"));
        let event = content.into_event().map_err(damaged)?;
        let conversation = event.conversation.clone();
        let conversation = Arc::new(LaneKey { contact_center, conversation });
        let lane = self.root(&conversation)?;
        let (entry, at) = (EntryId(number), self.terms.now);
        let in_flight = |entry: &Entry| entry.stage.is_in_flight();
        if self.lane(&lane)?.conversation.entry(entry).is_some_and(in_flight) {
            return Ok(ReplayAnswer::NotSettled);
        }
        let document = event.document.clone();
        let claim = end.story.claim;
        let input = Input::Replay { entry, event, claim, at };
        if !force && self.would_expire(&lane, entry, input.clone())? {
            return Ok(ReplayAnswer::NeedsForce("its time is over".to_owned()));
        }
        let lane = self.join(&conversation, document.as_ref())?;
        let again = Origin {
            source: Arc::clone(&origin.source),
            received_at: origin.received_at,
            body: origin.body,
            order: self.take_number(),
            by: Some(wish.who.clone()),
            earlier: origin.into_earlier(),
            ..Origin::default()
        };
        self.lane(&lane)?.origins.insert(entry, Arc::new(again));
        self.transitions.push(Transition::Replayed(wish.carried_out()));
        self.decide(&lane, input)?;
        Ok(ReplayAnswer::Replayed)
    }

    pub(super) fn discard(&mut self, wish: &Wish) -> Result<DiscardAnswer, Failed> {
        let Some(number) = self.number_of_wish(wish) else { return Ok(DiscardAnswer::Unknown) };
        let lane = self.view.lane_of(number).filter(|_| self.view.is_unsettled(number));
        match lane {
            Some(lane) => self.discard_unsettled(wish, &lane, number),
            None => self.discard_dead(wish, number),
        }
    }

    /// Whether an entry would be settled as expired by this input, without doing it.
    fn would_expire(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        input: Input,
    ) -> Result<bool, Failed> {
        let rules = self.terms.rules.rules(&lane.contact_center);
        let conversation = self.lane(lane)?.conversation.clone();
        let effects = decide(Some(conversation), input, &rules).effects;
        Ok(effects.iter().any(|effect| match effect {
            Effect::Settle { settled, outcome, reason: _ } => {
                settled.id == entry && *outcome == Outcome::Expired
            }
            Effect::Enqueue { .. }
            | Effect::Call { .. }
            | Effect::LookUp { .. }
            | Effect::Reschedule { .. }
            | Effect::Park { .. }
            | Effect::Resume { .. }
            | Effect::Amend { .. } => false,
        }))
    }

    fn discard_unsettled(
        &mut self,
        wish: &Wish,
        lane: &Arc<LaneKey>,
        number: u64,
    ) -> Result<DiscardAnswer, Failed> {
        let (entry, lane) = (EntryId(number), self.root(lane)?);
        let loaded = self.lane(&lane)?;
        if loaded.conversation.entry(entry).is_some_and(|entry| entry.stage.is_in_flight()) {
            return Ok(DiscardAnswer::InFlight);
        }
        if let Some(origin) = loaded.origin_mut(entry) {
            origin.by = Some(wish.who.clone());
        }
        let at = self.terms.now;
        self.transitions.push(Transition::Discarded(wish.carried_out()));
        self.decide(&lane, Input::Discard { entry, at })?;
        Ok(DiscardAnswer::Discarded)
    }

    fn discard_dead(&mut self, wish: &Wish, number: u64) -> Result<DiscardAnswer, Failed> {
        let Some(row) = self.view.event(number)? else { return Ok(DiscardAnswer::Unknown) };
        let (meta, received_at) = (row.meta(), row.origin.received_at);
        let Some(end) = &row.origin.end else { return Ok(DiscardAnswer::Unknown) };
        if end.outcome != Outcome::Dead {
            return Ok(DiscardAnswer::Settled(end.outcome));
        }
        let (at, outcome) = (self.terms.now, Outcome::Discarded);
        let reason = Reason::plain(ReasonCode::DiscardedByOperator);
        let settled = Settled {
            meta,
            outcome,
            reason: reason.clone(),
            attempts: end.story.attempts,
            waited: end.story.waited,
        };
        let conversation = row.lane().map(|lane| [hashes::of_conversation(&lane.conversation); 2]);
        let index = IndexRow {
            id: hashes::of_event(&wish.source, &wish.id),
            received_at,
            class: Class::Ended,
            conversations: conversation,
        };
        let origin = row.origin.ended_again(outcome, reason, at, wish.who.clone());
        let row = EventRow { origin, entry: None, ..row };
        self.changes.push(Change::Index(number, index));
        self.changes.push(Change::Event(number, Box::new(row)));
        self.note_settled(number);
        self.transitions
            .extend([Transition::Discarded(wish.carried_out()), Transition::Settled(settled)]);
        Ok(DiscardAnswer::Discarded)
    }

    fn number_of_wish(&self, wish: &Wish) -> Option<u64> {
        self.number_of(&hashes::of_event(&wish.source, &wish.id))
    }
}
