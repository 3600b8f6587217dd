//! The decision: a conversation and something that happened, to a new conversation and what has to be done.
//!
//! `decide` is total: it returns no `Result` and cannot panic. Rejecting is deciding: an unmapped queue, an accept
//! before its offer or a window that has passed become an effect with a reason.

mod build;
mod landed;
mod on_due;
mod on_end;
mod on_event;
mod on_reply;
mod plan;
mod taken;

use std::sync::Arc;

use super::{
    Action, Answered, AwaCall, CallOptions, ClaimId, ClockOffset, Conversation, Ended, Entry,
    EntryId, LookUp, Missing, Outcome, Reason, ReasonCode, RoutingEvent, Rules, Stage, UnixMillis,
    VendorTarget, Waited,
};

/// How far ahead of its receipt an event may have occurred, in milliseconds; past it, it occurred when it came in.
pub(crate) const MAX_AHEAD: u64 = 300_000;

/// Something that happened to a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// A routing event arrived; `entry` is its place in the order of arrival.
    Event { entry: EntryId, event: RoutingEvent, at: UnixMillis },
    /// The dispatcher has a free place, and the entry is due. `waited` is the time since the entry was due that
    /// went by for pace, `clock` what is known of ServiceNow's clock.
    Due { entry: EntryId, waited: Waited, clock: Option<ClockOffset>, at: UnixMillis },
    /// ServiceNow answered the call or the look-up that was made under the entry's claim; an answer to another claim
    /// than the last one changes nothing. `retry_in` is the back-off's next delay in milliseconds, should one be
    /// needed.
    Reply { entry: EntryId, claim: ClaimId, answered: Answered, retry_in: u64, at: UnixMillis },
    /// The process came up again, or another one has taken over, and found the entry's call or look-up in flight:
    /// nobody knows how it ended. Where the call may still land, until when.
    Recovered { entry: EntryId, doubt_until: Option<UnixMillis>, at: UnixMillis },
    /// The tables changed: what is parked may go on.
    Reloaded { at: UnixMillis },
    /// A person wants a settled event done again; it goes to the end of the lane under its old id. `claim` is the last
    /// claim that it had: an answer to that one may still come.
    Replay { entry: EntryId, event: RoutingEvent, claim: Option<ClaimId>, at: UnixMillis },
    /// A person gives an entry up; without effect while its call or look-up is in flight.
    Discard { entry: EntryId, at: UnixMillis },
}

impl Input {
    /// When it happened.
    pub(crate) const fn at(&self) -> UnixMillis {
        match self {
            Self::Event { at, .. }
            | Self::Due { at, .. }
            | Self::Reply { at, .. }
            | Self::Recovered { at, .. }
            | Self::Reloaded { at }
            | Self::Replay { at, .. }
            | Self::Discard { at, .. } => *at,
        }
    }
}

/// What the conversation has become and what has to be done. Every effect is a row before it is carried out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) conversation: Conversation,
    /// In the order in which they were decided.
    pub(crate) effects: Vec<Effect>,
}

/// One thing to be recorded, and perhaps done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// The entry is now part of the lane.
    Enqueue { entry: EntryId },
    /// Send this, once, and come back with the answer.
    Call { entry: EntryId, call: AwaCall, options: CallOptions },
    /// Ask what became of a call, and come back with the answer.
    LookUp { entry: EntryId, question: LookUp, options: CallOptions },
    /// Not now; the entry is due again at `at`.
    Reschedule { entry: EntryId, at: UnixMillis, why: Reason },
    /// The tables lack something; wait for a reload.
    Park { entry: EntryId, missing: Missing },
    /// The tables have it now.
    Resume { entry: EntryId },
    /// Finished for good. `settled` is the entry as it was then; it stays in the lane where its card is still watched.
    Settle { settled: Box<Entry>, outcome: Outcome, reason: Reason },
    /// The card of an event that had ended is watched no more: what was called for it belongs to the event's record.
    Amend { entry: Box<Entry>, ended: Ended },
}

/// Decides.
#[must_use]
pub(crate) fn decide(conversation: Option<Conversation>, input: Input, rules: &Rules) -> Decision {
    let mut lane = Lane { conversation: conversation.unwrap_or_default(), effects: Vec::new() };
    match input {
        Input::Event { entry, event, at } => on_event::event(&mut lane, entry, event, at, rules),
        Input::Replay { entry, event, claim, at } => {
            on_event::replay(&mut lane, (entry, claim), event, at, rules);
        }
        Input::Due { entry, waited, clock, at } => {
            on_due::due(&mut lane, entry, waited, clock, at, rules);
        }
        Input::Reply { entry, claim, answered, retry_in, at } => {
            if lane.is_claimed(entry, claim) {
                on_reply::reply(&mut lane, entry, answered, retry_in, at, rules);
            }
        }
        Input::Recovered { entry, doubt_until, at } => {
            on_reply::recovered(&mut lane, entry, doubt_until, at);
        }
        Input::Reloaded { at } => on_due::reloaded(&mut lane, at, rules),
        Input::Discard { entry, at } => discard(&mut lane, entry, at),
    }
    Decision { conversation: lane.conversation, effects: lane.effects }
}

/// A call in flight cannot be called back, and its answer is still needed by what follows: it is left alone.
fn discard(lane: &mut Lane, id: EntryId, at: UnixMillis) {
    let open = |entry: &Entry| !entry.stage.is_in_flight() && entry.ended.is_none();
    if lane.conversation.entry(id).is_some_and(open) {
        lane.settle(id, Outcome::Discarded, Reason::plain(ReasonCode::DiscardedByOperator), at);
    }
}

/// A conversation in the course of one decision.
struct Lane {
    conversation: Conversation,
    effects: Vec<Effect>,
}

impl Lane {
    fn position(&self, id: EntryId) -> Option<usize> {
        self.conversation.entries().position(|entry| entry.id == id)
    }

    /// Whether the call or look-up of that claim is in flight.
    fn is_claimed(&self, id: EntryId, claim: ClaimId) -> bool {
        let entry = self.conversation.entry(id);
        entry.is_some_and(|entry| entry.stage.is_in_flight() && entry.story.claim == Some(claim))
    }

    fn entry_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.position(id).map(|position| self.entry_at(position))
    }

    fn entry_at(&mut self, position: usize) -> &mut Entry {
        Arc::make_mut(&mut self.conversation.entries[position])
    }

    fn enqueue(&mut self, entry: Entry) {
        self.effects.push(Effect::Enqueue { entry: entry.id });
        self.conversation.entries.push(Arc::new(entry));
    }

    /// Books the rest of the entry's time, takes it out of the lane, and lets those look again that may wait for it.
    fn settle(&mut self, id: EntryId, outcome: Outcome, reason: Reason, at: UnixMillis) {
        let Some(position) = self.position(id) else { return };
        let mut settled =
            Box::new(Arc::unwrap_or_clone(self.conversation.entries.remove(position)));
        if let Some(ended) = settled.ended.take() {
            self.effects.push(Effect::Amend { entry: settled, ended });
        } else {
            settled.account_for_waiting(Waited::default(), at);
            self.note_failure(&settled, outcome, &reason);
            self.effects.push(Effect::Settle { settled, outcome, reason });
        }
        self.wake_held(at);
    }

    /// Ends the event of a ring and keeps its entry until the ring is over, to see that the card does not outlive it.
    fn settle_and_watch(&mut self, id: EntryId, reason: Reason, at: UnixMillis, rules: &Rules) {
        let Some(entry) = self.entry_mut(id) else { return };
        entry.account_for_waiting(Waited::default(), at);
        let settled = Box::new(entry.clone());
        entry.ended = Some(Ended { outcome: Outcome::Delivered, reason: reason.clone(), at });
        entry.stage = Stage::Held;
        entry.due = entry.deadline;
        entry.deadline = entry.deadline.plus(rules.give_up_after);
        entry.begins_anew();
        self.effects.push(Effect::Settle { settled, outcome: Outcome::Delivered, reason });
        self.wake_held(at);
    }

    /// An answer to a ring that brought no card ends as the ring has ended.
    fn note_failure(&mut self, settled: &Entry, outcome: Outcome, reason: &Reason) {
        let rings = match &settled.event.action {
            Action::Offer { .. } | Action::Assign { .. } => true,
            Action::Transfer { target, .. } => matches!(target, VendorTarget::Agent(_)),
            Action::Accept { .. }
            | Action::Reject { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => false,
        };
        let failed = match outcome {
            Outcome::Dead | Outcome::Expired | Outcome::Discarded => !settled.story.behind,
            Outcome::Delivered | Outcome::Superseded => false,
        };
        if rings && failed {
            self.conversation.fails(&settled.event, Some(reason.clone()));
        }
    }

    /// What waits for a document, a work item or the end of a card looks again: it may be there now, or never come.
    fn wake_held(&mut self, at: UnixMillis) {
        self.stop_watching();
        for entry in &mut self.conversation.entries {
            if entry.stage == Stage::Held && entry.ended.is_none() {
                let due = entry.due.min(at);
                if due != entry.due {
                    Arc::make_mut(entry).due = due;
                }
            }
        }
    }

    /// Lets go of entries whose card is not pending any more.
    fn stop_watching(&mut self) {
        let Conversation { entries, work_items, .. } = &mut self.conversation;
        let let_go = entries.extract_if(.., |entry| {
            let watches = entry.ended.is_some() && entry.stage == Stage::Held;
            let pending = || work_items.iter().any(|item| item.is_pending_by(entry.id));
            watches && entry.story.step.is_none() && !pending()
        });
        for entry in let_go {
            let mut entry = Box::new(Arc::unwrap_or_clone(entry));
            if let Some(ended) = entry.ended.take() {
                self.effects.push(Effect::Amend { entry, ended });
            }
        }
    }
}

impl Entry {
    /// Forgets the last call, for the next one is about something else.
    fn begins_anew(&mut self) {
        self.story.step = None;
        self.story.first_sent = None;
        self.story.brought = None;
        self.story.tries = 0;
    }
}
