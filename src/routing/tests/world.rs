//! A world for random histories: one lane as a store would keep it, an AWA that may misbehave, a clock that is wound by
//! hand, and a record of what was promised, against which every effect is held.

use std::collections::BTreeMap;

use super::START;
use super::peer::{Mood, Peer, same_call};
use crate::routing::*;

/// What is on the way to AWA or back.
struct OnTheWay {
    entry: EntryId,
    question: Question,
    deadline: UnixMillis,
    /// The answer, once AWA has given it.
    reply: Option<AwaReply>,
}

#[derive(Clone)]
pub(super) enum Question {
    Call(AwaCall),
    LookUp(AwaCall),
}

/// What the record holds of an accepted event.
#[derive(Default)]
struct Fate {
    open: bool,
    accepted: u32,
    settled: u32,
    /// A call may have landed, and no look-up has cleared it.
    doubt: bool,
    /// A person or the policy has allowed to repeat what may have landed.
    excused: bool,
    withdrawn: bool,
    /// What was asked for first; only a withdraw asks for several things.
    first: Option<AwaCall>,
}

pub(super) struct World {
    now: UnixMillis,
    lane: Conversation,
    rules: Rules,
    on_the_way: Option<OnTheWay>,
    peer: Peer,
    fates: BTreeMap<EntryId, Fate>,
    done: Vec<(EntryId, RoutingEvent)>,
    /// The events as a store keeps them: written once, when they are taken in.
    rows: BTreeMap<EntryId, RoutingEvent>,
    /// The first rule that was broken, and when.
    pub(super) breach: Option<String>,
    pub(super) outcomes: Vec<(EntryId, Outcome, String)>,
}

impl World {
    pub(super) fn under(rules: Rules) -> Self {
        Self {
            now: START,
            lane: Conversation::default(),
            rules,
            on_the_way: None,
            peer: Peer::default(),
            fates: BTreeMap::new(),
            done: Vec::new(),
            rows: BTreeMap::new(),
            breach: None,
            outcomes: Vec::new(),
        }
    }

    pub(super) const fn now(&self) -> UnixMillis {
        self.now
    }

    pub(super) fn passes(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }

    pub(super) fn arrives(&mut self, event: RoutingEvent) {
        if event.kind() == Kind::Withdraw {
            self.take_back(event.segment.as_ref());
        }
        let entry = EntryId(self.fates.len() as u64 + 1);
        self.decide(Input::Event { entry, event, at: self.now });
        self.must(self.fates.contains_key(&entry), || format!("{entry:?} was not accepted"));
    }

    /// What was taken from this leg by its withdraw is not to be called any more.
    fn take_back(&mut self, leg: Option<&SegmentId>) {
        let takes = |entry: &&Entry| {
            let theirs = entry.event.segment.as_ref();
            let kind = entry.event.kind();
            let kept = [Kind::ConsultEnd, Kind::Withdraw, Kind::Bind].contains(&kind);
            !kept && (leg.is_none() || theirs.is_none() || leg == theirs)
        };
        for entry in self.lane.entries.iter().filter(takes) {
            self.fates.entry(entry.id).or_default().withdrawn = true;
        }
    }

    pub(super) fn reloads(&mut self, tables: Directory) {
        self.rules.directory = std::sync::Arc::new(tables);
        self.decide(Input::Reloaded { at: self.now });
    }

    /// Someone gives up one of the open entries.
    pub(super) fn discards(&mut self, which: usize) {
        if let Some(entry) = self.lane.entries.get(which % self.lane.entries.len().max(1)) {
            self.decide(Input::Discard { entry: entry.id, at: self.now });
        }
    }

    /// Someone wants a settled event again.
    pub(super) fn replays(&mut self, which: usize) {
        if self.done.is_empty() {
            return;
        }
        let (entry, event) = self.done.swap_remove(which % self.done.len());
        let fate = self.fates.entry(entry).or_default();
        *fate = Fate {
            excused: true,
            accepted: fate.accepted,
            settled: fate.settled,
            ..Fate::default()
        };
        self.decide(Input::Replay { entry, event, at: self.now });
    }

    /// The dispatcher comes with an entry that it noticed some time ago.
    pub(super) fn late_notice(&mut self, which: usize) {
        if let Some(entry) = self.lane.entries.get(which % self.lane.entries.len().max(1)) {
            let waited = Waited::default();
            self.decide(Input::Due { entry: entry.id, waited, at: self.now });
        }
    }

    /// One step on: what is on the way reaches AWA, or its answer comes back, or the dispatcher takes what is due.
    pub(super) fn goes(&mut self, mood: Mood, pace: u64) {
        match self.on_the_way.take() {
            Some(call) if call.reply.is_some() => self.answered(call),
            Some(mut call) => {
                call.reply = Some(if self.now < call.deadline {
                    self.peer.answers(call.entry, &call.question, mood)
                } else {
                    AwaReply::NotSent { why: "too late to send".to_owned() }
                });
                self.on_the_way = Some(call);
            }
            None => match self.lane.next_due() {
                Some(due) if due.at.since(self.now) <= 5_000 => self.takes(due, pace),
                Some(_) | None => self.passes(5_000),
            },
        }
    }

    fn takes(&mut self, due: Due, pace: u64) {
        self.now = self.now.max(due.at);
        let waited = Waited { rate_limit: pace, ..Waited::default() };
        let effects = self.decide(Input::Due { entry: due.entry, waited, at: self.now });
        self.must(effects > 0, || format!("{:?} was due and nothing came of it", due.entry));
        let called = self.on_the_way.is_some();
        self.must(due.calls || !called, || format!("{:?} was not to call", due.entry));
    }

    fn answered(&mut self, call: OnTheWay) {
        let Some(reply) = call.reply else { return };
        let fate = self.fates.entry(call.entry).or_default();
        match (&call.question, &reply) {
            (Question::Call(_), AwaReply::InDoubt { .. } | AwaReply::NotServiceNow { .. }) => {
                fate.doubt = true;
            }
            (Question::LookUp(_), AwaReply::LookUpForbidden)
                if self.rules.doubt == Doubt::Repeat =>
            {
                (fate.doubt, fate.excused) = (false, true);
            }
            (
                Question::LookUp(_),
                AwaReply::NotLanded
                | AwaReply::Landed { .. }
                | AwaReply::TakenBy { .. }
                | AwaReply::DocumentClosed,
            ) => fate.doubt = false,
            (Question::Call(_) | Question::LookUp(_), _) => {}
        }
        let (entry, answer, at) = (call.entry, Answer::default(), self.now);
        self.decide(Input::Reply { entry, reply, answer, elapsed_ms: 1, retry_in: 300, at });
    }

    /// The process stops and comes up again; what was on the way may still arrive, its answer never does.
    pub(super) fn crashes(&mut self, arrives: bool) {
        if let Some(call) = self.on_the_way.take()
            && let Question::Call(_) = call.question
        {
            if arrives && call.reply.is_none() && self.now < call.deadline {
                self.peer.answers(call.entry, &call.question, Mood::Well);
            }
            self.fates.entry(call.entry).or_default().doubt = true;
        }
        for entry in &mut self.lane.entries {
            entry.event = self.rows[&entry.id].clone();
        }
        let flying = |entry: &&Entry| entry.stage.is_on_the_way();
        let found: Vec<EntryId> = self.lane.entries.iter().filter(flying).map(|e| e.id).collect();
        for entry in found {
            self.decide(Input::Recovered { entry, at: self.now });
        }
    }

    /// All goes well from now on, until nothing is owed.
    pub(super) fn ends(&mut self) {
        let (mut steps, mut moment) = (0, self.now);
        while self.breach.is_none() && !self.lane.is_idle() {
            if self.on_the_way.is_some() {
                self.goes(Mood::Well, 0);
            } else if let Some(due) = self.lane.next_due() {
                self.takes(due, 0);
            } else {
                self.must(false, || "something is owed and nothing is ever due".to_owned());
            }
            steps = if self.now == moment { steps + 1 } else { 0 };
            moment = self.now;
            self.must(steps < 500, || "time stands still".to_owned());
        }
        let all = self.fates.values().all(|fate| !fate.open && fate.settled == fate.accepted);
        self.must(all, || "not every accepted event ended in exactly one outcome".to_owned());
    }

    fn decide(&mut self, input: Input) -> usize {
        let decision = decide(Some(self.lane.clone()), input, &self.rules);
        let before = std::mem::replace(&mut self.lane, decision.conversation);
        let count = decision.effects.len();
        for effect in decision.effects {
            self.holds(&before, effect);
        }
        self.stays_sound();
        count
    }

    /// Holds one effect against what was promised.
    fn holds(&mut self, before: &Conversation, effect: Effect) {
        match effect {
            Effect::Enqueue { entry } => {
                if let Some(entry) = self.lane.entry(entry) {
                    self.rows.insert(entry.id, entry.event.clone());
                }
                let fate = self.fates.entry(entry).or_default();
                let twice = fate.open;
                fate.open = true;
                fate.accepted += 1;
                self.must(!twice, || format!("{entry:?} was taken in twice"));
            }
            Effect::Call { entry, call, deadline, .. } => {
                self.may_call(before, entry, &call, deadline);
                let question = Question::Call(call);
                self.on_the_way = Some(OnTheWay { entry, question, deadline, reply: None });
            }
            Effect::LookUp { entry, question, deadline } => {
                self.is_its_turn(before, entry, &question.call, deadline);
                let question = Question::LookUp(question.call);
                self.on_the_way = Some(OnTheWay { entry, question, deadline, reply: None });
            }
            Effect::Settle { settled, outcome, reason } => {
                let elapsed = self.now.since(settled.received_at);
                let waited = settled.story.waited.total();
                let id = settled.id;
                self.must(waited == elapsed, || format!("{id:?}: {waited} of {elapsed} ms told"));
                let fate = self.fates.entry(id).or_default();
                let was_open = std::mem::replace(&mut fate.open, false);
                fate.settled += 1;
                self.must(was_open, || format!("{id:?} was settled twice"));
                self.outcomes.push((id, outcome, reason.code));
                self.done.push((id, settled.event));
            }
            Effect::Reschedule { .. } | Effect::Park { .. } | Effect::Resume { .. } => {}
        }
    }

    fn may_call(&mut self, before: &Conversation, id: EntryId, call: &AwaCall, until: UnixMillis) {
        self.is_its_turn(before, id, call, until);
        let landed = self.peer.has(id, call);
        let fate = self.fates.entry(id).or_default();
        let (withdrawn, doubt, excused) = (fate.withdrawn, fate.doubt, fate.excused);
        self.must(!withdrawn, || format!("{id:?} was sent though withdrawn"));
        self.must(!doubt, || format!("{id:?} was repeated in doubt"));
        self.must(!landed || excused, || format!("{id:?} had landed and was sent again"));
    }

    fn is_its_turn(
        &mut self,
        before: &Conversation,
        id: EntryId,
        call: &AwaCall,
        until: UnixMillis,
    ) {
        let free = self.on_the_way.is_none();
        self.must(free, || format!("{id:?} left while another was on the way"));
        let Some(position) = before.entries.iter().position(|entry| entry.id == id) else {
            return self.must(false, || format!("{id:?} is not in the lane"));
        };
        let fate = self.fates.entry(id).or_default();
        let same = same_call(fate.first.get_or_insert_with(|| call.clone()), call);
        let same = same || before.entries[position].event.kind() == Kind::Withdraw;
        self.must(same, || format!("{id:?} asked for something else than at first"));
        let deadline = before.entries[position].deadline;
        let in_time = self.now < deadline && until == deadline;
        self.must(in_time, || format!("{id:?} left after its deadline"));
        let blocked = before.entries[..position].iter().any(|entry| !entry.stage.is_aside());
        self.must(!blocked, || format!("{id:?} overtook an earlier event"));
    }

    fn stays_sound(&mut self) {
        let entries = &self.lane.entries;
        let flying: Vec<EntryId> =
            entries.iter().filter(|entry| entry.stage.is_on_the_way()).map(|e| e.id).collect();
        let overdrawn = entries
            .iter()
            .any(|entry| entry.story.waited.total() > self.now.since(entry.received_at));
        let open = self.fates.values().filter(|fate| fate.open).count();
        let lost = open != entries.len();
        self.must(flying.len() <= 1, || format!("{flying:?} are on the way at once"));
        self.must(!overdrawn, || "more time was told than went by".to_owned());
        self.must(!lost, || "an entry was lost".to_owned());
    }

    fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds && self.breach.is_none() {
            self.breach = Some(format!("at +{}: {}", self.now.since(START), breach()));
        }
    }
}

/// Whether AWA has done exactly this for the entry.
impl Peer {
    fn has(&self, entry: EntryId, call: &AwaCall) -> bool {
        self.landed(entry).iter().any(|(landed, _)| same_call(landed, call))
    }
}
