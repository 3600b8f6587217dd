//! The real dispatcher with the real store and the real pace; only the network is a stand-in, and the loop is turned by
//! hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::kept::{Kept, come_apart};
use super::play::{Bridge, Leaving, News, TURNS};
use super::servicenow::signal;
use super::witness::Ended;
use crate::awa::pace::Pace;
use crate::awa::stand_in::{Asked, StandIn};
use crate::awa::{Client, Reply, Settings};
use crate::base_url::BaseUrl;
use crate::clock::by_hand;
use crate::dispatch::blocked::Blocked;
use crate::dispatch::call_task::CallTask;
use crate::dispatch::direct::{Claimed, DirectSender};
use crate::dispatch::{Delays, Dispatch};
use crate::report::Repeats;
use crate::routing::*;

/// How many calls may be in flight at once: fewer than there are conversations.
const MAX_IN_FLIGHT: u32 = 2;

pub(super) struct Dispatched<'a> {
    dispatch: Arc<Dispatch>,
    tasks: JoinSet<()>,
    blocked: Blocked,
    /// When the loop wakes by itself; something new wakes it at once.
    wake_at: UnixMillis,
    held: Arc<AtomicBool>,
    /// What was sent at once, past the agenda.
    claimed: UnboundedReceiver<Claimed>,
    line: Line,
    kept: Kept<'a>,
}

/// The way to ServiceNow: what waits there for an answer, oldest first.
#[derive(Clone, Default)]
pub(super) struct Line {
    waiting: Arc<Mutex<Vec<Asked>>>,
    arrived: Arc<Notify>,
}

impl Line {
    /// A client whose network is this line.
    pub(super) fn client(&self) -> Arc<Client> {
        let settings = Settings {
            api_version: crate::awa::wire::ApiVersion::default(),
            base_url: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
            request_timeout: Duration::from_secs(10),
            rate_limit: crate::awa::RateLimit::UNLIMITED,
            auth: None,
            client_certificate: None,
            ca: None,
            proxy: None,
            resolver: None,
            connection_age: None,
            channels: std::collections::HashMap::new(),
        };
        let mut client = Client::new(settings).unwrap();
        let line = self.clone();
        client.stand_in = Some(StandIn(Box::new(move |asked| {
            line.waiting.lock().unwrap().push(asked);
            line.arrived.notify_one();
        })));
        Arc::new(client)
    }

    fn len(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }
}

impl<'a> Dispatched<'a> {
    pub(super) fn new(kept: Kept<'a>, line: Line, client: Arc<Client>) -> Self {
        let held = Arc::new(AtomicBool::new(false));
        let (dispatch, claimed) = dispatch(&kept, client, &held);
        line.waiting.lock().unwrap().clear();
        let (tasks, blocked, wake_at) = (JoinSet::new(), Blocked::default(), UnixMillis(0));
        Self { dispatch, tasks, blocked, wake_at, held, claimed, line, kept }
    }

    fn winds(&self, now: UnixMillis) {
        self.kept.clock.set(now);
        by_hand::set(now);
    }

    /// Turns the loop until it starts nothing more and every task waits for ServiceNow or is done.
    fn turns(&mut self, now: UnixMillis) {
        for _ in 0..TURNS {
            let before = self.tasks.len();
            let entered = self.kept.runtime.enter();
            self.wake_at = self.dispatch.start_what_is_due(now, &mut self.blocked, &mut self.tasks);
            drop(entered);
            if self.tasks.len() == before {
                return;
            }
            self.comes_to_rest();
        }
        panic!("the dispatcher turns on the spot");
    }

    /// What the dispatcher has promised of itself.
    fn keeps_its_word(&self, now: UnixMillis) {
        let most = usize::try_from(MAX_IN_FLIGHT).unwrap();
        assert!(self.line.len() <= most, "more calls are in flight than may be");
        let deadline = self.dispatch.store.agenda().next_deadline();
        let sleeps_over = deadline.is_some_and(|deadline| self.wake_at > deadline.max(now.plus(1)));
        assert!(!sleeps_over, "the dispatcher sleeps until {}, over a deadline", self.wake_at);
    }

    /// The calls that have reached the line after the first `known`.
    fn left_since(&self, known: usize) -> News {
        let waiting = self.line.waiting.lock().unwrap();
        let new = waiting.iter().skip(known).map(|asked| {
            let (claim, request) = (ClaimId::after(None), asked.request.clone());
            let deadline = asked.deadline;
            Leaving { number: None, of: None, claim, request, deadline }
        });
        News { leaving: new.collect(), ended: Vec::new() }
    }

    fn comes_to_rest(&mut self) {
        let (tasks, line) = (&mut self.tasks, &self.line);
        self.kept.runtime.block_on(async {
            while tasks.len() > line.len() {
                tokio::select! {
                    Some(ended) = tasks.join_next() => ended.unwrap(),
                    () = line.arrived.notified() => {}
                }
            }
        });
    }
}

impl Bridge for Dispatched<'_> {
    fn accept(&mut self, events: Vec<RoutingEvent>, now: UnixMillis) -> Vec<Option<Vec<Ended>>> {
        self.winds(now);
        self.wake_at = now;
        // Between deliveries of one step a call could leave that the witness hears of only after the last of them.
        let held = self.held.load(Ordering::SeqCst);
        self.held.store(held || come_apart(&events), Ordering::SeqCst);
        let accepted = self.kept.accept(events);
        self.held.store(held, Ordering::SeqCst);
        accepted
    }

    fn look(&mut self, now: UnixMillis, held: bool) -> News {
        self.winds(now);
        self.held.store(held, Ordering::SeqCst);
        let known = self.line.len();
        self.turns(now);
        self.keeps_its_word(now);
        self.left_since(known)
    }

    fn left_at_once(&mut self, now: UnixMillis, held: bool) -> News {
        self.winds(now);
        self.held.store(held, Ordering::SeqCst);
        let known = self.line.len();
        while let Ok(claimed) = self.claimed.try_recv() {
            let entered = self.kept.runtime.enter();
            self.tasks.spawn_on(
                CallTask::claimed(&self.dispatch, claimed).run(),
                self.kept.runtime.handle(),
            );
            drop(entered);
            self.comes_to_rest();
        }
        self.left_since(known)
    }

    fn look_again(&mut self, _: usize, now: UnixMillis) -> News {
        self.look(now, false)
    }

    fn answer(&mut self, call: &Leaving, reply: AwaReply, now: UnixMillis) -> Vec<Ended> {
        self.winds(now);
        self.wake_at = now;
        let mut waiting = self.line.waiting.lock().unwrap();
        let asked = waiting.iter().position(|asked| asked.deadline == call.deadline);
        let Asked { answer, .. } = waiting.remove(asked.expect("it waits for an answer"));
        drop(waiting);
        let signal = signal(&reply);
        let said = Answer::default();
        let answered = Answered { reply, answer: said, elapsed_ms: 1 };
        let reply = Reply { answered, signal, requests: 1, undocumented: false };
        answer.send(reply).unwrap();
        self.comes_to_rest();
        Vec::new()
    }

    fn reload(&mut self, rules: &Rules, now: UnixMillis) {
        self.winds(now);
        self.wake_at = now;
        self.kept.reload(rules);
    }

    fn crash(&mut self, now: UnixMillis) {
        self.winds(now);
        self.wake_at = now;
        self.kept.runtime.block_on(self.tasks.shutdown());
        self.line.waiting.lock().unwrap().clear();
        self.kept.crash();
        self.held.store(false, Ordering::SeqCst);
        let client = Arc::clone(&self.dispatch.client);
        (self.dispatch, self.claimed) = dispatch(&self.kept, client, &self.held);
        self.blocked = Blocked::default();
    }

    fn discard(&mut self, number: usize, now: UnixMillis) -> Vec<Ended> {
        self.winds(now);
        self.wake_at = now;
        self.kept.discard(number)
    }

    fn replay(&mut self, number: usize, now: UnixMillis) -> Option<Vec<Ended>> {
        self.winds(now);
        self.wake_at = now;
        self.kept.replay(number)
    }

    fn next_at(&self) -> Option<UnixMillis> {
        Some(self.wake_at)
    }

    fn end_of(&self, number: usize) -> Option<Outcome> {
        self.kept.end_of(number)
    }

    fn waits(&self, number: usize) -> Option<(u64, u64)> {
        self.kept.waits(number)
    }

    fn counts(&self) -> (usize, usize) {
        self.kept.counts()
    }

    fn is_silent(&self) -> bool {
        true
    }
}

fn dispatch(
    kept: &Kept<'_>,
    client: Arc<Client>,
    held: &Arc<AtomicBool>,
) -> (Arc<Dispatch>, UnboundedReceiver<Claimed>) {
    let held = Arc::clone(held);
    let held: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(move || held.load(Ordering::SeqCst));
    let pace = Arc::new(Pace::new(MAX_IN_FLIGHT, client.limiter()));
    let (direct, claimed) = DirectSender::new(Arc::clone(&pace), Arc::clone(&held));
    kept.store.set_direct_dispatch(direct);
    let dispatch = Dispatch {
        store: kept.store.clone(),
        client,
        pace,
        // Without a delay the jitter decides nothing.
        jitter: Box::new(|| 0.5),
        delays: Box::new(|| Delays { initial: 0, max: 0 }),
        freed: Notify::new(),
        held,
        repeats: Repeats::default(),
        told: Repeats::default(),
        beat: Box::new(|| {}),
    };
    (Arc::new(dispatch), claimed)
}
