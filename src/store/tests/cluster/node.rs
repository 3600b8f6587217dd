//! One run of one node: the real writer over the model's engine or that of production, a dispatcher in a few lines, and
//! its calls.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::*;
use super::database::Database;
use super::faults::Fault;
use crate::clock;
use crate::routing::{Answer as Said, Answered, AwaCall, Entry, Urgency};
use crate::store::engine::Engine;
use crate::store::request::{Replied, Wish};

/// How long a call may take from its look at the clock, in milliseconds.
pub(super) const REQUEST_TIMEOUT: i64 = 10_000;

/// How often what is due is looked at before others get a turn.
const TURNS: usize = 8;

pub(super) struct Node {
    database: Arc<Mutex<Database>>,
    writer: Writer,
    left: Left,
    pub(super) calls: Vec<Outgoing>,
    /// Answers that are not on record yet.
    pub(super) answers: Vec<(LaneKey, EntryId, Replied)>,
}

type Left = Arc<Mutex<Vec<(LaneKey, EntryId, Claim)>>>;

/// A call or a look-up that its node is to make, with moments on the database's clock.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) lane: LaneKey,
    pub(super) entry: EntryId,
    pub(super) claim: ClaimId,
    pub(super) event: usize,
    pub(super) asks: Asks,
    /// When it must have left, as its node counts it.
    pub(super) leave_by: i64,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone)]
pub(super) enum Asks {
    Call(AwaCall),
    LookUp(AwaCall),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Claimed,
    /// It has looked at the clock, and is not written.
    Gated(i64),
    /// It is written; what a look-up finds is found then.
    Written(i64, Option<SysId>),
}

/// Lets all through that may go at once, unless calls are held.
struct Door {
    database: Arc<Mutex<Database>>,
    left: Left,
}

struct Slot(Left);

impl DirectDispatch for Door {
    fn open(&self, _: Urgency, _: UnixMillis) -> Option<Box<dyn SendSlot>> {
        let held = self.database.lock().unwrap().held;
        (!held).then(|| Box::new(Slot(Arc::clone(&self.left))) as _)
    }
}

impl SendSlot for Slot {
    fn leave(self: Box<Self>, lane: LaneKey, entry: EntryId, claim: Claim) {
        self.0.lock().unwrap().push((lane, entry, claim));
    }
}

impl Node {
    pub(super) fn new(
        database: &Arc<Mutex<Database>>,
        engine: Box<dyn Engine>,
        rules: &Arc<dyn RulesFor>,
    ) -> Self {
        let shared = Arc::new(Shared::new(Arc::default(), Limits::default()));
        let left = Left::default();
        let door = Door { database: Arc::clone(database), left: Arc::clone(&left) };
        shared.set_direct(Arc::new(door));
        let rules = Arc::clone(rules);
        let outside = Outside { rules, now: clock::now, tell: Arc::new(|_| {}) };
        let space = SpaceWatch::new(Path::new("/"), 0);
        let writer = Writer::new(engine, shared, outside, space);
        let (database, calls, answers) = (Arc::clone(database), Vec::new(), Vec::new());
        Self { database, writer, left, calls, answers }
    }

    fn ask<Q, A>(
        &mut self,
        kind: fn(Asked<Q, A>) -> Question,
        questions: Vec<Q>,
    ) -> Result<Vec<A>, Failed> {
        let answers = self.writer.asked(kind, questions);
        let left = std::mem::take(&mut *self.left.lock().unwrap());
        for (lane, entry, claim) in left {
            self.takes(lane, entry, claim);
        }
        answers
    }

    fn takes(&mut self, lane: LaneKey, entry: EntryId, claim: Claim) {
        let (event, asks, options) = match claim {
            Claim::Nothing => return,
            Claim::Call { event, call, options, .. } => (event, Asks::Call(call), options),
            Claim::LookUp { event, question, options } => {
                (event, Asks::LookUp(question.call), options)
            }
        };
        let now = self.database.lock().unwrap().now;
        let leave_by = now + (options.leave_by.0 - clock::now().0);
        let (event, stage, claim) = (number_of(&event.id), Stage::Claimed, options.claim);
        self.calls.push(Outgoing { lane, entry, claim, event, asks, leave_by, stage });
    }

    /// Whether an event was taken, as new or as known; none where the vendor has to send it again.
    pub(super) fn accepts(&mut self, event: RoutingEvent) -> Option<Acceptance> {
        let delivery = Delivery {
            fingerprint: None,
            source: "demo".into(),
            contact_center: "connect".into(),
            received_at: clock::now(),
            body: None,
            items: vec![Item::Event(Box::new(event))],
        };
        self.ask(Question::Accept, vec![delivery]).ok()?.pop()?.unwrap().pop()
    }

    pub(super) fn keeps_up(&mut self) {
        drop(self.writer.keeps_up());
    }

    /// Claims all that is due; while calls are held only what is over.
    pub(super) fn claims(&mut self, held: bool) {
        for _ in 0..TURNS {
            let shared = Arc::clone(self.writer.shared());
            let (agenda, own, mut taken) = (&shared.agenda, clock::now(), Vec::new());
            while let Some((lane, due)) = agenda.take_expired(own) {
                taken.push((lane, due.expires.0));
            }
            while !held && let Some((lane, due)) = agenda.take_most_urgent(own) {
                taken.push((lane, due.entry));
            }
            if taken.is_empty() {
                return;
            }
            let waited = Waited::default();
            let claim = |(lane, entry): (LaneKey, _)| (Arc::new(lane), entry, waited);
            let questions = taken.iter().cloned().map(claim).collect();
            let Ok(claims) = self.ask(Question::Claim, questions) else { return };
            for ((lane, entry), claim) in taken.into_iter().zip(claims) {
                self.takes(lane, entry, *claim);
            }
        }
    }

    /// Brings the answers that wait to the store; those that it cannot take wait on.
    pub(super) fn records(&mut self) {
        for (lane, entry, mut reply) in std::mem::take(&mut self.answers) {
            let now = self.database.lock().unwrap().claim_of(entry);
            let is_another = now != Some(reply.claim);
            if self.database.lock().unwrap().fault == Some(Fault::AnyClaim) {
                reply.claim = now.unwrap_or(reply.claim);
            }
            let question = (Arc::new(lane.clone()), entry, reply.clone());
            let before = self.database.lock().unwrap().rows_of(entry);
            if self.ask(Question::Reply, vec![question]).is_err() {
                self.answers.push((lane, entry, reply));
            }
            let mut database = self.database.lock().unwrap();
            let after = database.rows_of(entry);
            // In the same commit the entry may be claimed anew.
            let claim = |(entry, _): &(Option<Entry>, _)| entry.as_ref().map(|it| it.story.claim);
            let claimed = claim(&after) > claim(&before);
            if is_another && before != after && !claimed && !database.interrupted {
                database.breach("an answer for another claim has changed something".to_owned());
            }
        }
    }

    /// Notes the answer to a call.
    pub(super) fn hears(&mut self, call: &Outgoing, reply: AwaReply) {
        let answered = Answered { reply, answer: Said::default(), elapsed_ms: 1 };
        let reply = Replied { claim: call.claim, answered, retry_in: 300 };
        self.answers.push((call.lane.clone(), call.entry, reply));
    }

    pub(super) fn replays(&mut self, event: usize) -> bool {
        let answer = self.ask(Question::Replay, vec![(wish(event), true)]);
        answer.is_ok_and(|answers| answers == [Ok(ReplayAnswer::Replayed)])
    }

    pub(super) fn discards(&mut self, event: usize) {
        drop(self.ask(Question::Discard, vec![wish(event)]));
    }
}

fn wish(event: usize) -> Wish {
    Wish { source: "demo".to_owned(), id: format!("e{event}"), who: "ann".to_owned() }
}

/// Which event has that id.
pub(super) fn number_of(id: &str) -> usize {
    id[1..].parse().unwrap()
}
