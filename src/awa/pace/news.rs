//! What several nodes tell each other of the instance: what it said to one holds for all. A way to it that is broken
//! stays the node's own.

use super::shared::{Kind, News};
use super::{Pace, Signal, State, Turn, Why, lock};
use crate::awa::RateLimit;
use crate::routing::UnixMillis;

/// What was taken in of the other nodes' news.
#[derive(Debug, Default)]
pub(super) struct Known {
    trouble: Option<Kind>,
    overloads: Option<u64>,
}

impl Pace {
    /// Takes in what other nodes were told by the instance; says whether calls are held from now on or no longer. To be
    /// called whenever the shared state was read.
    pub(crate) fn learn(&self, now: UnixMillis) -> Option<Turn> {
        let mut state = lock(&self.state);
        let shared = state.limiter.shared()?;
        let (trouble, overloads) = (shared.trouble().map(|(kind, _)| kind), shared.overloads());
        let known = state.known.overloads.replace(overloads);
        if known.is_some_and(|known| known < overloads) {
            state.halve(now);
        }
        let before = std::mem::replace(&mut state.known.trouble, trouble);
        if before == trouble {
            return None;
        }
        let was_held = state.breaker.is_shut() || state.unauthorised.is_shut();
        match before {
            Some(Kind::Hibernating) => state.reachable(),
            Some(Kind::Unauthorised) => state.unauthorised.open_again(),
            None => {}
        }
        let signal = match trouble {
            None => {
                let is_held = state.breaker.is_shut() || state.unauthorised.is_shut();
                if !is_held {
                    state.trouble = None;
                }
                return (was_held && !is_held).then_some(Turn::Released);
            }
            Some(Kind::Hibernating) => {
                state.breaker.shut(now);
                Signal::Hibernating
            }
            Some(Kind::Unauthorised) => {
                state.unauthorised.shut(now);
                Signal::Unauthorised
            }
        };
        state.trouble = Some(signal);
        (!was_held).then_some(Turn::Held(signal))
    }

    /// A probe of this node's own way to the instance, where that is broken and calls that are due are left to other
    /// nodes.
    #[must_use]
    pub(crate) fn probe_own_route(&self, now: UnixMillis) -> Option<super::Permit> {
        let is_shared = lock(&self.state).limiter.shared().is_some();
        if is_shared { self.probe(now) } else { None }
    }

    /// The limit in force, the smallest of all nodes that share it, and how many nodes those are; 0 where none do.
    #[must_use]
    pub(crate) fn limit(&self) -> (RateLimit, usize) {
        let state = lock(&self.state);
        let shared = state.limiter.shared();
        let shared = shared.and_then(|shared| Some((shared.limits()?.0, shared.nodes())));
        shared.unwrap_or_else(|| (state.limiter.limit(), 0))
    }
}

impl State {
    /// Why no call of this node may leave: another one finds out whether the trouble is over.
    pub(super) fn others_probe(&self) -> Option<Why> {
        let (kind, own) = self.limiter.shared()?.trouble()?;
        if own {
            return None;
        }
        Some(match kind {
            Kind::Hibernating => Why::Breaker,
            Kind::Unauthorised => Why::Unauthorised,
        })
    }

    /// Tells the other nodes, if there can be any.
    pub(super) fn tell(&self, news: News) {
        if let Some(shared) = self.limiter.shared() {
            shared.tell(news);
        }
    }

    /// Tells the other nodes that the trouble which one of them had is over.
    pub(super) fn tell_answered(&self) {
        if let Some(shared) = self.limiter.shared()
            && shared.trouble().is_some()
        {
            shared.tell(News::Answered);
        }
    }

    /// This node's way to the instance is broken: where several share the instance, another one probes.
    pub(super) fn cannot_reach(&self) {
        if let Some(shared) = self.limiter.shared() {
            shared.set_reaches(false);
        }
    }
}
