//! What may happen, drawn at random.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::engine::{LostCommit, Pause, When};
use crate::explore::Played;
use crate::routing::{
    Action, AssignmentWish, DocumentRef, EventId, Kind, ReasonRow, Style, TableName,
};

/// At most so many nodes play.
pub(super) const NODES: usize = 3;

/// One history.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
}

/// What it is played under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) nodes: usize,
    /// Lanes are locked when they are read.
    pub(super) locks: bool,
}

/// Nodes, calls and events are meant by any number, which is taken round.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Passes(u64),
    Arrives {
        node: usize,
        reported: Reported,
    },
    /// The vendor sends again what it has sent before.
    Again {
        node: usize,
        which: usize,
    },
    /// A node does its upkeep.
    KeepsUp(usize),
    /// A node's dispatcher claims all that is due.
    Claims(usize),
    /// A call that is claimed looks at the clock, and is not written yet.
    Gates {
        node: usize,
        which: usize,
    },
    /// A call is written, and lands in so many milliseconds, if ever.
    Leaves {
        node: usize,
        which: usize,
        lands: Option<u64>,
    },
    /// A call or a look-up is answered.
    Answers {
        node: usize,
        which: usize,
        answer: AnswerKind,
    },
    Kills(usize),
    Starts(usize),
    /// The process stands still.
    Freezes(usize),
    /// The machine stands still, and its clocks with it.
    Suspends(usize),
    GoesOn(usize),
    Clock {
        node: usize,
        ms: i64,
    },
    Cuts {
        node: usize,
        from_database: bool,
    },
    Heals(usize),
    LosesCommit(usize, LostCommit),
    Pauses(usize, Pause),
    FailsOver,
    Replays {
        node: usize,
        which: usize,
    },
    Discards {
        node: usize,
        which: usize,
    },
    Holds,
    Resumes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    Well,
    /// Turned away.
    Busy,
    Unavailable,
    /// The answer is lost; what is still on its way arrives, or never.
    Lost {
        done: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Reported {
    kind: Kind,
    conversation: u8,
    agent: &'static str,
    document: Option<char>,
    seconds: u32,
}

impl Played for History {
    fn len(&self) -> usize {
        let within = |step: &Step| match step {
            Step::Pauses(_, pause) => pause.steps.len(),
            _ => 0,
        };
        self.steps.len() + self.steps.iter().map(within).sum::<usize>()
    }

    fn leave_out(&mut self, from: usize, to: usize) {
        let mut place = 0;
        let mut taken = || {
            place += 1;
            (from..to).contains(&(place - 1))
        };
        let mut kept = Vec::new();
        for mut step in std::mem::take(&mut self.steps) {
            let out = taken();
            if let Step::Pauses(_, pause) = &mut step {
                pause.steps.retain(|_| !taken());
            }
            if !out {
                kept.push(step);
            }
        }
        self.steps = kept;
    }

    fn heading(&self) -> String {
        format!("{:?}", self.policy)
    }
}

/// One for the model's own database.
pub(super) fn any_history() -> impl Strategy<Value = History> {
    (any_policy(), vec(any_step(), 1..80)).prop_map(|(policy, steps)| History { policy, steps })
}

/// One of so many steps, in which nothing is done in the midst of something else.
pub(super) fn any_plain_history(steps: Range<usize>) -> impl Strategy<Value = History> {
    let steps = vec(simple_step(), steps);
    (any_policy(), steps).prop_map(|(policy, steps)| History { policy, steps })
}

/// The same of nodes that lock lanes, or that do not.
pub(super) fn any_plain_history_of(
    locks: bool,
    steps: Range<usize>,
) -> impl Strategy<Value = History> {
    any_plain_history(steps).prop_map(move |History { policy, steps }| History {
        policy: Policy { locks, ..policy },
        steps,
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (2..=NODES, any::<bool>()).prop_map(|(nodes, locks)| Policy { nodes, locks })
}

fn any_step() -> impl Strategy<Value = Step> {
    let pause =
        (select(vec![When::Begun, When::Decided, When::Committed]), vec(simple_step(), 1..6))
            .prop_map(|(when, steps)| Pause { when, steps });
    prop_oneof![
        12 => simple_step(),
        1 => (0..3usize, pause).prop_map(|(node, pause)| Step::Pauses(node, pause)),
    ]
}

fn simple_step() -> impl Strategy<Value = Step> {
    let pair = || (0..3usize, 0..4usize);
    let lands = prop_oneof![6 => Just(Some(0)), 3 => (1..3_000u64).prop_map(Some), 1 => Just(None)];
    let answer = prop_oneof![
        6 => Just(AnswerKind::Well),
        1 => Just(AnswerKind::Busy),
        1 => Just(AnswerKind::Unavailable),
        2 => any::<bool>().prop_map(|done| AnswerKind::Lost { done }),
    ];
    let lost = any::<(bool, bool)>().prop_map(|(done, seen)| LostCommit { done, seen });
    prop_oneof![
        16 => (0u64..1_500).prop_map(Step::Passes),
        5 => (1_500u64..30_000).prop_map(Step::Passes),
        20 => (0..3usize, any_reported()).prop_map(|(node, reported)| Step::Arrives { node, reported }),
        3 => pair().prop_map(|(node, which)| Step::Again { node, which }),
        14 => (0..3usize).prop_map(Step::KeepsUp),
        24 => (0..3usize).prop_map(Step::Claims),
        3 => pair().prop_map(|(node, which)| Step::Gates { node, which }),
        20 => (pair(), lands).prop_map(|((node, which), lands)| Step::Leaves { node, which, lands }),
        16 => (pair(), answer).prop_map(|((node, which), answer)| Step::Answers { node, which, answer }),
        4 => (0..3usize).prop_map(Step::Kills),
        6 => (0..3usize).prop_map(Step::Starts),
        3 => (0..3usize).prop_map(Step::Freezes),
        1 => (0..3usize).prop_map(Step::Suspends),
        5 => (0..3usize).prop_map(Step::GoesOn),
        2 => (0..3usize, select(vec![-3_600_000i64, -20_000, -900, 0, 700, 20_000, 3_600_000]))
            .prop_map(|(node, ms)| Step::Clock { node, ms }),
        2 => (0..3usize, any::<bool>()).prop_map(|(node, from_database)| Step::Cuts { node, from_database }),
        4 => (0..3usize).prop_map(Step::Heals),
        3 => (0..3usize, lost).prop_map(|(node, lost)| Step::LosesCommit(node, lost)),
        1 => Just(Step::FailsOver),
        1 => pair().prop_map(|(node, which)| Step::Replays { node, which }),
        1 => pair().prop_map(|(node, which)| Step::Discards { node, which }),
        1 => Just(Step::Holds),
        2 => Just(Step::Resumes),
    ]
}

fn any_reported() -> impl Strategy<Value = Reported> {
    let kinds =
        vec![Kind::Offer, Kind::Offer, Kind::Offer, Kind::Accept, Kind::Reject, Kind::Withdraw];
    let what = (
        select(kinds),
        1..5u8,
        select(vec!["anna", "ben"]),
        select(vec![None, None, Some('d'), Some('e')]),
        select(vec![20u32, 60, 90]),
    );
    what.prop_map(|(kind, conversation, agent, document, seconds)| Reported {
        kind,
        conversation,
        agent,
        document,
        seconds,
    })
}

impl Reported {
    /// The event as it would arrive now under that number.
    pub(super) fn event(&self, number: usize, now: UnixMillis) -> RoutingEvent {
        let agent = VendorAgentId::parse(self.agent).unwrap();
        // An offer is whole, so that nothing but its turn keeps it.
        let own = char::from(b'0' + self.conversation);
        let is_offer = self.kind == Kind::Offer;
        let document = self.document.or_else(|| is_offer.then_some(own));
        let timeout_seconds = Some(self.seconds);
        let action = match self.kind {
            Kind::Accept => Action::Accept { agent, work_item: None },
            Kind::Reject => Action::Reject { agent, work_item: None, reason: None },
            Kind::Withdraw => Action::Withdraw,
            _ => Action::Offer { agent, timeout_seconds, assignment: AssignmentWish::default() },
        };
        RoutingEvent {
            style: Style::default(),
            id: EventId::parse(&format!("e{number}")).unwrap(),
            conversation: ConversationId::parse(&format!("c{}", self.conversation)).unwrap(),
            segment: None,
            occurred_at: now,
            document: document.map(|digit| DocumentRef {
                table: TableName::parse("interaction").unwrap(),
                sys_id: sys_id(digit),
            }),
            queue: is_offer.then(|| VendorQueueId::parse("sales").unwrap()),
            channel: None,
            action,
        }
    }
}

fn sys_id(digit: char) -> SysId {
    SysId::parse(&digit.to_string().repeat(32)).unwrap()
}

/// Tables that have all that events name.
pub(super) fn rules() -> Rules {
    let mut directory = Directory::default();
    for (name, digit) in [("anna", 'a'), ("ben", 'b')] {
        assert!(directory.add_agent(VendorAgentId::parse(name).unwrap(), sys_id(digit)));
    }
    assert!(directory.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('f'))));
    assert!(directory.add_queue(QueueRow {
        queue: VendorQueueId::parse("sales").unwrap(),
        channel: None,
        external_id: ExternalId::parse("x-sales").unwrap(),
    }));
    Rules { directory: directory.into(), give_up_after: 60_000, ..Rules::default() }
}
