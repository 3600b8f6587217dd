use proptest::prelude::*;

use super::*;
use crate::clock::by_hand;

const T: UnixMillis = UnixMillis(1_800_000_000_000);

fn limits(per_second: u32, burst: u32) -> RateLimit {
    RateLimit::of(per_second, burst)
}

fn wants(node: &str, limits: RateLimit, wanted: u32) -> Request {
    Request {
        node: node.to_owned(),
        limits,
        wanted,
        spare: 0,
        fates: Vec::new(),
        news: Vec::new(),
        reaches: true,
    }
}

fn tells(node: &str, news: News) -> Request {
    Request { news: vec![news], ..wants(node, limits(20, 5), 0) }
}

/// Asks in turn, each so many milliseconds after the first; what each is granted.
fn granted(state: &mut State, asked: &[(u64, Request)]) -> Vec<u32> {
    let granted = asked.iter().map(|(after, request)| {
        let (next, granted) = state.step(request, T.plus(*after));
        *state = next;
        granted
    });
    granted.collect()
}

#[test]
fn nodes_are_granted_a_burst_and_then_an_even_pace_together() {
    let of = limits(20, 5);
    let asked = [
        (0, wants("a", of, 3)),
        (0, wants("b", of, 9)),
        (10, wants("a", of, 9)),
        (54, wants("b", of, 9)),
        (108, wants("a", of, 9)),
        (10_000, wants("a", of, 50)),
    ];
    assert_eq!(granted(&mut State::default(), &asked), [3, 2, 0, 1, 1, 5]);
}

#[test]
fn what_was_not_used_goes_back_once() {
    let of = limits(2, 2);
    let back = |wanted, count| Request {
        fates: vec![Fate { granted_at: T, used_at: None }; count],
        ..wants("a", of, wanted)
    };
    let asked = [
        (0, wants("a", of, 2)),
        (100, wants("b", of, 1)),
        (110, back(0, 1)),
        (120, wants("b", of, 2)),
        (2_000, wants("b", of, 2)),
        (2_030, back(2, 5)),
    ];
    assert_eq!(granted(&mut State::default(), &asked), [2, 0, 0, 1, 0, 1]);
}

#[test]
fn permits_for_requests_to_come_are_few_and_none_where_they_could_be_missed() {
    let spare = |asked: &[(u64, Request)]| {
        let mut state = State::default();
        drop(granted(&mut state, asked));
        state.spare("a", T.plus(10))
    };
    let idle = |of| [(0, wants("a", of, 0))];
    assert_eq!(spare(&idle(limits(20, 5))), 1);
    assert_eq!(spare(&idle(limits(3, 3))), 0, "of so few none");
    assert_eq!(spare(&idle(RateLimit { per_hour: 9_000, ..limits(20, 5) })), 0);
    assert_eq!(spare(&[(0, wants("a", limits(20, 5), 5))]), 0, "a quarter is used");
    assert_eq!(spare(&[(0, wants("a", limits(900, 90), 64))]), 2);
    assert_eq!(spare(&[(0, wants("b", limits(100, 5), 9))]), 0, "another waits");
    for news in [News::RetryAfter { ms: 100 }, News::Trouble(Kind::Hibernating)] {
        assert_eq!(spare(&[(0, tells("b", news))]), 0);
    }
    let of = limits(20, 5);
    let request = Request { spare: 1, ..wants("a", of, 0) };
    let (state, granted) = State::default().step(&request, T);
    assert_eq!((granted, state.waiting_beside("b", T)), (1, 0));
}

#[test]
fn a_permit_counts_until_a_second_after_it_was_used() {
    let of = limits(2, 2);
    let used = |wanted, after| Request {
        fates: vec![Fate { granted_at: T, used_at: Some(T.plus(after)) }],
        ..wants("a", of, wanted)
    };
    let asked = [
        (0, wants("a", of, 2)),
        (100, used(0, 10)),
        (1_039, wants("b", of, 1)),
        (1_040, wants("b", of, 1)),
        (1_900, wants("a", of, 1)),
        (1_950, used(0, 800)),
        (1_951, wants("a", of, 1)),
    ];
    assert_eq!(granted(&mut State::default(), &asked), [2, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn the_smallest_limits_hold_while_their_node_lives() {
    let mut state = State::default();
    let asked = [(0, wants("small", limits(2, 1), 0)), (0, wants("large", limits(100, 50), 100))];
    assert_eq!(granted(&mut state, &asked), [0, 1]);
    assert!(state.limits_differ());
    assert_eq!(granted(&mut state, &[(7_000, wants("large", limits(100, 50), 100))]), [50]);
    assert!(!state.limits_differ());
}

#[test]
fn the_budget_of_the_hour_holds_for_all() {
    let of = RateLimit { per_hour: 10, ..limits(100, 100) };
    let asked = [
        (0, wants("a", of, 6)),
        (0, wants("b", of, 9)),
        (9_000, wants("a", of, 1)),
        (3_500_000, wants("b", of, 1)),
        (3_720_000, wants("b", of, 20)),
    ];
    assert_eq!(granted(&mut State::default(), &asked), [6, 4, 0, 0, 10]);
}

#[test]
fn a_pause_holds_all_nodes_until_it_is_over_or_ended() {
    let of = limits(20, 5);
    let retry_after = |ms| tells("a", News::RetryAfter { ms });
    let mut state = State::default();
    let asked = [
        (0, retry_after(2_000)),
        (10, retry_after(500)),
        (1_990, wants("b", of, 1)),
        (2_000, wants("b", of, 1)),
        (2_100, retry_after(3_600_000)),
        (9_000, wants("b", of, 1)),
        (9_000, tells("b", News::PauseEnded)),
        (9_000, wants("a", of, 1)),
    ];
    assert_eq!(granted(&mut state, &asked), [0, 0, 0, 1, 0, 0, 0, 1]);
}

#[test]
fn in_trouble_one_node_probes_and_another_once_it_is_gone_or_out_of_reach() {
    let of = limits(20, 5);
    let trouble = News::Trouble(Kind::Unauthorised);
    let lost = Request { reaches: false, ..wants("a", of, 1) };
    let mut state = State::default();
    let asked = [
        (0, tells("a", trouble)),
        (1, tells("b", trouble)),
        (2, wants("b", of, 1)),
        (3, wants("a", of, 1)),
        (4, lost),
        (5, wants("b", of, 1)),
        (6, wants("a", of, 1)),
        (5_100, wants("a", of, 1)),
        (5_101, tells("a", News::Answered)),
        (5_102, wants("b", of, 1)),
    ];
    assert_eq!(granted(&mut state, &asked), [0, 0, 0, 1, 1, 1, 0, 1, 0, 1]);
}

#[test]
fn a_clock_that_is_set_back_costs_a_window_and_prolongs_no_pause() {
    let of = limits(20, 5);
    let asked = [
        (7_200_000, wants("a", of, 5)),
        (7_200_000, tells("a", News::RetryAfter { ms: 2_000 })),
        (0, wants("a", of, 5)),
        (2_029, wants("a", of, 5)),
        (2_030, wants("a", of, 5)),
    ];
    assert_eq!(granted(&mut State::default(), &asked), [5, 0, 0, 0, 5]);
}

#[test]
fn the_wait_says_when_it_will_have_been_granted() {
    for per_second in [1, 2, 20, 500] {
        let of = limits(per_second, 3);
        let (state, _) = State::default().step(&wants("a", of, 7), T);
        for requests in 1..10.min(per_second + 1) {
            let wait = state.wait_ms(requests, T);
            let at = |ms| state.step(&wants("b", of, requests), T.plus(ms)).1;
            assert!(at(wait + 2) >= requests.min(3.max(per_second / 20 + 1)).min(per_second));
            assert!(wait == 0 || at(wait.saturating_sub(2)) < requests);
        }
    }
}

/// A database with its clock, nodes over it, and when their requests left.
struct World {
    random: u64,
    /// Real time, in milliseconds.
    now: u64,
    ahead: i64,
    register: (u64, State),
    nodes: Vec<Worker>,
    left: Vec<u64>,
    /// Whether answers to writes get lost, one of fifty.
    loses: bool,
}

struct Worker {
    shared: Shared,
    /// A proposal under way: over which version, and until when.
    writes: Option<(Proposal, u64, u64)>,
    looks_at: u64,
}

impl World {
    fn new(seed: u64, nodes: u32, limits: RateLimit) -> Self {
        by_hand::stop();
        let node = |number| Worker {
            shared: Shared::new(format!("node-{number}"), limits),
            writes: None,
            looks_at: 0,
        };
        Self {
            random: seed | 1,
            now: 0,
            ahead: 0,
            register: (0, State::default()),
            nodes: (0..nodes).map(node).collect(),
            left: Vec::new(),
            loses: true,
        }
    }

    /// One of so many.
    fn draw(&mut self, of: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % of
    }

    /// A millisecond goes by. `slowest` is how long a write may be under way.
    fn goes_on(&mut self, slowest: u64) {
        for number in 0..self.nodes.len() {
            self.write(number);
            if self.nodes[number].writes.is_none() && self.nodes[number].looks_at <= self.now {
                self.look(number, slowest);
            }
        }
        by_hand::wind(Duration::from_millis(1));
        self.now += 1;
    }

    fn look(&mut self, number: usize, slowest: u64) {
        let now = clock::instant();
        let at = T.0 + i64::try_from(self.now).unwrap() + self.ahead;
        let read = Read { began: now, ended: now, at: UnixMillis(at) };
        let (version, state) = self.register.clone();
        let pause = 5 + self.draw(10);
        let takes = self.draw(slowest + 1);
        let until = self.now + takes;
        let node = &mut self.nodes[number];
        node.looks_at = self.now + pause;
        let proposal = node.shared.learn(state, version, read);
        node.writes = proposal.map(|proposal| (proposal, version, until));
        self.write(number);
    }

    fn write(&mut self, number: usize) {
        let Some((_, _, until)) = self.nodes[number].writes else { return };
        if until > self.now {
            return;
        }
        let answered = !self.loses || self.draw(50) > 0;
        let node = &mut self.nodes[number];
        let Some((proposal, seen, _)) = node.writes.take() else { return };
        let first = seen == self.register.0;
        if first {
            self.register = (seen + 1, proposal.state.clone());
        }
        match (answered, first) {
            (false, _) => node.shared.in_doubt(proposal),
            (true, true) => node.shared.written(proposal),
            (true, false) => node.shared.refused(proposal),
        }
    }

    /// A node uses its permits, all or some.
    fn leave(&mut self, number: usize, most: u64) {
        for _ in 0..most {
            if self.nodes[number].shared.held().permits.take() {
                self.left.push(self.now);
            }
        }
    }

    fn most_in_a_second(&self) -> usize {
        let before = |end: u64| self.left.partition_point(|at| *at < end);
        let counts = self.left.iter().map(|at| before(at + 1_000) - before(*at));
        counts.max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(crate::explore::chosen_by_seed(30))]

    #[test]
    fn no_second_sees_more_than_the_limit_whatever_happens(
        seed: u64, nodes in 1_u32..5, per_second in 1_u32..60, burst in 1_u32..30
    ) {
        let mut world = World::new(seed, nodes, limits(per_second, burst));
        let mut jumped_at = 0;
        for _ in 0..6_000 {
            for number in 0..world.nodes.len() {
                if world.draw(40) == 0 {
                    let wanted = u32::try_from(world.draw(12)).unwrap();
                    world.nodes[number].shared.expected.store(wanted, Ordering::Relaxed);
                }
                if world.draw(30) == 0 {
                    let most = world.draw(12);
                    world.leave(number, most);
                }
            }
            match world.draw(2_000) {
                // The database's clock jumps. (Who starts within two seconds of that does not know of it.)
                0 => {
                    jumped_at = world.now;
                    let by = i64::try_from(world.draw(7_200_000)).unwrap();
                    world.ahead += by - 3_600_000;
                }
                1 => {
                    jumped_at = world.now;
                    world.ahead += i64::try_from(world.draw(2_000)).unwrap();
                }
                // A node is started anew under another name; what it held is lost.
                2 if world.now - jumped_at > 2_500 => {
                    let number = usize::try_from(world.draw(u64::from(nodes))).unwrap();
                    let name = format!("node-{number}-{}", world.now);
                    let shared = Shared::new(name, limits(per_second, burst));
                    world.nodes[number] = Worker { shared, writes: None, looks_at: world.now };
                }
                _ => {}
            }
            world.goes_on(40);
        }
        let most = world.most_in_a_second();
        prop_assert!(most <= per_second as usize, "{most} of {per_second}");
    }

    #[test]
    fn nearly_all_of_the_limit_is_used_while_there_is_work(
        seed: u64, nodes in 1_u32..5, per_second in 1_u32..200, burst in 1_u32..30
    ) {
        let mut world = World::new(seed, nodes, limits(per_second, burst));
        world.loses = false;
        for ms in 0..12_000 {
            if ms == 2_000 {
                world.left.clear();
            }
            for number in 0..world.nodes.len() {
                world.nodes[number].shared.expected.store(8, Ordering::Relaxed);
                world.leave(number, 8);
            }
            world.goes_on(2);
        }
        let (used, least) = (world.left.len(), f64::from(per_second) * 10.0 * 0.85 - 1.0);
        prop_assert!(used as f64 >= least, "{used} of {least}");
        prop_assert!(world.most_in_a_second() <= per_second as usize);
    }
}

#[test]
fn after_a_version_that_went_back_or_a_clock_that_jumped_nothing_is_asked_for_until_all_is_over() {
    by_hand::stop();
    let node = Shared::new("a".to_owned(), limits(20, 5));
    node.expected.store(3, Ordering::Relaxed);
    let look = |at: u64, version| {
        let now = clock::instant();
        let read = Read { began: now, ended: now, at: T.plus(at) };
        node.learn(State::default(), version, read).map_or(0, |proposal| proposal.granted)
    };
    let unsure = millis(UNSURE);
    assert_eq!(look(0, 7), 3);
    assert_eq!(look(0, 6), 0, "an earlier version");
    by_hand::wind(UNSURE);
    assert_eq!(look(unsure, 6), 3);
    assert_eq!(look(unsure + 31, 6), 0, "its clock ran ahead");
    by_hand::wind(UNSURE - Duration::from_millis(1));
    assert_eq!(look(2 * unsure + 30, 6), 0);
    by_hand::wind(Duration::from_millis(1));
    assert_eq!(look(2 * unsure + 31, 6), 3);
}
