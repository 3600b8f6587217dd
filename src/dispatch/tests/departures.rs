//! What the witness says to calls that leave, and to those that do not.

use super::fate::Fate;
use super::servicenow::{is_safe_to_repeat, same_call};
use super::witness::{Witness, number_of};
use crate::awa::stand_in::Request;
use crate::routing::*;

/// More different calls than one event can need.
const STEPS: usize = 20;

impl Witness {
    /// A call or a look-up leaves; `done` says whether ServiceNow has done just that for the event before.
    pub(super) fn leaves(&mut self, number: usize, request: &Request, done: bool) {
        let name = match request {
            Request::Call(call) => format!("the {} of e{number}", call.kind()),
            Request::LookUp(look_up) => {
                format!("the look-up of the {} of e{number}", look_up.call.kind())
            }
        };
        self.tell(|| format!("{name} leaves"));
        if let Some(until) = self.fate(number).watched_until(&self.rules) {
            return self.watches(number, request, until, &name);
        }
        if let Some(outcome) = self.fate(number).end.as_ref().map(|(outcome, _)| *outcome) {
            return self.must(false, || format!("{name} left though it had ended as {outcome}"));
        }
        self.must(!self.held, || format!("{name} left while a person holds all calls"));
        let in_time = self.now < self.fate(number).deadline;
        self.must(in_time, || format!("{name} left after its deadline"));
        self.keeps_order(number, &name);
        let fault = self.fate(number).fault_of(request.call(), &self.items);
        self.must(fault.is_none(), || format!("e{number} {}", fault.unwrap_or_default()));
        let fate = &mut self.fates[number - 1];
        fate.asked.in_flight = true;
        let steps = fate.has_steps();
        let asked = &mut fate.asked;
        let same = asked.last.as_ref().is_none_or(|last| same_call(last, request.call()));
        let call = matches!(request, Request::Call(_));
        let next = !same && call && steps;
        if next {
            (asked.steps, asked.calls, asked.invitations) = (asked.steps + 1, 0, 0);
        }
        asked.last = Some(request.call().clone());
        let many = asked.steps > STEPS;
        self.must(same || next, || format!("{name} asks for something else than the first time"));
        self.must(!many, || format!("{name} is one step more than anything can need"));
        let done = done && same && !is_safe_to_repeat(request.call());
        match request {
            Request::Call(_) => self.may_be_called(number, &name, done),
            Request::LookUp(_) => {
                let doubt = self.fate(number).asked.doubt;
                self.must(doubt, || format!("{name} left though nothing is in doubt"));
            }
        }
    }

    /// The event is carried out, and its card is taken away because the ring is over.
    fn watches(&mut self, number: usize, request: &Request, until: UnixMillis, name: &str) {
        let fate = &mut self.fates[number - 1];
        let over = fate.deadline <= self.now && self.now < until;
        let tidies = match request.call() {
            AwaCall::Reject { .. } => true,
            AwaCall::EndConsult { hand_over, .. } => !hand_over,
            _ => false,
        };
        (fate.asked.in_flight, fate.asked.watched) = (true, true);
        self.must(over, || format!("{name} left, though it is not the time to watch its card"));
        self.must(tidies, || format!("{name} left after its event had ended"));
        self.must(!self.held, || format!("{name} left while a person holds all calls"));
    }

    /// One at a time in a conversation, in the order of acceptance.
    fn keeps_order(&mut self, number: usize, name: &str) {
        let fate = self.fate(number);
        let lane = self.lane(number);
        let others = || self.others_of(lane);
        // Of lanes that have become one, what was replayed keeps its place in its own, and all do where the clock was
        // set back.
        let comparable = |other: &&Fate| {
            let moved = fate.is_replayed() || other.is_replayed() || self.set_back;
            !moved || other.event.conversation == fate.event.conversation
        };
        let earlier =
            |other: &&Fate| other.is_open() && other.order < fate.order && comparable(other);
        let in_the_way = |other: &&Fate| {
            !other.was_unmapped && !other.lacks_something() && self.never_waits(other, lane)
        };
        let name_of = |other: &Fate| other.event.id.clone();
        let flying = others().find(|other| other.asked.in_flight).map(name_of);
        let passed = others().filter(earlier).find(in_the_way).map(name_of);
        let before = |other: &&Fate| number_of(other.event.id.as_str()) < number;
        let owed = others()
            .filter(before)
            .filter(earlier)
            .find(|other| fate.waits_for(other))
            .map(name_of);
        for (broken, how) in [
            (flying, "left beside the call of"),
            (passed, "overtook"),
            (owed, "did not wait for the offer of"),
        ] {
            self.must(broken.is_none(), || {
                format!("{name} {how} {}", broken.as_ref().map_or("", EventId::as_str))
            });
        }
    }

    /// Whether nobody else's card can be in its way.
    fn never_waits(&self, fate: &Fate, lane: &ConversationId) -> bool {
        let other_agent =
            |other: &Fate| other.brings_to().is_some_and(|agent| Some(agent) != fate.event.agent());
        let waits = [Kind::Offer, Kind::Leave].contains(&fate.event.kind());
        !waits || fate.event.kind() == Kind::Offer && !self.others_of(lane).any(other_agent)
    }

    fn may_be_called(&mut self, number: usize, name: &str, done: bool) {
        let pauses = self.rules.unavailable_pauses.len();
        // What another call may have undone may be done again.
        let since = self.fate(number).asked.over_at.is_some_and(|at| at < self.sent);
        let done = done && !since;
        self.sent += 1;
        let Fate { withdrawn, asked, .. } = &mut self.fates[number - 1];
        let laws = [
            (!*withdrawn, "left after its withdraw was accepted"),
            (!asked.doubt, "is repeated though the one before may have been carried out"),
            (!done || asked.excused, "left though ServiceNow has done it already"),
            (asked.calls <= asked.invitations, "is repeated though no answer asks for that"),
            (asked.unavailable <= pauses, "is tried too often for an agent who is away"),
            (asked.skewed <= 1, "is tried again though the corrected time was refused too"),
        ];
        asked.calls += 1;
        for (holds, breach) in laws {
            self.must(holds, || format!("{name} {breach}"));
        }
    }

    /// The dispatcher has looked: what is over has ended, and what could leave has left, unless the pace may forbid it.
    pub(super) fn sees_nothing_lie(&mut self, paced: bool) {
        for number in 1..=self.fates.len() {
            let fate = self.fate(number);
            let lane = self.lane(number);
            let others = || self.others_of(lane);
            let busy = |other: &Fate| other.asked.in_flight || other.asked.watched;
            if !fate.is_open() || others().any(busy) {
                continue;
            }
            let before = |other: &&Fate| other.is_open() && other.order < fate.order;
            let first = others().filter(before).all(|other| other.lets_pass(self.now));
            let over = fate.deadline <= self.now;
            let could = first && fate.could_leave(self.now) && self.never_waits(fate, lane);
            self.must(!over, || format!("e{number} is over, and nobody has noticed"));
            self.must(!could || paced || self.held, || format!("e{number} could leave and lies"));
        }
    }
}
