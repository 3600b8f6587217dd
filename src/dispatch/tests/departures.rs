//! What the witness says to calls that leave, and to those that do not.

use super::fate::Fate;
use super::servicenow::{Question, same_call};
use super::witness::Witness;
use crate::routing::*;

impl Witness {
    /// A call or a look-up leaves; `done` says whether ServiceNow has done just that for the event before.
    pub(super) fn leaves(&mut self, number: usize, question: &Question, done: bool) {
        let name = match question {
            Question::Call(call) => format!("the {} of e{number}", call.kind()),
            Question::LookUp(call) => format!("the look-up of the {} of e{number}", call.kind()),
        };
        self.tell(|| format!("{name} leaves"));
        if let Some(outcome) = self.fate(number).end.as_ref().map(|(outcome, _)| *outcome) {
            return self.must(false, || format!("{name} left though it had ended as {outcome}"));
        }
        self.must(!self.held, || format!("{name} left while a person holds all calls"));
        let in_time = self.now < self.fate(number).deadline;
        self.must(in_time, || format!("{name} left after its deadline"));
        self.keeps_order(number, &name);
        let fault = self.fate(number).fault_of(question.call(), &self.items);
        self.must(fault.is_none(), || format!("e{number} {}", fault.unwrap_or_default()));
        let fate = &mut self.fates[number - 1];
        fate.asked.on_the_way = true;
        let first = fate.asked.first.get_or_insert_with(|| question.call().clone());
        let same = same_call(first, question.call()) || fate.is_withdraw();
        self.must(same, || format!("{name} asks for something else than the first time"));
        match question {
            Question::Call(_) => self.may_be_called(number, &name, done),
            Question::LookUp(_) => {
                let doubt = self.fate(number).asked.doubt;
                self.must(doubt, || format!("{name} left though nothing is in doubt"));
            }
        }
    }

    /// One at a time in a conversation, in the order of acceptance.
    fn keeps_order(&mut self, number: usize, name: &str) {
        let fate = self.fate(number);
        let lane = |other: &&Fate| other.event.conversation == fate.event.conversation;
        let earlier = |other: &&Fate| other.is_open() && other.order < fate.order;
        let in_the_way = |other: &&Fate| !other.was_unmapped && !other.lacks_something();
        let others = || self.fates.iter().filter(lane);
        let name_of = |other: &Fate| other.event.id.clone();
        let flying = others().find(|other| other.asked.on_the_way).map(name_of);
        let passed = others().filter(earlier).find(in_the_way).map(name_of);
        let mut before = self.fates[..number].iter().filter(lane).filter(earlier);
        let owed = before.find(|other| fate.waits_for(other)).map(name_of);
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

    fn may_be_called(&mut self, number: usize, name: &str, done: bool) {
        let pauses = self.rules.unavailable_pauses.len();
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
            let lane = |other: &&Fate| other.event.conversation == fate.event.conversation;
            let others = || self.fates.iter().filter(lane);
            if !fate.is_open() || others().any(|other| other.asked.on_the_way) {
                continue;
            }
            let before = |other: &&Fate| other.is_open() && other.order < fate.order;
            let first = others().filter(before).all(|other| other.lets_pass(self.now));
            let over = fate.deadline <= self.now;
            let could = first && fate.could_leave(self.now);
            self.must(!over, || format!("e{number} is over, and nobody has noticed"));
            self.must(!could || paced || self.held, || format!("e{number} could leave and lies"));
        }
    }
}
