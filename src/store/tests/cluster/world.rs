//! Nodes, database and ServiceNow in play. A history's steps are taken one after the other; the steps of a pause are
//! taken in the midst of a node's transaction, by all others.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::*;
use super::database::Database;
use super::engine::{BETWEEN, Memory, Way};
use super::faults::Fault;
use super::node::{Node, Outgoing, Stage};
use super::server::Server;
use super::servicenow::ServiceNow;
use super::steps::{History, Policy, Reported, Step, rules};
use crate::clock;
use crate::explore::Told;
use crate::routing::RoutingEvent;
use crate::store::engine::Engine;

thread_local! {
    /// How often something was done twice because a call was written too late.
    pub(super) static DONE_TWICE: Cell<usize> = const { Cell::new(0) };
    /// How many calls have landed.
    pub(super) static LANDED: Cell<usize> = const { Cell::new(0) };
}

/// What a play allows, beside its steps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowed {
    /// A node may stand still between its last look at the clock and the first byte of a call, or its clocks with it.
    pub(super) late_writes: bool,
    pub(super) fault: Option<Fault>,
}

/// One machine.
pub(super) struct Machine {
    pub(super) way: Arc<Mutex<Way>>,
    pub(super) node: Option<Node>,
    /// Its node is in the midst of something.
    busy: bool,
    killed: bool,
    /// Since when it stands still, and whether its clocks do.
    still: Option<(i64, bool)>,
    /// ServiceNow cannot be reached.
    pub(super) cut: bool,
}

/// A call on its way.
pub(super) struct Flying {
    pub(super) lands_at: i64,
    pub(super) call: Outgoing,
    pub(super) late: bool,
}

pub(super) struct World {
    database: Arc<Mutex<Database>>,
    /// Where the nodes work over a server, and whether they lock lanes.
    pub(super) server: Option<(Arc<Server>, bool)>,
    pub(super) machines: Vec<Machine>,
    rules: Arc<dyn RulesFor>,
    pub(super) allowed: Allowed,
    runs: u32,
    pub(super) flying: Vec<Flying>,
    pub(super) servicenow: ServiceNow,
    /// What has landed, by entry and claim.
    pub(super) landed: BTreeMap<(EntryId, ClaimId), SysId>,
    pub(super) left: HashSet<(EntryId, ClaimId)>,
    sent: Vec<RoutingEvent>,
    /// Events that a vendor was told are taken.
    pub(super) taken: HashSet<usize>,
    pub(super) replays: BTreeMap<usize, usize>,
    story: Option<Vec<String>>,
}

#[derive(Clone)]
pub(super) struct Play(pub(super) Rc<RefCell<World>>);

pub(super) fn play(history: &History, allowed: Allowed, telling: bool) -> Told {
    play_over(None, history, allowed, telling)
}

/// Plays over a server; without one over the database in memory.
pub(super) fn play_over(
    server: Option<&Arc<Server>>,
    history: &History,
    allowed: Allowed,
    telling: bool,
) -> Told {
    let Policy { nodes, locks } = history.policy;
    let database = Arc::new(Mutex::new(Database::new(NOON, locks, allowed.fault)));
    let machine = |_| Machine {
        way: Arc::default(),
        node: None,
        busy: false,
        killed: false,
        still: None,
        cut: false,
    };
    let world = World {
        database,
        server: server.map(|server| (Arc::clone(server), locks)),
        machines: (0..nodes).map(machine).collect(),
        rules: Arc::new(Fixed(Arc::new(rules()))),
        allowed,
        runs: 0,
        flying: Vec::new(),
        servicenow: ServiceNow::default(),
        landed: BTreeMap::new(),
        left: HashSet::new(),
        sent: Vec::new(),
        taken: HashSet::new(),
        replays: BTreeMap::new(),
        story: telling.then(Vec::new),
    };
    let play = Play(Rc::new(RefCell::new(world)));
    let within = play.clone();
    BETWEEN.set(Some(Rc::new(move |steps| {
        within.tell(|| "meanwhile".to_owned());
        steps.iter().for_each(|step| within.step(step));
        within.tell(|| "it goes on".to_owned());
    })));
    if let Some(server) = server {
        server.empty(!locks);
    }
    for node in 0..nodes {
        play.starts(node);
    }
    for step in &history.steps {
        play.database(|database| database.interrupted = false);
        play.step(step);
        if play.breach().is_some() {
            break;
        }
    }
    play.calms_down();
    BETWEEN.set(None);
    let breach = play.breach();
    let story = play.0.borrow_mut().story.take().unwrap_or_default();
    Told { breach, story }
}

impl Play {
    fn step(&self, step: &Step) {
        if let Step::Passes(ms) = step {
            return self.passes(*ms);
        }
        self.tell(|| format!("{step:?}"));
        match step {
            Step::Passes(_) => {}
            Step::Arrives { node, reported } => self.arrives(*node, reported),
            Step::Again { node, which } => self.arrives_again(*node, *which),
            Step::KeepsUp(node) => drop(self.with(*node, Node::keeps_up)),
            Step::Claims(node) => self.claims(*node),
            Step::Gates { node, which } => self.gates(*node, *which),
            Step::Leaves { node, which, lands } => self.leaves(*node, *which, *lands),
            Step::Answers { node, which, answer } => self.answers(*node, *which, *answer),
            Step::Kills(node) => self.kills(*node),
            Step::Starts(node) => self.starts(*node),
            Step::Freezes(node) => self.stands_still(*node, false),
            Step::Suspends(node) => self.stands_still(*node, true),
            Step::GoesOn(node) => self.goes_on(*node),
            Step::Clock { node, ms } => {
                self.machine(*node, |machine| {
                    if !machine.busy {
                        machine.way.lock().unwrap().skew = *ms;
                    }
                });
            }
            Step::Cuts { node, from_database } => self.machine(*node, |machine| {
                if *from_database {
                    machine.way.lock().unwrap().cut = true;
                } else {
                    machine.cut = true;
                }
            }),
            Step::Heals(node) => self.machine(*node, |machine| {
                machine.way.lock().unwrap().cut = false;
                machine.cut = false;
            }),
            Step::LosesCommit(node, lost) => {
                self.machine(*node, |machine| machine.way.lock().unwrap().lost = Some(*lost));
            }
            Step::Pauses(node, pause) => self.machine(*node, |machine| {
                machine.way.lock().unwrap().pause = Some(pause.clone());
            }),
            Step::FailsOver => self.database(|database| database.failovers += 1),
            Step::Replays { node, which } => self.replays(*node, *which),
            Step::Discards { node, which } => {
                if let Some(event) = self.event(*which) {
                    self.with(*node, |node| node.discards(event));
                }
            }
            Step::Holds => self.database(|database| database.held = true),
            Step::Resumes => self.database(|database| database.held = false),
        }
    }

    pub(super) fn database<T>(&self, work: impl FnOnce(&mut MutexGuard<'_, Database>) -> T) -> T {
        let database = Arc::clone(&self.0.borrow().database);
        let mut database = database.lock().unwrap();
        work(&mut database)
    }

    pub(super) fn now(&self) -> i64 {
        self.database(|database| database.now)
    }

    pub(super) fn machine<T>(&self, node: usize, work: impl FnOnce(&mut Machine) -> T) -> T {
        let machines = &mut self.0.borrow_mut().machines;
        let node = node % machines.len();
        work(&mut machines[node])
    }

    /// Has a node do something, if it runs and is not in the midst of something else.
    pub(super) fn with<T>(&self, node: usize, work: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let now = self.now();
        let mut running = self.machine(node, |machine| {
            let running = machine.still.is_none().then(|| machine.node.take()).flatten()?;
            clock::by_hand::set(UnixMillis(now + machine.way.lock().unwrap().skew));
            machine.busy = true;
            Some(running)
        })?;
        let done = work(&mut running);
        self.machine(node, |machine| {
            machine.busy = false;
            if std::mem::take(&mut machine.killed) {
                return None;
            }
            machine.node = Some(running);
            Some(done)
        })
    }

    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        let now = self.now() - NOON.0;
        if let Some(story) = &mut self.0.borrow_mut().story {
            story.push(format!("{now:>8} {}", line()));
        }
    }

    pub(super) fn breach(&self) -> Option<String> {
        self.database(|database| database.breach.clone())
    }

    pub(super) fn must(&self, holds: bool, breach: impl FnOnce() -> String) {
        if !holds {
            let breach = breach();
            self.tell(|| format!("BROKEN: {breach}"));
            self.database(|database| database.breach(breach));
        }
    }

    /// Which event is meant; none where none was sent.
    fn event(&self, which: usize) -> Option<usize> {
        let sent = self.0.borrow().sent.len();
        (sent > 0).then(|| which % sent.max(1) + 1)
    }

    fn arrives(&self, node: usize, reported: &Reported) {
        let now = UnixMillis(self.now());
        let event = {
            let mut world = self.0.borrow_mut();
            let event = reported.event(world.sent.len() + 1, now);
            world.sent.push(event.clone());
            event
        };
        self.sends(node, event);
    }

    fn arrives_again(&self, node: usize, which: usize) {
        if let Some(number) = self.event(which) {
            let event = self.0.borrow().sent[number - 1].clone();
            self.sends(node, event);
        }
    }

    fn sends(&self, node: usize, event: RoutingEvent) {
        let number = super::node::number_of(event.id.as_str());
        let was_taken = self.0.borrow().taken.contains(&number);
        let accepted = self.with(node, |node| node.accepts(event)).flatten();
        self.tell(|| format!("e{number}: {accepted:?}"));
        if let Some(accepted) = accepted {
            self.must(!was_taken || accepted == Acceptance::Duplicate, || {
                format!("e{number} was taken before, and is taken as new")
            });
            self.0.borrow_mut().taken.insert(number);
        }
    }

    pub(super) fn claims(&self, node: usize) {
        let held = self.database(|database| database.held);
        self.with(node, |node| node.claims(held));
    }

    fn kills(&self, node: usize) {
        // What it had written arrives soon, or never.
        self.machine(node, |machine| {
            machine.killed = machine.busy;
            machine.still = None;
            machine.node = None;
        });
    }

    pub(super) fn starts(&self, node: usize) {
        let mut world = self.0.borrow_mut();
        world.runs += 1;
        let name = node % world.machines.len();
        let (database, rules, run) =
            (Arc::clone(&world.database), Arc::clone(&world.rules), world.runs);
        let server = world.server.clone();
        let machine = &mut world.machines[name];
        if machine.node.is_none() && !machine.busy {
            let engine: Box<dyn Engine> = match &server {
                Some((server, locks)) => server.engine(&database, &machine.way, name, *locks),
                None => {
                    let way = Arc::clone(&machine.way);
                    Box::new(Memory::new(Arc::clone(&database), way, name, run))
                }
            };
            machine.node = Some(Node::new(&database, engine, &rules));
        }
    }

    fn stands_still(&self, node: usize, with_clocks: bool) {
        let with_clocks = with_clocks && self.0.borrow().allowed.late_writes;
        let now = self.now();
        self.machine(node, |machine| {
            if machine.node.is_some() {
                machine.still.get_or_insert((now, with_clocks));
            }
        });
    }

    pub(super) fn goes_on(&self, node: usize) {
        let now = self.now();
        self.machine(node, |machine| {
            let Some((since, with_clocks)) = machine.still.take() else { return };
            if with_clocks {
                machine.way.lock().unwrap().skew -= now - since;
                let calls = machine.node.iter_mut().flat_map(|node| node.calls.iter_mut());
                for call in calls {
                    call.leave_by += now - since;
                    if let Stage::Gated(at) = &mut call.stage {
                        *at += now - since;
                    }
                }
            }
        });
    }

    fn replays(&self, node: usize, which: usize) {
        let Some(event) = self.event(which) else { return };
        // Its commit may come about without an answer.
        *self.0.borrow_mut().replays.entry(event).or_default() += 1;
        self.with(node, |node| node.replays(event));
    }
}
