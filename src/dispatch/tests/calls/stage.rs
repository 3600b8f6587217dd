//! Between the contact centre, the bridge and ServiceNow: events are delivered, calls travel, and the promises about
//! single calls are watched.

use std::collections::{BTreeMap, VecDeque};

use super::super::play::{Bridge, Leaving, News};
use super::super::servicenow::Behaviour;
use super::super::witness::Ended;
use super::instance::{Card, Instance};
use crate::awa::stand_in::Request;
use crate::routing::*;

/// Half of the time that a call takes, in milliseconds.
const ONE_WAY: u64 = 20;

/// Turns after which a call is said not to come to rest.
const TURNS: usize = 5_000;

/// An event on its way to the bridge.
struct Post {
    at: UnixMillis,
    event: RoutingEvent,
}

/// A call or a look-up in flight to ServiceNow, or its answer in flight back.
struct Trip {
    at: UnixMillis,
    number: usize,
    leaving: Leaving,
    after_doubt: bool,
    reply: Option<AwaReply>,
}

pub(super) struct Stage<B> {
    bridge: B,
    pub(super) instance: Instance,
    pub(super) now: UnixMillis,
    start: UnixMillis,
    posts: Vec<Post>,
    trips: Vec<Trip>,
    /// What ServiceNow, or the way to it, makes of the next questions.
    pub(super) behaviours: VecDeque<Behaviour>,
    /// As they were delivered; the first is number 1.
    events: Vec<RoutingEvent>,
    looked_up: Option<usize>,
    pub(super) ends: BTreeMap<usize, (Outcome, String)>,
    turns: usize,
    /// The first promise that was broken.
    pub(super) breach: Option<String>,
    /// What happened, line by line, where someone wants to read it.
    pub(super) reported: Option<Vec<String>>,
}

impl<B: Bridge> Stage<B> {
    pub(super) fn new(bridge: B, start: UnixMillis, telling: bool) -> Self {
        Self {
            bridge,
            instance: Instance::new(),
            now: start,
            start,
            posts: Vec::new(),
            trips: Vec::new(),
            behaviours: VecDeque::new(),
            events: Vec::new(),
            looked_up: None,
            ends: BTreeMap::new(),
            turns: 0,
            breach: None,
            reported: telling.then(Vec::new),
        }
    }

    pub(super) fn must(&mut self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds && self.breach.is_none() {
            let breach = breach();
            self.tell(|| format!("BROKEN: {breach}"));
            self.breach = Some(breach);
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        let at = self.now.since(self.start);
        if let Some(reported) = &mut self.reported {
            reported.push(format!("{:>4}.{:03} {}", at / 1_000, at % 1_000, line()));
        }
    }

    /// Sends an event to the bridge, where it comes at that moment.
    pub(super) fn posts(&mut self, event: RoutingEvent, at: UnixMillis) {
        self.posts.push(Post { at, event });
    }

    pub(super) fn event(&self, number: usize) -> &RoutingEvent {
        &self.events[number - 1]
    }

    /// Whether nothing is in flight anywhere.
    pub(super) fn is_quiet(&self) -> bool {
        self.posts.is_empty() && self.trips.is_empty()
    }

    pub(super) fn cards(&mut self) -> Vec<Card> {
        self.instance.cards(self.now)
    }

    /// Lets time go by until that moment, and everything happen that falls into it.
    pub(super) fn until(&mut self, limit: UnixMillis) {
        while let Some(at) = self.next_at().filter(|at| *at <= limit)
            && self.breach.is_none()
        {
            self.turn(at);
        }
        self.now = self.now.max(limit);
        self.watches_cards();
    }

    /// Lets time go by until nothing is owed any more.
    pub(super) fn comes_to_rest(&mut self) {
        while let Some(at) = self.next_at()
            && self.breach.is_none()
        {
            self.turn(at);
        }
        let open = self.bridge.counts().0;
        self.must(open == 0, || format!("{open} events never ended"));
    }

    /// The process is killed and started again; what is in flight may still arrive.
    pub(super) fn crashes(&mut self, arrive: bool) {
        self.tell(|| format!("the process is killed; what is in flight arrives: {arrive}"));
        for trip in std::mem::take(&mut self.trips) {
            if arrive && trip.reply.is_none() && self.now < trip.leaving.deadline {
                self.asks(&trip);
            }
        }
        self.bridge.crash(self.now);
        self.looked_up = None;
    }

    fn next_at(&self) -> Option<UnixMillis> {
        let posts = self.posts.iter().map(|post| post.at);
        let trips = self.trips.iter().map(|trip| trip.at);
        posts.chain(trips).chain(self.bridge.next_at()).min()
    }

    fn turn(&mut self, at: UnixMillis) {
        self.turns += 1;
        let turns = self.turns;
        self.must(turns < TURNS, || "the call does not come to rest".to_owned());
        self.now = self.now.max(at);
        let now = self.now;
        let post = (0..self.posts.len()).filter(|n| self.posts[*n].at <= now);
        if let Some(n) = post.min_by_key(|n| self.posts[*n].at) {
            let Post { event, .. } = self.posts.remove(n);
            self.delivers(event);
        } else if let Some(n) = self.trips.iter().position(|trip| trip.at <= now) {
            let trip = self.trips.remove(n);
            self.arrives(trip);
        }
        let news = self.bridge.left_at_once(self.now, false);
        self.hears(news);
        let news = self.bridge.look(self.now, false);
        self.hears(news);
        self.watches_cards();
    }

    fn delivers(&mut self, event: RoutingEvent) {
        let number = self.events.len() + 1;
        let event = RoutingEvent { id: EventId::parse(&format!("e{number}")).unwrap(), ..event };
        self.tell(|| format!("  {}", words(&event)));
        self.events.push(event.clone());
        let ended = self.bridge.accept(vec![event], self.now);
        let new = matches!(ended.as_slice(), [Some(_)]);
        self.must(new, || format!("e{number} was new and taken as known"));
        self.all_ended(ended.into_iter().flatten().flatten());
    }

    fn arrives(&mut self, mut trip: Trip) {
        if let Some(reply) = trip.reply.take() {
            let number = trip.number;
            self.tell(|| format!("    e{number} is answered: {}", meaning(&reply)));
            let ended = self.bridge.answer(&trip.leaving, reply, self.now);
            return self.all_ended(ended.into_iter());
        }
        let behaviour = match self.behaviours.pop_front() {
            _ if self.now >= trip.leaving.deadline => Behaviour::Lost { done: false },
            Some(behaviour) => behaviour,
            None => Behaviour::Well,
        };
        let why = String::new;
        let offers = match trip.leaving.request.call() {
            AwaCall::Offer { .. } | AwaCall::Transfer { .. } => {
                matches!(trip.leaving.request, Request::Call(_))
            }
            _ => false,
        };
        let reply = match behaviour {
            Behaviour::Lost { done } => {
                if done {
                    self.asks(&trip);
                }
                AwaReply::InDoubt { why: why() }
            }
            Behaviour::NotServiceNow { done } => {
                if done {
                    self.asks(&trip);
                }
                AwaReply::NotServiceNow { what: why() }
            }
            Behaviour::NotSent => AwaReply::NotSent { why: why() },
            Behaviour::Busy => AwaReply::Busy { wait: Wait::BackOff },
            Behaviour::BusyFor(ms) => AwaReply::Busy { wait: Wait::RetryAfter(ms) },
            Behaviour::Unavailable if offers => AwaReply::AgentUnavailable,
            _ => self.asks(&trip),
        };
        trip.reply = Some(reply);
        trip.at = self.now.plus(ONE_WAY);
        self.trips.push(trip);
    }

    /// ServiceNow gets the request.
    fn asks(&mut self, trip: &Trip) -> AwaReply {
        let number = trip.number;
        if let Request::Call(call) = &trip.leaving.request
            && let Some(agent) = agent_of(call)
        {
            let shown = self
                .instance
                .cards(self.now)
                .into_iter()
                .any(|card| super::instance::user(card.agent) == agent && !card.accepted);
            self.must(!shown, || {
                format!("e{number} offers an agent what is pending with them already")
            });
        }
        let options = CallOptions {
            after_doubt: trip.after_doubt,
            ..CallOptions::first(trip.leaving.deadline)
        };
        self.instance.answers(&trip.leaving.request, &options, self.now)
    }

    fn hears(&mut self, news: News) {
        let News { leaving, ended } = news;
        self.all_ended(ended.into_iter());
        for leaving in leaving {
            let number = leaving.number.expect("a bridge that says whose call it is");
            self.leaves(number, leaving);
        }
    }

    fn leaves(&mut self, number: usize, leaving: Leaving) {
        let request = &leaving.request;
        let text = match request {
            Request::Call(call) => format!("    e{number} asks: {}", spelt(call)),
            Request::LookUp(look_up) => {
                format!("    e{number} looks up: {}", spelt(&look_up.call))
            }
        };
        self.tell(|| text);
        let in_time = self.now < leaving.deadline;
        self.must(in_time, || format!("a call leaves for e{number} after its deadline"));
        // Until a conversation says which document it is about, it is a lane of its own.
        let named = self.event(number).document.is_some();
        let alone = self.trips.is_empty() || !named;
        self.must(alone, || format!("a call leaves for e{number} while another is in flight"));
        let looked_up = std::mem::take(&mut self.looked_up);
        match request {
            Request::Call(call) => {
                if agent_of(call).is_some() {
                    let over = self.known_end(number);
                    self.must(over.is_none(), || {
                        let end = over.unwrap_or_default();
                        format!("e{number} offers though e{end} has reported the end before")
                    });
                }
            }
            Request::LookUp(_) => self.looked_up = Some(number),
        }
        let after_doubt = looked_up == Some(number);
        let at = self.now.plus(ONE_WAY);
        self.trips.push(Trip { at, number, leaving, after_doubt, reply: None });
    }

    /// The event that had reported the end of this one's leg, as of a later moment, or of its conversation, as of a
    /// moment not before its own.
    fn known_end(&self, number: usize) -> Option<usize> {
        let event = self.event(number);
        (1..=self.events.len()).find(|other| {
            let end = self.event(*other);
            if end.conversation != event.conversation || end.occurred_at < event.occurred_at {
                return false;
            }
            let same_leg = match (&end.segment, &event.segment) {
                (Some(theirs), Some(ours)) => theirs == ours,
                (None, _) | (_, None) => end.agent().is_some() && end.agent() == event.agent(),
            };
            let rings = matches!(event.action, Action::Offer { .. });
            match end.action {
                Action::Withdraw if end.segment.is_none() => true,
                Action::Withdraw | Action::Leave { .. } | Action::Reject { .. } => {
                    rings && same_leg && end.occurred_at > event.occurred_at
                }
                _ => false,
            }
        })
    }

    fn all_ended(&mut self, ended: impl Iterator<Item = Ended>) {
        for Ended { number, outcome, reason } in ended {
            self.tell(|| format!("    e{number} ends: {outcome} {reason}"));
            let before = self.ends.insert(number, (outcome, reason));
            self.must(before.is_none(), || format!("e{number} has ended twice"));
        }
    }

    fn watches_cards(&mut self) {
        let cards = self.cards();
        for consult in [false, true] {
            let pending = cards.iter().filter(|card| !card.accepted && card.consult == consult);
            let many = pending.count() > 1;
            self.must(!many, || format!("several agents have a card before them: {cards:?}"));
        }
    }
}

/// The agent whom a call puts a card before.
const fn agent_of(call: &AwaCall) -> Option<SysId> {
    match call {
        AwaCall::Offer { agent, .. }
        | AwaCall::Transfer { target: TransferTarget::Agent(agent), .. } => Some(*agent),
        _ => None,
    }
}

fn spelt(call: &AwaCall) -> String {
    let who = |id: &SysId| id.to_string()[..1].to_owned();
    match call {
        AwaCall::Offer { agent, .. } => format!("offer to {}", who(agent)),
        AwaCall::Transfer { kind, target: TransferTarget::Agent(agent), .. } => {
            format!("{} transfer to {}", kind.as_str(), who(agent))
        }
        AwaCall::Transfer { kind, target: TransferTarget::Queue(queue), .. } => {
            format!("{} transfer to {queue}", kind.as_str())
        }
        AwaCall::Accept { agent, .. } => format!("accept by {}", who(agent)),
        AwaCall::Reject { agent, .. } => format!("reject by {}", who(agent)),
        AwaCall::EndConsult { hand_over, .. } => format!("consult end, hand over: {hand_over}"),
        AwaCall::Assign { .. } | AwaCall::CloseDocument { .. } => call.kind().to_string(),
    }
}

fn meaning(reply: &AwaReply) -> String {
    match reply {
        AwaReply::TakenBy { accepted, agent, .. } => {
            let agent = agent.as_deref().map_or("nobody", |agent| &agent[..1]);
            format!("taken by {agent}, accepted: {accepted}")
        }
        AwaReply::Conflict { why } => format!("conflict: {why}"),
        AwaReply::Misconfigured { what } => format!("misconfigured: {what}"),
        _ => reply.name().to_owned(),
    }
}

fn words(event: &RoutingEvent) -> String {
    let mut words = super::super::history::Words(event).to_string();
    if let Action::Leave { agent: Some(agent) } = &event.action {
        words = format!("{words} by {agent}");
    }
    if let Action::ConsultEnd { hand_over } = &event.action {
        words = format!("{words} hand over: {hand_over}");
    }
    words
}
