//! One group commit in the making: what was asked for is decided on copies of lanes, and becomes one set of changes.
//!
//! A group changes nothing but itself. What it asks of the store it asks through a [`View`], which shows what is
//! committed; memory changes when the engine has written the group's changes, all of them or none. So a group that
//! could not be written is dropped, and the same questions can be asked again: `decide` is pure.
//!
//! A view whose rows are elsewhere has to have read them before: the lanes of a question's conversations and documents,
//! the numbers of its ids, and the event that an operator names.

mod accept;
mod claim;
mod entries;
mod join;
mod operator;
mod register;
mod room;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use self::entries::{changed_entries, index_of};
pub(super) use self::view::{Found, Lost, View};
use super::RulesFor;
use super::changes::Change;
use super::direct::PendingSend;
use super::engine::Lapsed;
use super::lane::Lane;
use super::records::{Class, Content, End, EventRow, Hash, IndexRow, Origin, RegisterRow};
use super::refusal::Refusal;
use super::register::Swapped;
use super::request::{
    Acceptance, Claim, EventMeta, Failed, Question, Settled, Transition, meta_of,
};
use super::settings::Limits;
use crate::routing::{
    ContactCenter, Decision, DocumentRef, Effect, Ended, Entry, EntryId, Input, LaneKey, Outcome,
    Reason, ReasonCode, UnixMillis, decide,
};

/// What a group goes by, beside the view.
pub(super) struct Terms {
    pub(super) rules: Arc<dyn RulesFor>,
    pub(super) limits: Limits,
    /// The disk is nearly full.
    pub(super) no_space: bool,
    pub(super) now: UnixMillis,
    /// How far `now` is ahead of this machine's own clock, in milliseconds: by that clock calls leave.
    pub(super) ahead_ms: i64,
}

pub(super) struct Group<'a> {
    view: &'a mut dyn View,
    terms: &'a Terms,
    lanes: HashMap<Arc<LaneKey>, Copied>,
    /// The lanes of documents, as they are from this commit on; none where a document has no lane any more.
    documents: HashMap<(ContactCenter, DocumentRef), Option<Arc<LaneKey>>>,
    ids: HashMap<Hash, u64>,
    registers: HashMap<&'static str, RegisterRow>,
    /// New events of a source.
    added: HashMap<Arc<str>, usize>,
    changes: Vec<Change>,
    /// Events in the order of their settling.
    settled: Vec<u64>,
    transitions: Vec<Transition>,
    leaving: Vec<PendingSend>,
    first_number: u64,
    next_number: u64,
}

/// A lane as it was, and as the group has it.
struct Copied {
    before: Arc<Lane>,
    now: Lane,
}

/// What a group has come to.
pub(super) struct Outcomes {
    pub(super) changes: Vec<Change>,
    pub(super) lanes: Vec<(Arc<LaneKey>, Arc<Lane>)>,
    pub(super) transitions: Vec<Transition>,
    pub(super) leaving: Vec<PendingSend>,
    /// Its new numbers: from the first to before the next.
    pub(super) first_number: u64,
    pub(super) next_number: u64,
    /// How far its moments are ahead of this machine's own clock, in milliseconds.
    pub(super) ahead_ms: i64,
}

/// What a decision has brought, beside rows.
#[derive(Default)]
struct Done {
    claim: Option<Claim>,
    resumed: usize,
}

impl<'a> Group<'a> {
    pub(super) fn new(view: &'a mut dyn View, terms: &'a Terms, next_number: u64) -> Self {
        Self {
            view,
            terms,
            lanes: HashMap::new(),
            documents: HashMap::new(),
            ids: HashMap::new(),
            registers: HashMap::new(),
            added: HashMap::new(),
            changes: Vec::new(),
            settled: Vec::new(),
            transitions: Vec::new(),
            leaving: Vec::new(),
            first_number: next_number,
            next_number,
        }
    }

    /// How many rows it changes, more or less.
    pub(super) fn rows(&self) -> usize {
        self.changes.len() + self.settled.len() + 2 * self.lanes.len()
    }

    /// Decides what is asked for.
    ///
    /// # Errors
    /// The store cannot be read; a damaged row that only this question needs is the answer to it.
    pub(super) fn ask(&mut self, question: &mut Question) -> Result<(), Failed> {
        match question {
            Question::Accept(asked) => asked.decide(|delivery| self.accept(delivery)),
            Question::Claim(asked) => asked
                .decide(|(lane, entry, waited)| self.claim(lane, *entry, *waited).map(Box::new)),
            Question::Reply(asked) => {
                asked.decide(|(lane, entry, replied)| self.reply(lane, *entry, replied))
            }
            Question::Replay(asked) => {
                asked.decide(|(wish, force)| survivable(self.replay(wish, *force)))
            }
            Question::Discard(asked) => asked.decide(|wish| survivable(self.discard(wish))),
            Question::Swap(asked) => {
                asked.decide(|(name, seen, value)| self.swap(name, *seen, value).map(Ok))
            }
            Question::RoundTrip(asked) => asked.decide(|()| Ok(())),
            Question::Reloaded(_) | Question::Close => Ok(()),
        }
    }

    /// Leaves to other nodes what concerns rows of a newer program.
    pub(super) fn leave(&mut self, question: &mut Question) {
        match question {
            Question::Accept(asked) => asked.answer = Some(Err(Refusal::Newer)),
            Question::Claim(asked) => asked.answer = Some(Box::new(Claim::Nothing)),
            // Its call lapses, and is looked up by a node that knows the row.
            Question::Reply(asked) => {
                let (_, entry, _) = asked.question;
                self.transitions.push(Transition::LeftToNewer(entry));
                asked.answer = Some(());
            }
            Question::Swap(asked) => asked.answer = Some(Err(Failed::Newer)),
            Question::Replay(asked) => asked.answer = Some(Err(Failed::Newer)),
            Question::Discard(asked) => asked.answer = Some(Err(Failed::Newer)),
            Question::Reloaded(_) | Question::RoundTrip(_) | Question::Close => {}
        }
    }

    /// Puts in doubt the calls of a lane that were in flight when the process stopped; returns how many.
    pub(super) fn recover(&mut self, key: &Arc<LaneKey>) -> Result<usize, Failed> {
        let entries = self.lane(key)?.conversation.entries();
        let in_flight = entries.filter(|entry| entry.stage.is_in_flight());
        let in_flight: Vec<_> = in_flight.map(|entry| entry.id).collect();
        for entry in &in_flight {
            let at = self.terms.now;
            self.decide(key, Input::Recovered { entry: *entry, doubt_until: None, at })?;
        }
        Ok(in_flight.len())
    }

    /// Puts a call in doubt that its node does not answer for any more, unless its answer has come meanwhile.
    pub(super) fn lapse(&mut self, lapsed: &Lapsed) -> Result<(), Failed> {
        let lane = self.root(&lapsed.lane)?;
        let entry = self.lane(&lane)?.conversation.entry(lapsed.entry);
        let is_same =
            |entry: &Entry| entry.stage.is_in_flight() && entry.story.claim == lapsed.claim;
        if entry.is_some_and(is_same) {
            let at = self.terms.now;
            let (entry, doubt_until) = (lapsed.entry, lapsed.doubt_until);
            self.decide(&lane, Input::Recovered { entry, doubt_until, at })?;
        }
        Ok(())
    }

    /// Looks again at what is parked in a lane; returns how many entries may go on.
    pub(super) fn reload(&mut self, key: &Arc<LaneKey>) -> Result<usize, Failed> {
        let lane = self.root(key)?;
        let at = self.terms.now;
        Ok(self.decide(&lane, Input::Reloaded { at })?.resumed)
    }

    /// What it has come to: the rows of all that it has changed.
    pub(super) fn finish(mut self) -> Outcomes {
        let mut lanes = Vec::with_capacity(self.lanes.len());
        for (key, Copied { before, now }) in self.lanes.drain() {
            if !now.has_same_row(&before) {
                let row = Box::new(now.to_row(&key));
                self.changes.push(Change::Lane(LaneKey::clone(&key), Some(row)));
            }
            changed_entries(&key, &before, &now, &mut self.changes);
            lanes.push((key, Arc::new(now)));
        }
        for ((contact_center, document), lane) in std::mem::take(&mut self.documents) {
            let lane = lane.map(|lane| LaneKey::clone(&lane));
            self.changes.push(Change::Document(contact_center, document, lane));
        }
        // After all events have their numbers: those of one delivery follow each other.
        for event in std::mem::take(&mut self.settled) {
            let place = self.take_number();
            self.changes.push(Change::Settled(place, Some(event)));
        }
        let ahead_ms = self.terms.ahead_ms;
        let Self { changes, transitions, leaving, first_number, next_number, .. } = self;
        Outcomes { changes, lanes, transitions, leaving, first_number, next_number, ahead_ms }
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn number_of(&self, id: &Hash) -> Option<u64> {
        self.ids.get(id).copied().or_else(|| self.view.number_of(id))
    }

    /// The group's copy of a lane. Damage costs the events that it hits, which become dead letters, and no others.
    fn lane(&mut self, key: &Arc<LaneKey>) -> Result<&mut Lane, Failed> {
        if !self.lanes.contains_key(key) {
            let Found { lane, lost, damaged } = self.view.lane(key)?;
            if damaged {
                let row = Box::new(lane.to_row(key));
                self.changes.push(Change::Lane(LaneKey::clone(key), Some(row)));
            }
            lost.into_iter().for_each(|lost| self.dead_letter(lost));
            let copied = Copied { now: Lane::clone(&lane), before: lane };
            self.lanes.insert(Arc::clone(key), copied);
        }
        Ok(&mut self.lanes.get_mut(key).expect("it was there or has just been inserted").now)
    }

    /// Makes a dead letter of an event that cannot go on; one that had ended already ends as it had.
    pub(super) fn dead_letter(&mut self, lost: Lost) {
        let Lost { number, index, row, why } = lost;
        self.transitions.push(Transition::Damaged(number, why.clone()));
        let received_at = index.map_or(self.terms.now, |index| index.received_at);
        let mut row = row.map_or_else(|| EventRow::lost(received_at), |row| *row);
        let story = row.entry.take().map(|entry| entry.story).unwrap_or_default();
        let (settled_at, outcome) = (self.terms.now, Outcome::Dead);
        let reason = Reason::with(ReasonCode::DamagedRow, why);
        let is_named = !matches!(row.content, Content::Lost);
        if row.origin.end.is_none() && is_named {
            self.note_settled(number);
        }
        row.origin.end.get_or_insert(End { outcome, reason, settled_at, story });
        if let Some(index) = index {
            let class = row.class();
            self.changes.push(Change::Index(number, IndexRow { class, ..index }));
        }
        self.changes.push(Change::Event(number, Box::new(row)));
    }

    /// Decides, and turns every effect into changes and answers.
    fn decide(&mut self, key: &Arc<LaneKey>, input: Input) -> Result<Done, Failed> {
        let rules = self.terms.rules.rules(&key.contact_center);
        let at = input.at();
        let lane = self.lane(key)?;
        let conversation = std::mem::take(&mut lane.conversation);
        let Decision { conversation, effects } = decide(Some(conversation), input, &rules);
        lane.conversation = conversation;
        let mut done = Done::default();
        for effect in effects {
            self.apply(key, effect, at, &mut done)?;
        }
        self.lane(key)?.drop_origins();
        Ok(done)
    }

    fn apply(
        &mut self,
        key: &Arc<LaneKey>,
        effect: Effect,
        at: UnixMillis,
        done: &mut Done,
    ) -> Result<(), Failed> {
        let lane = self.lane(key)?;
        match effect {
            Effect::Enqueue { .. } => {}
            Effect::Call { entry, .. } | Effect::LookUp { entry, .. } => {
                lane.explain(entry, None);
                done.claim = lane.claim_of(effect);
            }
            Effect::Reschedule { entry, at: _, why } => lane.explain(entry, Some(why)),
            Effect::Park { entry, missing } => {
                let meta = lane.meta_of(entry);
                lane.explain(entry, Some(Reason::with(ReasonCode::Unmapped, &missing)));
                self.transitions.extend(meta.map(|meta| Transition::Parked(meta, missing)));
            }
            Effect::Resume { entry } => {
                let meta = lane.meta_of(entry);
                lane.explain(entry, None);
                self.transitions.extend(meta.map(Transition::Resumed));
                done.resumed += 1;
            }
            Effect::Settle { settled, outcome, reason } => {
                self.settle(key, &settled, outcome, reason, at)?;
            }
            Effect::Amend { entry, ended } => {
                let Ended { outcome, reason, at: settled_at } = ended;
                let origin = lane.origins.remove(&entry.id).map(Arc::unwrap_or_clone);
                let end = End { outcome, reason, settled_at, story: entry.story.clone() };
                let origin = Origin { end: Some(end), why: None, ..origin.unwrap_or_default() };
                self.put_ended(key, &entry, origin);
            }
        }
        Ok(())
    }

    fn settle(
        &mut self,
        key: &Arc<LaneKey>,
        entry: &Entry,
        outcome: Outcome,
        reason: Reason,
        at: UnixMillis,
    ) -> Result<(), Failed> {
        let number = entry.id.0;
        let lane = self.lane(key)?;
        let end =
            End { outcome, reason: reason.clone(), settled_at: at, story: entry.story.clone() };
        let source = lane.origins.get(&entry.id).map(|origin| Arc::clone(&origin.source));
        let settled = Settled {
            meta: meta_of(&source.unwrap_or_default(), &entry.event),
            outcome,
            reason,
            attempts: entry.story.attempts,
            waited: entry.story.waited,
        };
        if lane.conversation.entry(entry.id).is_some() {
            if let Some(origin) = lane.origin_mut(entry.id) {
                (origin.end, origin.why) = (Some(end), None);
            }
        } else {
            let origin = lane.origins.remove(&entry.id).map(Arc::unwrap_or_clone);
            let origin = Origin { end: Some(end), why: None, ..origin.unwrap_or_default() };
            self.put_ended(key, entry, origin);
        }
        self.note_settled(number);
        self.transitions.push(Transition::Settled(settled));
        Ok(())
    }

    /// Notes that an event settles, after those that have settled before.
    fn note_settled(&mut self, event: u64) {
        self.settled.push(event);
    }

    fn put_ended(&mut self, lane: &LaneKey, entry: &Entry, origin: Origin) {
        let row = EventRow::ended(&lane.contact_center, entry, origin);
        let number = entry.id.0;
        let index = index_of(lane, entry, &row.origin, row.class());
        self.changes.push(Change::Index(number, index));
        self.changes.push(Change::Event(number, Box::new(row)));
    }
}

impl Lane {
    fn explain(&mut self, entry: EntryId, why: Option<Reason>) {
        if let Some(origin) = self.origins.get_mut(&entry)
            && origin.why != why
        {
            Arc::make_mut(origin).why = why;
        }
    }

    fn meta_of(&self, id: EntryId) -> Option<EventMeta> {
        let entry = self.conversation.entry(id)?;
        let source = self.origins.get(&id).map(|origin| Arc::clone(&origin.source));
        Some(meta_of(&source.unwrap_or_default(), &entry.event))
    }
}

/// A damaged row is the answer to one question; anything else is the end of the store.
fn survivable<T>(answered: Result<T, Failed>) -> Result<Result<T, Failed>, Failed> {
    match answered {
        Err(failed @ Failed::Damaged(_)) => Ok(Err(failed)),
        Err(failed) => Err(failed),
        Ok(answer) => Ok(Ok(answer)),
    }
}
