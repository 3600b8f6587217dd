//! `decide` alone, with maps in the store's place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::play::{Bridge, Leaving, News, TURNS};
use super::witness::{Ended, number_of};
use crate::awa::stand_in::Request;
use crate::routing::*;

pub(super) struct Pure {
    rules: Rules,
    lanes: BTreeMap<ConversationId, Conversation>,
    /// The events as a store keeps them: written once, when they are taken in.
    rows: HashMap<EntryId, RoutingEvent>,
    ends: HashMap<EntryId, Outcome>,
    taken: Vec<(ConversationId, EntryId)>,
    /// The document that a conversation has named last.
    named: HashMap<ConversationId, DocumentRef>,
    /// The conversation whose lane a document's is, and where a conversation has moved to.
    roots: HashMap<DocumentRef, ConversationId>,
    moved: HashMap<ConversationId, ConversationId>,
    /// The latest moment; none once the clock was set back, for then the account of time cannot be right.
    latest: Option<UnixMillis>,
}

impl Pure {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            lanes: BTreeMap::new(),
            rows: HashMap::new(),
            ends: HashMap::new(),
            taken: Vec::new(),
            named: HashMap::new(),
            roots: HashMap::new(),
            moved: HashMap::new(),
            latest: Some(UnixMillis(0)),
        }
    }

    fn lane(&self, conversation: &ConversationId) -> ConversationId {
        let mut lane = conversation;
        while let Some(root) = self.moved.get(lane) {
            lane = root;
        }
        lane.clone()
    }

    /// The lane in which an event is carried out: conversations that name the same document share one.
    fn join(&mut self, event: &mut RoutingEvent) -> ConversationId {
        let conversation = event.conversation.clone();
        match &event.document {
            Some(document) => {
                self.named.insert(conversation.clone(), document.clone());
            }
            None => event.document = self.named.get(&conversation).cloned(),
        }
        let lane = self.lane(&conversation);
        let Some(document) = event.document.clone() else { return lane };
        let root = self.roots.get(&document).map(|root| self.lane(root));
        let root = root.unwrap_or_else(|| lane.clone());
        if root != lane {
            let moving = self.lanes.remove(&lane).unwrap_or_default();
            self.lanes.entry(root.clone()).or_default().absorb(moving);
            self.moved.insert(lane, root.clone());
        }
        self.roots.insert(document, root.clone());
        root
    }

    fn decide(&mut self, lane: &ConversationId, input: Input) -> News {
        let before = self.lanes.remove(lane);
        let at = input.at();
        let Decision { conversation, effects } = decide(before, input, &self.rules);
        self.latest = self.latest.filter(|latest| *latest <= at).map(|_| at);
        self.stays_sound(&conversation, at);
        let mut news = News::default();
        for effect in effects {
            match effect {
                Effect::Enqueue { entry } => {
                    if let Some(entry) = conversation.entry(entry) {
                        self.rows.entry(entry.id).or_insert_with(|| entry.event.clone());
                    }
                }
                Effect::Call { entry, call, options } => {
                    news.leaving.push(leaving(lane, entry, Request::Call(call), options));
                }
                Effect::LookUp { entry, question, options } => {
                    let request = Request::LookUp(question);
                    news.leaving.push(leaving(lane, entry, request, options));
                }
                Effect::Settle { settled, outcome, reason } => {
                    let (reported, passed) =
                        (settled.story.waited.total(), at.since(settled.received_at));
                    let right = reported == passed || self.latest.is_none();
                    assert!(right, "{reported} of {passed} ms of {:?} are booked", settled.id);
                    let (number, reason) =
                        (number_of(settled.event.id.as_str()), reason.code.to_string());
                    self.rows.entry(settled.id).or_insert(settled.event);
                    self.ends.insert(settled.id, outcome);
                    news.ended.push(Ended { number, outcome, reason });
                }
                Effect::Reschedule { .. }
                | Effect::Park { .. }
                | Effect::Resume { .. }
                | Effect::Amend { .. } => {}
            }
        }
        self.lanes.insert(lane.clone(), conversation);
        news
    }

    /// No more time is booked than went by, and of each conversation at most one call is in flight.
    fn stays_sound(&self, lane: &Conversation, at: UnixMillis) {
        let in_flight = lane.entries().filter(|entry| entry.stage.is_in_flight()).count();
        assert!(in_flight <= self.moved.len() + 1, "{in_flight} calls of one lane in flight");
        let overdrawn = |entry: &&Entry| {
            entry.story.waited.total() > at.since(entry.received_at) && self.latest.is_some()
        };
        let overdrawn = lane.entries().find(overdrawn).map(|entry| entry.id);
        assert_eq!(overdrawn, None, "more of its time is booked than went by");
    }

    fn claim(&mut self, lane: ConversationId, entry: EntryId, now: UnixMillis) -> News {
        let due = self.lanes.get(&lane).and_then(Conversation::next_due);
        let news = self
            .decide(&lane, Input::Due { entry, waited: Waited::default(), clock: None, at: now });
        let reported = due.filter(|due| due.entry == entry && !due.calls && due.at <= now);
        assert!(reported.is_none() || news.leaving.is_empty(), "a call left that was not reported");
        self.taken.push((lane, entry));
        news
    }

    /// What the dispatcher takes next.
    fn due(&self, now: UnixMillis, held: bool) -> Option<(ConversationId, EntryId)> {
        let dues = || self.lanes.iter().filter_map(|(lane, kept)| Some((lane, kept.next_due()?)));
        if let Some((lane, due)) = dues().find(|(_, due)| due.expires.1 <= now) {
            return Some((lane.clone(), due.expires.0));
        }
        let ripe = dues().filter(|(_, due)| due.at <= now && !held);
        let (lane, due) = ripe.min_by_key(|(_, due)| due.urgency)?;
        Some((lane.clone(), due.entry))
    }

    fn lane_of(&self, number: usize) -> Option<ConversationId> {
        self.rows.get(&entry(number)).map(|event| self.lane(&event.conversation))
    }
}

impl Bridge for Pure {
    fn accept(&mut self, events: Vec<RoutingEvent>, now: UnixMillis) -> Vec<Option<Vec<Ended>>> {
        let mut accepted = Vec::new();
        for mut event in events {
            let entry = entry(number_of(event.id.as_str()));
            accepted.push((!self.rows.contains_key(&entry)).then(|| {
                let lane = self.join(&mut event);
                self.decide(&lane, Input::Event { entry, event, at: now }).ended
            }));
        }
        accepted
    }

    fn look(&mut self, now: UnixMillis, held: bool) -> News {
        let mut news = News::default();
        for _ in 0..TURNS {
            let Some((lane, entry)) = self.due(now, held) else { return news };
            let News { leaving, ended } = self.claim(lane, entry, now);
            news.leaving.extend(leaving);
            news.ended.extend(ended);
        }
        panic!("what is due is due again and again");
    }

    fn look_again(&mut self, which: usize, now: UnixMillis) -> News {
        let open = self
            .lanes
            .iter()
            .flat_map(|(lane, kept)| kept.entries().map(move |entry| (lane.clone(), entry.id)));
        let open: Vec<_> = open.collect();
        match open.get(which % open.len().max(1)) {
            Some((lane, entry)) => self.claim(lane.clone(), *entry, now),
            None => News::default(),
        }
    }

    fn answer(&mut self, call: &Leaving, reply: AwaReply, now: UnixMillis) -> Vec<Ended> {
        let Some((lane, entry)) = call.of.clone() else { return Vec::new() };
        let answered = Answered { reply, answer: Answer::default(), elapsed_ms: 1 };
        let input = Input::Reply { entry, claim: call.claim, answered, retry_in: 300, at: now };
        let lane = self.lane(&lane.conversation);
        self.decide(&lane, input).ended
    }

    fn reload(&mut self, rules: &Rules, now: UnixMillis) {
        self.rules = rules.clone();
        let lanes: Vec<_> = self.lanes.keys().cloned().collect();
        for lane in lanes {
            self.decide(&lane, Input::Reloaded { at: now });
        }
    }

    fn crash(&mut self, now: UnixMillis) {
        let mut in_flight = Vec::new();
        for (lane, kept) in &mut self.lanes {
            for entry in &mut kept.entries {
                Arc::make_mut(entry).event = self.rows[&entry.id].clone();
                if entry.stage.is_in_flight() {
                    in_flight.push((lane.clone(), entry.id));
                }
            }
        }
        for (lane, entry) in in_flight {
            self.decide(&lane, Input::Recovered { entry, doubt_until: None, at: now });
        }
    }

    fn discard(&mut self, number: usize, now: UnixMillis) -> Vec<Ended> {
        let Some(lane) = self.lane_of(number) else { return Vec::new() };
        self.decide(&lane, Input::Discard { entry: entry(number), at: now }).ended
    }

    fn replay(&mut self, number: usize, now: UnixMillis) -> Option<Vec<Ended>> {
        let entry = entry(number);
        self.ends.remove(&entry)?;
        let event = self.rows.get(&entry)?.clone();
        let lane = self.lane(&event.conversation);
        Some(self.decide(&lane, Input::Replay { entry, event, claim: None, at: now }).ended)
    }

    fn next_at(&self) -> Option<UnixMillis> {
        let dues = self.lanes.values().filter_map(Conversation::next_due);
        dues.map(|due| due.at.min(due.expires.1)).min()
    }

    fn end_of(&self, number: usize) -> Option<Outcome> {
        self.ends.get(&entry(number)).copied()
    }

    fn counts(&self) -> (usize, usize) {
        let dead = self.ends.values().filter(|outcome| **outcome == Outcome::Dead).count();
        let open =
            |lane: &Conversation| lane.entries().filter(|entry| entry.ended.is_none()).count();
        (self.lanes.values().map(open).sum(), dead)
    }
}

fn entry(number: usize) -> EntryId {
    EntryId(number as u64)
}

fn leaving(
    lane: &ConversationId,
    entry: EntryId,
    request: Request,
    options: CallOptions,
) -> Leaving {
    let lane = LaneKey { contact_center: "connect".into(), conversation: lane.clone() };
    let number = usize::try_from(entry.0).ok();
    let (claim, deadline) = (options.claim, options.deadline);
    Leaving { number, of: Some((lane, entry)), claim, request, deadline }
}
