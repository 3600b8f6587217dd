//! The decision: a conversation and something that happened, to a new conversation and what has to be done.
//!
//! `decide` is total: it returns no `Result` and cannot panic. Rejecting is deciding: an unmapped queue, an accept
//! before its offer or a window that has passed become an effect with a reason.

mod build;
mod on_due;
mod on_event;
mod on_reply;

use super::{
    Action, Answer, AwaCall, AwaReply, Conversation, Entry, EntryId, LookUp, Missing, Outcome,
    Reason, RoutingEvent, Rules, Stage, UnixMillis, Waited,
};

/// Something that happened to a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A routing event arrived; `entry` is its place in the order of arrival.
    Event { entry: EntryId, event: RoutingEvent, at: UnixMillis },
    /// The dispatcher has a free place, and the entry is due. `waited` is the time since the entry was due that
    /// went by for pace.
    Due { entry: EntryId, waited: Waited, at: UnixMillis },
    /// ServiceNow answered the call or the look-up of the entry. `retry_in` is the back-off's next delay in
    /// milliseconds, should one be needed.
    Reply {
        entry: EntryId,
        reply: AwaReply,
        answer: Answer,
        elapsed_ms: u64,
        retry_in: u64,
        at: UnixMillis,
    },
    /// The process came up again and found the entry's call or look-up on the way: nobody knows how it ended.
    Recovered { entry: EntryId, at: UnixMillis },
    /// The tables changed: what is parked may go on.
    Reloaded { at: UnixMillis },
    /// A person wants a settled event done again; it goes to the end of the lane under its old id.
    Replay { entry: EntryId, event: RoutingEvent, at: UnixMillis },
    /// A person gives an entry up; without effect while its call or look-up is on the way.
    Discard { entry: EntryId, at: UnixMillis },
}

/// What the conversation has become and what has to be done. Every effect is a row before it is a deed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub conversation: Conversation,
    /// In the order in which they were decided.
    pub effects: Vec<Effect>,
}

/// One thing to be recorded, and perhaps done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The entry is now part of the lane.
    Enqueue { entry: EntryId },
    /// Send this, once, and come back with the answer.
    Call { entry: EntryId, call: AwaCall, attempt: u32, deadline: UnixMillis },
    /// Ask what became of a call, and come back with the answer.
    LookUp { entry: EntryId, question: LookUp, deadline: UnixMillis },
    /// Not now; the entry is due again at `at`.
    Reschedule { entry: EntryId, at: UnixMillis, why: Reason },
    /// The tables lack something; wait for a reload.
    Park { entry: EntryId, missing: Missing },
    /// The tables have it now.
    Resume { entry: EntryId },
    /// Finished for good. `settled` is the entry as it left the lane.
    Settle { settled: Box<Entry>, outcome: Outcome, reason: Reason },
}

/// Decides.
#[must_use]
pub fn decide(conversation: Option<Conversation>, input: Input, rules: &Rules) -> Decision {
    let mut lane = Lane { conversation: conversation.unwrap_or_default(), effects: Vec::new() };
    match input {
        Input::Event { entry, event, at } => on_event::event(&mut lane, entry, event, at, rules),
        Input::Replay { entry, event, at } => on_event::replay(&mut lane, entry, event, at, rules),
        Input::Due { entry, waited, at } => on_due::due(&mut lane, entry, waited, at, rules),
        Input::Reply { entry, reply, answer, elapsed_ms, retry_in, at } => {
            let answered = on_reply::Answered { reply, answer, elapsed_ms, retry_in, at };
            on_reply::reply(&mut lane, entry, answered, rules);
        }
        Input::Recovered { entry, at } => on_reply::recovered(&mut lane, entry, at),
        Input::Reloaded { at } => on_due::reloaded(&mut lane, at, rules),
        Input::Discard { entry, at } => discard(&mut lane, entry, at),
    }
    Decision { conversation: lane.conversation, effects: lane.effects }
}

/// A call on the way cannot be called back, and its answer is still needed by what follows: it is let be.
fn discard(lane: &mut Lane, id: EntryId, at: UnixMillis) {
    if lane.conversation.entry(id).is_some_and(|entry| !entry.stage.is_on_the_way()) {
        lane.settle(id, Outcome::Discarded, Reason::plain("discarded_by_operator"), at);
    }
}

/// A conversation in the course of one decision.
struct Lane {
    conversation: Conversation,
    effects: Vec<Effect>,
}

impl Lane {
    fn position(&self, id: EntryId) -> Option<usize> {
        self.conversation.entries.iter().position(|entry| entry.id == id)
    }

    fn entry_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.conversation.entries.iter_mut().find(|entry| entry.id == id)
    }

    fn is_withdraw(&self, id: EntryId) -> bool {
        let action = self.conversation.entry(id).map(|entry| &entry.event.action);
        matches!(action, Some(Action::Withdraw))
    }

    fn enqueue(&mut self, entry: Entry) {
        self.effects.push(Effect::Enqueue { entry: entry.id });
        self.conversation.entries.push(entry);
    }

    /// Books the rest of the entry's time, takes it out of the lane, and lets those look again that may wait for it.
    fn settle(&mut self, id: EntryId, outcome: Outcome, reason: Reason, at: UnixMillis) {
        if let Some(position) = self.position(id) {
            let mut settled = Box::new(self.conversation.entries.remove(position));
            settled.account_for_waiting(Waited::default(), at);
            self.effects.push(Effect::Settle { settled, outcome, reason });
            self.wake_held(at);
        }
    }

    /// What waits for a document or a work item looks again: it may be there now, or never come.
    fn wake_held(&mut self, at: UnixMillis) {
        for entry in &mut self.conversation.entries {
            if entry.stage == Stage::Held {
                entry.due = entry.due.min(at);
            }
        }
    }
}
