//! An entry's time has come: one more look at deadline and mapping, then the call, or an end without one.

use super::build::{self, Need, Ready};
use super::{Effect, Lane, on_reply};
use crate::routing::{
    Attempt, AwaCall, CallKind, Entry, EntryId, LookUp, Missing, Outcome, PauseCause, Reason,
    Rules, Stage, UnixMillis, Waited,
};

/// How long a look-up waits for a mapping that was taken away under it, in milliseconds.
const LOST_MAPPING_PAUSE: u64 = 1_000;

pub(super) fn due(lane: &mut Lane, id: EntryId, waited: Waited, at: UnixMillis, rules: &Rules) {
    let Some(position) = lane.position(id) else { return };
    let expired = lane.conversation.entries[position].deadline <= at;
    if lane.conversation.is_calling() || (lane.conversation.is_blocked(position) && !expired) {
        return;
    }
    let entry = &mut lane.conversation.entries[position];
    entry.account_for_waiting(waited, at);
    if expired && entry.stage == Stage::InDoubt && entry.is_in_place() {
        on_reply::in_place(lane, id, None, at, rules);
        return;
    }
    if expired {
        let (stage, waited) = (entry.stage.clone(), entry.story.waited);
        lane.settle(id, Outcome::Expired, expiry(&stage, waited), at);
        return;
    }
    let entry = &lane.conversation.entries[position];
    let in_doubt = entry.stage == Stage::InDoubt;
    match build::call(&lane.conversation, entry, at, rules) {
        Ready::Call(call) if in_doubt => look_up(lane, position, call, at),
        Ready::Call(call) => send(lane, position, call, at),
        Ready::Missing(_) | Ready::Unknown(_) if in_doubt => {
            let at = at.plus(LOST_MAPPING_PAUSE);
            lane.conversation.entries[position].due = at;
            let why = Reason::plain("mapping_lost_in_doubt");
            lane.effects.push(Effect::Reschedule { entry: id, at, why });
        }
        Ready::Missing(missing) => park(lane, position, missing),
        Ready::Unknown(need) => hold(lane, position, need, at, rules),
        Ready::Done => lane.settle(id, Outcome::Delivered, Reason::plain("done"), at),
    }
}

pub(super) fn reloaded(lane: &mut Lane, at: UnixMillis, rules: &Rules) {
    for position in 0..lane.conversation.entries.len() {
        let entry = &lane.conversation.entries[position];
        if !matches!(entry.stage, Stage::Parked { .. }) {
            continue;
        }
        if let Ready::Missing(missing) = build::call(&lane.conversation, entry, at, rules) {
            park(lane, position, missing);
        } else {
            let entry = &mut lane.conversation.entries[position];
            entry.stage = Stage::Held;
            entry.due = at;
            let resumed = entry.id;
            lane.effects.push(Effect::Resume { entry: resumed });
        }
    }
    lane.wake_held(at);
}

fn send(lane: &mut Lane, position: usize, call: AwaCall, at: UnixMillis) {
    let brought = build::brought(&lane.conversation, &lane.conversation.entries[position]);
    let entry = &mut lane.conversation.entries[position];
    entry.story.brought = Some(brought);
    entry.stage = Stage::Sending;
    entry.story.attempts += 1;
    entry.story.first_sent.get_or_insert(at);
    if let AwaCall::Assign { work_item, .. }
    | AwaCall::Accept { work_item, .. }
    | AwaCall::Reject { work_item, .. } = &call
    {
        entry.story.work_item = Some(*work_item);
    }
    entry.story.record(attempt(call.kind(), at));
    let effect = Effect::Call {
        entry: entry.id,
        call,
        attempt: entry.story.attempts,
        deadline: entry.deadline,
    };
    lane.effects.push(effect);
}

fn look_up(lane: &mut Lane, position: usize, call: AwaCall, at: UnixMillis) {
    let entry = &mut lane.conversation.entries[position];
    entry.stage = Stage::LookingUp;
    entry.story.record(attempt(CallKind::LookUp, at));
    let first_sent = entry.story.first_sent.unwrap_or(at);
    let effect = Effect::LookUp {
        entry: entry.id,
        question: LookUp { call, first_sent },
        deadline: entry.deadline,
    };
    lane.effects.push(effect);
}

const fn attempt(call: CallKind, at: UnixMillis) -> Attempt {
    Attempt { call, at, elapsed_ms: None, status: None, meaning: None, message: None }
}

fn park(lane: &mut Lane, position: usize, missing: Missing) {
    let entry = &mut lane.conversation.entries[position];
    entry.due = entry.deadline;
    let stage = Stage::Parked { missing: missing.clone() };
    if entry.stage != stage {
        entry.stage = stage;
        let entry = entry.id;
        lane.effects.push(Effect::Park { entry, missing });
    }
}

/// Waits a little for what another feed may still bring; what never came is a dead letter.
fn hold(lane: &mut Lane, position: usize, need: Need, at: UnixMillis, rules: &Rules) {
    let entry = &mut lane.conversation.entries[position];
    let id = entry.id;
    let until = match need {
        Need::OfferOwed => entry.deadline,
        Need::Document | Need::WorkItem | Need::Queue | Need::SourceQueue => {
            entry.received_at.plus(rules.hold).min(entry.deadline)
        }
    };
    if until <= at {
        let reason = Reason::with(need.code(), need.sentence());
        lane.settle(id, Outcome::Dead, reason, at);
        return;
    }
    entry.stage = Stage::Held;
    entry.due = until;
    let why = Reason::with(need.code(), need.sentence());
    lane.effects.push(Effect::Reschedule { entry: id, at: until, why });
}

fn expiry(stage: &Stage, waited: Waited) -> Reason {
    match stage {
        Stage::Parked { missing } => Reason::with("deadline_while_parked", missing),
        Stage::InDoubt => Reason::with(
            "deadline_in_doubt",
            format_args!("a call was sent and what became of it is not known; waited: {waited}"),
        ),
        Stage::Waiting | Stage::Held | Stage::Sending | Stage::LookingUp => {
            Reason::with("deadline", format_args!("waited: {waited}"))
        }
    }
}

impl Entry {
    /// Books the time since the last booking: what the dispatcher waited for pace, then the pause, the rest to the
    /// lane or, for an entry that stepped aside, to the mapping.
    pub(super) fn account_for_waiting(&mut self, pace: Waited, at: UnixMillis) {
        let story = &mut self.story;
        let mut open = at.since(self.received_at).saturating_sub(story.waited.total());
        let mut take = |ms: u64| {
            let taken = ms.min(open);
            open -= taken;
            taken
        };
        if let Some(pause) = story.pause.take() {
            let ms = take(pause.ms);
            match pause.cause {
                PauseCause::BackOff => story.waited.backoff += ms,
                PauseCause::RetryAfter => story.waited.retry_after += ms,
            }
        }
        story.waited.rate_limit += take(pace.rate_limit);
        story.waited.retry_after += take(pace.retry_after);
        story.waited.breaker += take(pace.breaker);
        let rest = take(u64::MAX);
        match self.stage {
            Stage::Parked { .. } | Stage::Held => story.waited.mapping += rest,
            Stage::Waiting | Stage::Sending | Stage::InDoubt | Stage::LookingUp => {
                story.waited.lane += rest;
            }
        }
    }
}
