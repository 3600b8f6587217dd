//! The real store with a dispatcher in three lines: what is due is claimed, and the answer goes back.

use tokio::task::JoinSet;

use super::kept::Kept;
use super::play::{Bridge, Leaving, News, TURNS};
use super::witness::{Ended, number_of};
use crate::awa::stand_in::Request;
use crate::routing::*;
use crate::store::Claim;

pub(super) struct Stored<'a> {
    kept: Kept<'a>,
    /// What was taken off the agenda before.
    taken: Vec<(LaneKey, EntryId)>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(kept: Kept<'a>) -> Self {
        Self { kept, taken: Vec::new() }
    }

    /// Claims all of these at once.
    fn claim(&self, entries: Vec<(LaneKey, EntryId)>) -> News {
        self.kept.ended();
        let claims = self.kept.runtime.block_on(async {
            let mut claims = JoinSet::new();
            for (lane, entry) in entries {
                let store = self.kept.store.clone();
                claims.spawn(async move {
                    let claim = store.claim(lane.clone(), entry, Waited::default()).await.unwrap();
                    (lane, entry, claim)
                });
            }
            claims.join_all().await
        });
        let mut news = News { leaving: Vec::new(), ended: self.kept.ended() };
        for (lane, entry, claim) in claims {
            let (event, request, options) = match claim {
                Claim::Nothing => continue,
                Claim::Call { event, call, options, .. } => (event, Request::Call(call), options),
                Claim::LookUp { event, question, options } => {
                    (event, Request::LookUp(question), options)
                }
            };
            let number = Some(number_of(&event.id));
            let (claim, deadline) = (options.claim, options.deadline);
            let of = Some((lane, entry));
            news.leaving.push(Leaving { number, of, claim, request, deadline });
        }
        news
    }
}

impl Bridge for Stored<'_> {
    fn accept(&mut self, events: Vec<RoutingEvent>, now: UnixMillis) -> Vec<Option<Vec<Ended>>> {
        self.kept.clock.set(now);
        self.kept.accept(events)
    }

    fn look(&mut self, now: UnixMillis, held: bool) -> News {
        self.kept.clock.set(now);
        let mut news = News::default();
        for _ in 0..TURNS {
            let agenda = self.kept.store.agenda();
            let mut taken = Vec::new();
            while let Some((lane, due)) = agenda.take_expired(now) {
                taken.push((lane, due.expires.0));
            }
            while !held && let Some((lane, due)) = agenda.take_most_urgent(now) {
                taken.push((lane, due.entry));
            }
            if taken.is_empty() {
                return news;
            }
            self.taken.extend(taken.iter().cloned());
            let News { leaving, ended } = self.claim(taken);
            news.leaving.extend(leaving);
            news.ended.extend(ended);
        }
        panic!("what is due is due again and again");
    }

    fn look_again(&mut self, which: usize, now: UnixMillis) -> News {
        self.kept.clock.set(now);
        let taken = self.taken.get(which % self.taken.len().max(1)).cloned();
        self.claim(taken.into_iter().collect())
    }

    fn answer(&mut self, call: &Leaving, reply: AwaReply, now: UnixMillis) -> Vec<Ended> {
        self.kept.clock.set(now);
        let Some((lane, entry)) = call.of.clone() else { return Vec::new() };
        let answered = Answered { reply, answer: Answer::default(), elapsed_ms: 1 };
        self.kept.ended();
        let stored = self.kept.store.reply(lane, entry, call.claim, answered, 300);
        self.kept.runtime.block_on(stored).unwrap();
        self.kept.ended()
    }

    fn reload(&mut self, rules: &Rules, now: UnixMillis) {
        self.kept.clock.set(now);
        self.kept.reload(rules);
    }

    fn crash(&mut self, now: UnixMillis) {
        self.kept.clock.set(now);
        self.kept.crash();
    }

    fn discard(&mut self, number: usize, now: UnixMillis) -> Vec<Ended> {
        self.kept.clock.set(now);
        self.kept.discard(number)
    }

    fn replay(&mut self, number: usize, now: UnixMillis) -> Option<Vec<Ended>> {
        self.kept.clock.set(now);
        self.kept.replay(number)
    }

    fn next_at(&self) -> Option<UnixMillis> {
        self.kept.next_at()
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
}
