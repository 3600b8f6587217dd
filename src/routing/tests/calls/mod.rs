//! Whole calls: what the bridge asks of ServiceNow for each line of the contract's table, one test a line of story.

mod answers_without_an_offer;
mod ends;
mod hand_over_after_leaving;
mod hand_over_while_the_first_is_there;
mod moved_cards;
mod next_ring;
mod several_rung_at_once;
mod told_transfers;

use super::*;

/// A call in play: events come, ServiceNow answers, and all that is due is taken at once.
struct Call {
    scene: Scene,
    style: Style,
    now: u64,
    events: u64,
    said: Vec<String>,
}

fn a_call() -> Call {
    Call {
        scene: Scene::under(three_agents()),
        style: Style::default(),
        now: 0,
        events: 0,
        said: Vec::new(),
    }
}

/// Anna, ben and cleo, and a default reject reason.
fn three_agents() -> Rules {
    let mut tables = tables();
    assert!(tables.add_agent(agent("cleo"), sys_id('c')));
    Rules { directory: Arc::new(tables), ..Rules::default() }
}

/// Anna has been rung on leg s1 and has accepted work item 1 at 1 s.
fn anna_talks(hand_over: HandOver) -> Call {
    let mut call = a_call().hands_over(hand_over);
    call.ring(0, "anna", "s1").landed('1').accept(1_000, "anna", "s1").landed('1').so_far();
    call
}

impl Call {
    fn hands_over(mut self, hand_over: HandOver) -> Self {
        self.style.hand_over = Some(hand_over);
        self
    }

    fn rings_several(mut self) -> Self {
        self.style.rings = Rings::Several;
        self
    }

    fn replaces(mut self, replace: Replace) -> Self {
        self.scene.rules.offer.replace = replace;
        self
    }

    fn without_reasons(mut self) -> Self {
        self.scene.rules.directory = Arc::new(tables_without_reasons());
        self
    }

    fn ring(&mut self, ms: u64, who: &str, leg: &str) -> &mut Self {
        self.comes(ms, a_ring("e", who, leg, ms))
    }

    fn accept(&mut self, ms: u64, who: &str, leg: &str) -> &mut Self {
        self.comes(ms, an_accept("e").by(who).of_leg(leg))
    }

    fn reject(&mut self, ms: u64, who: &str, leg: &str) -> &mut Self {
        self.comes(ms, a_reject("e").by(who).of_leg(leg))
    }

    fn leave(&mut self, ms: u64, who: &str, leg: &str) -> &mut Self {
        self.comes(ms, a_leave("e").by(who).of_leg(leg))
    }

    fn leg_ends(&mut self, ms: u64, leg: &str) -> &mut Self {
        self.comes(ms, a_withdraw("e").of_leg(leg))
    }

    fn caller_hangs_up(&mut self, ms: u64) -> &mut Self {
        self.comes(ms, a_withdraw("e"))
    }

    fn transfer(&mut self, ms: u64, kind: TransferKind, to: VendorTarget, leg: &str) -> &mut Self {
        self.comes(ms, a_transfer("e", kind, to).of_leg(leg))
    }

    fn consult_end(&mut self, ms: u64, hand_over: bool) -> &mut Self {
        self.comes(ms, RoutingEvent { action: Action::ConsultEnd { hand_over }, ..a_bind("e") })
    }

    /// An event that happens, and arrives, at that moment.
    fn comes(&mut self, ms: u64, event: RoutingEvent) -> &mut Self {
        self.late(ms, ms, event)
    }

    /// An event that has happened before it arrives.
    fn late(&mut self, arrives: u64, happened: u64, event: RoutingEvent) -> &mut Self {
        self.passes(arrives);
        self.events += 1;
        let id = EventId::parse(&format!("e{}", self.events)).unwrap();
        let event = RoutingEvent { id, occurred_at: at(happened), style: self.style, ..event };
        self.scene.arrives(arrives, event);
        self.takes_what_is_due();
        self
    }

    /// Time goes by, and what falls due is taken.
    fn passes(&mut self, until: u64) -> &mut Self {
        while let Some(due) = self.scene.conversation.next_due()
            && due.at <= at(until)
        {
            self.now = self.now.max(due.at.since(START));
            self.takes_what_is_due();
        }
        self.now = until;
        self
    }

    fn landed(&mut self, item: char) -> &mut Self {
        self.answered(AwaReply::Landed { work_item: Some(sys_id(item)) })
    }

    fn answered(&mut self, reply: AwaReply) -> &mut Self {
        let calling = self.scene.conversation.entries();
        let entry = calling.into_iter().find(|entry| entry.stage.is_in_flight());
        let entry = entry.expect("a call is in flight").id.0;
        self.scene.answers(self.now, entry, reply);
        self.takes_what_is_due();
        self
    }

    fn takes_what_is_due(&mut self) {
        self.listens();
        while let Some(due) = self.scene.conversation.next_due()
            && due.at <= at(self.now)
        {
            self.scene.due(self.now, due.entry.0);
            self.listens();
        }
    }

    fn listens(&mut self) {
        let effects = self.scene.effects.drain(..);
        self.said.extend(effects.filter_map(|effect| reported(&effect)));
    }

    fn so_far(&mut self) -> &mut Self {
        self.said.clear();
        self
    }

    /// Exactly this since the last look.
    #[track_caller]
    fn says<const N: usize>(&mut self, expected: [&str; N]) -> &mut Self {
        assert_eq!(self.said, expected);
        self.said.clear();
        self
    }
}

/// One effect as a line; what only moves an entry on is left out.
fn reported(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Call { entry, call, .. } => Some(format!("{}: {}", entry.0, spelt(call))),
        Effect::LookUp { entry, question, .. } => {
            Some(format!("{}: look up {}", entry.0, spelt(&question.call)))
        }
        Effect::Settle { settled, outcome, reason } => {
            Some(format!("{} {outcome}: {}", settled.id.0, reason.code))
        }
        Effect::Reschedule { why, .. } if why.code == ReasonCode::NextStep => None,
        Effect::Reschedule { entry, at, why } => {
            Some(format!("{} waits until +{}: {}", entry.0, at.since(START), why.code))
        }
        Effect::Park { entry, missing } => Some(format!("{} parked: {missing}", entry.0)),
        Effect::Amend { entry, .. } => Some(format!("{} amended", entry.id.0)),
        Effect::Enqueue { .. } | Effect::Resume { .. } => None,
    }
}

fn spelt(call: &AwaCall) -> String {
    let who = |id: &SysId| match id.to_string().chars().next() {
        Some('a') => "anna",
        Some('b') => "ben",
        _ => "cleo",
    };
    let item = |id: &SysId| id.to_string()[..1].to_owned();
    match call {
        AwaCall::Offer { agent, .. } => format!("offer to {}", who(agent)),
        AwaCall::Transfer { kind, target: TransferTarget::Agent(agent), source_queue, .. } => {
            format!("{} transfer from {source_queue} to {}", kind.as_str(), who(agent))
        }
        AwaCall::Transfer { kind, target: TransferTarget::Queue(queue), .. } => {
            format!("{} transfer to {queue}", kind.as_str())
        }
        AwaCall::Assign { agent, .. } => format!("assign to {}", who(agent)),
        AwaCall::Accept { work_item, agent } => {
            format!("accept of {} by {}", item(work_item), who(agent))
        }
        AwaCall::Reject { work_item, agent, .. } => {
            format!("reject of {} by {}", item(work_item), who(agent))
        }
        AwaCall::EndConsult { hand_over: true, .. } => "consult end, handed over".to_owned(),
        AwaCall::EndConsult { hand_over: false, .. } => "consult end".to_owned(),
        AwaCall::CloseDocument { .. } => "close".to_owned(),
    }
}
