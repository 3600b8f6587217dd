//! What may happen in a whole call, drawn at random, each act in plain words. What cannot happen as the call stands is
//! passed over, so that any part of a story is a story.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::servicenow::Behaviour;
use crate::explore::Played;
use crate::routing::{HandOver, Replace, Rings, Style};

/// One story.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) manner: Manner,
    pub(super) delivery: Delivery,
    pub(super) acts: Vec<Act>,
}

/// How the contact centre rings, and what its events say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) style: Style,
    pub(super) replace: Replace,
    pub(super) legs: Legs,
    /// Only the bind names the document and the queue.
    pub(super) bound: bool,
    /// The caller hangs up at the end, if not before.
    pub(super) hangs_up: bool,
}

/// How an event names its leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legs {
    /// Every ring has a segment of its own.
    Own,
    /// Only the agent is named.
    Unnamed,
}

/// What becomes of events and calls between the contact centre, the bridge and ServiceNow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Undisturbed,
    /// Events come up to a second and a half late, so that neighbours change places, or come again under another id.
    Shuffled,
    /// Events come much later; calls and answers are lost; the process is killed.
    Disturbed,
}

/// How one event is delivered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Post {
    pub(super) late: u64,
    /// It comes again under another id, so many milliseconds after the first.
    pub(super) again: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    /// Milliseconds since the act before it.
    pub(super) after: u64,
    pub(super) what: What,
    pub(super) post: Post,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Nothing,
    Rings {
        who: &'static str,
        before: End,
    },
    Answers {
        which: usize,
        others: End,
    },
    /// Declines, or does not answer.
    RingEnds {
        which: usize,
        reported: End,
    },
    Leaves {
        which: usize,
        reported: End,
    },
    /// The agent who talks hands the caller on.
    Transfers {
        to: &'static str,
        consult: bool,
        rung: Rung,
        reported: End,
    },
    TransfersToQueue {
        reported: End,
    },
    ConsultEnds {
        hand_over: bool,
    },
    /// The caller's conversation goes on as another one about the same document; the first may end by that.
    OtherConversation {
        ends: bool,
    },
    HangsUp,
    InServiceNow {
        who: &'static str,
        does: Does,
    },
    /// The next answers of ServiceNow.
    ServiceNow(Behaviour),
    Crashes {
        arrive: bool,
    },
}

/// How the end of a leg is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Untold,
    Reject,
    Withdraw,
    Leave,
}

/// Whether a transfer's agent is reported as rung, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    No,
    Before,
    After,
}

/// What an agent does with the card in ServiceNow itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Accepts,
    Rejects,
    LetsTimeOut,
}

pub(super) const AGENTS: [&str; 3] = ["anna", "ben", "cleo"];

pub(super) fn any_story() -> impl Strategy<Value = Story> {
    let delivery = select(vec![
        Delivery::Undisturbed,
        Delivery::Shuffled,
        Delivery::Shuffled,
        Delivery::Disturbed,
        Delivery::Disturbed,
    ]);
    (any_manner(), delivery).prop_flat_map(|(manner, delivery)| {
        vec(any_act(delivery), 1..14).prop_map(move |acts| Story { manner, delivery, acts })
    })
}

fn any_manner() -> impl Strategy<Value = Manner> {
    let hand_over =
        select(vec![None, Some(HandOver::Leave), Some(HandOver::OnAccept), Some(HandOver::Blind)]);
    (
        select(vec![Rings::One, Rings::One, Rings::Several]),
        hand_over,
        select(vec![Replace::Reject, Replace::Reject, Replace::Reject, Replace::Wait]),
        select(vec![Legs::Own, Legs::Own, Legs::Unnamed]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(rings, hand_over, replace, legs, bound, hangs_up)| Manner {
            style: Style { rings, hand_over },
            replace,
            legs,
            bound,
            hangs_up,
        })
}

fn any_act(delivery: Delivery) -> impl Strategy<Value = Act> {
    let after = select(vec![100, 300, 300, 1_000, 1_000, 3_000, 3_000, 10_000, 40_000]);
    (after, any_what(delivery == Delivery::Disturbed), any_post(delivery))
        .prop_map(|(after, what, post)| Act { after, what, post })
}

fn any_what(disturbed: bool) -> impl Strategy<Value = What> {
    let end = || select(vec![End::Reject, End::Reject, End::Withdraw, End::Leave, End::Untold]);
    let rare = u32::from(disturbed) * 3 + 1;
    prop_oneof![
        1 => Just(What::Nothing),
        10 => (select(AGENTS.to_vec()), end()).prop_map(|(who, before)| What::Rings { who, before }),
        7 => (0usize..2, end()).prop_map(|(which, others)| What::Answers { which, others }),
        4 => (0usize..2, end()).prop_map(|(which, reported)| What::RingEnds { which, reported }),
        4 => (0usize..2, end()).prop_map(|(which, reported)| What::Leaves { which, reported }),
        2 => any_transfer(),
        1 => end().prop_map(|reported| What::TransfersToQueue { reported }),
        1 => any::<bool>().prop_map(|hand_over| What::ConsultEnds { hand_over }),
        1 => any::<bool>().prop_map(|ends| What::OtherConversation { ends }),
        1 => Just(What::HangsUp),
        2 => (
            select(AGENTS.to_vec()),
            select(vec![Does::Accepts, Does::Rejects, Does::LetsTimeOut]),
        ).prop_map(|(who, does)| What::InServiceNow { who, does }),
        rare => any_trouble().prop_map(move |what| if disturbed { what } else { What::Nothing }),
    ]
}

fn any_transfer() -> impl Strategy<Value = What> {
    let rung = select(vec![Rung::No, Rung::Before, Rung::After]);
    let reported = select(vec![End::Untold, End::Leave, End::Withdraw]);
    (select(AGENTS.to_vec()), any::<bool>(), rung, reported).prop_map(
        |(to, consult, rung, reported)| {
            let rung = if rung == Rung::Before && !consult { Rung::After } else { rung };
            What::Transfers { to, consult, rung, reported }
        },
    )
}

fn any_trouble() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => select(vec![
            Behaviour::Lost { done: true },
            Behaviour::Lost { done: false },
            Behaviour::NotServiceNow { done: true },
            Behaviour::NotSent,
            Behaviour::Busy,
            Behaviour::BusyFor(1_000),
            Behaviour::Unavailable,
        ]).prop_map(What::ServiceNow),
        1 => any::<bool>().prop_map(|arrive| What::Crashes { arrive }),
    ]
}

fn any_post(delivery: Delivery) -> BoxedStrategy<Post> {
    let again = || proptest::option::weighted(0.2, select(vec![10u64, 1_000, 5_000]));
    match delivery {
        Delivery::Undisturbed => Just(Post::default()).boxed(),
        Delivery::Shuffled => (select(vec![0, 0, 30, 400, 1_400]), again())
            .prop_map(|(late, again)| Post { late, again })
            .boxed(),
        Delivery::Disturbed => (select(vec![0, 0, 0, 400, 1_400, 6_000]), again())
            .prop_map(|(late, again)| Post { late, again })
            .boxed(),
    }
}

impl Played for Story {
    fn len(&self) -> usize {
        self.acts.len()
    }

    fn leave_out(&mut self, from: usize, to: usize) {
        self.acts.drain(from..to);
    }

    fn heading(&self) -> String {
        format!("{:?} {:?}", self.manner, self.delivery)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
