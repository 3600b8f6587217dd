//! The tests of routing: builders, and a [`Scene`] in which a story is played and checked to the last effect.

mod calls;
mod conflicts;
mod defects;
mod directory;
mod foreign_text;
mod ids;
mod items;
mod moments;
mod parsing;
mod refusals;
mod replies;
mod scene;
mod stages;
mod stories;
mod tables;
mod waiting;
mod words;

use std::sync::Arc;

use super::*;
pub(super) use scene::Scene;

/// The moment at which every story begins.
pub(super) const START: UnixMillis = UnixMillis(1_795_000_000_000);

/// So many milliseconds after the start.
pub(super) const fn at(ms: u64) -> UnixMillis {
    START.plus(ms)
}

/// A sys_id of one digit, 32 times.
pub(super) fn sys_id(digit: char) -> SysId {
    SysId::parse(&digit.to_string().repeat(32)).unwrap()
}

pub(super) fn document() -> DocumentRef {
    DocumentRef { table: TableName::parse("interaction").unwrap(), sys_id: sys_id('d') }
}

pub(super) fn agent(name: &str) -> VendorAgentId {
    VendorAgentId::parse(name).unwrap()
}

pub(super) fn queue(name: &str) -> VendorQueueId {
    VendorQueueId::parse(name).unwrap()
}

pub(super) fn segment(name: &str) -> SegmentId {
    SegmentId::parse(name).unwrap()
}

/// Queues sales and care, agents anna (a…) and ben (b…), a default reject reason (e…).
pub(super) fn tables() -> Directory {
    let mut tables = tables_without_reasons();
    assert!(tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('e'))));
    tables
}

/// Those tables without that agent.
pub(super) fn tables_without(name: &str) -> Directory {
    let mut tables = Directory::default();
    assert!(tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('e'))));
    for (other, digit) in [("anna", 'a'), ("ben", 'b')] {
        assert!(other == name || tables.add_agent(agent(other), sys_id(digit)));
    }
    for name in ["sales", "care"] {
        let external_id = ExternalId::parse(&format!("x-{name}")).unwrap();
        assert!(tables.add_queue(QueueRow { queue: queue(name), channel: None, external_id }));
    }
    tables
}

pub(super) fn tables_without_reasons() -> Directory {
    let mut tables = Directory::default();
    for name in ["sales", "care"] {
        let external_id = ExternalId::parse(&format!("x-{name}")).unwrap();
        assert!(tables.add_queue(QueueRow { queue: queue(name), channel: None, external_id }));
    }
    for (name, digit) in [("anna", 'a'), ("ben", 'b')] {
        assert!(tables.add_agent(agent(name), sys_id(digit)));
    }
    tables
}

pub(super) fn rules() -> Rules {
    Rules { directory: Arc::new(tables()), ..Rules::default() }
}

fn event(id: &str, action: Action) -> RoutingEvent {
    RoutingEvent {
        id: EventId::parse(id).unwrap(),
        conversation: ConversationId::parse("c-1").unwrap(),
        segment: None,
        occurred_at: START,
        document: Some(document()),
        queue: None,
        channel: None,
        style: Style::default(),
        action,
    }
}

/// An offer of the document to anna from the queue sales, ringing for 30 s from the start.
pub(super) fn an_offer(id: &str) -> RoutingEvent {
    let assignment = AssignmentWish::default();
    event(id, Action::Offer { agent: agent("anna"), timeout_seconds: None, assignment })
        .in_queue("sales")
}

/// A ring of that agent on that leg, at that moment.
pub(super) fn a_ring(id: &str, who: &str, leg: &str, ms: u64) -> RoutingEvent {
    RoutingEvent { occurred_at: at(ms), ..an_offer(id).by(who).of_leg(leg) }
}

/// The end of an agent's leg while the caller stays.
pub(super) fn a_leave(id: &str) -> RoutingEvent {
    event(id, Action::Leave { agent: Some(agent("anna")) })
}

/// A transfer without a source queue of its own.
pub(super) fn a_transfer(id: &str, kind: TransferKind, target: VendorTarget) -> RoutingEvent {
    event(id, Action::Transfer { kind, source_queue: None, target })
}

pub(super) fn to_queue(name: &str) -> VendorTarget {
    VendorTarget::Queue(queue(name))
}

pub(super) fn to_agent(name: &str) -> VendorTarget {
    VendorTarget::Agent(agent(name))
}

pub(super) fn an_assign(id: &str) -> RoutingEvent {
    let assignment = AssignmentWish::default();
    event(
        id,
        Action::Assign { agent: agent("anna"), work_item: None, timeout_seconds: None, assignment },
    )
}

pub(super) fn an_accept(id: &str) -> RoutingEvent {
    event(id, Action::Accept { agent: agent("anna"), work_item: None })
}

pub(super) fn a_reject(id: &str) -> RoutingEvent {
    event(id, Action::Reject { agent: agent("anna"), work_item: None, reason: None })
}

pub(super) fn a_consult_end(id: &str) -> RoutingEvent {
    event(id, Action::ConsultEnd { hand_over: true })
}

pub(super) fn a_withdraw(id: &str) -> RoutingEvent {
    event(id, Action::Withdraw)
}

pub(super) fn a_bind(id: &str) -> RoutingEvent {
    event(id, Action::Bind)
}

/// What a story changes about the event that it starts from.
pub(super) trait But {
    fn of_leg(self, name: &str) -> RoutingEvent;
    fn by(self, name: &str) -> RoutingEvent;
    fn of_document(self, digit: char) -> RoutingEvent;
    fn in_queue(self, name: &str) -> RoutingEvent;
    fn without_document(self) -> RoutingEvent;
    fn with_item(self, item: SysId) -> RoutingEvent;
}

impl But for RoutingEvent {
    fn of_leg(mut self, name: &str) -> RoutingEvent {
        self.segment = Some(segment(name));
        self
    }

    fn by(mut self, name: &str) -> RoutingEvent {
        match &mut self.action {
            Action::Offer { agent: who, .. }
            | Action::Assign { agent: who, .. }
            | Action::Accept { agent: who, .. }
            | Action::Reject { agent: who, .. }
            | Action::Leave { agent: Some(who) } => *who = agent(name),
            Action::Transfer { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => {}
        }
        self
    }

    fn of_document(mut self, digit: char) -> RoutingEvent {
        self.document = Some(DocumentRef { sys_id: sys_id(digit), ..document() });
        self
    }

    fn in_queue(mut self, name: &str) -> RoutingEvent {
        self.queue = Some(queue(name));
        self
    }

    fn without_document(mut self) -> RoutingEvent {
        self.document = None;
        self
    }

    fn with_item(mut self, item: SysId) -> RoutingEvent {
        match &mut self.action {
            Action::Assign { work_item, .. }
            | Action::Accept { work_item, .. }
            | Action::Reject { work_item, .. } => *work_item = Some(item),
            Action::Offer { .. }
            | Action::Transfer { .. }
            | Action::ConsultEnd { .. }
            | Action::Withdraw
            | Action::Leave { .. }
            | Action::Bind => {}
        }
        self
    }
}

/// The work item is with that agent.
pub(super) fn taken_by(who: &str) -> AwaReply {
    AwaReply::TakenBy { agent: Some(who.to_owned()), work_item: None, accepted: false }
}
