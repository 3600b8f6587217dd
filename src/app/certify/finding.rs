//! What was found out about one thing that no document settles.

use serde_json::{Value, json};

/// Something that an instance may do either way. In the order in which findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    RefusedCall,
    Language,
    SharedExternalId,
    QueueIds,
    ReplyQueue,
    LookUp,
    UnknownField,
    RepeatOffer,
    OfferToAnother,
    Reject,
    RejectAgain,
    TimeOut,
    BlindToAgent,
    RejectedTransfer,
    TransferOfPending,
    BlindToQueue,
    CanceledSpelling,
    Accept,
    Consult,
    RejectedConsult,
    EndConsult,
    TransferOfAccepted,
    PresenceLag,
    OfferedOn,
    Clock,
    RateLimit,
    CloseDocument,
}

impl Probe {
    /// Its name, for scripts.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// What the bridge and its sandbox take for granted where nobody says otherwise.
    #[must_use]
    pub(crate) const fn assumption(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RefusedCall => {
                ("refused_call", "A refused offer is answered 409 with an error object")
            }
            Self::Language => ("language", "A refusal is in the documented English words"),
            Self::SharedExternalId => ("shared_external_id", "One queue alone has the external id"),
            Self::QueueIds => {
                ("queue_ids", "An offer may name its queue by external id and by sys_id alike")
            }
            Self::ReplyQueue => {
                ("reply_queue", "The answer to an offer names the queue by its sys_id")
            }
            Self::LookUp => ("look_up", "The work item of an offer is found within a second"),
            Self::UnknownField => (
                "unknown_field",
                "A condition on a field that a table has not is dropped from a query",
            ),
            Self::RepeatOffer => {
                ("repeat_offer", "The same offer again, while the card is pending, succeeds")
            }
            Self::OfferToAnother => (
                "offer_to_another",
                "An offer to another agent, while the card is pending, is refused",
            ),
            Self::Reject => ("reject", "A rejected work item goes back to its queue"),
            Self::RejectAgain => {
                ("reject_again", "The same after a second offer: the document stays open")
            }
            Self::TimeOut => {
                ("time_out", "A work item whose card's time is over goes back to its queue")
            }
            Self::BlindToAgent => {
                ("blind_to_agent", "A blind transfer to an agent shows that agent a card")
            }
            Self::RejectedTransfer => {
                ("rejected_transfer", "A blind transfer that its agent rejects waits in its queue")
            }
            Self::TransferOfPending => (
                "transfer_of_pending",
                "A blind transfer moves a card that is pending with another agent",
            ),
            Self::BlindToQueue => {
                ("blind_to_queue", "A blind transfer to a queue puts the work item there")
            }
            Self::CanceledSpelling => {
                ("canceled_spelling", "The state of a work item that was taken back is `canceled`")
            }
            Self::Accept => ("accept", "Inbox Actions accepts a pending card for its agent"),
            Self::Consult => (
                "consult",
                "A consult transfer shows the second agent a card beside the first agent's",
            ),
            Self::RejectedConsult => {
                ("rejected_consult", "A consult that its agent rejects is over")
            }
            Self::EndConsult => {
                ("end_consult", "The end of a consult takes the second agent's card away")
            }
            Self::TransferOfAccepted => (
                "transfer_of_accepted",
                "A blind transfer takes work from the agent who has accepted it to another",
            ),
            Self::PresenceLag => {
                ("presence_lag", "An offer right after the agent became available is taken")
            }
            Self::OfferedOn => {
                ("offered_on", "An offer whose time lies ahead of ServiceNow's clock is refused")
            }
            Self::Clock => ("clock", "ServiceNow's clock and this machine's agree within a second"),
            Self::RateLimit => ("rate_limit", "No rate limit rule counts the user's requests"),
            Self::CloseDocument => {
                ("close_document", "Closing the interaction takes its pending card away")
            }
        }
    }
}

/// Whether it is as assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Holds,
    DoesNotHold,
    /// It could not be tried; says why, as the end of a sentence.
    NotTried(String),
}

impl Outcome {
    /// The words in the table and in JSON.
    #[must_use]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::NotTried(_) => "could not be tried",
        }
    }
}

/// What one probe found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) probe: Probe,
    pub(crate) outcome: Outcome,
    /// What was seen, and what it means.
    pub(crate) detail: String,
    /// Keys of the configuration with their values in TOML, as they should be for this instance.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Switches of the sandbox with which it behaves as this instance.
    pub(crate) switches: Vec<(&'static str, Value)>,
    /// The requests that it rests on, by their number in the report, from 1.
    pub(crate) exchanges: Vec<usize>,
}

impl Finding {
    pub(super) fn new(probe: Probe, outcome: Outcome, detail: impl Into<String>) -> Self {
        let (settings, switches, exchanges) = (Vec::new(), Vec::new(), Vec::new());
        Self { probe, outcome, detail: detail.into(), settings, switches, exchanges }
    }

    pub(super) fn holds(probe: Probe, detail: impl Into<String>) -> Self {
        Self::new(probe, Outcome::Holds, detail)
    }

    pub(super) fn fails(probe: Probe, detail: impl Into<String>) -> Self {
        Self::new(probe, Outcome::DoesNotHold, detail)
    }

    pub(super) fn not_tried(probe: Probe, why: impl Into<String>) -> Self {
        Self::new(probe, Outcome::NotTried(why.into()), "")
    }

    pub(super) fn switch(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.switches.push((name, value.into()));
        self
    }

    pub(super) fn setting(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((key, value.into()));
        self
    }

    /// As one line of JSON.
    #[must_use]
    pub(crate) fn json(&self) -> Value {
        let because = match &self.outcome {
            Outcome::NotTried(why) => Value::from(why.as_str()),
            Outcome::Holds | Outcome::DoesNotHold => Value::Null,
        };
        let settings = self.settings.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
        let switches =
            self.switches.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        json!({
            "probe": self.probe.as_str(),
            "assumption": self.probe.assumption(),
            "result": self.outcome.as_str(),
            "because": because,
            "detail": self.detail,
            "settings": settings.collect::<serde_json::Map<_, _>>(),
            "switches": switches.collect::<serde_json::Map<_, _>>(),
            "requests": self.exchanges,
        })
    }
}
