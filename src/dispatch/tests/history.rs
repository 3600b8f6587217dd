//! What may happen, drawn at random: the steps of a history and the policies that it is played under, each in plain
//! words.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::servicenow::Behaviour;
use crate::explore::Played;
use crate::routing::*;

/// Noon, when every history begins.
pub(super) const NOON: UnixMillis = UnixMillis(1_795_262_400_000);

/// For events without a ring time of their own, in milliseconds.
const GIVE_UP_AFTER: u64 = 120_000;

/// Everybody that the tables may know, `*` for the reject reason of last resort.
pub(super) const NAMES: [&str; 5] = ["anna", "ben", "sales", "care", "*"];

/// One history.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) policy: Policy,
    /// Nothing goes wrong in it, so every event must be delivered.
    pub(super) peaceful: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// One request of the vendor.
    Arrives(Vec<Told>),
    /// The vendor sends again what it has sent before.
    Again(usize),
    /// The dispatcher looks for work.
    Looks,
    /// ServiceNow answers one of the calls that are in flight.
    Answers {
        which: usize,
        behaviour: Behaviour,
    },
    /// Again and again: time passes until something is due, the dispatcher looks, and ServiceNow answers in that
    /// behaviour.
    Rounds {
        behaviour: Behaviour,
        times: usize,
    },
    Passes(u64),
    /// Time passes until something is due.
    Due,
    /// The wall clock is set, by so many minutes.
    Jumps(i64),
    /// The process is killed and started again; the calls in flight may still reach ServiceNow.
    Crashes {
        arrive: bool,
    },
    Reloads(Vec<&'static str>),
    Discards(usize),
    Replays(usize),
    /// The dispatcher comes back with something that it was asked to look at before.
    Stale(usize),
    Holds,
    Resumes,
}

/// An event in a few words.
#[derive(Debug, Clone)]
pub(super) struct Told {
    kind: Kind,
    conversation: u8,
    leg: Option<&'static str>,
    agent: &'static str,
    queue: Option<&'static str>,
    to_queue: bool,
    consult: bool,
    auto: bool,
    document: Option<char>,
    item: bool,
    seconds: Option<u32>,
    /// Milliseconds between what happened and its arrival; below zero the vendor's clock is ahead.
    age: i64,
}

/// What a configuration may decide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) doubt: Doubt,
    pub(super) withdraw: WithdrawAction,
    pub(super) withdraw_ends_consult: bool,
    pub(super) hold: u64,
}

impl Played for History {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn leave_out(&mut self, from: usize, to: usize) {
        self.steps.drain(from..to);
    }

    fn heading(&self) -> String {
        format!("{:?}", self.policy)
    }
}

impl Policy {
    pub(super) fn rules(self, names: &[&str]) -> Rules {
        let Self { doubt, withdraw, withdraw_ends_consult, hold } = self;
        let (give_up_after, directory) = (GIVE_UP_AFTER, tables_with(names).into());
        Rules {
            directory,
            doubt,
            withdraw,
            withdraw_ends_consult,
            hold,
            give_up_after,
            ..Rules::default()
        }
    }
}

pub(super) fn any_history() -> impl Strategy<Value = History> {
    prop_oneof![
        9 => (any_policy(), vec(any_step(), 1..60)).prop_map(|(policy, steps)| History {
            policy, peaceful: false, steps
        }),
        1 => (any_policy(), vec(peaceful_step(), 1..60)).prop_map(|(policy, steps)| History {
            policy, peaceful: true, steps
        }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // The first is what a step becomes when a history is made simpler: nothing.
        2 => (0u64..4_000).prop_map(Step::Passes),
        8 => any_told().prop_map(|reported| Step::Arrives(vec![reported])),
        1 => vec(any_told(), 2..4).prop_map(Step::Arrives),
        1 => (0usize..8).prop_map(Step::Again),
        12 => Just(Step::Looks),
        10 => (0usize..3).prop_map(|which| Step::Answers { which, behaviour: Behaviour::Well }),
        10 => (0usize..3, any_behaviour()).prop_map(|(which, behaviour)| Step::Answers { which, behaviour }),
        1 => (0u64..200_000).prop_map(Step::Passes),
        6 => Just(Step::Due),
        1 => (any_behaviour(), 1usize..8).prop_map(|(behaviour, times)| Step::Rounds { behaviour, times }),
        1 => (-300i64..300).prop_map(Step::Jumps),
        2 => any::<bool>().prop_map(|arrive| Step::Crashes { arrive }),
        2 => subsequence(NAMES.to_vec(), 0..=5).prop_map(Step::Reloads),
        1 => (0usize..8).prop_map(Step::Discards),
        1 => (0usize..8).prop_map(Step::Replays),
        1 => (0usize..8).prop_map(Step::Stale),
        1 => Just(Step::Holds),
        2 => Just(Step::Resumes),
    ]
}

/// Whole offers, a dispatcher that looks and a ServiceNow that is well.
fn peaceful_step() -> impl Strategy<Value = Step> {
    let offer = any_told().prop_map(|reported| {
        let (document, queue) = (Some('d'), reported.queue.or(Some("sales")));
        let (kind, leg, agent) = (Kind::Offer, None, if reported.item { "anna" } else { "ben" });
        Step::Arrives(vec![Told {
            kind,
            leg,
            agent,
            document,
            queue,
            seconds: None,
            age: 0,
            auto: false,
            ..reported
        }])
    });
    prop_oneof![
        1 => (0u64..100).prop_map(Step::Passes),
        2 => offer,
        2 => Just(Step::Looks),
        2 => (0usize..3).prop_map(|which| Step::Answers { which, behaviour: Behaviour::Well }),
        1 => (0usize..8).prop_map(Step::Again),
    ]
}

fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        Just(Behaviour::Well),
        Just(Behaviour::AlreadyOurs),
        Just(Behaviour::Conflict),
        any::<bool>().prop_map(|done| Behaviour::Lost { done }),
        any::<bool>().prop_map(|done| Behaviour::NotServiceNow { done }),
        Just(Behaviour::NotSent),
        Just(Behaviour::Busy),
        select(vec![0, 1_000, 90_000]).prop_map(Behaviour::BusyFor),
        Just(Behaviour::Unauthorised),
        Just(Behaviour::Unavailable),
        Just(Behaviour::Skewed),
        Just(Behaviour::TooLate),
        Just(Behaviour::Taken),
        Just(Behaviour::Closed),
        Just(Behaviour::Misconfigured),
        Just(Behaviour::Forbidden),
    ]
}

fn any_told() -> impl Strategy<Value = Told> {
    let who = (
        select(Kind::ALL.to_vec()),
        select(vec![1u8, 1, 1, 1, 2, 3]),
        select(vec![None, Some("s1"), Some("s2")]),
        select(vec!["anna", "anna", "anna", "ben", "ben", "ben", "cleo"]),
        select(vec![None, Some("sales"), Some("care")]),
    );
    let how = (
        any::<(bool, bool, bool)>(),
        select(vec![None, Some('d'), Some('d'), Some('f')]),
        any::<bool>(),
        select(vec![None, None, Some(5), Some(90)]),
    );
    let age = prop_oneof![4 => 0i64..2_000, 1 => -5_000i64..60_000];
    (who, how, age).prop_map(
        |(
            (kind, conversation, leg, agent, queue),
            ((to_queue, consult, auto), document, item, seconds),
            age,
        )| {
            Told {
                kind,
                conversation,
                leg,
                agent,
                queue,
                to_queue,
                consult,
                auto,
                document,
                item,
                seconds,
                age,
            }
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let policy = (
        select(vec![Doubt::Repeat, Doubt::Dead]),
        select(vec![WithdrawAction::None, WithdrawAction::Reject, WithdrawAction::CloseDocument]),
        any::<bool>(),
        select(vec![0, 2_000]),
    );
    policy.prop_map(|(doubt, withdraw, withdraw_ends_consult, hold)| Policy {
        doubt,
        withdraw,
        withdraw_ends_consult,
        hold,
    })
}

/// The tables with only these names in them.
pub(super) fn tables_with(names: &[&str]) -> Directory {
    let mut tables = Directory::default();
    for name in names {
        let added = match *name {
            "anna" | "ben" => tables.add_agent(VendorAgentId::parse(name).unwrap(), user(name)),
            "*" => tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('e'))),
            queue => tables.add_queue(QueueRow {
                queue: VendorQueueId::parse(queue).unwrap(),
                channel: None,
                external_id: external_id(queue),
            }),
        };
        assert!(added);
    }
    tables
}

/// Who an agent is in ServiceNow.
pub(super) fn user(name: &str) -> SysId {
    sys_id(if name == "anna" { 'a' } else { 'b' })
}

/// What a queue is called in ServiceNow.
pub(super) fn external_id(queue: &str) -> ExternalId {
    ExternalId::parse(&format!("x-{queue}")).unwrap()
}

fn sys_id(digit: char) -> SysId {
    SysId::parse(&digit.to_string().repeat(32)).unwrap()
}

impl Told {
    /// The event as it would arrive now under that number.
    pub(super) fn event(&self, number: usize, now: UnixMillis) -> RoutingEvent {
        let agent = VendorAgentId::parse(self.agent).unwrap();
        let queue = |name: &str| VendorQueueId::parse(name).unwrap();
        let (timeout_seconds, work_item) = (self.seconds, self.item.then(|| sys_id('9')));
        let assignment = AssignmentWish {
            enable_auto_assign: self.auto.then_some(true),
            ..AssignmentWish::default()
        };
        let action = match self.kind {
            Kind::Offer => Action::Offer { agent, timeout_seconds, assignment },
            Kind::Transfer => Action::Transfer {
                kind: if self.consult { TransferKind::Consult } else { TransferKind::Blind },
                source_queue: None,
                target: if self.to_queue {
                    VendorTarget::Queue(queue("care"))
                } else {
                    VendorTarget::Agent(agent)
                },
            },
            Kind::Assign => Action::Assign { agent, work_item, timeout_seconds, assignment },
            Kind::Accept => Action::Accept { agent, work_item },
            Kind::Reject => Action::Reject { agent, work_item, reason: None },
            Kind::ConsultEnd => Action::ConsultEnd { hand_over: true },
            Kind::Withdraw => Action::Withdraw,
            Kind::Leave => Action::Leave { agent: Some(agent) },
            Kind::Bind => Action::Bind,
        };
        // A bind that says nothing is refused as it is read.
        let queue_name =
            if self.kind == Kind::Bind { self.queue.or(Some("sales")) } else { self.queue };
        RoutingEvent {
            style: Style::default(),
            id: EventId::parse(&format!("e{number}")).unwrap(),
            conversation: ConversationId::parse(&format!("c{}", self.conversation)).unwrap(),
            segment: self.leg.map(|leg| SegmentId::parse(leg).unwrap()),
            occurred_at: UnixMillis(now.0 - self.age),
            document: self.document.map(|digit| DocumentRef {
                table: TableName::parse("interaction").unwrap(),
                sys_id: sys_id(digit),
            }),
            queue: queue_name.map(queue),
            channel: None,
            action,
        }
    }
}

/// An event as a story tells it.
pub(super) struct Words<'a>(pub(super) &'a RoutingEvent);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.0;
        write!(f, "{} {} of {}", event.kind(), event.id, event.conversation)?;
        let item = match &event.action {
            Action::Offer { agent, timeout_seconds, .. } => {
                let seconds = timeout_seconds.unwrap_or(30);
                write!(f, " to {agent} for {seconds} s")?;
                None
            }
            Action::Transfer { kind, target, .. } => {
                match target {
                    VendorTarget::Agent(agent) => write!(f, ", {}, to {agent}", kind.as_str())?,
                    VendorTarget::Queue(queue) => {
                        write!(f, ", {}, to queue {queue}", kind.as_str())?;
                    }
                }
                None
            }
            Action::Assign { agent, work_item, .. } => {
                write!(f, " to {agent}")?;
                *work_item
            }
            Action::Accept { agent, work_item } | Action::Reject { agent, work_item, .. } => {
                write!(f, " by {agent}")?;
                *work_item
            }
            Action::ConsultEnd { .. } | Action::Withdraw | Action::Leave { .. } | Action::Bind => {
                None
            }
        };
        if item.is_some() {
            write!(f, ", work item named")?;
        }
        if let Some(leg) = &event.segment {
            write!(f, ", leg {leg}")?;
        }
        if let Some(queue) = &event.queue {
            write!(f, ", queue {queue}")?;
        }
        match &event.document {
            Some(document) => write!(f, ", document {}", &document.sys_id.to_string()[..1]),
            None => Ok(()),
        }
    }
}
