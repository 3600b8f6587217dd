//! ServiceNow answered: what the answer makes of the entry.

use super::landed::{go_on, landed};
use super::taken::{Holder, moves, no_room, taken};
use super::{Effect, Lane};
use crate::routing::{
    Action, Answered, AwaReply, Doubt, Entry, EntryId, Meaning, Outcome, Pause, PauseCause, Reason,
    ReasonCode, Rules, Stage, Step, SysId, UnixMillis, VendorTarget, Wait, Word,
};

/// What to do after an answer that settles nothing.
pub(super) enum Again {
    /// The call, certain not to have landed.
    Call,
    /// The look-up.
    LookUp,
}

/// The entry's call or look-up is in flight, and this is the answer to it.
pub(super) fn reply(
    lane: &mut Lane,
    id: EntryId,
    answered: Answered,
    retry_in: u64,
    at: UnixMillis,
    rules: &Rules,
) {
    let Answered { reply, answer, elapsed_ms } = answered;
    let Some(entry) = lane.entry_mut(id) else { return };
    let looked_up = entry.stage == Stage::LookingUp;
    entry.account_for_answer(at);
    if let Some(call) = entry.story.calls.last_mut() {
        call.elapsed_ms = Some(elapsed_ms);
        call.status = answer.status;
        call.meaning = Some(reply.meaning().into());
        call.message = Some(answer.message.clone());
    }
    entry.story.last_answer = Some(answer);
    if looked_up
        && let Some(until) = entry.may_still_land()
        && reply.shows_no_trace()
    {
        let pause = Pause { cause: PauseCause::BackOff, ms: until.since(at) };
        return put_back(lane, id, &Again::LookUp, pause, at);
    }
    let doubtful = if looked_up { Again::LookUp } else { Again::Call };
    let back_off = Pause { cause: PauseCause::BackOff, ms: retry_in };
    let at_once = Pause { cause: PauseCause::BackOff, ms: 0 };
    let dead = |code: ReasonCode, detail: &str| (Outcome::Dead, Reason::with(code, detail));
    if looked_up && entry.is_in_place() {
        let work_item = if let AwaReply::Landed { work_item } = reply { work_item } else { None };
        return in_place(lane, id, work_item, at, rules);
    }
    let brings_work_item = entry.brings_work_item();
    let conflicts = entry.story.answered_so(Meaning::Conflict);
    let in_conflict = looked_up && entry.story.last_call_meaning() == Some(Meaning::Conflict);
    let unexplained = looked_up && entry.story.last_call_meaning() == Some(Meaning::Unexplained);
    let presumed = rules.doubt == Doubt::Repeat && entry.story.was_in_doubt();
    let step = entry.story.step.clone().unwrap_or(Step::Own);
    let tidies = step.tidies();
    let end = match reply {
        AwaReply::Landed { work_item } => {
            let code = if looked_up { ReasonCode::FoundByLookUp } else { ReasonCode::Confirmed };
            return landed(lane, id, work_item, code, at, rules);
        }
        AwaReply::AlreadyOurs { work_item: None } if !looked_up && brings_work_item => {
            return again(lane, id, &Again::LookUp, at_once, at);
        }
        AwaReply::AlreadyOurs { work_item } => {
            return in_place(lane, id, work_item, at, rules);
        }
        AwaReply::NoConsult if tidies => {
            return landed(lane, id, None, ReasonCode::NoConsult, at, rules);
        }
        AwaReply::NoConsult => {
            lane.conversation.consult_ended(false);
            let detail = "no consult is open on the document: there is nothing to end";
            (Outcome::Superseded, Reason::with(ReasonCode::NoConsult, detail))
        }
        AwaReply::TakenBy { agent, work_item, accepted } => {
            let holder = Holder { agent, work_item, accepted };
            match taken(lane, id, &step, &holder, back_off, at, rules) {
                Some(end) => end,
                None => return,
            }
        }
        AwaReply::AgentUnavailable
        | AwaReply::ClockSkew
        | AwaReply::Conflict { .. }
        | AwaReply::Unexplained { .. }
        | AwaReply::NotThere { .. }
            if looked_up =>
        {
            return again(lane, id, &Again::LookUp, back_off, at);
        }
        AwaReply::NotLanded | AwaReply::LookUpForbidden if !looked_up => {
            return again(lane, id, &Again::LookUp, back_off, at);
        }
        AwaReply::NotLanded if in_conflict && conflicts > 1 => match lane.refused(id, &step) {
            Some(end) => end,
            None => return go_on(lane, id, Reason::plain(ReasonCode::Refused), at, rules),
        },
        AwaReply::LookUpForbidden if in_conflict && (presumed || tidies) => {
            return landed(lane, id, None, ReasonCode::PresumedInPlace, at, rules);
        }
        AwaReply::LookUpForbidden if in_conflict => match lane.refused(id, &step) {
            Some(end) => end,
            None => return go_on(lane, id, Reason::plain(ReasonCode::Refused), at, rules),
        },
        AwaReply::LookUpForbidden if unexplained && presumed => {
            return landed(lane, id, None, ReasonCode::PresumedInPlace, at, rules);
        }
        AwaReply::NotLanded | AwaReply::LookUpForbidden if unexplained => {
            let detail = lane.message_of(id, Meaning::Unexplained);
            return ring_again(
                lane,
                id,
                Reason::with(ReasonCode::Misconfigured, detail),
                at,
                rules,
            );
        }
        AwaReply::AgentUnavailable => {
            let detail =
                "ServiceNow says that the agent is not available; check the agent's presence there";
            let reason = Reason::with(ReasonCode::AgentUnavailable, detail);
            return ring_again(lane, id, reason, at, rules);
        }
        AwaReply::NotThere { what } => {
            return ring_again(lane, id, Reason::with(ReasonCode::Misconfigured, what), at, rules);
        }
        AwaReply::DocumentClosed if lane.is_end(id) => {
            return in_place(lane, id, None, at, rules);
        }
        // The work item is canceled: the document may be open all the same.
        AwaReply::DocumentClosed if looked_up && lane.may_move(id, &step) => {
            return moves(lane, id, &step, at, rules);
        }
        AwaReply::DocumentClosed => {
            dead(ReasonCode::DocumentClosed, "the conversation is over in ServiceNow")
        }
        AwaReply::TooLate if lane.may_move(id, &step) => {
            return moves(lane, id, &step, at, rules);
        }
        AwaReply::TooLate => (Outcome::Expired, Reason::plain(ReasonCode::TooLateForServiceNow)),
        AwaReply::ClockSkew => return clock_skew(lane, id, at),
        AwaReply::Misconfigured { what: _ } if lane.makes_room(id, &step) => {
            return no_room(lane, id, at, rules);
        }
        AwaReply::Misconfigured { what } => dead(ReasonCode::Misconfigured, &what),
        AwaReply::Busy { wait: Wait::RetryAfter(ms) } => {
            return again(lane, id, &doubtful, Pause { cause: PauseCause::RetryAfter, ms }, at);
        }
        AwaReply::Busy { wait: Wait::BackOff }
        | AwaReply::NotSent { .. }
        | AwaReply::Unauthorised { .. } => return again(lane, id, &doubtful, back_off, at),
        AwaReply::InDoubt { .. } if looked_up => return again(lane, id, &doubtful, back_off, at),
        AwaReply::InDoubt { .. } | AwaReply::Conflict { .. } | AwaReply::Unexplained { .. } => {
            return again(lane, id, &Again::LookUp, at_once, at);
        }
        AwaReply::NotServiceNow { .. } => return again(lane, id, &Again::LookUp, back_off, at),
        AwaReply::NotLanded => return again(lane, id, &Again::Call, back_off, at),
        AwaReply::LookUpForbidden => match rules.doubt {
            Doubt::Repeat => return again(lane, id, &Again::Call, back_off, at),
            Doubt::Dead => dead(
                ReasonCode::InDoubt,
                "a call was sent, what became of it is not known, and ServiceNow forbids the look-up",
            ),
        },
    };
    lane.settle(id, end.0, end.1, at);
}

/// The process stopped while a call or look-up was in flight. A call may still land until then; a look-up does nothing.
pub(super) fn recovered(
    lane: &mut Lane,
    id: EntryId,
    doubt_until: Option<UnixMillis>,
    at: UnixMillis,
) {
    let Some(entry) = lane.entry_mut(id) else { return };
    if entry.stage.is_in_flight() {
        if entry.stage == Stage::Sending {
            entry.story.doubt_until = doubt_until;
        }
        entry.stage = Stage::InDoubt;
        entry.due = at;
        let why = Reason::plain(ReasonCode::RecoveredInDoubt);
        lane.effects.push(Effect::Reschedule { entry: id, at, why });
    }
}

/// Puts the entry back to wait, one try further in the back-off.
pub(super) fn again(lane: &mut Lane, id: EntryId, what: &Again, pause: Pause, at: UnixMillis) {
    if let Some(entry) = lane.entry_mut(id) {
        entry.story.tries += 1;
    }
    put_back(lane, id, what, pause, at);
}

/// Puts the entry back to wait. What was withdrawn meanwhile is not called again.
fn put_back(lane: &mut Lane, id: EntryId, what: &Again, pause: Pause, at: UnixMillis) {
    let Some(entry) = lane.entry_mut(id) else { return };
    entry.stage = match what {
        Again::Call if entry.story.withdrawn => {
            lane.settle(id, Outcome::Superseded, Reason::plain(ReasonCode::Withdrawn), at);
            return;
        }
        Again::Call => Stage::Waiting,
        Again::LookUp => Stage::InDoubt,
    };
    entry.story.pause = Some(pause);
    entry.due = at.plus(pause.ms);
    let (at, code) = (entry.due, entry.story.last_meaning());
    let why = Reason { code, detail: None };
    lane.effects.push(Effect::Reschedule { entry: id, at, why });
}

/// Calls again after one of the pauses of a ring; gives up with the reason when they are used up, or the ring is over
/// before.
fn ring_again(lane: &mut Lane, id: EntryId, reason: Reason, at: UnixMillis, rules: &Rules) {
    let Some(entry) = lane.entry_mut(id) else { return };
    let used = usize::try_from(entry.story.unavailable).unwrap_or(usize::MAX);
    let in_time = |ms: &&u64| at.plus(**ms) < entry.deadline;
    let Some(ms) = rules.unavailable_pauses.get(used).filter(in_time).copied() else {
        lane.settle(id, Outcome::Dead, reason, at);
        return;
    };
    entry.story.unavailable += 1;
    entry.story.tries = 0;
    put_back(lane, id, &Again::Call, Pause { cause: PauseCause::BackOff, ms }, at);
}

fn clock_skew(lane: &mut Lane, id: EntryId, at: UnixMillis) {
    let Some(entry) = lane.entry_mut(id) else { return };
    if entry.story.corrections > 0 {
        let reason =
            Reason::with(ReasonCode::ClockSkew, "ServiceNow refused the corrected offered_on too");
        lane.settle(id, Outcome::Dead, reason, at);
        return;
    }
    entry.story.corrections += 1;
    entry.story.offered_on = None;
    entry.story.tries = 0;
    put_back(lane, id, &Again::Call, Pause { cause: PauseCause::BackOff, ms: 0 }, at);
}

/// What was asked for was there before.
pub(super) fn in_place(
    lane: &mut Lane,
    id: EntryId,
    work_item: Option<SysId>,
    at: UnixMillis,
    rules: &Rules,
) {
    landed(lane, id, work_item, ReasonCode::AlreadyInPlace, at, rules);
}

impl Lane {
    /// ServiceNow refuses the call for the work item's state, and no look-up shows a state to refuse it for. None where
    /// the entry can go on without it.
    fn refused(&mut self, id: EntryId, step: &Step) -> Option<(Outcome, Reason)> {
        if self.makes_room(id, step)
            && let Some(entry) = self.entry_mut(id)
        {
            entry.story.no_room = true;
            return None;
        }
        Some((
            Outcome::Dead,
            Reason::with(ReasonCode::Refused, self.message_of(id, Meaning::Conflict)),
        ))
    }

    /// What ServiceNow said in the last answer of that meaning.
    fn message_of(&self, id: EntryId, meaning: Meaning) -> String {
        let calls = self.conversation.entry(id).map(|entry| entry.story.calls.as_slice());
        let mut calls = calls.unwrap_or_default().iter().rev();
        let is_so = |answer: &Word<Meaning>| *answer == meaning;
        let call = calls.find(|attempt| attempt.meaning.as_ref().is_some_and(is_so));
        call.and_then(|call| call.message.clone()).unwrap_or_default()
    }

    /// Whether the entry only tells that something is over: what is closed already is as it should be.
    fn is_end(&self, id: EntryId) -> bool {
        self.conversation.entry(id).is_some_and(|entry| {
            let tells_end = matches!(entry.event.action, Action::Withdraw | Action::Leave { .. });
            tells_end || entry.ended.is_some()
        })
    }

    /// Whether the step takes a card away for the sake of another one.
    fn makes_room(&self, id: EntryId, step: &Step) -> bool {
        matches!(step, Step::TakeBack { .. }) && !self.is_end(id)
    }
}

impl AwaReply {
    /// Whether a look-up has found nothing of the call, which may therefore be on its way.
    const fn shows_no_trace(&self) -> bool {
        match self {
            Self::NotLanded
            | Self::LookUpForbidden
            | Self::TakenBy { .. }
            | Self::NoConsult
            | Self::DocumentClosed
            | Self::TooLate
            | Self::Misconfigured { .. } => true,
            Self::Landed { .. }
            | Self::AlreadyOurs { .. }
            | Self::AgentUnavailable
            | Self::ClockSkew
            | Self::Conflict { .. }
            | Self::Unexplained { .. }
            | Self::NotThere { .. }
            | Self::Busy { .. }
            | Self::NotSent { .. }
            | Self::InDoubt { .. }
            | Self::NotServiceNow { .. }
            | Self::Unauthorised { .. } => false,
        }
    }
}

impl Step {
    /// Whether it takes away what another step has brought, so that there is nothing to do where it is gone already.
    pub(super) const fn tidies(&self) -> bool {
        match self {
            Self::TakeBack { .. } | Self::EndConsult { .. } | Self::CloseDocument { .. } => true,
            Self::Own | Self::HandOver { .. } | Self::Accept { .. } | Self::Reject { .. } => false,
        }
    }
}

impl Entry {
    /// Whether ServiceNow has said that it is done, and is only looked up for the work item: whatever that brings, or
    /// if there is no time left for it.
    pub(super) fn is_in_place(&self) -> bool {
        self.story.last_call_meaning() == Some(Meaning::AlreadyOurs)
    }

    /// Until when the call may still land that was not found by the look-up which was answered last: it had begun
    /// before.
    fn may_still_land(&self) -> Option<UnixMillis> {
        let began = self.story.calls.last().map(|look_up| look_up.at);
        self.story.doubt_until.filter(|until| began.is_none_or(|began| began < *until))
    }

    /// Whether its answer is to bring a work item that is not known yet.
    fn brings_work_item(&self) -> bool {
        let offers = match (&self.story.step, &self.event.action) {
            (Some(Step::HandOver { .. }), _) => true,
            (
                Some(Step::Own) | None,
                Action::Offer { .. } | Action::Transfer { target: VendorTarget::Agent(_), .. },
            ) => true,
            (Some(_) | None, _) => false,
        };
        offers && self.story.work_item.is_none()
    }

    fn account_for_answer(&mut self, at: UnixMillis) {
        if self.ended.is_some() {
            return;
        }
        let open = at.since(self.received_at).saturating_sub(self.story.waited.total());
        self.story.waited.answer += open;
    }
}
