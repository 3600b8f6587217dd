//! Plays a story: what cannot happen as the call stands is passed over, the rest is sent to the bridge as a contact
//! centre sends it, and at quiet moments and at the end the cards are held against the truth.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::history::NOON;
use super::super::play::Bridge;
use super::instance::document;
use super::stage::Stage;
use super::story::{Act, Delivery, Does, End, Legs, Manner, Post, Rung, Story, What};
use super::truth::{By, Line, Truth};
use crate::explore::Told;
use crate::routing::*;

/// For how long a bridge may take an agent for rung whose ring's end nobody has reported, and for how long it waits for
/// the accept of a leg that has ended, in milliseconds.
const FORGOTTEN: u64 = 31_000;
const AWAITED: u64 = 2_100;

/// How long an agent is rung who is rung for a transfer, in milliseconds.
const GIVEN_UP: u64 = 25_000;

pub(super) fn play<B: Bridge>(story: &Story, bridge: B, telling: bool) -> Told {
    let stage = Stage::new(bridge, NOON, telling);
    let mut play = Play {
        manner: story.manner,
        delivery: story.delivery,
        truth: Truth::new(story.manner, story.delivery),
        stage,
        post: Post::default(),
        untold: Vec::new(),
        refused: Vec::new(),
        too_late: false,
    };
    let played = catch_unwind(AssertUnwindSafe(|| play.all(story)));
    if let Err(panic) = played {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        play.stage.must(false, || format!("panicked: {}", text.unwrap_or_default()));
    }
    Told { breach: play.stage.breach, story: play.stage.reported.unwrap_or_default() }
}

pub(super) struct Play<B> {
    pub(super) manner: Manner,
    pub(super) delivery: Delivery,
    pub(super) truth: Truth,
    pub(super) stage: Stage<B>,
    /// How the event of this act is delivered.
    pub(super) post: Post,
    /// Whose ring is over, and until when the bridge may take them for rung.
    pub(super) untold: Vec<(&'static str, UnixMillis)>,
    /// Whose card has gone by what they did in ServiceNow.
    pub(super) refused: Vec<&'static str>,
    /// An event came later than anyone waits for it.
    pub(super) too_late: bool,
}

impl<B: Bridge> Play<B> {
    fn all(&mut self, story: &Story) {
        self.begins_conversation();
        for act in &story.acts {
            let until = self.stage.now.plus(act.after);
            self.gives_up_rings(until);
            self.stage.until(until);
            if act.after >= 1_000 {
                self.looks_at_cards();
            }
            if self.stage.breach.is_some() {
                return;
            }
            self.truth.passes(self.stage.now);
            self.act(act);
        }
        self.stage.until(self.stage.now.plus(1_000));
        self.post = Post::default();
        self.resolves();
        if self.manner.hangs_up {
            self.stage.until(self.stage.now.plus(3_000));
            self.hangs_up();
        }
        self.stage.behaviours.clear();
        self.stage.comes_to_rest();
        self.stage.until(self.stage.now.plus(60_000));
        if self.stage.breach.is_none() {
            self.concludes();
        }
    }

    fn act(&mut self, act: &Act) {
        self.post = act.post;
        match act.what {
            What::Nothing => {}
            What::Rings { who, before } => self.rings(who, before),
            What::Answers { which, others } => self.answers(which, others),
            What::RingEnds { which, reported } => self.ring_ends(which, reported),
            What::Leaves { which, reported } => self.leaves(which, reported),
            What::Transfers { to, consult, rung, reported } => {
                self.transfers(to, consult, rung, reported)
            }
            What::TransfersToQueue { reported } => self.transfers_to_queue(reported),
            What::ConsultEnds { hand_over } => self.consult_ends(hand_over),
            What::OtherConversation { ends } => self.other_conversation(ends),
            What::HangsUp => self.hangs_up(),
            What::InServiceNow { who, does } => self.in_servicenow(who, does),
            What::ServiceNow(behaviour) => {
                self.stage.tell(|| format!("the next answer: {behaviour:?}"));
                self.stage.behaviours.push_back(behaviour);
            }
            What::Crashes { arrive } => self.stage.crashes(arrive),
        }
    }

    fn begins_conversation(&mut self) {
        if self.manner.bound {
            let queue = VendorQueueId::parse(self.truth.queue).unwrap();
            let bind = self.event(self.truth.conversation, None, Action::Bind);
            let bind = RoutingEvent { document: Some(document()), queue: Some(queue), ..bind };
            self.tells(bind, 0);
        }
    }

    fn rings(&mut self, who: &'static str, before: End) {
        let truth = &self.truth;
        let others = !truth.rings.iter().all(|ring| ring.by == By::Ring);
        if truth.is_over() || truth.is_busy(who) || truth.consults() || others {
            return;
        }
        self.stage.tell(|| format!("{who} is rung"));
        if self.manner.style.rings == Rings::One {
            for ring in std::mem::take(&mut self.truth.rings) {
                self.tells_end(&ring, before, 0);
            }
        }
        let line = self.truth.line(who, By::Ring, self.stage.now.plus(1));
        self.tells_ring(&line, 1);
        self.refused.retain(|other| *other != who);
        self.truth.rings(line);
    }

    fn answers(&mut self, which: usize, others: End) {
        if self.truth.rings.is_empty() {
            return;
        }
        let line = self.truth.rings.remove(which % self.truth.rings.len());
        let who = line.agent;
        self.stage.tell(|| format!("{who} answers"));
        let agent = VendorAgentId::parse(who).unwrap();
        let accept = Action::Accept { agent, work_item: None };
        let accept = self.event(line.conversation, line.segment.as_ref(), accept);
        self.tells(accept, 0);
        for ring in std::mem::take(&mut self.truth.rings) {
            self.tells_end(&ring, others, 1);
        }
        self.truth.answers(line);
    }

    fn ring_ends(&mut self, which: usize, reported: End) {
        if self.truth.rings.is_empty() {
            return;
        }
        let line = self.truth.rings.remove(which % self.truth.rings.len());
        self.stage.tell(|| format!("{} does not answer", line.agent));
        let reported = if reported == End::Untold && !line.timed { End::Reject } else { reported };
        self.tells_end(&line, reported, 0);
    }

    fn leaves(&mut self, which: usize, reported: End) {
        if self.truth.talks.is_empty() {
            return;
        }
        let line = self.truth.leaves(which % self.truth.talks.len());
        self.stage.tell(|| format!("{} leaves", line.agent));
        let reported = if reported == End::Untold { End::Leave } else { reported };
        self.tells_end(&line, reported, 0);
    }

    fn transfers(&mut self, to: &'static str, consult: bool, rung: Rung, reported: End) {
        let Some(from) = self.can_hand_on().filter(|_| !self.truth.is_busy(to)) else { return };
        self.stage.tell(|| format!("{} transfers to {to}", self.truth.talks[from].agent));
        let by = if consult { By::Consult } else { By::Blind };
        // A ring would be a blind transfer already.
        let blind = self.manner.style.hand_over == Some(HandOver::Blind);
        let rung = if blind && consult { Rung::No } else { rung };
        let line = self.truth.line(to, by, self.stage.now);
        let kind = if consult { TransferKind::Consult } else { TransferKind::Blind };
        let target = VendorTarget::Agent(VendorAgentId::parse(to).unwrap());
        let transfer = Action::Transfer { kind, source_queue: None, target };
        let transfer = self.event(line.conversation, line.segment.as_ref(), transfer);
        if rung == Rung::Before {
            self.tells_ring(&line, 0);
        }
        self.tells(transfer, 1);
        if rung == Rung::After {
            self.tells_ring(&line, 2);
        }
        self.refused.retain(|other| *other != to);
        let line = Line { given_up: rung != Rung::No, ..line };
        self.truth.rings(line);
        if !consult {
            let left = self.truth.leaves(from);
            self.tells_end(&left, if reported == End::Untold { End::Leave } else { reported }, 3);
        }
    }

    fn transfers_to_queue(&mut self, reported: End) {
        let Some(from) = self.can_hand_on() else { return };
        let line = self.truth.leaves(from);
        self.stage.tell(|| format!("{} transfers to a queue", line.agent));
        self.truth.goes_to_queue();
        let target = VendorTarget::Queue(VendorQueueId::parse("care").unwrap());
        let transfer = Action::Transfer { kind: TransferKind::Blind, source_queue: None, target };
        let transfer = self.event(line.conversation, line.segment.as_ref(), transfer);
        self.tells(transfer, 0);
        self.tells_end(&line, if reported == End::Untold { End::Leave } else { reported }, 1);
    }

    /// The one agent who talks, in the conversation that goes on, while nobody is rung.
    fn can_hand_on(&self) -> Option<usize> {
        let truth = &self.truth;
        let one = truth.talks.len() == 1 && truth.rings.is_empty() && !truth.is_over();
        (one && truth.talks[0].conversation == truth.conversation).then_some(0)
    }

    fn consult_ends(&mut self, hand_over: bool) {
        let consulted = self.truth.talks.iter().rposition(|talk| talk.by == By::Consult);
        let asked = self.truth.rings.iter().position(|ring| ring.by == By::Consult);
        let end = Action::ConsultEnd { hand_over: hand_over && consulted.is_some() };
        if let Some(asked) = asked {
            let line = self.truth.rings.remove(asked);
            self.stage.tell(|| format!("the consult of {} is given up", line.agent));
            let end = self.event(line.conversation, line.segment.as_ref(), end);
            self.tells(end, 0);
        } else if let Some(consulted) = consulted
            && self.truth.talks.len() > 1
            && self.truth.consults()
        {
            let line = self.truth.talks[consulted].clone();
            self.stage.tell(|| format!("the consult ends, hand over: {hand_over}"));
            let end = self.event(line.conversation, line.segment.as_ref(), end);
            self.tells(end, 0);
            self.truth.consult_ends(hand_over);
            let goes = if hand_over {
                self.truth.talks.iter().position(|talk| talk.agent != line.agent).unwrap()
            } else {
                consulted
            };
            let gone = self.truth.leaves(goes);
            self.tells_end(&gone, End::Leave, 1);
        }
    }

    fn other_conversation(&mut self, ends: bool) {
        if self.truth.conversation >= 3 {
            return;
        }
        let before = self.truth.conversation;
        self.truth.conversation += 1;
        self.stage.tell(|| "the call goes on in another conversation".to_owned());
        self.begins_conversation();
        if ends && !self.truth.ended.contains(&before) {
            self.ends(before);
        }
    }

    fn hangs_up(&mut self) {
        for conversation in 1..=self.truth.conversation {
            if !self.truth.ended.contains(&conversation) {
                self.stage.tell(|| "the caller hangs up".to_owned());
                self.ends(conversation);
            }
        }
    }

    fn ends(&mut self, conversation: u8) {
        self.truth.ends(conversation);
        let withdraw = self.event(conversation, None, Action::Withdraw);
        self.tells(withdraw, 1);
    }

    fn in_servicenow(&mut self, who: &'static str, does: Does) {
        if !self.stage.instance.agent_does(who, does, self.stage.now) {
            return;
        }
        self.stage.tell(|| format!("{who} in ServiceNow: {does:?}"));
        match does {
            Does::Accepts => self.truth.accepted_there(who),
            Does::Rejects | Does::LetsTimeOut => {
                self.truth.refused_there();
                self.refused.push(who);
            }
        }
    }

    /// The end of a ring that belongs to a transfer is reported before its time is over.
    fn gives_up_rings(&mut self, until: UnixMillis) {
        let over = |ring: &Line| ring.given_up && ring.since.plus(GIVEN_UP) <= until;
        while let Some(n) = self.truth.rings.iter().position(over) {
            let line = self.truth.rings.remove(n);
            self.stage.until(line.since.plus(GIVEN_UP));
            self.stage.tell(|| format!("{} is rung no more", line.agent));
            self.post = Post::default();
            self.tells_end(&line, End::Reject, 0);
        }
    }

    /// Nobody stays rung by a transfer without an end.
    fn resolves(&mut self) {
        self.truth.passes(self.stage.now);
        let (rings, others): (Vec<Line>, Vec<Line>) =
            std::mem::take(&mut self.truth.rings).into_iter().partition(|ring| ring.by == By::Ring);
        self.truth.rings = rings;
        for line in others {
            self.tells_end(&line, End::Reject, 0);
        }
    }

    fn tells_ring(&mut self, line: &Line, later: u64) {
        let agent = VendorAgentId::parse(line.agent).unwrap();
        let assignment = AssignmentWish::default();
        let offer = Action::Offer { agent, timeout_seconds: None, assignment };
        let mut event = self.event(line.conversation, line.segment.as_ref(), offer);
        if !self.manner.bound {
            event.queue = Some(VendorQueueId::parse(self.truth.queue).unwrap());
        }
        self.tells(event, later);
    }

    fn tells_end(&mut self, line: &Line, reported: End, later: u64) {
        let agent = VendorAgentId::parse(line.agent).unwrap();
        let named = self.manner.legs == Legs::Own;
        let action = match reported {
            End::Untold => {
                self.untold.push((line.agent, self.stage.now.plus(FORGOTTEN)));
                return;
            }
            End::Reject => Action::Reject { agent, work_item: None, reason: None },
            End::Withdraw if named => Action::Withdraw,
            End::Withdraw | End::Leave => {
                self.untold.push((line.agent, self.stage.now.plus(AWAITED)));
                Action::Leave { agent: Some(agent) }
            }
        };
        let event = self.event(line.conversation, line.segment.as_ref(), action);
        self.tells(event, later);
    }

    fn event(&self, conversation: u8, segment: Option<&String>, action: Action) -> RoutingEvent {
        RoutingEvent {
            id: EventId::parse("e0").unwrap(),
            conversation: ConversationId::parse(&format!("c{conversation}")).unwrap(),
            segment: segment.map(|segment| SegmentId::parse(segment).unwrap()),
            occurred_at: self.stage.now,
            document: (!self.manner.bound).then(document),
            queue: None,
            channel: None,
            style: self.manner.style,
            action,
        }
    }

    /// Sends an event that happens so many milliseconds from now.
    fn tells(&mut self, mut event: RoutingEvent, later: u64) {
        event.occurred_at = self.stage.now.plus(later);
        let at = event.occurred_at.plus(self.post.late);
        self.too_late |= self.post.late >= Rules::default().hold;
        if let Some(again) = self.post.again {
            self.stage.posts(event.clone(), at.plus(again));
        }
        self.stage.posts(event, at);
        // Only one event of an act is disturbed.
        self.post = Post::default();
    }
}
