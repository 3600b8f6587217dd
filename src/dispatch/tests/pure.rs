//! `decide` alone, with maps in the store's place.

use std::collections::{BTreeMap, HashMap};

use super::play::{Bridge, Leaving, News, TURNS};
use super::servicenow::Question;
use super::witness::{Ended, number_of};
use crate::routing::*;

pub(super) struct Pure {
    rules: Rules,
    lanes: BTreeMap<ConversationId, Conversation>,
    /// The events as a store keeps them: written once, when they are taken in.
    rows: HashMap<EntryId, RoutingEvent>,
    ends: HashMap<EntryId, Outcome>,
    taken: Vec<(ConversationId, EntryId)>,
}

impl Pure {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            lanes: BTreeMap::new(),
            rows: HashMap::new(),
            ends: HashMap::new(),
            taken: Vec::new(),
        }
    }

    fn decide(&mut self, lane: &ConversationId, input: Input) -> News {
        let before = self.lanes.remove(lane);
        let Decision { conversation, effects } = decide(before, input, &self.rules);
        let mut news = News::default();
        for effect in effects {
            match effect {
                Effect::Enqueue { entry } => {
                    if let Some(entry) = conversation.entry(entry) {
                        self.rows.entry(entry.id).or_insert_with(|| entry.event.clone());
                    }
                }
                Effect::Call { entry, call, deadline, attempt: _ } => {
                    news.leaving.push(leaving(lane, entry, Question::Call(call), deadline));
                }
                Effect::LookUp { entry, question, deadline } => {
                    let question = Question::LookUp(question.call);
                    news.leaving.push(leaving(lane, entry, question, deadline));
                }
                Effect::Settle { settled, outcome, reason } => {
                    let (number, reason) = (number_of(settled.event.id.as_str()), reason.code);
                    self.rows.entry(settled.id).or_insert(settled.event);
                    self.ends.insert(settled.id, outcome);
                    news.ended.push(Ended { number, outcome, reason });
                }
                Effect::Reschedule { .. } | Effect::Park { .. } | Effect::Resume { .. } => {}
            }
        }
        self.lanes.insert(lane.clone(), conversation);
        news
    }

    fn claim(&mut self, lane: ConversationId, entry: EntryId, now: UnixMillis) -> News {
        let news = self.decide(&lane, Input::Due { entry, waited: Waited::default(), at: now });
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
        self.rows.get(&entry(number)).map(|event| event.conversation.clone())
    }
}

impl Bridge for Pure {
    fn accept(&mut self, events: Vec<RoutingEvent>, now: UnixMillis) -> Vec<Option<Vec<Ended>>> {
        let mut accepted = Vec::new();
        for event in events {
            let entry = entry(number_of(event.id.as_str()));
            accepted.push((!self.rows.contains_key(&entry)).then(|| {
                let lane = event.conversation.clone();
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
        let open = self.lanes.iter().flat_map(|(lane, kept)| {
            kept.entries.iter().map(move |entry| (lane.clone(), entry.id))
        });
        let open: Vec<_> = open.collect();
        match open.get(which % open.len().max(1)) {
            Some((lane, entry)) => self.claim(lane.clone(), *entry, now),
            None => News::default(),
        }
    }

    fn answer(&mut self, call: &Leaving, reply: AwaReply, now: UnixMillis) -> Vec<Ended> {
        let Some((lane, entry)) = call.of.clone() else { return Vec::new() };
        let answer = Answer::default();
        let input = Input::Reply { entry, reply, answer, elapsed_ms: 1, retry_in: 300, at: now };
        self.decide(&lane.conversation, input).ended
    }

    fn reload(&mut self, rules: &Rules, now: UnixMillis) {
        self.rules = rules.clone();
        let lanes: Vec<_> = self.lanes.keys().cloned().collect();
        for lane in lanes {
            self.decide(&lane, Input::Reloaded { at: now });
        }
    }

    fn crash(&mut self, now: UnixMillis) {
        let mut on_the_way = Vec::new();
        for (lane, kept) in &mut self.lanes {
            for entry in &mut kept.entries {
                entry.event = self.rows[&entry.id].clone();
                if entry.stage.is_on_the_way() {
                    on_the_way.push((lane.clone(), entry.id));
                }
            }
        }
        for (lane, entry) in on_the_way {
            self.decide(&lane, Input::Recovered { entry, at: now });
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
        let lane = event.conversation.clone();
        Some(self.decide(&lane, Input::Replay { entry, event, at: now }).ended)
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
        (self.lanes.values().map(|lane| lane.entries.len()).sum(), dead)
    }
}

fn entry(number: usize) -> EntryId {
    EntryId(number as u64)
}

fn leaving(
    lane: &ConversationId,
    entry: EntryId,
    question: Question,
    deadline: UnixMillis,
) -> Leaving {
    let lane = LaneKey { contact_center: "connect".to_owned(), conversation: lane.clone() };
    let number = usize::try_from(entry.0).ok();
    Leaving { number, of: Some((lane, entry)), question, deadline }
}
