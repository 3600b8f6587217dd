//! The reference model: a witness who sees what the vendor was told, what left for ServiceNow and what it answered, and knows
//! the promises. It decides nothing and knows nothing of stages, rows or agendas.
//!
//! The promises, in words:
//! 1. What was accepted is open or has ended; nothing is lost. It ends exactly once, and for a cause: delivered only if
//!    ServiceNow has said so, expired only at its deadline, superseded only by a withdraw or as told twice, dead only if it was
//!    refused or never whole, discarded only by a person.
//! 2. An id is taken once. What says the same as the event before it within two seconds is not carried out.
//! 3. Calls of one conversation leave one at a time and in the order of acceptance; only what lacks a mapping or a word of its
//!    conversation lets others pass.
//!    What is over or could leave does not lie.
//!    A withdraw undoes only what was accepted before it.
//! 4. Nothing leaves at or after its deadline, after its withdraw, after its end, or while a person holds all calls.
//! 5. What may have been carried out is looked up before it is repeated, unless policy or a person excuses that; what
//!    ServiceNow has done is not asked of it again.
//! 6. A call is repeated only on an answer that asks for it, asks for the same each time, and for what the event says.

use std::collections::HashMap;

use super::fate::{Asked, Fate, Known, deadline, named_item};
use super::history::{NOON, Words};
use super::servicenow::Question;
use crate::routing::*;

pub(super) struct Witness {
    pub(super) now: UnixMillis,
    pub(super) rules: Rules,
    names: Vec<&'static str>,
    /// By number; the first is 1.
    pub(super) fates: Vec<Fate>,
    known: HashMap<ConversationId, Known>,
    /// The work items that ServiceNow has made, with the event that they were made for, or that an event has named.
    pub(super) items: HashMap<(SysId, ConversationId), usize>,
    orders: usize,
    pub(super) held: bool,
    /// The first promise that was broken, as a sentence.
    pub(super) breach: Option<String>,
    /// What happened, line by line, where someone wants to read it.
    story: Option<Vec<String>>,
}

impl Witness {
    pub(super) fn new(rules: Rules, names: &[&'static str], telling: bool) -> Self {
        Self {
            now: NOON,
            rules,
            names: names.to_vec(),
            fates: Vec::new(),
            known: HashMap::new(),
            items: HashMap::new(),
            orders: 0,
            held: false,
            breach: None,
            story: telling.then(Vec::new),
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let now = self.now.to_string();
            let (date, clock) = (&now[5..10], &now[11..23]);
            let noon = NOON.to_string();
            let date = if date == &noon[5..10] { String::new() } else { format!("{date} ") };
            story.push(format!("{date}{clock} {}", line()));
        }
    }

    pub(super) fn into_story(self) -> Vec<String> {
        self.story.unwrap_or_default()
    }

    pub(super) fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds && self.breach.is_none() {
            let breach = breach();
            self.tell(|| format!("BROKEN: {breach}"));
            self.breach = Some(breach);
        }
    }

    pub(super) fn fate(&self, number: usize) -> &Fate {
        &self.fates[number - 1]
    }

    /// How many events there are.
    pub(super) fn count(&self) -> usize {
        self.fates.len()
    }

    pub(super) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=self.fates.len()).filter(|number| self.fate(*number).is_open())
    }

    /// How many events are open, and how many are dead letters.
    pub(super) fn counts(&self) -> (usize, usize) {
        let dead = |fate: &&Fate| matches!(fate.end, Some((Outcome::Dead, _)));
        (self.open().count(), self.fates.iter().filter(dead).count())
    }

    /// The open event with that deadline whose next move may be a call.
    pub(super) fn by_deadline(&self, deadline: UnixMillis) -> Option<usize> {
        self.open().find(|number| {
            let fate = self.fate(*number);
            fate.deadline == deadline && fate.event.kind() != Kind::Bind
        })
    }

    /// Whether an event that came now would share its deadline with another.
    pub(super) fn shares_deadline(&self, event: &RoutingEvent) -> bool {
        let deadline = deadline(event, self.now, &self.rules);
        self.fates.iter().any(|fate| fate.deadline == deadline && fate.event.id != event.id)
    }

    pub(super) fn arrives(&mut self, event: RoutingEvent, ended: &[Ended]) {
        self.tell(|| format!("{} arrives (accepted)", Words(&event)));
        if event.kind() == Kind::Withdraw {
            for fate in self.fates.iter_mut().filter(|fate| fate.is_open()) {
                fate.withdrawn |= fate.is_taken_back_by(&event);
            }
        }
        if let Some(item) = named_item(&event) {
            self.items.entry((item, event.conversation.clone())).or_default();
        }
        let known = self.known.entry(event.conversation.clone()).or_default();
        let fate = Fate::new(event, known, self.now, &self.rules);
        let (told_before, over) = (fate.told_before, fate.deadline <= self.now);
        self.fates.push(fate);
        let number = self.fates.len();
        self.takes_its_place(number);
        self.all_ended(ended);
        let open = self.fate(number).is_open();
        self.must(!told_before || !open, || {
            format!("e{number} says what was just said under another id, and is to be carried out")
        });
        self.must(!over || !open, || format!("e{number} came after its time and is still open"));
    }

    /// It stands behind everything that was accepted before.
    fn takes_its_place(&mut self, number: usize) {
        self.orders += 1;
        let fate = &mut self.fates[number - 1];
        fate.order = self.orders;
        fate.was_unmapped = false;
        fate.maps(&self.names, self.now);
    }

    pub(super) fn reloaded(&mut self, names: &[&'static str]) {
        self.names = names.to_vec();
        let now = self.now;
        for fate in self.fates.iter_mut().filter(|fate| fate.is_open()) {
            fate.maps(names, now);
        }
    }

    pub(super) fn replayed(&mut self, number: usize) {
        self.must(!self.fate(number).is_open(), || {
            format!("e{number} was replayed while it was still open")
        });
        let (now, rules) = (self.now, &self.rules);
        let fate = &mut self.fates[number - 1];
        (fate.ready_since, fate.deadline) = (now, deadline(&fate.event, now, rules));
        (fate.withdrawn, fate.told_before, fate.discarded) = (false, false, false);
        (fate.end, fate.asked) = (None, Asked::default());
        fate.asked.excused = true;
        self.takes_its_place(number);
    }

    pub(super) fn discards(&mut self, number: usize) {
        self.fates[number - 1].discarded = true;
    }

    /// Nobody knows any more what became of what was on the way.
    pub(super) fn crashed(&mut self) {
        for fate in &mut self.fates {
            fate.asked.doubt |= std::mem::take(&mut fate.asked.on_the_way);
        }
    }

    /// ServiceNow has made a work item.
    pub(super) fn made(&mut self, number: usize, reply: &AwaReply) {
        if let AwaReply::Landed { work_item: Some(item) } = reply {
            let conversation = self.fate(number).event.conversation.clone();
            self.items.insert((*item, conversation), number);
        }
    }

    /// An answer has come back and is stored.
    pub(super) fn answered(&mut self, number: usize, question: &Question, reply: &AwaReply) {
        self.tell(|| format!("ServiceNow answers e{number}: {}", reply.name()));
        let repeat = self.rules.doubt == Doubt::Repeat;
        let fate = &mut self.fates[number - 1];
        let (withdraw, asked) = (fate.is_withdraw(), &mut fate.asked);
        asked.on_the_way = false;
        let looked_up = matches!(question, Question::LookUp(_));
        let final_answer = match reply {
            AwaReply::Landed { .. } => {
                asked.confirmed = true;
                true
            }
            AwaReply::AlreadyOurs { .. } => {
                (asked.confirmed, asked.doubt) = (true, !withdraw);
                false
            }
            AwaReply::TakenBy { .. }
            | AwaReply::DocumentClosed
            | AwaReply::Misconfigured { .. } => {
                asked.refused = true;
                true
            }
            AwaReply::TooLate => {
                asked.too_late = true;
                true
            }
            AwaReply::InDoubt { .. } | AwaReply::NotServiceNow { .. } => {
                asked.doubt = true;
                false
            }
            AwaReply::Conflict { .. } => {
                (asked.doubt, asked.refused) = (true, true);
                false
            }
            AwaReply::NotLanded => {
                asked.doubt = false;
                asked.invitations += 1;
                false
            }
            AwaReply::LookUpForbidden => {
                asked.presumed = repeat && asked.refused;
                asked.refused = true;
                (asked.doubt, asked.excused) = (false, true);
                asked.invitations += 1;
                !repeat && !withdraw
            }
            AwaReply::AgentUnavailable => {
                asked.refused = true;
                asked.unavailable += 1;
                asked.invitations += 1;
                false
            }
            AwaReply::ClockSkew => {
                asked.refused = true;
                asked.skewed += 1;
                asked.invitations += 1;
                false
            }
            AwaReply::Busy { .. } | AwaReply::NotSent { .. } | AwaReply::Unauthorised { .. } => {
                asked.invitations += usize::from(!looked_up);
                false
            }
        };
        if withdraw && (final_answer || asked.confirmed) {
            // A withdraw may have a next step.
            (asked.doubt, asked.confirmed) = (false, false);
            asked.invitations += 1;
        }
        asked.settled = final_answer && !withdraw;
    }

    /// What a stored answer has settled is known.
    pub(super) fn weighs(&mut self, number: usize, reply: &AwaReply) {
        let fate = self.fate(number);
        let left_open = fate.asked.settled && fate.is_open();
        self.must(!left_open, || {
            format!("e{number} is still open after ServiceNow has said `{}`", reply.name())
        });
    }

    pub(super) fn all_ended(&mut self, ended: &[Ended]) {
        for Ended { number, outcome, reason } in ended {
            self.ended(*number, *outcome, reason);
        }
    }

    fn ended(&mut self, number: usize, outcome: Outcome, reason: &str) {
        self.tell(|| format!("e{number} ends as {outcome} ({reason})"));
        let what = |words: &str| format!("e{number} ended as {outcome} ({reason}) {words}");
        let known = (1..=self.fates.len()).contains(&number);
        if !known {
            return self.must(false, || what("and was never accepted"));
        }
        let fate = self.fate(number);
        let given_up = fate.discarded
            && outcome == Outcome::Discarded
            && matches!(fate.end, Some((Outcome::Dead, _)));
        let once = fate.is_open() || given_up;
        let (asked, over) = (&fate.asked, fate.deadline <= self.now);
        let (on_the_way, confirmed) = (asked.on_the_way, asked.confirmed);
        let no_call = matches!(fate.event.kind(), Kind::Bind | Kind::Withdraw);
        let cause = match outcome {
            Outcome::Delivered => confirmed || asked.presumed || no_call,
            Outcome::Expired => over || asked.too_late,
            Outcome::Superseded => fate.withdrawn || fate.told_before,
            Outcome::Dead => asked.refused || fate.lacks_something(),
            Outcome::Discarded => fate.discarded,
        };
        self.must(once, || what("and had ended before"));
        self.must(!on_the_way, || what("while its call was on the way"));
        self.must(cause, || what("without a cause"));
        let as_said = matches!(outcome, Outcome::Delivered | Outcome::Discarded);
        self.must(!confirmed || as_said || no_call, || {
            what("though ServiceNow has said that it is done")
        });
        self.fates[number - 1].end = Some((outcome, reason.to_owned()));
    }

    /// All has calmed down: everything has ended, in peace as delivered.
    pub(super) fn concludes(&mut self, peaceful: bool) {
        let open = self.open().next();
        self.must(open.is_none(), || format!("e{} never ended", open.unwrap()));
        if peaceful {
            let failed = self.fates.iter().find_map(|fate| match &fate.end {
                Some((Outcome::Delivered, _)) | None => None,
                Some((outcome, _)) => Some(format!("{} ended as {outcome}", fate.event.id)),
            });
            self.must(failed.is_none(), || format!("nothing went wrong, and {}", failed.unwrap()));
        }
    }
}

/// The end of an event, as the bridge tells it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) number: usize,
    pub(super) outcome: Outcome,
    pub(super) reason: String,
}

/// The number of an event of a history.
pub(super) fn number_of(id: &str) -> usize {
    id.trim_start_matches('e').parse().unwrap()
}
