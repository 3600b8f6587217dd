//! What all nodes know together of the calls to one instance, and how a node's request changes it.
//!
//! Pure: it reads no clock and writes nothing. A register of the store holds it; its moments are on the database's
//! clock. A permit may be used within [`LIFE_MS`] of its grant, and counts until [`SECOND_MS`] after it was used, or
//! can have been used where its node has not said when, so that no second sees more requests than `per_second`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::budget::Budget;
use crate::awa::RateLimit;
use crate::routing::UnixMillis;

/// How long a permit may be used, in milliseconds.
pub(crate) const LIFE_MS: u64 = 1_000;
/// A second, and by how much longer one request may take to reach ServiceNow than a later one, in milliseconds.
pub(crate) const SECOND_MS: u64 = 1_030;
/// The same, with the time in which a permit is mostly used: the even pace spreads `per_second` requests over it.
const PACED_MS: u64 = 1_080;
/// To so many milliseconds the ends of permits are rounded up, so that there are few of them.
const ROUNDED_MS: i64 = 5;
/// By so many milliseconds old is what a node says of what it waits to send, where it says it no more.
const WAITING_MS: u64 = 1_100;
/// A node that has written nothing for so long is gone, in milliseconds.
const LIVING_MS: u64 = 5_000;
/// By less than this a clock is not said to have been set back, in milliseconds.
const SET_BACK_MS: u64 = 1_000;
const MICROS: i64 = 1_000;

/// The shared state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The latest moment at which it was written.
    at: UnixMillis,
    /// How many permits count until when, in milliseconds.
    counting: BTreeMap<i64, u32>,
    /// When the even pace has room for the next request, in microseconds.
    next_us: i64,
    /// Requests of the last hour; counted while a node has a budget.
    budget: Budget,
    nodes: BTreeMap<String, Node>,
    /// From when and until when ServiceNow asked for a pause.
    pause: Option<(UnixMillis, UnixMillis)>,
    /// How often a node was told of overload.
    overloads: u64,
    trouble: Option<Trouble>,
}

/// What a node has said last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    seen: UnixMillis,
    limits: RateLimit,
    /// Requests that it waits to send.
    waiting: u32,
    /// Whether it reaches the instance.
    reaches: bool,
}

/// Why nothing but a probe may leave, and which node probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Trouble {
    kind: Kind,
    by: String,
}

/// What the instance itself has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Hibernating,
    Unauthorised,
}

/// What a node has heard from the instance, for all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing is to be sent for so long.
    RetryAfter {
        ms: u64,
    },
    Overloaded,
    Trouble(Kind),
    /// The trouble is over.
    Answered,
    /// An operator has ended the pause of a Retry-After.
    PauseEnded,
}

/// What a node asks for and tells.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) node: String,
    pub(crate) limits: RateLimit,
    /// Requests that wait to be sent.
    pub(crate) wanted: u32,
    /// Permits that it would hold for requests to come, see [`State::spare`].
    pub(crate) spare: u32,
    /// What has become of permits since it asked last.
    pub(crate) fates: Vec<Fate>,
    pub(crate) news: Vec<News>,
    /// Whether the node reaches the instance.
    pub(crate) reaches: bool,
}

/// What has become of a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When it was granted.
    pub(crate) granted_at: UnixMillis,
    /// When it was used at the latest; none: it was not and will not be.
    pub(crate) used_at: Option<UnixMillis>,
}

impl State {
    /// The state after a node's request at `now`, and how many permits the node is granted, at [`State::at`].
    pub(crate) fn step(&self, request: &Request, now: UnixMillis) -> (Self, u32) {
        let mut next = self.clone();
        let now = next.reach(now);
        request.fates.iter().for_each(|fate| next.settle(*fate));
        for news in &request.news {
            next.tell(*news, &request.node, now);
        }
        let node = Node {
            seen: now,
            limits: request.limits,
            waiting: request.wanted,
            reaches: request.reaches,
        };
        next.nodes.insert(request.node.clone(), node);
        next.choose_prober(request);
        let asked = request.wanted.saturating_add(request.spare);
        let granted = next.room(&request.node, now).min(asked);
        next.charge(granted, now);
        if let Some(node) = next.nodes.get_mut(&request.node) {
            node.waiting = request.wanted.saturating_sub(granted);
        }
        (next, granted)
    }

    /// The latest moment at which it was written.
    pub(super) const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Takes in what the instance has said to a node.
    pub(super) fn tell(&mut self, news: News, node: &str, now: UnixMillis) {
        match news {
            News::RetryAfter { ms } => {
                let until = now.plus(ms);
                let until = self.paused_until(now).map_or(until, |before| before.max(until));
                self.pause = Some((now, until));
            }
            News::Overloaded => self.overloads = self.overloads.saturating_add(1),
            News::Trouble(kind) => {
                if self.trouble.as_ref().is_none_or(|trouble| trouble.kind != kind) {
                    self.trouble = Some(Trouble { kind, by: node.to_owned() });
                }
            }
            News::Answered => self.trouble = None,
            News::PauseEnded => self.pause = None,
        }
    }

    /// While ServiceNow's Retry-After lasts. A clock that was set back must not prolong it.
    pub(super) fn paused_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let (since, until) = self.pause?;
        (since.since(now) < SET_BACK_MS && now < until).then_some(until)
    }

    /// Why nothing but a probe may leave, and whether that node is the one that probes.
    pub(super) fn trouble(&self, node: &str) -> Option<(Kind, bool)> {
        self.trouble.as_ref().map(|trouble| (trouble.kind, trouble.by == node))
    }

    pub(super) const fn overloads(&self) -> u64 {
        self.overloads
    }

    /// How many nodes share it.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The smallest of all nodes' limits; none before the first request.
    pub(super) fn limits(&self) -> Option<RateLimit> {
        self.nodes.values().map(|node| node.limits).reduce(RateLimit::smallest)
    }

    /// Whether nodes have different limits.
    pub(super) fn limits_differ(&self) -> bool {
        let mut limits = self.nodes.values().map(|node| node.limits);
        limits.next().is_some_and(|first| limits.any(|other| other != first))
    }

    /// Requests of the last hour, and those that other nodes are about to send.
    pub(super) fn used_with_others(&self, node: &str, now: UnixMillis) -> (&Budget, u32) {
        let now = now.max(self.at);
        (&self.budget, self.waiting_beside(node, now))
    }

    /// How many requests other nodes wait to send.
    pub(super) fn waiting_beside(&self, node: &str, now: UnixMillis) -> u32 {
        let others = self
            .nodes
            .iter()
            .filter(|(name, other)| name.as_str() != node && now.since(other.seen) < WAITING_MS);
        others.map(|(_, other)| other.waiting).fold(0, u32::saturating_add)
    }

    /// How many permits a node may hold for requests to come, so that those need not wait for the register: few, and
    /// none where they could be missed elsewhere.
    pub(super) fn spare(&self, node: &str, now: UnixMillis) -> u32 {
        let Some(limits) = self.limits().filter(|limits| limits.per_hour == 0) else { return 0 };
        let used = self.used(now);
        let is_scarce = used.saturating_add(1).saturating_mul(4) > limits.per_second.get()
            || self.waiting_beside(node, now) > 0
            || self.paused_until(now).is_some()
            || self.trouble.is_some();
        if is_scarce { 0 } else { used.div_euclid(64).saturating_add(1) }
    }

    /// In how many milliseconds so many further requests can have been granted.
    pub(super) fn wait_ms(&self, requests: u32, now: UnixMillis) -> u64 {
        let Some(limits) = self.limits() else { return 0 };
        let (now_us, period) = (micros(now), limits.period_us());
        let beyond = i64::from(requests).saturating_sub(i64::from(limits.burst_in_force()));
        let at = self.next_us.max(now_us).saturating_add(period.saturating_mul(beyond));
        let paced = u64::try_from(at.saturating_sub(now_us).div_euclid(MICROS)).unwrap_or(0);
        let mut used = self.used(now);
        let mut windowed = 0;
        for (end, count) in self.counting.range(now.0.saturating_add(1)..) {
            if used.saturating_add(requests) <= limits.per_second.get() {
                break;
            }
            used = used.saturating_sub(*count);
            windowed = UnixMillis(*end).since(now);
        }
        paced.max(windowed)
    }

    /// Goes on to a moment, never to one before the last. After a clock was set back it is not known when the last
    /// permits were granted: as many count as used as can have been.
    fn reach(&mut self, now: UnixMillis) -> UnixMillis {
        let before = self.at;
        if before.since(now) >= SET_BACK_MS {
            self.counting = BTreeMap::from([(end_of(now.plus(LIFE_MS)), u32::MAX)]);
            self.next_us = micros(now);
            self.pause = self.pause.map(|(_, until)| (now, now.plus(until.since(before))));
            self.nodes.values_mut().for_each(|node| node.seen = now);
            self.at = now;
        }
        let at = self.at.max(now);
        self.at = at;
        self.counting = self.counting.split_off(&at.0.saturating_add(1));
        self.nodes.retain(|_, node| at.since(node.seen) < LIVING_MS);
        at
    }

    /// Another node probes once the one that did is gone or does not reach the instance.
    fn choose_prober(&mut self, request: &Request) {
        let Some(trouble) = &mut self.trouble else { return };
        let probes = self.nodes.get(&trouble.by).is_some_and(|node| node.reaches);
        if !probes && request.reaches {
            trouble.by.clone_from(&request.node);
        }
    }

    /// How many requests may be granted to a node.
    fn room(&self, node: &str, now: UnixMillis) -> u32 {
        let is_for_others = self.trouble(node).is_some_and(|(_, probes)| !probes);
        let Some(limits) = self.limits() else { return 0 };
        if is_for_others || self.paused_until(now).is_some() {
            return 0;
        }
        let window = limits.per_second.get().saturating_sub(self.used(now));
        let budget = match limits.per_hour {
            0 => u32::MAX,
            whole => whole.saturating_sub(self.budget.used(now)),
        };
        window.min(budget).min(limits.paced(self.next_us, now))
    }

    fn used(&self, now: UnixMillis) -> u32 {
        let counting = self.counting.range(now.0.saturating_add(1)..);
        counting.map(|(_, count)| *count).fold(0, u32::saturating_add)
    }

    fn charge(&mut self, requests: u32, now: UnixMillis) {
        let Some(limits) = self.limits().filter(|_| requests > 0) else { return };
        let took = limits.period_us().saturating_mul(requests.into());
        self.next_us = self.next_us.max(micros(now)).saturating_add(took);
        self.count(end_of(now.plus(LIFE_MS)), requests);
        if limits.per_hour > 0 {
            self.budget.charge(requests, now);
        }
    }

    /// What was used counts until a second after that; what was not goes back.
    fn settle(&mut self, fate: Fate) {
        let end = end_of(fate.granted_at.plus(LIFE_MS));
        let Some(count) = self.counting.get_mut(&end).filter(|count| **count > 0) else { return };
        *count = count.saturating_sub(1);
        if let Some(used_at) = fate.used_at {
            self.count(end_of(used_at).min(end), 1);
            return;
        }
        self.budget.give_back(fate.granted_at);
        if let Some(limits) = self.limits() {
            self.next_us = self.next_us.saturating_sub(limits.period_us());
        }
    }

    fn count(&mut self, end: i64, requests: u32) {
        let count = self.counting.entry(end).or_default();
        *count = count.saturating_add(requests);
    }
}

impl RateLimit {
    fn smallest(self, other: Self) -> Self {
        let per_hour = match (self.per_hour, other.per_hour) {
            (0, hour) | (hour, 0) => hour,
            (one, another) => one.min(another),
        };
        Self {
            per_second: self.per_second.min(other.per_second),
            burst: self.burst.min(other.burst),
            per_hour,
            reserve: self.reserve.max(other.reserve),
        }
    }

    /// What leaves at once: no less than what comes together while a node asks for permits.
    fn burst_in_force(self) -> u32 {
        let together = self.per_second.get().div_euclid(20).saturating_add(1);
        self.burst.get().max(together).min(self.per_second.get())
    }

    /// From one request to the next where all leave at an even pace.
    fn period_us(self) -> i64 {
        let paced = i64::try_from(PACED_MS).unwrap_or(i64::MAX).saturating_mul(MICROS);
        paced.checked_div(self.per_second.get().into()).unwrap_or(paced).max(1)
    }

    /// How many the even pace lets leave now.
    fn paced(self, next_us: i64, now: UnixMillis) -> u32 {
        let (now, period) = (micros(now), self.period_us());
        let burst = period.saturating_mul(self.burst_in_force().into());
        let room = now.saturating_add(burst).saturating_sub(next_us.max(now));
        let requests = room.checked_div(period).unwrap_or(0).max(0);
        u32::try_from(requests).unwrap_or(u32::MAX)
    }
}

/// Until when a permit counts that is used at that moment.
fn end_of(used_at: UnixMillis) -> i64 {
    let end = used_at.plus(SECOND_MS).0;
    end.saturating_add(ROUNDED_MS - 1).div_euclid(ROUNDED_MS).saturating_mul(ROUNDED_MS)
}

const fn micros(moment: UnixMillis) -> i64 {
    moment.0.saturating_mul(MICROS)
}
