//! An entry's time has come: one more look at deadline and mapping, then the call, or an end without one.

use super::build::{self, Need};
use super::plan::{self, Stop};
use super::{Effect, Lane, landed, on_reply};
use crate::routing::{
    Action, Attempt, AwaCall, CallKind, CallOptions, ClaimId, ClockOffset, Conversation, Entry,
    EntryId, LookUp, Missing, OfferWindow, Outcome, PauseCause, Reason, ReasonCode, Rules, Stage,
    Step, UnixMillis, Waited, clock_offset,
};

/// How long a look-up waits for a mapping that was taken away under it, in milliseconds.
const LOST_MAPPING_PAUSE: u64 = 1_000;

/// So long after its claim a call may leave, in milliseconds: the claim is written first, and a token may have to be
/// fetched.
const LEAVE_WITHIN: u64 = 5_000;

pub(super) fn due(
    lane: &mut Lane,
    id: EntryId,
    waited: Waited,
    clock: Option<ClockOffset>,
    at: UnixMillis,
    rules: &Rules,
) {
    let Some(position) = lane.position(id) else { return };
    let expired = lane.conversation.entries[position].deadline <= at;
    if lane.conversation.is_calling() || (lane.conversation.is_blocked(position) && !expired) {
        return;
    }
    let entry = lane.entry_at(position);
    if entry.ended.is_none() {
        entry.account_for_waiting(waited, at);
    } else if at < entry.due {
        // The ring goes on: whoever came with it had looked before it was answered.
        return;
    }
    if expired && entry.stage == Stage::InDoubt && entry.is_in_place() {
        on_reply::in_place(lane, id, None, at, rules);
        return;
    }
    if expired {
        let (stage, waited) = (entry.stage.clone(), entry.story.waited);
        lane.settle(id, Outcome::Expired, expiry(&stage, waited), at);
        return;
    }
    if entry.stage == Stage::InDoubt {
        doubted(lane, position, at, rules);
    } else {
        proceed(lane, position, clock, at, rules);
    }
}

/// A call in doubt is looked up as what it was, whatever may have become known since.
fn doubted(lane: &mut Lane, position: usize, at: UnixMillis, rules: &Rules) {
    let entry = &lane.conversation.entries[position];
    let step = entry.story.step.clone().unwrap_or(Step::Own);
    match build::call(&lane.conversation, entry, &step, at, rules) {
        Ok(mut call) => {
            if let (Some(window), Some(sent)) = (call.window_mut(), entry.story.offered_on) {
                window.offered_on = sent;
            }
            look_up(lane, position, call, at);
        }
        Err(Stop::Done(outcome, reason)) => lane.settle(entry.id, outcome, reason, at),
        Err(_) => {
            let at = at.plus(LOST_MAPPING_PAUSE);
            let entry = lane.entry_at(position);
            entry.due = at;
            let (entry, why) = (entry.id, Reason::plain(ReasonCode::MappingLostInDoubt));
            lane.effects.push(Effect::Reschedule { entry, at, why });
        }
    }
}

/// Takes the next step of an entry, or says why there is none.
fn proceed(
    lane: &mut Lane,
    position: usize,
    clock: Option<ClockOffset>,
    at: UnixMillis,
    rules: &Rules,
) {
    let entry = &lane.conversation.entries[position];
    let id = entry.id;
    let step = document_allowed(entry, rules)
        .and_then(|()| plan::next(&lane.conversation, entry, at, rules))
        .and_then(|step| is_worth_it(&lane.conversation, entry, step, at, rules));
    if let Ok(step) = &step
        && entry.story.step.as_ref().is_some_and(|before| before != step)
    {
        lane.entry_at(position).begins_anew();
    }
    let entry = &lane.conversation.entries[position];
    let ready = step.and_then(|step| {
        build::call(&lane.conversation, entry, &step, at, rules).map(|call| (step, call))
    });
    match ready {
        Ok((step, call)) => {
            let brought = build::brought(&lane.conversation, &lane.conversation.entries[position]);
            let entry = lane.entry_at(position);
            entry.story.brought = Some(brought);
            entry.story.step = Some(step);
            let effect = entry.send(call, clock, at);
            lane.effects.push(effect);
        }
        Err(Stop::Missing(missing)) if entry.ended.is_some() => {
            lane.settle(id, Outcome::Dead, Reason::with(ReasonCode::Unmapped, missing), at);
        }
        Err(Stop::Missing(missing)) => park(lane, position, missing),
        Err(Stop::Unknown(need)) => hold(lane, position, need, at, rules),
        Err(Stop::Wait(until)) => wait(lane, position, until),
        Err(Stop::Has(work_item)) => landed::takes_over(lane, id, work_item, at, rules),
        Err(Stop::Done(outcome, reason)) => lane.settle(id, outcome, reason, at),
    }
}

/// An event that names a document which is not called for gets no call at all, whatever it asks for; but what only
/// tells that something is over still takes back what the bridge itself has put there.
fn document_allowed(entry: &Entry, rules: &Rules) -> Result<(), Stop> {
    let ends = matches!(entry.event.action, Action::Withdraw | Action::Leave { .. });
    match &entry.event.document {
        Some(document) if !ends && entry.ended.is_none() => {
            build::allowed(document.clone(), rules).map(drop)
        }
        Some(_) | None => Ok(()),
    }
}

/// No card is taken from an agent for an offer that could not be made then.
fn is_worth_it(
    conversation: &Conversation,
    entry: &Entry,
    step: Step,
    at: UnixMillis,
    rules: &Rules,
) -> Result<Step, Stop> {
    let offers = matches!(entry.event.action, Action::Offer { .. }) && entry.ended.is_none();
    if offers && matches!(step, Step::TakeBack { .. } | Step::EndConsult { .. }) {
        build::call(conversation, entry, &Step::Own, at, rules)?;
    }
    Ok(step)
}

pub(super) fn reloaded(lane: &mut Lane, at: UnixMillis, rules: &Rules) {
    for position in 0..lane.conversation.entries.len() {
        let entry = &lane.conversation.entries[position];
        if !matches!(entry.stage, Stage::Parked { .. }) {
            continue;
        }
        let ready = plan::next(&lane.conversation, entry, at, rules)
            .and_then(|step| is_worth_it(&lane.conversation, entry, step, at, rules))
            .and_then(|step| build::call(&lane.conversation, entry, &step, at, rules));
        if let Err(Stop::Missing(missing)) = ready {
            park(lane, position, missing);
        } else {
            let entry = lane.entry_at(position);
            entry.stage = Stage::Held;
            entry.due = at;
            let resumed = entry.id;
            lane.effects.push(Effect::Resume { entry: resumed });
        }
    }
    lane.wake_held(at);
}

fn look_up(lane: &mut Lane, position: usize, call: AwaCall, at: UnixMillis) {
    let entry = lane.entry_at(position);
    entry.stage = Stage::LookingUp;
    entry.story.record(attempt(CallKind::LookUp, at));
    let first_sent = entry.story.first_sent.unwrap_or(at);
    let options = entry.claim(at);
    let question = LookUp { call, first_sent };
    let effect = Effect::LookUp { entry: entry.id, question, options };
    lane.effects.push(effect);
}

const fn attempt(call: CallKind, at: UnixMillis) -> Attempt {
    Attempt { call, at, elapsed_ms: None, status: None, meaning: None, message: None }
}

fn park(lane: &mut Lane, position: usize, missing: Missing) {
    let entry = lane.entry_at(position);
    entry.due = entry.deadline;
    let stage = Stage::Parked { missing: missing.clone() };
    if entry.stage != stage {
        entry.stage = stage;
        let entry = entry.id;
        lane.effects.push(Effect::Park { entry, missing });
    }
}

/// Waits for the end of another agent's card.
fn wait(lane: &mut Lane, position: usize, until: UnixMillis) {
    let entry = lane.entry_at(position);
    entry.stage = Stage::Held;
    entry.story.behind = true;
    entry.due = until.min(entry.deadline);
    let (id, at) = (entry.id, entry.due);
    let why = Reason::with(ReasonCode::CardOfAnother, "another agent has the card of the document");
    lane.effects.push(Effect::Reschedule { entry: id, at, why });
}

/// Waits a little for what another feed may still bring. What never came is a dead letter, or an answer to an offer
/// that the bridge never made.
fn hold(lane: &mut Lane, position: usize, need: Need, at: UnixMillis, rules: &Rules) {
    let entry = lane.entry_at(position);
    let id = entry.id;
    let until = match need {
        Need::OfferOwed => entry.deadline,
        Need::Document | Need::WorkItem | Need::Queue | Need::SourceQueue => {
            entry.received_at.plus(rules.hold).min(entry.deadline)
        }
    };
    if until <= at {
        let answers = matches!(entry.event.action, Action::Accept { .. } | Action::Reject { .. })
            && matches!(need, Need::WorkItem | Need::OfferOwed);
        let (outcome, reason) = match plan::no_offer() {
            Stop::Done(outcome, reason) if answers => (outcome, reason),
            _ => (Outcome::Dead, Reason::with(need.code(), need.sentence())),
        };
        lane.settle(id, outcome, reason, at);
        return;
    }
    entry.stage = Stage::Held;
    entry.due = until;
    let why = Reason::with(need.code(), need.sentence());
    lane.effects.push(Effect::Reschedule { entry: id, at: until, why });
}

fn expiry(stage: &Stage, waited: Waited) -> Reason {
    match stage {
        Stage::Parked { missing } => Reason::with(ReasonCode::DeadlineWhileParked, missing),
        Stage::InDoubt => Reason::with(
            ReasonCode::DeadlineInDoubt,
            format_args!("a call was sent and what became of it is not known; waited: {waited}"),
        ),
        Stage::Waiting | Stage::Held | Stage::Sending | Stage::LookingUp => {
            Reason::with(ReasonCode::Deadline, format_args!("waited: {waited}"))
        }
    }
}

impl Entry {
    fn send(&mut self, mut call: AwaCall, clock: Option<ClockOffset>, at: UnixMillis) -> Effect {
        self.stage = Stage::Sending;
        let story = &mut self.story;
        story.attempts += 1;
        story.doubt_until = None;
        story.first_sent.get_or_insert(at);
        if let AwaCall::Assign { work_item, .. }
        | AwaCall::Accept { work_item, .. }
        | AwaCall::Reject { work_item, .. } = &call
        {
            story.work_item = Some(*work_item);
        }
        if let Some(OfferWindow { offered_on, .. }) = call.window_mut() {
            let first = || match story.corrections {
                0 => clock_offset::offered_on(*offered_on, clock, at),
                _ => clock_offset::corrected_offered_on(*offered_on, clock, at),
            };
            *offered_on = *story.offered_on.get_or_insert_with(first);
        }
        let after_doubt = story.calls.last().is_some_and(|last| last.call == CallKind::LookUp);
        story.record(attempt(call.kind(), at));
        let options = CallOptions { after_doubt, ..self.claim(at) };
        Effect::Call { entry: self.id, call, options }
    }

    /// The next claim: whatever is made under an earlier one counts no more.
    fn claim(&mut self, at: UnixMillis) -> CallOptions {
        let story = &mut self.story;
        let claim = ClaimId::after(story.claim);
        story.claim = Some(claim);
        let leave_by = self.deadline.min(at.plus(LEAVE_WITHIN));
        story.leave_by = Some(leave_by);
        CallOptions {
            claim,
            attempt: story.attempts,
            tries: story.tries,
            deadline: self.deadline,
            leave_by,
            after_doubt: false,
        }
    }

    /// Books the time since the last booking: what the dispatcher waited for pace, then the pause, the rest to the
    /// lane or, for a deferred entry, to the mapping. The watch over a card is no time of its event.
    pub(super) fn account_for_waiting(&mut self, pace: Waited, at: UnixMillis) {
        if self.ended.is_some() {
            return;
        }
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
