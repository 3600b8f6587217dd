//! Random histories of one conversation: whatever comes in whatever order, the promises hold, and all of it ends.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::peer::Mood;
use super::world::World;
use super::*;

#[derive(Clone)]
enum Step {
    Arrives(Told),
    Passes(u64),
    Goes { mood: Mood, pace: u64 },
    Crashes { the_call_arrives: bool },
    Reloads { with: Vec<&'static str> },
    Discards(usize),
    Replays(usize),
    LateNotice(usize),
}

/// An event in a few words.
#[derive(Clone)]
struct Told {
    kind: Kind,
    leg: Option<&'static str>,
    agent: &'static str,
    queue: Option<&'static str>,
    to_queue: bool,
    consult: bool,
    auto: bool,
    document: Option<char>,
    item: bool,
    /// Milliseconds between what happened and its arrival; below zero the vendor's clock is ahead.
    age: i64,
}

const NAMES: [&str; 4] = ["anna", "ben", "sales", "care"];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_every_promise_holds_and_every_event_ends_once(
        policy in any_policy(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut world = World::under(policy.rules());
        for step in steps {
            play(&mut world, step);
            prop_assert_eq!(&world.breach, &None);
        }
        world.ends();
        prop_assert_eq!(&world.breach, &None);
    }

    #[test]
    fn where_nothing_goes_wrong_every_offer_is_delivered_once_and_in_order(
        steps in vec(prop_oneof![peaceful_arrival(), Just(well())], 1..40)
    ) {
        let mut world = World::under(Rules { told_twice: 0, ..rules() });
        for step in steps {
            play(&mut world, step);
        }
        world.ends();
        prop_assert_eq!(&world.breach, &None);
        let ids: Vec<EntryId> = world.outcomes.iter().map(|(id, ..)| *id).collect();
        prop_assert!(ids.is_sorted(), "{:?}", ids);
        for (id, outcome, reason) in &world.outcomes {
            prop_assert_eq!(*outcome, Outcome::Delivered, "{:?} {}", id, reason);
        }
    }
}

fn play(world: &mut World, step: Step) {
    match step {
        Step::Arrives(told) => {
            let event = told.event(world.now());
            world.arrives(event);
        }
        Step::Passes(ms) => world.passes(ms),
        Step::Goes { mood, pace } => world.goes(mood, pace),
        Step::Crashes { the_call_arrives } => world.crashes(the_call_arrives),
        Step::Reloads { with } => world.reloads(tables_with(&with)),
        Step::Discards(which) => world.discards(which),
        Step::Replays(which) => world.replays(which),
        Step::LateNotice(which) => world.late_notice(which),
    }
}

const fn well() -> Step {
    Step::Goes { mood: Mood::Well, pace: 0 }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_told().prop_map(Step::Arrives),
        2 => (0u64..4_000).prop_map(Step::Passes),
        1 => (0u64..200_000).prop_map(Step::Passes),
        12 => Just(well()),
        12 => (any_mood(), 0u64..500).prop_map(|(mood, pace)| Step::Goes { mood, pace }),
        2 => any::<bool>().prop_map(|the_call_arrives| Step::Crashes { the_call_arrives }),
        2 => proptest::sample::subsequence(
            vec!["anna", "ben", "sales", "care", "*"], 0..=5
        ).prop_map(|with| Step::Reloads { with }),
        1 => (0usize..8).prop_map(Step::Discards),
        1 => (0usize..8).prop_map(Step::Replays),
        1 => (0usize..8).prop_map(Step::LateNotice),
    ]
}

fn any_mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        Just(Mood::Well),
        Just(Mood::AlreadyOurs),
        Just(Mood::Conflict),
        any::<bool>().prop_map(|done| Mood::Lost { done }),
        any::<bool>().prop_map(|done| Mood::NotServiceNow { done }),
        Just(Mood::NotSent),
        Just(Mood::Busy),
        select(vec![0, 1_000, 90_000]).prop_map(Mood::BusyFor),
        Just(Mood::Unauthorised),
        Just(Mood::Unavailable),
        Just(Mood::Skewed),
        Just(Mood::TooLate),
        Just(Mood::Taken),
        Just(Mood::Closed),
        Just(Mood::Misconfigured),
        Just(Mood::Forbidden),
    ]
}

fn any_told() -> impl Strategy<Value = Told> {
    let who = (
        select(Kind::ALL.to_vec()),
        select(vec![None, Some("s1"), Some("s2")]),
        select(vec!["anna", "ben"]),
        select(vec![None, Some("sales"), Some("care")]),
    );
    let how = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        select(vec![None, Some('d'), Some('d'), Some('f')]),
        any::<bool>(),
    );
    let age = prop_oneof![4 => 0i64..2_000, 1 => -5_000i64..60_000];
    (who, how, age).prop_map(
        |((kind, leg, agent, queue), (to_queue, consult, auto, document, item), age)| Told {
            kind,
            leg,
            agent,
            queue,
            to_queue,
            consult,
            auto,
            document,
            item,
            age,
        },
    )
}

/// An event that names all that it needs, whole and in time.
fn peaceful_arrival() -> impl Strategy<Value = Step> {
    any_told().prop_map(|told| {
        let (document, queue) = (Some('d'), told.queue.or(Some("sales")));
        Step::Arrives(Told { document, queue, kind: Kind::Offer, age: 0, ..told })
    })
}

#[derive(Debug, Clone, Copy)]
struct Policy {
    doubt: Doubt,
    withdraw: WithdrawAction,
    withdraw_ends_consult: bool,
    hold: u64,
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

impl Policy {
    fn rules(self) -> Rules {
        let Self { doubt, withdraw, withdraw_ends_consult, hold } = self;
        let give_up_after = 120_000;
        Rules { doubt, withdraw, withdraw_ends_consult, hold, give_up_after, ..rules() }
    }
}

/// The tables with only these names in them.
fn tables_with(names: &[&str]) -> Directory {
    let mut tables = Directory::default();
    for (name, digit) in NAMES.iter().zip(['a', 'b', '-', '-']).filter(|(n, _)| names.contains(n)) {
        let added = if digit == '-' {
            let external_id = ExternalId::parse(&format!("x-{name}")).unwrap();
            tables.add_queue(QueueRow { queue: queue(name), channel: None, external_id })
        } else {
            tables.add_agent(agent(name), sys_id(digit))
        };
        assert!(added);
    }
    if names.contains(&"*") {
        assert!(tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('e'))));
    }
    tables
}

impl Told {
    fn event(&self, now: UnixMillis) -> RoutingEvent {
        let kind = if self.consult { TransferKind::Consult } else { TransferKind::Blind };
        let target = if self.to_queue { to_queue("care") } else { to_agent(self.agent) };
        let mut event = match self.kind {
            Kind::Offer => an_offer("e").in_queue(self.queue.unwrap_or("sales")),
            Kind::Transfer => a_transfer("e", kind, target),
            Kind::Assign => an_assign("e"),
            Kind::Accept => an_accept("e"),
            Kind::Reject => a_reject("e"),
            Kind::ConsultEnd => a_consult_end("e"),
            Kind::Withdraw => a_withdraw("e"),
            Kind::Bind => a_bind("e"),
        }
        .by(self.agent);
        if let Action::Offer { assignment, .. } | Action::Assign { assignment, .. } =
            &mut event.action
        {
            assignment.enable_auto_assign = self.auto.then_some(true);
        }
        event.queue = self.queue.map(queue).or(event.queue);
        event.segment = self.leg.map(segment);
        event.document =
            self.document.map(|digit| DocumentRef { sys_id: sys_id(digit), ..document() });
        event.occurred_at = UnixMillis(now.0 - self.age);
        if self.item { event.with_item(sys_id('9')) } else { event }
    }
}

/// One line a step: a failing history is read, not studied.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrives(told) => write!(f, "arrives: {told:?}"),
            Self::Passes(ms) => write!(f, "{ms} ms pass"),
            Self::Goes { mood: Mood::Lost { done }, pace } => {
                write!(f, "goes: Lost, done: {done}, pace {pace}")
            }
            Self::Goes { mood: Mood::NotServiceNow { done }, pace } => {
                write!(f, "goes: NotServiceNow, done: {done}, pace {pace}")
            }
            Self::Goes { mood: Mood::BusyFor(ms), pace } => {
                write!(f, "goes: busy for {ms} ms, pace {pace}")
            }
            Self::Goes { mood, pace } => write!(f, "goes: {mood:?}, pace {pace}"),
            Self::Crashes { the_call_arrives: true } => f.write_str("crashes, the call arrives"),
            Self::Crashes { the_call_arrives: false } => f.write_str("crashes, the call is lost"),
            Self::Reloads { with } => write!(f, "reloads with {}", with.join(", ")),
            Self::Discards(which) => write!(f, "discards number {which}"),
            Self::Replays(which) => write!(f, "replays number {which}"),
            Self::LateNotice(which) => write!(f, "late notice of number {which}"),
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event(START);
        write!(f, "{}", serde_json::to_string(&event.to_json()).unwrap())
    }
}
