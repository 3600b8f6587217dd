//! What a person asks for: do a settled event again, or give one up.

use std::sync::Arc;

use super::{Wish, Writer};
use crate::routing::{Effect, Entry, EntryId, Input, LaneKey, Outcome, Reason, decide};
use crate::store::lane::{read_event_row, to_event};
use crate::store::layout;
use crate::store::request::{DiscardAnswer, Failed, ReplayAnswer, Settled};
use crate::store::row::RowError;
use crate::store::rows::{Content, EventRow, Origin, StoryRow, decode};

impl Writer {
    pub(super) fn replay(&mut self, wish: &Wish, force: bool) -> Result<ReplayAnswer, Failed> {
        let Some(seq) = self.seq_of(wish) else { return Ok(ReplayAnswer::Unknown) };
        if self.shared.ledger().is_live(seq) {
            return Ok(ReplayAnswer::NotSettled);
        }
        let (Some(event), Some(story)) = (read_event_row(&self.rows, seq)?, self.story(seq)?)
        else {
            return Ok(ReplayAnswer::Unknown);
        };
        if story.outcome != Outcome::Dead && !force {
            return Ok(ReplayAnswer::NeedsForce(format!("it is {} already", story.outcome)));
        }
        let EventRow { source, contact_center, received_at, content, body: _ } = event;
        if matches!(content, Content::Unreadable { .. }) {
            return Ok(ReplayAnswer::Unreadable);
        }
        let event = to_event(content, received_at).map_err(|why| damaged(seq, &why))?;
        let conversation = event.conversation.clone();
        let conversation = Arc::new(LaneKey { contact_center, conversation });
        let lane = self.lane_of(&conversation)?;
        let (entry, at) = (EntryId(seq), (self.terms.now)());
        let in_flight = |entry: &Entry| entry.stage.is_in_flight();
        if self.load(&lane)?.conversation.entry(entry).is_some_and(in_flight) {
            return Ok(ReplayAnswer::NotSettled);
        }
        let document = event.document.clone();
        let input = Input::Replay { entry, event, at };
        if !force && self.would_expire(&lane, entry, input.clone())? {
            return Ok(ReplayAnswer::NeedsForce("its time is over".to_owned()));
        }
        self.unsettle(seq)?;
        let by = Some(wish.who.clone());
        let lane = self.join(&conversation, document.as_ref())?;
        self.load(&conversation)?.remember_again(seq);
        self.group.changed(&conversation);
        let loaded = self.load(&lane)?;
        loaded.remember_again(seq);
        loaded
            .origins
            .insert(entry, Origin { source, why: None, by, earlier: story.into_earlier() });
        let settled = self.decide(&lane, input)?.settled;
        tracing::info!(source = wish.source, event_id = wish.id, by = wish.who, "replayed");
        Ok(ReplayAnswer::Replayed { settled })
    }

    pub(super) fn discard(&mut self, wish: &Wish) -> Result<DiscardAnswer, Failed> {
        let Some(seq) = self.seq_of(wish) else { return Ok(DiscardAnswer::Unknown) };
        let lane = self.shared.ledger().lane_of(seq);
        let answer = match lane {
            Some(lane) => self.discard_live(wish, &lane, seq)?,
            None => self.discard_dead(wish, seq)?,
        };
        if matches!(answer, DiscardAnswer::Discarded { .. }) {
            tracing::info!(source = wish.source, event_id = wish.id, by = wish.who, "discarded");
        }
        Ok(answer)
    }

    /// Whether an entry would be settled as expired by this input, without doing it.
    fn would_expire(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        input: Input,
    ) -> Result<bool, Failed> {
        let rules = self.terms.rules.rules(&lane.contact_center);
        let conversation = self.load(lane)?.conversation.clone();
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

    fn discard_live(
        &mut self,
        wish: &Wish,
        lane: &Arc<LaneKey>,
        seq: u64,
    ) -> Result<DiscardAnswer, Failed> {
        let entry = EntryId(seq);
        let loaded = self.load(lane)?;
        if loaded.conversation.entry(entry).is_some_and(|entry| entry.stage.is_in_flight()) {
            return Ok(DiscardAnswer::InFlight);
        }
        if let Some(origin) = loaded.origins.get_mut(&entry) {
            origin.by = Some(wish.who.clone());
        }
        let at = (self.terms.now)();
        let settled = self.decide(lane, Input::Discard { entry, at })?.settled;
        Ok(DiscardAnswer::Discarded { settled })
    }

    fn discard_dead(&mut self, wish: &Wish, seq: u64) -> Result<DiscardAnswer, Failed> {
        let (event, Some(story)) = (read_event_row(&self.rows, seq), self.story(seq)?) else {
            return Ok(DiscardAnswer::Unknown);
        };
        if story.outcome != Outcome::Dead {
            return Ok(DiscardAnswer::Settled(story.outcome));
        }
        let at = (self.terms.now)();
        let outcome = Outcome::Discarded;
        let reason = Reason::plain("discarded_by_operator");
        let settled = event.ok().flatten().map(|event| Settled {
            meta: event.content.meta(&event.source),
            outcome,
            reason: reason.clone(),
            attempts: story.story.attempts,
            waited: story.story.waited,
            received_at: event.received_at,
        });
        self.unsettle(seq)?;
        self.put_story(seq, &story.ended_again(outcome, reason, at, wish.who.clone()));
        if self.missed_by_sweep(at, true) {
            self.erase_late_body(seq)?;
        }
        Ok(DiscardAnswer::Discarded { settled: settled.into_iter().collect() })
    }

    /// Takes back that an event has ended.
    fn unsettle(&mut self, seq: u64) -> Result<(), Failed> {
        let key = layout::story(seq);
        let chunks = self.rows.chunks(&key)?;
        self.group.changes.remove(&key, 0, chunks);
        if self.shared.ledger().unbury(seq) {
            self.group.changes.remove(&layout::dead(seq), 0, 1);
        }
        Ok(())
    }

    fn seq_of(&self, wish: &Wish) -> Option<u64> {
        self.shared.ledger().seq_of(&layout::hash_of(&wish.source, &wish.id))
    }

    fn story(&self, seq: u64) -> Result<Option<StoryRow>, RowError> {
        let key = layout::story(seq);
        self.rows.get(&key)?.map(|row| decode(&key, &row.content)).transpose()
    }
}

fn damaged(seq: u64, why: &str) -> Failed {
    Failed::Damaged(format!("event {seq}: {why}"))
}
