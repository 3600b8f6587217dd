//! Fault injection: which calls a fault matches and what it does to them. Pure; the server carries it out.

use serde_json::Value;

use super::world::Endpoint;

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Which calls it matches.
    pub when: Match,
    /// How many calls it is applied to before it is used up.
    pub times: u32,
    /// What it does to them.
    pub what: Misbehaviour,
}

impl Fault {
    /// For the next call of any kind.
    #[must_use]
    pub fn next(what: Misbehaviour) -> Self {
        Self { when: Match::default(), times: 1, what }
    }

    /// For the next call of that kind.
    #[must_use]
    pub fn on(endpoint: Endpoint, what: Misbehaviour) -> Self {
        Self { when: Match { endpoint: Some(endpoint), ..Match::default() }, times: 1, what }
    }

    /// The same, for so many calls.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Which calls a fault matches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Match {
    /// Only requests for this API.
    pub endpoint: Option<Endpoint>,
    /// The share of these calls that it is applied to, 0 to 1.
    pub probability: Option<f64>,
    /// Makes the choice of `probability` repeatable.
    pub seed: u64,
}

/// What a fault does to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Misbehaviour {
    /// Answers that, without effect.
    Status {
        /// The HTTP status.
        status: u16,
        /// The JSON body.
        body: Value,
        /// Headers, name and value.
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
        retry_after: Option<u64>,
    },
    /// Answers 200 with `success` false, without effect.
    SuccessFalse {
        /// `result.message`.
        message: String,
    },
}

impl Misbehaviour {
    /// Its name in recorded calls.
    #[must_use]
    pub(crate) const fn name(&self) -> &'static str {
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
pub(super) struct Faults {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    fault: Fault,
    /// State of the generator of `probability`.
    random: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        let random = fault.when.seed;
        self.pending.push(Pending { fault, random });
    }

    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    /// What is injected into a call: the first fault that matches is applied.
    pub(super) fn matching_fault(&mut self, endpoint: Endpoint) -> Option<Misbehaviour> {
        let at = self.pending.iter_mut().position(|pending| pending.matches(endpoint))?;
        let fault = &mut self.pending[at].fault;
        fault.times = fault.times.saturating_sub(1);
        let what = fault.what.clone();
        self.pending.retain(|pending| pending.fault.times > 0);
        Some(what)
    }
}

impl Pending {
    fn matches(&mut self, endpoint: Endpoint) -> bool {
        let Match { endpoint: wanted, probability, .. } = self.fault.when;
        let fits = self.fault.times > 0 && wanted.is_none_or(|wanted| wanted == endpoint);
        fits && probability.is_none_or(|probability| self.next_random() < probability)
    }

    /// A number in [0, 1) of the splitmix64 sequence of the seed.
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
    }
}
