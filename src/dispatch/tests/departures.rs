//! What the witness says to calls that leave, and to those that do not.

use super::fate::Fate;
use super::servicenow::{Question, same_call};
use super::witness::Witness;
use crate::routing::*;

impl Witness {
    /// A call or a look-up leaves; `done` says whether ServiceNow has done just that for the event before.
    pub(super) fn leaves(&mut self, number: usize, question: &Question, done: bool) {
        let call = question.call();
        let name = match question {
            Question::Call(call) => call.kind().to_string(),
            Question::LookUp(call) => format!("look-up of the {}", call.kind()),
        };
        self.tell(|| format!("the {name} of e{number} leaves"));
        let what = |words: &str| format!("the {name} of e{number} {words}");
        if let Some(outcome) = self.fate(number).end.as_ref().map(|(outcome, _)| *outcome) {
            return self.must(false, || what(&format!("left though it had ended as {outcome}")));
        }
        self.must(!self.held, || what("left while a person holds all calls"));
        self.must(self.now < self.fate(number).deadline, || what("left after its deadline"));
        let conversation = self.fate(number).event.conversation.clone();
        let lane = |fate: &&Fate| fate.event.conversation == conversation;
        let other = self.fates.iter().filter(lane).find(|fate| fate.asked.on_the_way);
        let other = other.map(|fate| fate.event.id.clone());
        self.must(other.is_none(), || {
            what(&format!("left while {} was on the way", other.unwrap()))
        });
        let order = self.fate(number).order;
        let in_the_way = |fate: &&Fate| {
            fate.is_open() && fate.order < order && !fate.was_unmapped && !fate.lacks_something()
        };
        let earlier = self.fates.iter().filter(lane).find(in_the_way);
        let earlier = earlier.map(|fate| fate.event.id.clone());
        self.must(earlier.is_none(), || what(&format!("overtook {}", earlier.unwrap())));
        let owed = self.fates[..number].iter().filter(lane).find(|other| {
            other.is_open() && other.order < order && self.fate(number).waits_for(other)
        });
        let owed = owed.map(|fate| fate.event.id.clone());
        self.must(owed.is_none(), || what(&format!("did not wait for {}", owed.unwrap())));
        let fault = self.fate(number).fault_of(call, &self.items);
        self.must(fault.is_none(), || format!("e{number} {}", fault.unwrap()));
        let fate = &mut self.fates[number - 1];
        fate.asked.on_the_way = true;
        let withdraw = fate.is_withdraw();
        let same = same_call(fate.asked.first.get_or_insert_with(|| call.clone()), call);
        self.must(same || withdraw, || what("asks for something else than the first time"));
        let Fate { withdrawn, asked, .. } = &mut self.fates[number - 1];
        let withdrawn = *withdrawn;
        if let Question::LookUp(_) = question {
            let doubt = asked.doubt;
            return self.must(doubt, || what("left though nothing is in doubt"));
        }
        let uninvited = asked.calls > asked.invitations;
        let (doubt, excused) = (asked.doubt, asked.excused);
        let (unavailable, skewed) = (asked.unavailable, asked.skewed);
        asked.calls += 1;
        let pauses = self.rules.unavailable_pauses.len();
        self.must(!withdrawn, || what("left after its withdraw was accepted"));
        self.must(!doubt, || what("is repeated though the one before may have been carried out"));
        self.must(!done || excused, || what("left though ServiceNow has done it already"));
        self.must(!uninvited, || what("is repeated though no answer asks for that"));
        self.must(unavailable <= pauses, || what("is tried too often for an agent who is away"));
        self.must(skewed <= 1, || what("is tried again though the corrected time was refused too"));
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
