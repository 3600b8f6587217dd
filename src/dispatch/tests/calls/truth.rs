//! The true story: who is rung, who talks to the caller, and so who has to have the card. Written from the contract's
//! words on whole calls, without a look at legs, steps or entries.

use std::collections::BTreeSet;

use super::story::{Delivery, Manner};
use crate::routing::{HandOver, Rings, UnixMillis};

/// How long an agent is rung, in milliseconds.
const RING: u64 = 30_000;

/// An agent's leg.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) agent: &'static str,
    pub(super) segment: Option<String>,
    pub(super) conversation: u8,
    pub(super) since: UnixMillis,
    pub(super) by: By,
    /// Whether the ring has an end by itself.
    pub(super) timed: bool,
    /// Whether the contact centre ends it before.
    pub(super) given_up: bool,
}

/// What has brought the agent to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Ring,
    Blind,
    Consult,
}

pub(super) struct Truth {
    manner: Manner,
    /// The conversation that goes on, and those that have ended.
    pub(super) conversation: u8,
    pub(super) ended: BTreeSet<u8>,
    pub(super) rings: Vec<Line>,
    /// In the order in which they came to the line.
    pub(super) talks: Vec<Line>,
    /// Who may have the accepted work item; none: nobody.
    holders: BTreeSet<Option<&'static str>>,
    /// Who is consulted and has accepted.
    second: Option<&'static str>,
    /// Who has ever talked to the caller.
    talked: BTreeSet<&'static str>,
    /// Who has accepted a card in ServiceNow itself.
    accepted_there: BTreeSet<&'static str>,
    /// Whether events keep their order, and the card is changed by nobody else.
    ordered: bool,
    pub(super) queue: &'static str,
    legs: u32,
}

impl Truth {
    pub(super) fn new(manner: Manner, delivery: Delivery) -> Self {
        Self {
            manner,
            conversation: 1,
            ended: BTreeSet::new(),
            rings: Vec::new(),
            talks: Vec::new(),
            holders: BTreeSet::from([None]),
            second: None,
            talked: BTreeSet::new(),
            accepted_there: BTreeSet::new(),
            ordered: delivery == Delivery::Undisturbed,
            queue: "sales",
            legs: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.contains(&self.conversation)
    }

    pub(super) fn is_busy(&self, who: &str) -> bool {
        self.rings.iter().chain(&self.talks).any(|line| line.agent == who)
    }

    pub(super) const fn consults(&self) -> bool {
        self.second.is_some()
    }

    /// Rings that nobody has reported the end of are over after their time.
    pub(super) fn passes(&mut self, now: UnixMillis) {
        self.rings.retain(|ring| !ring.timed || now.since(ring.since) < RING);
    }

    pub(super) fn line(&mut self, who: &'static str, by: By, now: UnixMillis) -> Line {
        self.legs += 1;
        let named = self.manner.legs == super::story::Legs::Own;
        let segment = named.then(|| format!("s{}", self.legs));
        Line {
            agent: who,
            segment,
            conversation: self.conversation,
            since: now,
            by,
            timed: by == By::Ring,
            given_up: false,
        }
    }

    pub(super) fn rings(&mut self, line: Line) {
        let holds = |holder: &Option<&str>| holder.is_some_and(|holder| holder != line.agent);
        let talks = |who: &&str| self.talks.iter().any(|talk| talk.agent == *who);
        let there = if self.ordered {
            self.holders.iter().flatten().any(talks)
        } else {
            self.holders.iter().flatten().all(talks)
        };
        let blind = self.hand_over() == HandOver::Blind;
        let moves = match line.by {
            By::Ring => blind || !there,
            By::Blind => true,
            By::Consult => blind || !there,
        };
        if moves && self.holders.iter().any(holds) {
            self.holders.insert(None);
        }
        self.rings.push(line);
    }

    pub(super) fn answers(&mut self, line: Line) {
        let who = line.agent;
        let there =
            |truth: &Self| truth.talks.iter().any(|talk| truth.holders.contains(&Some(talk.agent)));
        let consult = match line.by {
            By::Consult => there(self),
            By::Ring => self.hand_over() == HandOver::Leave && there(self),
            By::Blind => false,
        };
        if self.holders == BTreeSet::from([Some(who)]) {
            // Has it already.
        } else if consult {
            self.second = Some(who);
            if !self.ordered {
                // Whose accept comes late may have lost the work before.
                self.holders.insert(Some(who));
            }
        } else if self.hand_over() == HandOver::Leave && self.has_accepted_there() {
            self.holders.insert(Some(who));
            self.accepted_there.insert(who);
        } else {
            self.holders = BTreeSet::from([Some(who)]);
            self.second = None;
        }
        self.talked.insert(who);
        self.talks.push(line);
    }

    /// An agent who talks has left the line.
    pub(super) fn leaves(&mut self, place: usize) -> Line {
        let line = self.talks.remove(place);
        if self.second == Some(line.agent) {
            self.second = None;
        } else if let Some(second) = self.second
            && self.holders.contains(&Some(line.agent))
        {
            if self.ordered {
                self.holders.clear();
            }
            self.holders.insert(Some(second));
            self.second = None;
        }
        self.moves_to_ring();
        self.misses_nobody();
        line
    }

    /// A ring that has shown nothing yet, and may be over without a word, gets the work as soon as nobody is there.
    fn moves_to_ring(&mut self) {
        let there = self.talks.iter().any(|talk| self.holders.contains(&Some(talk.agent)));
        let waits =
            self.hand_over() == HandOver::OnAccept || self.manner.style.rings == Rings::Several;
        if waits && !there {
            self.holders.insert(None);
        }
    }

    /// Where the end of a leg may come before its accept, it is all the same who has what nobody is there for.
    fn misses_nobody(&mut self) {
        let there = self.talks.iter().any(|talk| self.holders.contains(&Some(talk.agent)));
        if !self.ordered && !there {
            self.holders.insert(None);
            let any = self.talked.iter().chain(&self.accepted_there);
            self.holders.extend(any.copied().map(Some));
        }
    }

    pub(super) fn goes_to_queue(&mut self) {
        self.holders.insert(None);
        self.queue = "care";
    }

    pub(super) fn consult_ends(&mut self, hand_over: bool) {
        if let Some(second) = self.second.take()
            && hand_over
        {
            self.holders = BTreeSet::from([Some(second)]);
        }
    }

    /// The caller has hung up, or goes on in another conversation.
    pub(super) fn ends(&mut self, conversation: u8) {
        self.ended.insert(conversation);
        self.rings.retain(|ring| ring.conversation != conversation);
        let stay = |talk: &Line| talk.conversation != conversation;
        if let Some(second) = self.second {
            let stays = |who: &str| self.talks.iter().any(|talk| talk.agent == who && stay(talk));
            let first = self.holders.iter().flatten().any(|holder| stays(holder));
            match (first, stays(second)) {
                (true, true) => {}
                (true, false) => self.second = None,
                (false, true) => {
                    (self.holders, self.second) = (BTreeSet::from([Some(second)]), None);
                }
                // Both were on the line to the end.
                (false, false) => {
                    self.holders.insert(Some(second));
                    self.second = None;
                }
            }
        }
        self.talks.retain(stay);
        self.moves_to_ring();
        self.misses_nobody();
    }

    /// An agent has accepted the card in ServiceNow itself.
    pub(super) fn accepted_there(&mut self, who: &'static str) {
        self.holders.insert(Some(who));
        self.accepted_there.insert(who);
        self.ordered = false;
    }

    /// An agent has put away the card in ServiceNow itself, or has let it go.
    pub(super) const fn refused_there(&mut self) {
        self.ordered = false;
    }

    pub(super) fn may_hold(&self, holder: Option<&'static str>) -> bool {
        self.holders.contains(&holder)
    }

    pub(super) fn may_be_consulted(&self, second: Option<&'static str>) -> bool {
        let late = !self.ordered && second.is_none();
        late || self.second == second
            || second.is_some_and(|second| self.accepted_there.contains(second))
    }

    /// Whether someone has the work whom the contact centre knows nothing of.
    fn has_accepted_there(&self) -> bool {
        self.accepted_there.iter().any(|who| self.holders.contains(&Some(*who)))
    }

    fn hand_over(&self) -> HandOver {
        self.manner.style.hand_over.unwrap_or_default()
    }
}
