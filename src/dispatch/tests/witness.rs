//! The reference model: a witness who sees what the vendor was answered, what left for ServiceNow and what it answered,
//! and knows the promises. It decides nothing and knows nothing of stages, rows or agendas.
//!
//! The promises, in words:
//! 1. What was accepted is open or has ended; nothing is lost. It ends exactly once, and for a cause: delivered only if
//!    ServiceNow has said so or another event has brought the work to the same agent, expired only at its deadline,
//!    superseded only by what other events have reported of the leg, the agent or the document, dead only if it was
//!    refused or never whole, discarded only by a person.
//! 2. An id is taken once. What repeats one of the last rings within two seconds is not carried out.
//! 3. Calls about one document leave one at a time and in the order of acceptance; only what lacks a mapping or a word
//!    of its conversation, or waits for the card of another agent, lets others pass. What is over or could leave does
//!    not lie. A withdraw undoes only what was accepted before it.
//! 4. Nothing leaves at or after its deadline, after its withdraw, after its end, or while a person holds all calls;
//!    but the card of a ring that is over may be taken away.
//! 5. What may have been carried out is looked up before it is repeated, unless policy or a person excuses that; what
//!    ServiceNow has done is not asked of it again.
//! 6. An event may take several calls, each of which it may need. A call is repeated only on an answer that asks for
//!    it, and asks for the same each time.

use std::collections::HashMap;

use super::asked::Asked;
use super::fate::{Fate, deadline, named_item};
use super::history::{NOON, Words};
use super::known::Known;
use super::lanes::Lanes;
use crate::awa::stand_in::Request;
use crate::routing::*;

pub(super) struct Witness {
    pub(super) now: UnixMillis,
    pub(super) rules: Rules,
    names: Vec<&'static str>,
    /// By number; the first is 1.
    pub(super) fates: Vec<Fate>,
    known: HashMap<ConversationId, Known>,
    /// The work items that ServiceNow has made, with the event that they were made for, or that an event has named.
    pub(super) items: HashMap<SysId, usize>,
    pub(super) lanes: Lanes,
    orders: usize,
    /// How many calls have left.
    pub(super) sent: usize,
    pub(super) held: bool,
    /// Whether the clock was ever set back.
    pub(super) set_back: bool,
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
            lanes: Lanes::default(),
            orders: 0,
            sent: 0,
            held: false,
            set_back: false,
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
        let open = self.open().find(|number| {
            let fate = self.fate(*number);
            fate.deadline == deadline && fate.event.kind() != Kind::Bind
        });
        let watched =
            |number: &usize| self.fate(*number).watched_until(&self.rules) == Some(deadline);
        open.or_else(|| (1..=self.fates.len()).find(watched))
    }

    /// Whether an event that came now would share its deadline with another.
    pub(super) fn shares_deadline(&self, event: &RoutingEvent) -> bool {
        let ours = deadline(event, self.now, &self.rules);
        let give_up_after = self.rules.give_up_after;
        self.fates.iter().filter(|fate| fate.event.id != event.id).any(|fate| {
            let watched = fate.deadline.plus(give_up_after);
            fate.deadline == ours || watched == ours || fate.deadline == ours.plus(give_up_after)
        })
    }

    pub(super) fn arrives(&mut self, event: RoutingEvent, ended: &[Ended]) {
        self.tell(|| format!("{} arrives (accepted)", Words(&event)));
        for fate in self.fates.iter_mut().filter(|fate| fate.is_open()) {
            fate.withdrawn |= fate.is_taken_back_by(&event);
        }
        if let Some(item) = named_item(&event) {
            self.items.entry(item).or_default();
        }
        let shared = self.lanes.hears(&event);
        for conversation in &shared {
            self.known.entry(conversation.clone()).or_default().shared = true;
        }
        let known = self.known.entry(event.conversation.clone()).or_default();
        if [Kind::Withdraw, Kind::Leave, Kind::Reject].contains(&event.kind()) {
            known.forgets_rings();
        }
        let conversation = &event.conversation;
        let over = |fate: &Fate| fate.is_end() && fate.event.conversation == *conversation;
        if self.fates.iter().any(over) {
            known.forgets_rings();
        }
        let fate = Fate::new(event, known, self.now, &self.rules);
        let (find_logical_duplicate, over) =
            (fate.find_logical_duplicate, fate.deadline <= self.now);
        self.fates.push(fate);
        let number = self.fates.len();
        self.takes_its_place(number);
        self.all_ended(ended);
        let open = self.fate(number).is_open();
        self.must(!find_logical_duplicate || !open, || {
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
        fate.was_replayed = true;
        fate.done_before |= fate.asked.may_be_done();
        (fate.withdrawn, fate.find_logical_duplicate, fate.discarded) = (false, false, false);
        (fate.end, fate.asked) = (None, Asked::default());
        fate.asked.excused = true;
        self.takes_its_place(number);
    }

    pub(super) fn discards(&mut self, number: usize) {
        self.fates[number - 1].discarded = true;
    }

    /// Nobody knows any more what became of what was in flight.
    pub(super) fn crashed(&mut self) {
        for fate in &mut self.fates {
            fate.asked.doubt |= std::mem::take(&mut fate.asked.in_flight);
        }
    }

    /// ServiceNow has made a work item.
    pub(super) fn made(&mut self, number: usize, reply: &AwaReply) {
        if let AwaReply::Landed { work_item: Some(item) } = reply {
            self.items.insert(*item, number);
        }
    }

    /// An answer has come back and is stored.
    pub(super) fn answered(&mut self, number: usize, request: &Request, reply: &AwaReply) {
        self.tell(|| format!("ServiceNow answers e{number}: {}", reply.name()));
        let repeat = self.rules.doubt == Doubt::Repeat;
        let ring = &self.fates[number - 1];
        let answered = self.fates.iter().any(|fate| fate.has_answered(ring));
        let fate = &mut self.fates[number - 1];
        fate.asked.in_flight = false;
        if !fate.is_open() {
            // Only its card is watched.
            fate.asked.doubt = false;
            return;
        }
        let call = request.call();
        let (itself, done) = (fate.asks_itself(call), fate.is_done_by(call) && !answered);
        let brings = matches!(
            call,
            AwaCall::Offer { .. } | AwaCall::Transfer { target: TransferTarget::Agent(_), .. }
        );
        let tidies = !itself && !brings && !matches!(call, AwaCall::Accept { .. });
        let may_go_on = fate.has_steps();
        let asked = &mut fate.asked;
        let looked_up = matches!(request, Request::LookUp(_));
        // Whether the call is over, and whether the event has to be.
        let (over, settled) = match reply {
            AwaReply::Landed { .. } => {
                asked.confirmed |= itself;
                (true, done)
            }
            AwaReply::AlreadyOurs { .. } => {
                asked.confirmed |= itself;
                asked.doubt = brings;
                (!brings, false)
            }
            AwaReply::TakenBy { .. } | AwaReply::NoConsult => {
                asked.refused = true;
                asked.no_consult |= matches!(reply, AwaReply::NoConsult);
                (true, !may_go_on)
            }
            AwaReply::DocumentClosed => {
                asked.refused = true;
                (true, itself && !matches!(call, AwaCall::Accept { .. }))
            }
            AwaReply::Misconfigured { .. } => {
                asked.refused = true;
                (true, itself)
            }
            AwaReply::TooLate => {
                asked.too_late = true;
                (true, itself && !matches!(call, AwaCall::Accept { .. }))
            }
            AwaReply::InDoubt { .. } | AwaReply::NotServiceNow { .. } => {
                asked.doubt = true;
                (false, false)
            }
            AwaReply::Conflict { .. } | AwaReply::Unexplained { .. } => {
                (asked.doubt, asked.refused) = (true, true);
                (false, false)
            }
            AwaReply::NotLanded => {
                asked.doubt = false;
                asked.invitations += 1;
                (false, false)
            }
            AwaReply::LookUpForbidden => {
                asked.presumed = (repeat || tidies) && asked.refused;
                asked.refused = true;
                (asked.doubt, asked.excused) = (false, true);
                asked.invitations += 1;
                (false, !repeat && itself && !asked.presumed && !may_go_on)
            }
            AwaReply::AgentUnavailable | AwaReply::NotThere { .. } => {
                asked.refused = true;
                asked.unavailable += 1;
                asked.invitations += 1;
                (false, false)
            }
            AwaReply::ClockSkew => {
                asked.refused = true;
                asked.skewed += 1;
                asked.invitations += 1;
                (false, false)
            }
            AwaReply::Busy { .. } | AwaReply::NotSent { .. } | AwaReply::Unauthorised { .. } => {
                asked.invitations += usize::from(!looked_up);
                (false, false)
            }
        };
        if over {
            asked.over_at = Some(self.sent);
            asked.doubt = false;
            asked.invitations += 1;
        }
        // What it had done before is undone: its card was gone, else it had not been asked for again.
        let fails = settled && itself && !looked_up && !matches!(reply, AwaReply::Landed { .. });
        asked.confirmed &= !fails;
        asked.settled = settled;
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
