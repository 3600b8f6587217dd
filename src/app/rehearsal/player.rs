//! Plays the requests of one call in virtual time: read, decided, asked, answered, as the daemon does it, but without
//! sockets, store, randomness or a clock. One call in flight a lane; every answer takes the same time.
//!
//! It checks the bridge's promises all the time; a promise that is broken is a fault.

use std::sync::Arc;

use serde_json::{Value, json};

use super::in_flight::{InFlight, Leg, Traffic};
use super::instance::{Instance, Performed};
use super::lanes::{LaneId, Lanes};
use super::register::Register;
use super::story::{Called, CardShown, EventShown};
use crate::pauses::backoff_delay;
use crate::routing::{
    Answered, CallKind, CallOptions, ClockOffset, Decision, Effect, EntryId, Input, RoutingEvent,
    Rules, UnixMillis, Unreadable, VendorAgentId, Waited, decide,
};
use crate::sandbox::world::sys_id_of;
use crate::source::flows::Also;
use crate::source::{Malformed, Reading, Request, Source};

/// From a call's leaving to its arrival, and from there to its answer, in milliseconds.
const ONE_WAY: u64 = 20;
/// After so many steps a call is taken to have no end.
const MOST_TURNS: usize = 10_000;
/// In place of a random number for a delay, the middle.
const NO_DICE: f64 = 0.5;

/// Where the vendor's ids lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    /// Only where the tables say.
    Given,
    /// Agents that no table has get a user of their own.
    Completed,
}

/// The delays between tries, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    pub(super) initial: u64,
    pub(super) max: u64,
}

/// A contact centre, an instance, and the bridge between them.
pub(super) struct Player {
    rules: Rules,
    tables: Tables,
    delays: Delays,
    instance: Instance,
    now: UnixMillis,
    started: UnixMillis,
    lanes: Lanes,
    traffic: Traffic,
    register: Register,
    /// Since they were last taken.
    calls: Vec<Called>,
    /// What an agent will do as soon as the card is there.
    wish: Option<Also>,
    faults: Vec<String>,
    turns: usize,
}

impl Player {
    pub(super) fn new(
        rules: Rules,
        tables: Tables,
        delays: Delays,
        mut instance: Instance,
        start: UnixMillis,
    ) -> Self {
        for (agent, sys_id) in rules.directory.agents() {
            instance.add_agent(agent, sys_id);
        }
        Self {
            rules,
            tables,
            delays,
            instance,
            now: start,
            started: start,
            lanes: Lanes::default(),
            traffic: Traffic::default(),
            register: Register::default(),
            calls: Vec::new(),
            wish: None,
            faults: Vec::new(),
            turns: 0,
        }
    }

    pub(super) const fn now(&self) -> UnixMillis {
        self.now
    }

    /// Takes a request in at this moment; what it said, for the story.
    ///
    /// # Errors
    /// Where the intake would answer 400 or 415.
    pub(super) fn take(
        &mut self,
        source: &Source,
        request: &Request,
    ) -> Result<Vec<Value>, Malformed> {
        let readings = source.read(request)?;
        Ok(readings.into_iter().map(|reading| self.take_reading(source.name(), reading)).collect())
    }

    fn take_reading(&mut self, source: &str, reading: Reading) -> Value {
        match reading {
            Reading::Ignored { id, why } => json!({ "ignored": why, "id": id }),
            Reading::Unknown { event_type } => json!({ "unknown": event_type }),
            Reading::Unreadable(Unreadable { id, conversation, problem, .. }) => {
                if !self.register.is_new(source, &id) {
                    return json!({ "duplicate": id });
                }
                let told = json!({ "unreadable": problem, "id": id });
                self.register.add_unreadable(source, id, conversation, problem);
                told
            }
            Reading::Event(event) => {
                if !self.register.is_new(source, event.id.as_str()) {
                    return json!({ "duplicate": event.id });
                }
                let told = serde_json::to_value(event.to_json()).unwrap_or_default();
                self.take_event(source, *event, &told);
                told
            }
        }
    }

    fn take_event(&mut self, source: &str, event: RoutingEvent, told: &Value) {
        if self.tables == Tables::Completed {
            for agent in [&told["agent"], &told["transfer"]["target"]["agent"]] {
                if let Some(agent) = agent.as_str().and_then(|id| VendorAgentId::parse(id).ok()) {
                    self.add_agent(&agent);
                }
            }
        }
        if let Some(document) = &event.document {
            self.instance.add_document(document);
        }
        let entry = self.register.add(source, &event);
        let lane = self.lanes.of(&event);
        self.decide(lane, Input::Event { entry, event, at: self.now });
    }

    /// An agent whom no table has gets a user.
    pub(super) fn add_agent(&mut self, agent: &VendorAgentId) {
        if self.rules.directory.agent(agent).is_some() {
            return;
        }
        let sys_id = sys_id_of(&format!("agent {agent}"));
        let mut directory = (*self.rules.directory).clone();
        if directory.add_agent(agent.clone(), sys_id) {
            self.rules.directory = Arc::new(directory);
        }
        self.instance.add_agent(agent, sys_id);
    }

    /// Lets an agent act now or, where the card is still to come, as soon as it is there.
    pub(super) fn also(&mut self, also: Also) {
        self.wish = Some(also);
        self.try_wish();
    }

    /// What an agent could not do, for want of a card.
    pub(super) fn give_up_wish(&mut self) {
        let Some(also) = self.wish.take() else { return };
        if let Err(why) = self.instance.also(&also, self.now) {
            let (Also::AgentAccepts(agent) | Also::AgentRejects(agent) | Also::CardTimesOut(agent)) =
                &also;
            self.fault(format!("agent {agent} {why}"));
        }
    }

    fn try_wish(&mut self) {
        if let Some(also) = &self.wish
            && self.instance.also(also, self.now).is_ok()
        {
            self.wish = None;
        }
    }

    /// Lets time go by until that moment, and everything happen that falls into it.
    pub(super) fn until(&mut self, limit: UnixMillis) {
        while let Some(at) = self.next_at()
            && at <= limit
            && self.turn(at)
        {}
        self.pass(limit);
    }

    /// Lets time go by until no call is in flight, and none follows at once.
    pub(super) fn until_answered(&mut self) {
        while let Some(at) = self.next_at()
            && (!self.traffic.is_empty() || at <= self.now)
            && self.turn(at)
        {}
    }

    /// Lets time go by until nothing is owed any more.
    pub(super) fn until_nothing_is_owed(&mut self) {
        while let Some(at) = self.next_at()
            && self.turn(at)
        {}
    }

    fn next_at(&self) -> Option<UnixMillis> {
        self.traffic.next_at().into_iter().chain(self.lanes.next_at()).min()
    }

    fn pass(&mut self, at: UnixMillis) {
        self.now = self.now.max(at);
        self.instance.tick(self.now);
    }

    /// Does the next thing that is to be done at that moment; false where there is no end to it.
    fn turn(&mut self, at: UnixMillis) -> bool {
        self.turns += 1;
        if self.turns > MOST_TURNS {
            if self.turns == MOST_TURNS + 1 {
                self.fault("the call does not come to rest".to_owned());
            }
            return false;
        }
        self.pass(at);
        if let Some(way) = self.traffic.take_arrived(self.now) {
            self.arrive(way);
        } else if let Some((lane, entry)) = self.lanes.due(self.now) {
            let (waited, at) = (Waited::default(), self.now);
            let clock = Some(ClockOffset { low: 0, high: 0 });
            self.decide(lane, Input::Due { entry, waited, clock, at });
        }
        self.try_wish();
        true
    }

    fn arrive(&mut self, way: InFlight) {
        let InFlight { at: _, sent, entry, options, leg } = way;
        let now = self.now;
        let performed = match leg {
            Leg::Answer { reply, answer } => {
                let (delays, tries) = (&self.delays, options.tries);
                let retry_in = backoff_delay(tries, delays.initial, delays.max, NO_DICE);
                let answered = Answered { reply, answer, elapsed_ms: now.since(sent) };
                if let Some(lane) = self.lanes.holding(entry) {
                    let (claim, at) = (options.claim, now);
                    self.decide(lane, Input::Reply { entry, claim, answered, retry_in, at });
                }
                return;
            }
            Leg::Call(call) => {
                if let Some(agent) = self.instance.shown_already(&call) {
                    self.fault(format!(
                        "agent {agent} is offered what is pending with them already"
                    ));
                }
                let performed = self.instance.send(&call, &options, now);
                self.tell(entry, call.kind(), sent, &performed);
                performed
            }
            Leg::LookUp(question) => {
                let performed = self.instance.look_up(&question, now);
                self.tell(entry, CallKind::LookUp, sent, &performed);
                performed
            }
        };
        let leg = Leg::Answer { reply: performed.reply, answer: performed.answer };
        self.traffic.add(InFlight { at: now.plus(ONE_WAY), sent, entry, options, leg });
    }

    fn tell(&mut self, entry: EntryId, call: CallKind, at: UnixMillis, performed: &Performed) {
        self.calls.push(Called {
            event: self.register.id_of(entry),
            call: call.as_str(),
            at,
            method: performed.method.clone(),
            path: performed.path.clone(),
            body: performed.body.clone(),
            status: performed.answer.status,
            meaning: performed.reply.name(),
            message: performed.answer.message.clone(),
        });
    }

    fn decide(&mut self, lane: LaneId, input: Input) {
        let conversation = self.lanes.take(lane);
        let Decision { conversation, effects } = decide(Some(conversation), input, &self.rules);
        self.lanes.put(lane, conversation);
        for effect in effects {
            self.carry_out(lane, effect);
        }
    }

    fn carry_out(&mut self, lane: LaneId, effect: Effect) {
        match effect {
            Effect::Call { entry, call, options } => {
                self.leave(lane, entry, options, Leg::Call(call));
            }
            Effect::LookUp { entry, question, options } => {
                self.leave(lane, entry, options, Leg::LookUp(question));
            }
            Effect::Settle { settled, outcome, reason } => {
                self.register.mark(settled.id, outcome.as_str(), Some(reason.to_string()));
            }
            Effect::Park { entry, missing } => {
                self.register.mark(entry, "parked", Some(missing.to_string()));
            }
            Effect::Resume { entry } => self.register.mark(entry, "pending", None),
            Effect::Enqueue { .. } | Effect::Reschedule { .. } | Effect::Amend { .. } => {}
        }
    }

    fn leave(&mut self, lane: LaneId, entry: EntryId, options: CallOptions, leg: Leg) {
        let id = self.register.id_of(entry);
        if options.deadline <= self.now {
            self.fault(format!("event {id}: a call leaves after its deadline"));
        }
        if self.traffic.entries().any(|other| self.lanes.holding(other) == Some(lane)) {
            self.fault(format!("event {id}: a second call of its lane leaves at once"));
        }
        let (at, sent) = (self.now.plus(ONE_WAY), self.now);
        self.traffic.add(InFlight { at, sent, entry, options, leg });
    }

    fn fault(&mut self, text: String) {
        let ms = self.now.since(self.started);
        self.faults.push(format!("after {} ms: {text}", ms));
    }

    /// The calls since this was last asked.
    pub(super) fn take_calls(&mut self) -> Vec<Called> {
        std::mem::take(&mut self.calls)
    }

    /// All cards.
    pub(super) fn cards(&self) -> Vec<CardShown> {
        self.instance.cards()
    }

    /// Every event in the order of arrival, and the promises that were broken.
    pub(super) fn end(self) -> (Vec<EventShown>, Vec<String>) {
        (self.register.into_events(), self.faults)
    }
}
