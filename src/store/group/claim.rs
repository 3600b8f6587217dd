//! An entry is due, is sent at once, or was answered.

use std::sync::Arc;

use super::{Claim, Failed, Group, Input, Lane};
use crate::routing::{ClockOffset, Due, Effect, EntryId, LaneKey, UnixMillis, Waited};
use crate::store::agenda::Agenda;
use crate::store::direct::{DirectDispatch, PendingSend};
use crate::store::request::Replied;

impl Group<'_> {
    pub(super) fn claim(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        waited: Waited,
    ) -> Result<Claim, Failed> {
        let lane = self.root(lane)?;
        // A lane may be handed out twice.
        let found = self.lane(&lane)?.conversation.entry(entry);
        if found.is_none_or(|entry| entry.stage.is_in_flight()) {
            return Ok(Claim::Nothing);
        }
        let at = self.terms.now;
        // Measured from this machine's own clock; moments here are on another.
        let ahead_ms = self.terms.ahead_ms;
        let clock = self.terms.rules.clock_offset().map(|ClockOffset { low, high }| ClockOffset {
            low: low.saturating_sub(ahead_ms),
            high: high.saturating_sub(ahead_ms),
        });
        let done = self.decide(&lane, Input::Due { entry, waited, clock, at })?;
        let claim = done.claim.unwrap_or(Claim::Nothing);
        Ok(claim.by_a_clock_behind(ahead_ms))
    }

    /// Claims, in the commit that makes it due, what may leave at once. What is on the agenda already goes first if it
    /// is more urgent, and what is over in its lane is settled first.
    pub(in crate::store) fn send_at_once(
        &mut self,
        direct: &dyn DirectDispatch,
        agenda: &Agenda,
    ) -> Result<(), Failed> {
        if !self.view.is_complete() {
            return Ok(());
        }
        let now = self.terms.now;
        // The agenda and the pace go by this machine's own clock.
        let ahead_ms = self.terms.ahead_ms;
        let own = behind(now, ahead_ms);
        let mut ready = Vec::new();
        for (key, lane) in &self.lanes {
            let due = lane.now.conversation.next_due();
            let due = due.filter(|due| due.calls && due.at <= now && due.expires.1 > now);
            ready.extend(due.map(|due| (due.by_a_clock_behind(ahead_ms), Arc::clone(key))));
        }
        let rank = |due: &Due| (due.urgency, due.at, due.entry);
        ready.sort_unstable_by_key(|(due, _)| rank(due));
        for (due, lane) in ready {
            if agenda.most_urgent(own).is_some_and(|first| rank(&first) < rank(&due)) {
                break;
            }
            let Some(slot) = direct.open(due.urgency, own) else { break };
            let claim = self.claim(&lane, due.entry, Waited::default())?;
            let (lane, entry) = (LaneKey::clone(&lane), due.entry);
            self.leaving.push(PendingSend { slot, lane, entry, claim });
        }
        Ok(())
    }

    pub(super) fn reply(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        replied: &Replied,
    ) -> Result<(), Failed> {
        let lane = self.root(lane)?;
        if self.lane(&lane)?.conversation.entry(entry).is_none() {
            return Ok(());
        }
        let Replied { claim, answered, retry_in } = replied.clone();
        let at = self.terms.now;
        let input = Input::Reply { entry, claim, answered, retry_in, at };
        self.decide(&lane, input)?;
        Ok(())
    }
}

/// The same moment by a clock that is so many milliseconds behind.
const fn behind(moment: UnixMillis, ms: i64) -> UnixMillis {
    UnixMillis(moment.0.saturating_sub(ms))
}

impl Due {
    /// The same, with its moments on a clock that is so many milliseconds behind.
    pub(in crate::store) fn by_a_clock_behind(self, ms: i64) -> Self {
        let (entry, deadline) = self.expires;
        Self { at: behind(self.at, ms), expires: (entry, behind(deadline, ms)), ..self }
    }
}

impl Claim {
    /// The same, with its moments on a clock that is so many milliseconds behind.
    fn by_a_clock_behind(mut self, ms: i64) -> Self {
        let options = match &mut self {
            Self::Call { options, received_at, .. } => {
                *received_at = behind(*received_at, ms);
                options
            }
            Self::LookUp { options, question, .. } => {
                question.first_sent = behind(question.first_sent, ms);
                options
            }
            Self::Nothing => return self,
        };
        options.deadline = behind(options.deadline, ms);
        options.leave_by = behind(options.leave_by, ms);
        self
    }
}

impl Lane {
    pub(super) fn claim_of(&self, effect: Effect) -> Option<Claim> {
        let entry_of = |id: EntryId| Some((self.conversation.entry(id)?, self.meta_of(id)?));
        match effect {
            Effect::Call { entry, call, options } => {
                let (entry, event) = entry_of(entry)?;
                Some(Claim::Call { event, received_at: entry.received_at, call, options })
            }
            Effect::LookUp { entry, question, options } => {
                let (_, event) = entry_of(entry)?;
                Some(Claim::LookUp { event, question, options })
            }
            Effect::Enqueue { .. }
            | Effect::Reschedule { .. }
            | Effect::Park { .. }
            | Effect::Resume { .. }
            | Effect::Amend { .. }
            | Effect::Settle { .. } => None,
        }
    }
}
