//! A lane's turn: runs `decide` on it and turns every effect into rows, ledger and answers.

use std::collections::HashSet;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::oneshot;

use super::{Replied, Writer};
use crate::metrics as names;
use crate::routing::{
    CallKind, Decision, Due, Effect, Ended, Entry, EntryId, EventJson, Input, LaneKey, Missing,
    Outcome, Reason, Stage, UnixMillis, Waited, decide,
};
use crate::store::direct::PendingSend;
use crate::store::lane::Lane;
use crate::store::layout;
use crate::store::ledger::Live;
use crate::store::request::{Claim, EventMeta, Failed, Settled, meta_of};
use crate::store::rows::{Origin, StoryRow, encode};

/// How many lanes a reload decides in one commit.
const RELOADED_AT_ONCE: usize = 64;

/// What a decision has brought, beside rows.
#[derive(Default)]
pub(super) struct Done {
    pub(super) settled: Vec<Settled>,
    /// The event of the input as it is to be kept, where one came in.
    pub(super) entered: Option<EventJson>,
    claim: Option<Claim>,
    resumed: usize,
}

/// A reload in progress.
#[derive(Default)]
pub(super) struct Reload {
    lanes: Vec<Arc<LaneKey>>,
    resumed: usize,
    answers: Vec<oneshot::Sender<Result<usize, Failed>>>,
}

impl Reload {
    pub(super) const fn is_open(&self) -> bool {
        !self.answers.is_empty()
    }
}

impl Writer {
    pub(super) fn claim(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        waited: Waited,
    ) -> Result<Claim, Failed> {
        let lane = self.lane_of(lane)?;
        if !self.is_at_rest(&lane, entry)? {
            return Ok(Claim::Nothing(Vec::new()));
        }
        let at = (self.terms.now)();
        let done = self.decide(&lane, Input::Due { entry, waited, at })?;
        Ok(done.claim.unwrap_or(Claim::Nothing(done.settled)))
    }

    /// Claims, in the commit that makes it due, what may leave at once. What is on the agenda already goes first if it is
    /// more urgent, and what is over in its lane is settled first.
    pub(super) fn send_off(&mut self) -> Result<(), Failed> {
        let shared = Arc::clone(&self.shared);
        let Some(door) = shared.door() else { return Ok(()) };
        let now = (self.terms.now)();
        let mut ready = Vec::new();
        for lane in self.group.lanes() {
            let due = self.cache.get_mut(lane).and_then(|lane| lane.conversation.next_due());
            ready.extend(
                due.filter(|due| due.calls && due.at <= now && due.expires.1 > now)
                    .map(|due| (due, Arc::clone(lane))),
            );
        }
        let rank = |due: &Due| (due.urgency, due.at, due.entry);
        ready.sort_unstable_by_key(|(due, _)| rank(due));
        for (due, lane) in ready {
            if shared.agenda.most_urgent(now).is_some_and(|first| rank(&first) < rank(&due)) {
                break;
            }
            let Some(exit) = door.open(due.urgency, now) else { break };
            let claim = self.claim(&lane, due.entry, Waited::default())?;
            let (lane, entry) = (LaneKey::clone(&lane), due.entry);
            self.group.leaves(PendingSend { exit, lane, entry, claim });
        }
        Ok(())
    }

    pub(super) fn reply(
        &mut self,
        lane: &Arc<LaneKey>,
        entry: EntryId,
        replied: Replied,
    ) -> Result<Vec<Settled>, Failed> {
        let lane = self.lane_of(lane)?;
        if self.load(&lane)?.conversation.entry(entry).is_none() {
            self.group.touched(&lane);
            return Ok(Vec::new());
        }
        let Replied { reply, answer, elapsed_ms, retry_in } = replied;
        let at = (self.terms.now)();
        let input = Input::Reply { entry, reply, answer, elapsed_ms, retry_in, at };
        Ok(self.decide(&lane, input)?.settled)
    }

    pub(super) fn begin_reload(&mut self, answer: oneshot::Sender<Result<usize, Failed>>) {
        self.reload.answers.push(answer);
        let parked = self.shared.ledger().parked_lanes();
        let waiting: HashSet<_> = self.reload.lanes.iter().cloned().collect();
        self.reload.lanes.extend(parked.into_iter().filter(|lane| !waiting.contains(lane)));
    }

    pub(super) fn reload_some(&mut self) -> Result<(), Failed> {
        if !self.reload.is_open() {
            return Ok(());
        }
        let from = self.reload.lanes.len().saturating_sub(RELOADED_AT_ONCE);
        for lane in self.reload.lanes.split_off(from) {
            let lane = self.lane_of(&lane)?;
            let at = (self.terms.now)();
            self.reload.resumed += self.decide(&lane, Input::Reloaded { at })?.resumed;
        }
        if self.reload.lanes.is_empty() {
            let Reload { resumed, answers, .. } = std::mem::take(&mut self.reload);
            for answer in answers {
                self.group.answer(answer, Ok(resumed));
            }
        }
        Ok(())
    }

    /// Whether the entry is there and no call of it is in flight: a lane may be handed out twice.
    fn is_at_rest(&mut self, lane: &Arc<LaneKey>, entry: EntryId) -> Result<bool, Failed> {
        self.group.touched(lane);
        let entry = self.load(lane)?.conversation.entry(entry);
        Ok(entry.is_some_and(|entry| !entry.stage.is_in_flight()))
    }

    /// Decides, and applies what was decided to the group in the making.
    pub(super) fn decide(&mut self, lane: &Arc<LaneKey>, input: Input) -> Result<Done, Failed> {
        let rules = self.terms.rules.rules(&lane.contact_center);
        let entering = match &input {
            Input::Event { entry, .. } => Some(*entry),
            Input::Due { .. }
            | Input::Reply { .. }
            | Input::Recovered { .. }
            | Input::Reloaded { .. }
            | Input::Replay { .. }
            | Input::Discard { .. } => None,
        };
        let at = moment_of(&input);
        let loaded = self.load(lane)?;
        let conversation = std::mem::take(&mut loaded.conversation);
        let decision = decide(Some(conversation), input, &rules);
        let entered = entering.and_then(|entry| event_of(&decision, entry));
        let mut done = Done { entered, ..Done::default() };
        loaded.conversation = decision.conversation;
        self.group.changed(lane);
        for effect in decision.effects {
            self.apply(lane, effect, at, &mut done)?;
        }
        for entry in self.load(lane)?.drop_origins() {
            self.shared.ledger().unwatch(entry.0);
        }
        Ok(done)
    }

    fn apply(
        &mut self,
        key: &Arc<LaneKey>,
        effect: Effect,
        at: UnixMillis,
        done: &mut Done,
    ) -> Result<(), Failed> {
        let shared = Arc::clone(&self.shared);
        let lane = self.load(key)?;
        match effect {
            Effect::Enqueue { entry } => {
                if let Some(entry) = lane.conversation.entry(entry) {
                    let parked = matches!(entry.stage, Stage::Parked { .. });
                    let source = lane.origins.get(&entry.id).map_or("", |origin| &origin.source);
                    let (lane, received_at) = (Arc::clone(key), entry.received_at);
                    let mut ledger = shared.ledger();
                    let source = ledger.source_named(source);
                    ledger.set_live(entry.id.0, Live { lane, source, received_at, parked });
                }
            }
            Effect::Call { entry, .. } | Effect::LookUp { entry, .. } => {
                lane.explain(entry, None);
                shared.ledger().set_parked(entry.0, false);
                done.claim = lane.claim_of(effect);
            }
            Effect::Reschedule { entry, at: _, why } => {
                lane.explain(entry, Some(why));
                shared.ledger().set_parked(entry.0, false);
            }
            Effect::Park { entry, missing } => {
                lane.tell_parked(entry, &missing);
                lane.explain(entry, Some(Reason::with("unmapped", missing)));
                shared.ledger().set_parked(entry.0, true);
            }
            Effect::Resume { entry } => {
                lane.tell_resumed(entry);
                lane.explain(entry, None);
                shared.ledger().set_parked(entry.0, false);
                done.resumed += 1;
            }
            Effect::Settle { settled, outcome, reason } => {
                let settled = self.settle(key, *settled, outcome, reason, at)?;
                done.settled.push(settled);
            }
            Effect::Amend { entry, ended } => {
                let Ended { outcome, reason, at: settled_at } = ended;
                let Origin { by, earlier, .. } = lane.origins.remove(&entry.id).unwrap_or_default();
                let row = StoryRow { outcome, reason, settled_at, story: entry.story, by, earlier };
                self.amend_story(entry.id.0, &row)?;
            }
        }
        Ok(())
    }

    fn settle(
        &mut self,
        key: &Arc<LaneKey>,
        entry: Entry,
        outcome: Outcome,
        reason: Reason,
        at: UnixMillis,
    ) -> Result<Settled, Failed> {
        let seq = entry.id.0;
        let lane = self.load(key)?;
        let stays = lane.conversation.entry(entry.id).is_some();
        let origin = if stays {
            lane.origins.get(&entry.id).cloned()
        } else {
            lane.origins.remove(&entry.id)
        };
        let Origin { source, why: _, by, earlier } = origin.unwrap_or_default();
        let settled = Settled {
            meta: meta_of(&source, &entry.event),
            outcome,
            reason: reason.clone(),
            attempts: entry.story.attempts,
            waited: entry.story.waited,
            received_at: entry.received_at,
        };
        let mut ledger = self.shared.ledger();
        ledger.drop_live(seq);
        if stays {
            ledger.watch(seq);
        }
        drop(ledger);
        let replayed = by.is_some();
        let row = StoryRow { outcome, reason, settled_at: at, story: entry.story, by, earlier };
        self.put_story(seq, &row);
        if outcome != Outcome::Dead && self.missed_by_sweep(entry.received_at, replayed) {
            self.erase_late_body(seq)?;
        }
        Ok(settled)
    }

    /// Writes anew how an event ended, with what was called for it since. Its entry goes.
    pub(super) fn amend_story(&mut self, seq: u64, row: &StoryRow) -> Result<(), Failed> {
        let before = self.rows.chunks(&layout::story(seq))?;
        let now = self.put_story(seq, row);
        self.group.changes.remove(&layout::story(seq), now, before);
        self.shared.ledger().unwatch(seq);
        Ok(())
    }

    /// Writes how an event ended, and its mark as a dead letter if it is one; returns how many chunks that took.
    pub(super) fn put_story(&mut self, seq: u64, row: &StoryRow) -> u16 {
        let chunks = self.group.changes.put(&layout::story(seq), &encode(row));
        if row.outcome == Outcome::Dead {
            self.group.changes.put(&layout::dead(seq), &[]);
            self.shared.ledger().bury(seq);
        }
        chunks
    }
}

impl Lane {
    fn explain(&mut self, entry: EntryId, why: Option<Reason>) {
        if let Some(origin) = self.origins.get_mut(&entry) {
            origin.why = why;
        }
    }

    /// One line and one count for an event that begins to wait for a mapping.
    fn tell_parked(&self, id: EntryId, missing: &Missing) {
        let Some(EventMeta { source, id: event_id, kind, conversation }) = self.meta_of(id) else {
            return;
        };
        tracing::info!(
            %source, event_id, kind, conversation, state = "parked", reason = "unmapped",
            "The {kind} waits for a mapping: {missing}"
        );
        counter!(names::EVENTS, "source" => source.to_string(), "kind" => kind, "state" => "parked")
            .increment(1);
    }

    fn tell_resumed(&self, id: EntryId) {
        if let Some(EventMeta { source, id: event_id, kind, conversation }) = self.meta_of(id) {
            tracing::info!(
                %source, event_id, kind, conversation, state = "pending",
                "The {kind} goes on: its mapping is there now"
            );
        }
    }

    fn meta_of(&self, id: EntryId) -> Option<EventMeta> {
        let entry = self.conversation.entry(id)?;
        let source = self.origins.get(&id).map_or("", |origin| origin.source.as_str());
        Some(meta_of(source, &entry.event))
    }

    fn claim_of(&self, effect: Effect) -> Option<Claim> {
        let entry_of = |id: EntryId| Some((self.conversation.entry(id)?, self.meta_of(id)?));
        match effect {
            Effect::Call { entry, call, attempt, deadline } => {
                let (entry, event) = entry_of(entry)?;
                let before = entry.story.calls.iter().rev().nth(1);
                Some(Claim::Call {
                    event,
                    call,
                    attempt,
                    deadline,
                    received_at: entry.received_at,
                    corrected: entry.story.corrections > 0,
                    after_doubt: before.is_some_and(|before| before.call == CallKind::LookUp),
                    tries: entry.story.tries,
                })
            }
            Effect::LookUp { entry, question, deadline } => {
                let (entry, event) = entry_of(entry)?;
                let (attempt, received_at) = (entry.story.attempts, entry.received_at);
                let tries = entry.story.tries;
                Some(Claim::LookUp { event, question, attempt, deadline, received_at, tries })
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

/// The event as the decision has completed it, wherever it put it.
fn event_of(decision: &Decision, id: EntryId) -> Option<EventJson> {
    let settled = decision.effects.iter().find_map(|effect| match effect {
        Effect::Settle { settled, .. } if settled.id == id => Some(&**settled),
        Effect::Settle { .. }
        | Effect::Enqueue { .. }
        | Effect::Call { .. }
        | Effect::LookUp { .. }
        | Effect::Reschedule { .. }
        | Effect::Park { .. }
        | Effect::Resume { .. }
        | Effect::Amend { .. } => None,
    });
    decision.conversation.entry(id).or(settled).map(|entry| entry.event.to_json())
}

const fn moment_of(input: &Input) -> UnixMillis {
    match input {
        Input::Event { at, .. }
        | Input::Due { at, .. }
        | Input::Reply { at, .. }
        | Input::Recovered { at, .. }
        | Input::Reloaded { at }
        | Input::Replay { at, .. }
        | Input::Discard { at, .. } => *at,
    }
}
