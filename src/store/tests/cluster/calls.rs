//! Calls on their way: what leaves, what lands, and what is answered.

use super::super::*;
use super::faults::Fault;
use super::node::{Asks, Outgoing, REQUEST_TIMEOUT, Stage};
use super::steps::AnswerKind;
use super::world::{DONE_TWICE, Flying, LANDED, Play, World};
use crate::routing::{Attempt, AwaCall, Meaning, Wait};

/// The clocks of nodes, as their calls count on them, may be apart by so much, in milliseconds.
const CLOCKS: i64 = 1_000;

impl Play {
    fn call(&self, node: usize, which: usize, wanted: fn(&Stage) -> bool) -> Option<Outgoing> {
        let call = self.with(node, |node| {
            let places = (0..node.calls.len()).filter(|place| wanted(&node.calls[*place].stage));
            let places: Vec<_> = places.collect();
            let place = places.get(which % places.len().max(1))?;
            Some(node.calls.remove(*place))
        });
        call.flatten()
    }

    /// Looks at the clock; a call that may not leave any more is answered as not sent.
    fn look_at_clock(&self, node: usize, mut call: Outgoing) -> Option<Outgoing> {
        let (now, fault) = self.database(|database| (database.now, database.fault));
        if now >= call.leave_by && fault != Some(Fault::NoGate) || self.machine(node, |it| it.cut) {
            self.hears(node, call, AwaReply::NotSent { why: String::new() });
            return None;
        }
        self.may_leave(&call, now);
        call.stage = Stage::Gated(now);
        Some(call)
    }

    /// What leaves was claimed, leaves once, and in time.
    fn may_leave(&self, call: &Outgoing, now: i64) {
        let key = (call.entry, call.claim);
        let claimed = (key.0.0, Some(key.1));
        let claim = self.database(|database| database.claimed.get(&claimed).cloned());
        self.must(claim.is_some(), || format!("a call left for e{} without a claim", call.event));
        let once = self.0.borrow_mut().left.insert(key);
        self.must(once, || format!("a call left twice under one claim of e{}", call.event));
        let in_time = claim.is_none_or(|claim| now < claim.leave_by + CLOCKS);
        self.must(in_time || self.0.borrow().allowed.late_writes, || {
            format!("a call left for e{} after its claim was over", call.event)
        });
    }

    pub(super) fn gates(&self, node: usize, which: usize) {
        if let Some(call) = self.call(node, which, |stage| *stage == Stage::Claimed)
            && let Some(call) = self.look_at_clock(node, call)
        {
            self.with(node, |node| node.calls.push(call));
        }
    }

    pub(super) fn leaves(&self, node: usize, which: usize, lands: Option<u64>) {
        let waits = |stage: &Stage| !matches!(stage, Stage::Written(..));
        let Some(mut call) = self.call(node, which, waits) else { return };
        if call.stage == Stage::Claimed {
            let Some(gated) = self.look_at_clock(node, call) else { return };
            call = gated;
        }
        let Stage::Gated(since) = call.stage else { return };
        let now = self.now();
        let late = now - since > REQUEST_TIMEOUT;
        if late && !self.0.borrow().allowed.late_writes {
            return self.hears(node, call, AwaReply::InDoubt { why: String::new() });
        }
        let found = match &call.asks {
            Asks::Call(_) => None,
            Asks::LookUp(asked) => self.0.borrow().servicenow.finds(call.event, asked),
        };
        call.stage = Stage::Written(now, found);
        let cut = self.machine(node, |machine| machine.cut);
        if matches!(call.asks, Asks::Call(_))
            && let Some(ms) = lands.filter(|_| !cut)
        {
            let claim = (call.entry.0, Some(call.claim));
            let given_up = self.database(|database| database.claimed[&claim].leave_by);
            // Or its clocks have stood still.
            let late = late || since >= given_up + CLOCKS;
            let flying =
                Flying { lands_at: now.saturating_add_unsigned(ms), call: call.clone(), late };
            self.0.borrow_mut().flying.push(flying);
        }
        self.with(node, |node| node.calls.push(call));
        self.passes(0);
    }

    pub(super) fn answers(&self, node: usize, which: usize, answer: AnswerKind) {
        let written = |stage: &Stage| matches!(stage, Stage::Written(..));
        let Some(call) = self.call(node, which, written) else { return };
        let Stage::Written(since, found) = call.stage else { return };
        let cut = self.machine(node, |machine| machine.cut);
        let answer = if cut { AnswerKind::Lost { done: false } } else { answer };
        let key = (call.entry, call.claim);
        let flies = |world: &World| {
            let same = |flying: &Flying| (flying.call.entry, flying.call.claim) == key;
            world.flying.iter().position(same)
        };
        let flying = flies(&self.0.borrow());
        let busy = AwaReply::Busy { wait: Wait::BackOff };
        let reply = match (&call.asks, answer) {
            (Asks::LookUp(_), AnswerKind::Lost { .. }) => AwaReply::InDoubt { why: String::new() },
            (Asks::LookUp(_), AnswerKind::Busy) => busy,
            (Asks::LookUp(_), _) => match found {
                Some(item) => AwaReply::Landed { work_item: Some(item) },
                None => AwaReply::NotLanded,
            },
            (Asks::Call(_), AnswerKind::Busy | AnswerKind::Unavailable) if flying.is_some() => {
                self.0.borrow_mut().flying.swap_remove(flying.unwrap_or_default());
                if answer == AnswerKind::Busy { busy } else { AwaReply::AgentUnavailable }
            }
            (Asks::Call(_), AnswerKind::Lost { done }) => {
                if let Some(place) = flying {
                    let flying = self.0.borrow_mut().flying.swap_remove(place);
                    if done {
                        self.lands(flying);
                    }
                }
                AwaReply::InDoubt { why: String::new() }
            }
            (Asks::Call(_), _) => {
                if let Some(place) = flying {
                    let flying = self.0.borrow_mut().flying.swap_remove(place);
                    self.lands(flying);
                }
                let landed = self.0.borrow().landed.get(&key).copied();
                match landed {
                    Some(item) => AwaReply::Landed { work_item: Some(item) },
                    None if self.now() - since >= REQUEST_TIMEOUT => {
                        AwaReply::InDoubt { why: String::new() }
                    }
                    None => {
                        self.with(node, |node| node.calls.push(call));
                        return;
                    }
                }
            }
        };
        self.hears(node, call, reply);
    }

    fn hears(&self, node: usize, call: Outgoing, reply: AwaReply) {
        self.tell(|| format!("e{} hears {}", call.event, reply.name()));
        self.with(node, |node| {
            node.hears(&call, reply);
            node.records();
        });
    }

    fn lands(&self, flying: Flying) {
        let Flying { call, late, .. } = flying;
        let Asks::Call(asked) = &call.asks else { return };
        self.tell(|| format!("e{}: {} lands", call.event, asked.kind().as_str()));
        let (entry, claim) = (call.entry, call.claim);
        if matches!(asked, AwaCall::Transfer { .. }) && self.is_known_to_have_landed(entry) {
            // What others have done with the work since may ask for it again.
            self.0.borrow_mut().servicenow.forgets(call.event);
        }
        let (item, landings) = self.0.borrow_mut().servicenow.does(call.event, asked, late);
        self.0.borrow_mut().landed.insert((entry, claim), item);
        LANDED.set(LANDED.get() + 1);
        let replays = self.0.borrow().replays.get(&call.event).copied().unwrap_or_default();
        let by_late_write = landings.iter().any(|landing| landing.late);
        if landings.len() > 1 + replays && by_late_write {
            DONE_TWICE.set(DONE_TWICE.get() + 1);
        }
        self.must(landings.len() <= 1 + replays || by_late_write, || {
            format!("{} of e{} was done twice", asked.kind().as_str(), call.event)
        });
    }

    /// Whether an answer has said of a call of the entry that it has landed.
    fn is_known_to_have_landed(&self, entry: EntryId) -> bool {
        self.database(|database| {
            let row = database.events.get(&entry.0).and_then(|row| row.entry.as_ref());
            let calls = row.map_or(&[][..], |entry| entry.story.calls.as_slice());
            let landed = |call: &Attempt| call.meaning == Some(Meaning::Landed.into());
            calls.iter().any(landed)
        })
    }

    /// Time passes; what is on its way arrives.
    pub(super) fn passes(&self, ms: u64) {
        let until = self.now().saturating_add_unsigned(ms);
        loop {
            let next = {
                let mut world = self.0.borrow_mut();
                let places = 0..world.flying.len();
                let next = places.min_by_key(|place| world.flying[*place].lands_at);
                let next = next.filter(|place| world.flying[*place].lands_at <= until);
                next.map(|place| world.flying.swap_remove(place))
            };
            let Some(flying) = next else { break };
            self.database(|database| database.now = database.now.max(flying.lands_at));
            self.lands(flying);
        }
        self.database(|database| database.now = until);
    }
}
