//! Plays a history against a bridge, with the witness beside it, and then lets the world calm down: all answers are
//! good, nobody holds anything, and time passes until nothing is owed.

use super::history::{History, Step, Told};
use super::servicenow::{Behaviour, ServiceNow};
use super::witness::{Ended, Witness};
use crate::awa::stand_in::Request;
use crate::routing::*;

/// Turns in which no time passes, after which nobody believes that the world calms down.
const PATIENCE: usize = 500;

/// Turns of the dispatcher at one moment, after which it is said to turn on the spot.
pub(super) const TURNS: usize = 200;

/// The part of the bridge that a property is about; all of it runs on the time that is passed in.
pub(super) trait Bridge {
    /// One request of the vendor: for each event whether it is new, and what it settled.
    fn accept(&mut self, events: Vec<RoutingEvent>, now: UnixMillis) -> Vec<Option<Vec<Ended>>>;

    /// The dispatcher looks for work and takes all that is due; while calls are held it only settles what is over.
    fn look(&mut self, now: UnixMillis, held: bool) -> News;

    /// What has left without a look, in the commit that made it due. Asked after every step.
    fn left_at_once(&mut self, _now: UnixMillis, _held: bool) -> News {
        News::default()
    }

    /// The dispatcher comes with something that it took before.
    fn look_again(&mut self, which: usize, now: UnixMillis) -> News;

    /// The answer to a call or a look-up comes back.
    fn answer(&mut self, call: &Leaving, reply: AwaReply, now: UnixMillis) -> Vec<Ended>;

    fn reload(&mut self, rules: &Rules, now: UnixMillis);

    /// The process is killed and comes up again.
    fn crash(&mut self, now: UnixMillis);

    fn discard(&mut self, number: usize, now: UnixMillis) -> Vec<Ended>;

    /// Whether it is taken up again, and what that settled.
    fn replay(&mut self, number: usize, now: UnixMillis) -> Option<Vec<Ended>>;

    /// When the dispatcher has to look again.
    fn next_at(&self) -> Option<UnixMillis>;

    /// How an event has ended; none while it is open.
    fn end_of(&self, number: usize) -> Option<Outcome>;

    /// Of an event that has ended: how much of its time is told, and how much went by, in milliseconds. None where that
    /// is checked at each step.
    fn waits(&self, _number: usize) -> Option<(u64, u64)> {
        None
    }

    /// How many are open, and how many are dead letters.
    fn counts(&self) -> (usize, usize);

    /// Whether ends have to be asked for, because nobody tells them, and calls may have to wait for the pace.
    fn is_silent(&self) -> bool {
        false
    }
}

/// What came of a look.
#[derive(Default)]
pub(super) struct News {
    pub(super) leaving: Vec<Leaving>,
    pub(super) ended: Vec<Ended>,
}

/// A call or a look-up that has left.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    /// Whose it is; where nobody says, the deadline tells.
    pub(super) number: Option<usize>,
    /// Where its answer goes; a dispatcher keeps that to itself.
    pub(super) of: Option<(LaneKey, EntryId)>,
    pub(super) claim: ClaimId,
    pub(super) request: Request,
    pub(super) deadline: UnixMillis,
}

/// A history in play.
struct Play<'a, B> {
    bridge: B,
    witness: &'a mut Witness,
    servicenow: ServiceNow,
    sent: Vec<RoutingEvent>,
    in_flight: Vec<(usize, Leaving)>,
}

/// Plays a history to its end; what was broken is left with the witness.
pub(super) fn play<B: Bridge>(history: &History, bridge: B, witness: &mut Witness) {
    let (servicenow, sent, in_flight) = (ServiceNow::default(), Vec::new(), Vec::new());
    let mut play = Play { bridge, witness, servicenow, sent, in_flight };
    for step in &history.steps {
        play.step(step);
        play.hears_at_once();
        play.stays_whole();
        if play.witness.breach.is_some() {
            return;
        }
    }
    play.calms_down(history.peaceful);
}

impl<B: Bridge> Play<'_, B> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Arrives(reported) => self.arrives(reported),
            Step::Again(which) => self.arrives_again(*which),
            Step::Looks => self.looks(),
            Step::Answers { which, behaviour } => self.answers(*which, *behaviour),
            Step::Rounds { behaviour, times } => {
                for _ in 0..*times {
                    self.passes_to_what_is_due();
                    self.looks();
                    self.answers(0, *behaviour);
                    self.hears_at_once();
                }
            }
            Step::Passes(ms) => self.witness.now = self.witness.now.plus(*ms),
            Step::Due => self.passes_to_what_is_due(),
            Step::Jumps(minutes) => {
                self.witness.tell(|| format!("the clock is set by {minutes} minutes"));
                self.witness.now = UnixMillis(self.witness.now.0 + minutes * 60_000);
                self.witness.set_back |= *minutes < 0;
            }
            Step::Crashes { arrive } => self.crashes(*arrive),
            Step::Reloads(names) => self.reloads(names),
            Step::Discards(which) => self.discards(*which),
            Step::Replays(which) => self.replays(*which),
            Step::Stale(_) if self.witness.held => {}
            Step::Stale(which) => {
                self.witness.tell(|| "the dispatcher comes with what it took before".to_owned());
                let news = self.bridge.look_again(*which, self.witness.now);
                self.hears(news);
            }
            Step::Holds => {
                self.witness.held = true;
                self.witness.tell(|| "a person holds all calls".to_owned());
            }
            Step::Resumes => self.resumes(),
        }
    }

    fn arrives(&mut self, reported: &[Told]) {
        let mut events: Vec<RoutingEvent> = Vec::new();
        for reported in reported {
            // Every event has a deadline of its own, by which its calls are known.
            while self.witness.shares_deadline(&reported.event(0, self.witness.now)) {
                self.witness.now = self.witness.now.plus(1);
            }
        }
        for reported in reported {
            let number = self.sent.len() + events.len() + 1;
            let event = reported.event(number, self.witness.now);
            let alone = events.iter().all(|other| {
                let of = |event: &RoutingEvent| {
                    super::fate::deadline(event, self.witness.now, &self.witness.rules)
                };
                of(other) != of(&event)
            });
            if alone {
                events.push(event);
            }
        }
        // A request of several events says the last one of the request before it again.
        let known = if events.len() > 1 { self.sent.last().cloned() } else { None };
        let asked = events.iter().cloned().chain(known.clone()).collect();
        let mut accepted = self.bridge.accept(asked, self.witness.now);
        if let Some(known) = known {
            let again = accepted.pop();
            self.witness.must(matches!(again, Some(None)), || {
                format!("{} came again among others and was taken as new", known.id)
            });
        }
        for (event, accepted) in events.into_iter().zip(accepted) {
            let id = event.id.clone();
            self.witness.must(accepted.is_some(), || format!("{id} was new and taken as known"));
            self.witness.arrives(event.clone(), &accepted.unwrap_or_default());
            self.sent.push(event);
        }
    }

    fn arrives_again(&mut self, which: usize) {
        if let Some(event) = self.sent.get(which % self.sent.len().max(1)) {
            let (id, events) = (event.id.clone(), vec![event.clone()]);
            self.witness.tell(|| format!("{id} arrives again"));
            let accepted = self.bridge.accept(events, self.witness.now);
            let known = matches!(accepted.as_slice(), [None]);
            self.witness.must(known, || format!("{id} came again and was taken as new"));
        }
    }

    fn looks(&mut self) {
        let news = self.bridge.look(self.witness.now, self.witness.held);
        self.hears(news);
        self.witness.sees_nothing_lie(self.bridge.is_silent());
    }

    fn hears_at_once(&mut self) {
        let news = self.bridge.left_at_once(self.witness.now, self.witness.held);
        self.hears(news);
    }

    fn hears(&mut self, news: News) {
        let News { leaving, ended } = news;
        self.witness.all_ended(&ended);
        self.catches_up();
        for leaving in leaving {
            let number = leaving.number.or_else(|| self.witness.by_deadline(leaving.deadline));
            let Some(number) = number else {
                let deadline = leaving.deadline;
                self.witness.must(false, || {
                    format!("a call left with the deadline {deadline}, which no open event has")
                });
                return;
            };
            let fate = self.witness.fate(number);
            let expected = fate.watched_until(&self.witness.rules).unwrap_or(fate.deadline);
            self.witness.must(leaving.deadline == expected, || {
                let reported = leaving.deadline;
                format!("a call left for e{number} with the deadline {reported}, not {expected}")
            });
            let done = self.servicenow.has(number, leaving.request.call());
            self.witness.leaves(number, &leaving.request, done);
            self.in_flight.push((number, leaving));
        }
    }

    fn answers(&mut self, which: usize, behaviour: Behaviour) {
        if self.in_flight.is_empty() {
            return;
        }
        let (number, call) = self.in_flight.remove(which % self.in_flight.len());
        // Nobody waits longer than to the deadline.
        let late = self.witness.now >= call.deadline;
        let behaviour = if late { Behaviour::Lost { done: false } } else { behaviour };
        let reply = self.servicenow.answers(number, &call.request, behaviour);
        self.witness.made(number, &reply);
        let ended = self.bridge.answer(&call, reply.clone(), self.witness.now);
        self.witness.answered(number, &call.request, &reply);
        self.witness.all_ended(&ended);
        self.catches_up();
        self.witness.weighs(number, &reply);
    }

    fn passes_to_what_is_due(&mut self) {
        if let Some(at) = self.bridge.next_at().filter(|at| *at < UnixMillis::MAX) {
            self.witness.now = at.max(self.witness.now);
        }
    }

    fn crashes(&mut self, arrive: bool) {
        let left = if arrive { "what is in flight arrives" } else { "what is in flight is lost" };
        self.witness.tell(|| format!("the process is killed and started again; {left}"));
        for (number, call) in std::mem::take(&mut self.in_flight) {
            if arrive && self.witness.now < call.deadline {
                let reply = self.servicenow.answers(number, &call.request, Behaviour::Well);
                self.witness.made(number, &reply);
            }
        }
        self.bridge.crash(self.witness.now);
        self.witness.crashed();
        // A hold ends with the process.
        self.witness.held = false;
    }

    fn reloads(&mut self, names: &[&'static str]) {
        self.witness.tell(|| format!("the tables are loaded again, with {}", names.join(", ")));
        self.witness.rules.directory = super::history::tables_with(names).into();
        self.witness.reloaded(names);
        self.bridge.reload(&self.witness.rules, self.witness.now);
    }

    fn discards(&mut self, which: usize) {
        if self.sent.is_empty() {
            return;
        }
        let number = which % self.sent.len() + 1;
        self.witness.tell(|| format!("a person discards e{number}"));
        self.witness.discards(number);
        let ended = self.bridge.discard(number, self.witness.now);
        self.witness.all_ended(&ended);
    }

    fn replays(&mut self, which: usize) {
        if self.sent.is_empty() {
            return;
        }
        let number = which % self.sent.len() + 1;
        let event = &self.sent[number - 1];
        while self.witness.shares_deadline(event) {
            self.witness.now = self.witness.now.plus(1);
        }
        if let Some(ended) = self.bridge.replay(number, self.witness.now) {
            self.witness.tell(|| format!("a person replays e{number}"));
            self.witness.replayed(number);
            self.witness.all_ended(&ended);
        }
    }

    fn resumes(&mut self) {
        if std::mem::take(&mut self.witness.held) {
            self.witness.tell(|| "a person lets calls go again".to_owned());
        }
    }

    /// Asks how events have ended where nobody tells.
    fn catches_up(&mut self) {
        if !self.bridge.is_silent() {
            return;
        }
        let open: Vec<usize> = self.witness.open().collect();
        for number in open {
            if let Some(outcome) = self.bridge.end_of(number) {
                let reason = "as the store says".to_owned();
                self.witness.all_ended(&[Ended { number, outcome, reason }]);
            }
        }
    }

    /// What was accepted and has not ended is there.
    fn stays_whole(&mut self) {
        self.catches_up();
        let (open, dead) = self.witness.counts();
        let (kept_open, kept_dead) = self.bridge.counts();
        self.witness.must(open == kept_open, || {
            format!("{open} accepted events are open, and the bridge knows of {kept_open}")
        });
        self.witness.must(dead == kept_dead, || {
            format!("{dead} events are dead letters, and the bridge knows of {kept_dead}")
        });
    }

    /// What is told of an event's time is what went by, unless a person or a clock that was set back has come between.
    fn tells_all_of_its_time(&mut self, number: usize) {
        let fate = self.witness.fate(number);
        if fate.is_replayed() || fate.discarded || self.witness.set_back {
            return;
        }
        if let Some((told, passed)) = self.bridge.waits(number) {
            self.witness.must(told == passed, || {
                format!("of the {passed} ms of e{number} {told} are told")
            });
        }
    }

    fn calms_down(&mut self, peaceful: bool) {
        self.witness.tell(|| "from now on all goes well".to_owned());
        self.resumes();
        let (mut turns, mut moment) = (0, self.witness.now);
        while self.witness.breach.is_none() && self.witness.open().next().is_some() {
            if self.in_flight.is_empty() {
                self.passes_to_what_is_due();
                self.looks();
            } else {
                self.answers(0, Behaviour::Well);
            }
            self.hears_at_once();
            self.stays_whole();
            turns = if self.witness.now == moment { turns + 1 } else { 0 };
            moment = self.witness.now;
            self.witness.must(turns < PATIENCE, || "the bridge never comes to rest".to_owned());
        }
        if self.witness.breach.is_none() {
            self.bridge.crash(self.witness.now);
            self.stays_whole();
            self.witness.concludes(peaceful);
            for number in 1..=self.witness.count() {
                let reported = self.witness.fate(number).end.as_ref().map(|(outcome, _)| *outcome);
                let kept = self.bridge.end_of(number);
                self.witness.must(reported == kept, || {
                    format!("e{number} ended as {reported:?}, and after a restart as {kept:?}")
                });
                self.tells_all_of_its_time(number);
            }
        }
    }
}
