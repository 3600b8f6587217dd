//! Scripted misbehaviour: which calls it strikes and what they suffer. Pure; the server carries it out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::Endpoint;

/// One misbehaviour. In JSON: `{"when":{"endpoint":"offer"},"times":2,"what":{"kind":"status","status":503}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls it strikes.
    #[serde(default)]
    pub when: Match,
    /// How many calls it strikes before it is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// What they suffer.
    pub what: Misbehaviour,
}

const fn once() -> u32 {
    1
}

impl Fault {
    /// Strikes the next call of any kind.
    #[must_use]
    pub fn next(what: Misbehaviour) -> Self {
        Self { when: Match::default(), times: 1, what }
    }

    /// Strikes the next call of that kind.
    #[must_use]
    pub fn on(endpoint: Endpoint, what: Misbehaviour) -> Self {
        Self { when: Match { endpoint: Some(endpoint), ..Match::default() }, times: 1, what }
    }

    /// The same, striking so many calls.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Which calls a fault strikes: all that is said must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Only requests for this API.
    pub endpoint: Option<Endpoint>,
    /// Only paths that begin so.
    pub path_prefix: Option<String>,
    /// A text that the raw body holds.
    pub body_contains: Option<String>,
    /// The first of the otherwise fitting calls that is struck, counted from 1.
    pub nth: Option<u32>,
    /// The share of the otherwise fitting calls that is struck, 0 to 1.
    pub probability: Option<f64>,
    /// Makes the dice of `probability` repeatable.
    pub seed: u64,
}

/// What a struck call suffers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Misbehaviour {
    /// Answers that, without effect.
    Status {
        /// The HTTP status.
        status: u16,
        /// The JSON body.
        #[serde(default)]
        body: Value,
        /// Headers, name and value.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Waits, then goes on as usual.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Takes effect, then waits before answering.
    DelayAfterEffect {
        /// Milliseconds.
        ms: u64,
    },
    /// Never answers and never takes effect.
    Hang,
    /// Resets the connection (RST) without effect.
    Reset,
    /// Closes the connection without effect.
    CloseBeforeAnswer,
    /// Takes effect, then closes the connection.
    DropResponseAfterEffect,
    /// Takes effect, then never answers.
    HangAfterEffect,
    /// Answers an HTML page, such as a login page, without effect.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// Answers 302 to that address, without effect.
    Redirect {
        /// The `Location`.
        to: String,
    },
    /// Takes effect and answers its status without a body.
    EmptyBody,
    /// Takes effect and breaks off in the middle of the answer's body.
    CutBody,
    /// Answers 429; with a time it is a rate limit rule's, without it an overloaded node's.
    TooManyRequests {
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Answers 200 with `success` false, without effect.
    SuccessFalse {
        /// `result.message`.
        message: String,
    },
}

impl Misbehaviour {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Delay { .. } => "delay",
            Self::DelayAfterEffect { .. } => "delay_after_effect",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::CloseBeforeAnswer => "close_before_answer",
            Self::DropResponseAfterEffect => "drop_response_after_effect",
            Self::HangAfterEffect => "hang_after_effect",
            Self::Html { .. } => "html",
            Self::Redirect { .. } => "redirect",
            Self::EmptyBody => "empty_body",
            Self::CutBody => "cut_body",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::SuccessFalse { .. } => "success_false",
        }
    }
}

/// The faults that are not used up, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// Calls that fitted so far, struck or not.
    seen: u32,
    dice: u64,
}

impl Script {
    pub(super) fn add(&mut self, fault: Fault) {
        let dice = fault.when.seed;
        self.faults.push(Armed { fault, seen: 0, dice });
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What a call suffers: the first fault that fits strikes.
    pub(super) fn matching_fault(
        &mut self,
        endpoint: Endpoint,
        path: &str,
        body: &str,
    ) -> Option<Misbehaviour> {
        let at = self.faults.iter_mut().position(|armed| armed.strikes(endpoint, path, body))?;
        let armed = &mut self.faults[at];
        armed.fault.times = armed.fault.times.saturating_sub(1);
        let what = armed.fault.what.clone();
        self.faults.retain(|armed| armed.fault.times > 0);
        Some(what)
    }
}

impl Armed {
    fn strikes(&mut self, endpoint: Endpoint, path: &str, body: &str) -> bool {
        let when = &self.fault.when;
        let fits = when.endpoint.is_none_or(|wanted| wanted == endpoint)
            && when.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
            && when.body_contains.as_ref().is_none_or(|part| body.contains(part.as_str()));
        if !fits || self.fault.times == 0 {
            return false;
        }
        self.seen += 1;
        if when.nth.is_some_and(|nth| self.seen < nth) {
            return false;
        }
        let probability = when.probability;
        probability.is_none_or(|share| self.throw() < share)
    }

    /// A number in [0, 1) of the splitmix64 sequence of the seed.
    fn throw(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
    }
}
