//! Random histories against a model: whatever happens in whatever order, and wherever the process is killed.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::routing::Wait;

/// What the store has promised.
#[derive(Default)]
struct Promised {
    accepted: Vec<(String, String)>,
    settled: HashMap<String, State>,
    /// Claimed and not answered.
    in_flight: Vec<(LaneKey, EntryId, EventMeta)>,
    /// Claimed when the process was killed: not to be called again before a look-up.
    in_doubt: HashSet<String>,
    /// Conversations and the documents that they have named, those together that belong to one lane.
    lanes: Vec<HashSet<String>>,
}

impl Promised {
    fn names(&mut self, conversation: &str, document: &str) {
        let both = HashSet::from([conversation.to_owned(), document.to_owned()]);
        let (apart, together): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lanes).into_iter().partition(|lane| lane.is_disjoint(&both));
        self.lanes = apart;
        self.lanes.push(together.into_iter().fold(both, |all, lane| &all | &lane));
    }

    /// Of one lane there is one call at a time, whatever its conversations were when an earlier call left.
    fn leaves(&mut self, lane: LaneKey, entry: EntryId, event: EventMeta, seed: u64) {
        let of = |conversation: &str| self.lanes.iter().find(|lane| lane.contains(conversation));
        for (_, _, other) in &self.in_flight {
            let same =
                of(&event.conversation).is_some_and(|lane| lane.contains(&other.conversation));
            let same = same || event.conversation == other.conversation;
            assert!(!same, "{} left beside {} {seed}", event.id, other.id);
        }
        self.in_flight.push((lane, entry, event));
    }
}

#[tokio::test]
async fn no_promise_is_broken_by_any_order_of_events_answers_and_kills() {
    for seed in 1..=16 {
        let mut dice = Dice(seed);
        let mut bench = Bench::new();
        let mut promised = Promised::default();
        for step in 0..120 {
            match dice.roll(20) {
                0..=7 => accept_one(&bench, &mut promised, &mut dice, step).await,
                8..=13 => claim_one(&bench, &mut promised, seed).await,
                14..=17 => answer_one(&bench, &mut promised, &mut dice).await,
                18 => bench = killed(bench, &mut promised).await,
                _ => {
                    let wish = promised.settled.iter().find(|(_, state)| **state == State::Dead);
                    if let Some(id) = wish.map(|(id, _)| id.clone()) {
                        bench.store.replay("demo", &id, false, "me".to_owned()).await.unwrap();
                        promised.settled.remove(&id);
                    }
                }
            }
        }
        bench = killed(bench, &mut promised).await;
        check(&bench, &promised, seed);
    }
}

async fn accept_one(bench: &Bench, promised: &mut Promised, dice: &mut Dice, step: u64) {
    let lane = format!("c{}", dice.roll(6));
    let id = format!("e{step}");
    // Some conversations share a document, one or two of them from the beginning and others later.
    let document = match dice.roll(12) {
        0 => Some("shared"),
        1 => Some("also shared"),
        2..8 => Some(lane.as_str()),
        _ => None,
    };
    let event = match dice.roll(7) {
        0 => a_bind(&id, &lane),
        1 => an_accept(&id, &lane),
        2 => a_withdraw(&id, &lane),
        3 => an_offer_of(&id, &lane, "b", document),
        _ => an_offer_of(&id, &lane, "a", document),
    };
    if let Some(document) = &event.document {
        promised.names(&lane, &document.sys_id.to_string());
    }
    let again = promised.accepted.get(usize::try_from(dice.roll(50)).unwrap()).cloned();
    let mut events = vec![event];
    events.extend(again.as_ref().map(|(id, lane)| an_offer(id, lane)));
    let answers = bench.accept(events).await;
    let Acceptance::Accepted { settled } = &answers[0] else { panic!("{id} is new") };
    note(promised, settled);
    assert_eq!(answers.get(1), again.map(|_| &Acceptance::Duplicate));
    promised.accepted.push((id, lane));
}

fn an_offer_of(id: &str, conversation: &str, agent: &str, document: Option<&str>) -> RoutingEvent {
    event(EventJson {
        queue: Some("q".to_owned()),
        agent: Some(agent.to_owned()),
        document: document.map(|name| document_json(&document_of(name))),
        ..of_kind("offer", id, conversation)
    })
}

async fn claim_one(bench: &Bench, promised: &mut Promised, seed: u64) {
    let Some((lane, due)) = bench.store.agenda().take_most_urgent(NOON.plus(3_000)) else { return };
    let claim = bench.store.claim(lane.clone(), due.entry, Waited::default()).await.unwrap();
    match claim {
        Claim::Call { event, .. } => {
            assert!(!promised.in_doubt.contains(&event.id), "{} was not looked up", event.id);
            promised.leaves(lane, due.entry, event, seed);
        }
        Claim::LookUp { event, .. } => {
            promised.in_doubt.remove(&event.id);
            promised.leaves(lane, due.entry, event, seed);
        }
        Claim::Nothing(settled) => note(promised, &settled),
    }
}

async fn answer_one(bench: &Bench, promised: &mut Promised, dice: &mut Dice) {
    if promised.in_flight.is_empty() {
        return;
    }
    let at = usize::try_from(dice.roll(promised.in_flight.len() as u64)).unwrap();
    let (lane, entry, _) = promised.in_flight.swap_remove(at);
    let reply = match dice.roll(6) {
        0 => AwaReply::Busy { wait: Wait::BackOff },
        1 => AwaReply::InDoubt { why: "cut off".to_owned() },
        2 => AwaReply::Misconfigured { what: "a role".to_owned() },
        3 => AwaReply::NotLanded,
        _ => landed(),
    };
    note(promised, &bench.reply(lane, entry, reply).await);
}

async fn killed(bench: Bench, promised: &mut Promised) -> Bench {
    let after = bench.after_a_kill();
    bench.store.close().await;
    promised.in_doubt.extend(promised.in_flight.drain(..).map(|(_, _, event)| event.id));
    after
}

fn note(promised: &mut Promised, settled: &[Settled]) {
    for settled in settled {
        let id = settled.meta.id.clone();
        let before = promised.settled.insert(id, settled.outcome.into());
        assert_eq!(before, None, "{} was settled twice", settled.meta.id);
    }
}

fn check(bench: &Bench, promised: &Promised, seed: u64) {
    let (mut pending, mut dead) = (0, 0);
    for (id, _) in &promised.accepted {
        let state = bench.event(id).state;
        assert_eq!(
            promised.settled.get(id).copied().unwrap_or(State::Pending),
            state,
            "{id} {seed}"
        );
        pending += usize::from(state == State::Pending);
        dead += usize::from(state == State::Dead);
    }
    let counts = bench.store.counts();
    assert_eq!((counts.pending, counts.dead, counts.parked), (pending, dead, 0), "seed {seed}");
    assert_eq!(counts.remembered, promised.accepted.len());
}

/// xorshift: enough for a test, and the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
