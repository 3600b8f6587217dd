//! One call owed to ServiceNow ([`Entry`]), where it stands, and how it ended.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::{
    AwaReply, CallKind, Channel, DocumentRef, Meaning, Reason, ReasonCode, RoutingEvent, SysId,
    TransferKind, UnixMillis, VendorAgentId, VendorQueueId, Waited, Word,
};

/// The place of an event in the order of arrival: unique and rising over the life of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// Which claim of an entry a call or a look-up was made under: they count up from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId(NonZeroU64);

impl ClaimId {
    /// The claim of a number; 0 is none.
    #[must_use]
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number of a claim in rows; 0 where there is none.
    #[must_use]
    pub(crate) fn number(claim: Option<Self>) -> u64 {
        claim.map_or(0, |claim| claim.0.get())
    }

    /// The claim after the last one.
    #[must_use]
    pub(crate) fn after(last: Option<Self>) -> Self {
        Self(NonZeroU64::MIN.saturating_add(Self::number(last)))
    }
}

/// The last claim in an entry's row.
mod last_claim {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::ClaimId;

    pub(super) fn serialize<S: Serializer>(
        claim: &Option<ClaimId>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(ClaimId::number(*claim))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ClaimId>, D::Error> {
        u64::deserialize(deserializer).map(ClaimId::of_number)
    }
}

/// An event that is stored and not settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) event: RoutingEvent,
    pub(crate) received_at: UnixMillis,
    /// Nothing is sent for it after this moment.
    pub(crate) deadline: UnixMillis,
    /// When it wants to be looked at next.
    pub(crate) due: UnixMillis,
    pub(crate) stage: Stage,
    pub(crate) story: Story,
    /// How its event has ended, while only the card that it has put before an agent is still watched.
    pub(crate) ended: Option<Ended>,
}

/// The end of an event whose entry stays for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) at: UnixMillis,
}

/// What one call of an entry is for. Fixed when the call is sent, so that a call in doubt is looked up as what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// What the event asks for by itself.
    Own,
    /// The reject, with the default reason, of a card that is pending with an agent.
    TakeBack {
        work_item: SysId,
        agent: VendorAgentId,
    },
    /// A transfer to the event's agent.
    HandOver {
        kind: TransferKind,
    },
    /// The accept of the event's agent.
    Accept {
        work_item: SysId,
    },
    /// The reject of the event's agent, with the event's reason.
    Reject {
        work_item: SysId,
    },
    EndConsult {
        document: DocumentRef,
        hand_over: bool,
    },
    CloseDocument {
        document: DocumentRef,
    },
}

/// Where an unsettled entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Waits for its turn or its next try; blocks what came after it.
    Waiting,
    /// Waits for something that the conversation does not know yet; lets others pass.
    Held,
    /// Waits for a mapping; lets others pass.
    Parked { missing: Missing },
    /// Its call is in flight.
    Sending,
    /// Its call was sent and the answer is unknown: look up before repeating.
    InDoubt,
    /// The look-up is in flight.
    LookingUp,
}

impl Stage {
    /// Whether a call or a look-up is in flight.
    #[must_use]
    pub(crate) const fn is_in_flight(&self) -> bool {
        match self {
            Self::Sending | Self::LookingUp => true,
            Self::Waiting | Self::Held | Self::Parked { .. } | Self::InDoubt => false,
        }
    }

    /// Whether what came later may pass.
    #[must_use]
    pub(crate) const fn is_deferred(&self) -> bool {
        match self {
            Self::Held | Self::Parked { .. } => true,
            Self::Waiting | Self::Sending | Self::InDoubt | Self::LookingUp => false,
        }
    }
}

/// What an entry has been through; kept for good with the event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Story {
    /// Calls sent, look-ups not counted.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// The last claim; only its answer counts.
    #[serde(default, with = "last_claim")]
    pub(crate) claim: Option<ClaimId>,
    /// The call or look-up of that claim must not leave after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leave_by: Option<UnixMillis>,
    /// Until then the call that is in doubt may still land, so that not to find it proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) doubt_until: Option<UnixMillis>,
    /// The `offered_on` of its offer: a repeat must not prolong the ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offered_on: Option<UnixMillis>,
    /// Tries that count for the back-off, since ServiceNow last judged the call itself.
    #[serde(default)]
    pub(crate) tries: u32,
    /// Answers "agent is not available" so far.
    #[serde(default)]
    pub(crate) unavailable: u32,
    /// Clock corrections so far.
    #[serde(default)]
    pub(crate) corrections: u32,
    /// When the call that is now in doubt was first sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_sent: Option<UnixMillis>,
    /// What the last call was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
    /// A card could not be taken back: its end has to be waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_room: bool,
    /// How often the work had to be moved to the agent because it was not there any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) moves: u32,
    /// It has waited for the card of another agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) behind: bool,
    /// What the conversation brought to that call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) brought: Option<Brought>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) work_item: Option<SysId>,
    /// A withdraw came while the call was in flight: it is not repeated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) withdrawn: bool,
    /// The pause that the entry is in, for the account of where its time went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<Pause>,
    /// The last calls and look-ups, oldest first, at most [`Story::KEPT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<Attempt>,
    #[serde(default)]
    pub(crate) waited: Waited,
}

impl Story {
    /// How many calls are kept word for word.
    pub(crate) const KEPT: usize = 12;

    /// What the last answer was taken to mean, as the reason to wait.
    #[must_use]
    pub(crate) fn last_meaning(&self) -> Word<ReasonCode> {
        match self.calls.last().and_then(|call| call.meaning.as_ref()) {
            Some(Word::Known(meaning)) => ReasonCode::from(*meaning).into(),
            Some(Word::Other(word)) => Word::Other(word.clone()),
            None => ReasonCode::NoAnswer.into(),
        }
    }

    /// What the answer to the last call, except look-ups, was taken to mean; none where there was no answer to take.
    #[must_use]
    pub(crate) fn last_call_meaning(&self) -> Option<Meaning> {
        self.meanings().next_back().flatten().and_then(Word::known)
    }

    /// How many of the calls that are kept were answered so.
    #[must_use]
    pub(crate) fn answered_so(&self, meaning: Meaning) -> usize {
        self.meanings().filter(|answer| answer.is_some_and(|answer| *answer == meaning)).count()
    }

    /// Whether a call that is kept may have been carried out without our knowing. An answer whose meaning this version
    /// does not know counts as an answer: a dead letter is seen, a card that was only presumed is not.
    #[must_use]
    pub(crate) fn was_in_doubt(&self) -> bool {
        let leaves_doubt =
            |answer: &Word<Meaning>| answer.known().is_some_and(Meaning::leaves_doubt);
        self.meanings().any(|answer| answer.is_none_or(leaves_doubt))
    }

    fn meanings(&self) -> impl DoubleEndedIterator<Item = Option<&Word<Meaning>>> {
        let calls = self.calls.iter().filter(|attempt| attempt.call != CallKind::LookUp);
        calls.map(|attempt| attempt.meaning.as_ref())
    }

    /// Adds a call, forgetting the oldest past [`Story::KEPT`].
    pub(crate) fn record(&mut self, attempt: Attempt) {
        if self.calls.len() == Self::KEPT {
            self.calls.remove(0);
        }
        self.calls.push(attempt);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a conversation knows, as far as an event does not say it itself. Fixed when a call is first sent: what comes to
/// be known later must not change what is looked up or repeated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Brought {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<DocumentRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Channel>,
    /// The queue of an offer, or the one that a transfer leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<VendorQueueId>,
}

/// Why an entry has to wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) cause: PauseCause,
    pub(crate) ms: u64,
}

/// What a pause is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PauseCause {
    BackOff,
    RetryAfter,
}

/// One call or look-up and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) call: CallKind,
    pub(crate) at: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elapsed_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// What the answer was taken to mean. A word of another version stays as it came, so that no row is lost for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<Word<Meaning>>,
    /// ServiceNow's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

/// The last thing that ServiceNow said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status; none if no answer came.
    pub status: Option<u16>,
    /// ServiceNow's message, or what went wrong in transit.
    pub message: String,
}

/// ServiceNow's answer to one call or look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What it means.
    pub reply: AwaReply,
    /// What ServiceNow said.
    pub answer: Answer,
    /// From the start to the end of the answer, tokens and reads included, in milliseconds.
    pub elapsed_ms: u64,
}

/// What the tables lack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "table", rename_all = "snake_case")]
pub enum Missing {
    Queues { queue: String, channel: Option<String> },
    Agents { agent: String },
    RejectReasons { reason: String },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queues { queue, channel: Some(channel) } => {
                write!(f, "queue `{queue}` (channel `{channel}`) is not in queues.csv")
            }
            Self::Queues { queue, channel: None } => {
                write!(f, "queue `{queue}` is not in queues.csv")
            }
            Self::Agents { agent } => write!(f, "agent `{agent}` is not in agents.csv"),
            Self::RejectReasons { reason } => write!(
                f,
                "reject reason `{reason}` is not in reject_reasons.csv, and no default (*) is there"
            ),
        }
    }
}

/// How an event ended: the contract's last five states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Delivered,
    Expired,
    Superseded,
    Dead,
    Discarded,
}

impl Outcome {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
