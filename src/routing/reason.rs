//! Why an event ended as it did, or waits ([`Reason`]): a word to filter by ([`ReasonCode`]) and a sentence to read.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::words;
use super::{Meaning, Word};

/// Why an event ended as it did, or waits: a word to filter by and a sentence to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// A word of another version stays as it came: rows outlive versions, and no event is lost for a word.
    pub(crate) code: Word<ReasonCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Reason {
    /// A reason that its word says wholly.
    #[must_use]
    pub(crate) fn plain(code: ReasonCode) -> Self {
        Self { code: code.into(), detail: None }
    }

    /// A word and a sentence.
    #[must_use]
    pub(crate) fn with(code: ReasonCode, detail: impl fmt::Display) -> Self {
        Self { code: code.into(), detail: Some(detail.to_string()) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.code),
            None => self.code.fmt(f),
        }
    }
}

words! {
    /// The word of a reason, as rows, JSON and logs spell it. It stands in rows: to change one is to lose what events
    /// of older versions ended for.
    pub(crate) enum ReasonCode {
        /// ServiceNow has confirmed it.
        Confirmed = "confirmed",
        /// A look-up has found that it landed.
        FoundByLookUp = "found_by_look_up",
        /// What was asked for was there before.
        AlreadyInPlace = "already_in_place",
        /// It may have landed, and ServiceNow refuses it for a state that fits.
        PresumedInPlace = "presumed_in_place",
        /// Nothing is left to do.
        Done = "done",
        /// The conversation knows it; there is nothing to call.
        Noted = "noted",
        /// The conversation has its document.
        Bound = "bound",
        /// An end for which the configuration asks for no call.
        NoActionConfigured = "no_action_configured",
        /// No card, call or consult was there to end.
        NothingLeftToWithdraw = "nothing_left_to_withdraw",
        /// A card stays: no default reject reason is in the table.
        NoDefaultReason = "no_default_reason",
        /// One of its calls has landed, and another follows.
        NextStep = "next_step",
        /// A card could not be taken back: its end is waited for.
        NoRoom = "no_room",
        /// Another agent has the card of the document: its end is waited for.
        CardOfAnother = "card_of_another",
        /// The card is not where it was expected.
        CardGone = "card_gone",
        /// The work item is with somebody else.
        TakenByAnother = "taken_by_another",
        /// The agent has accepted it.
        Answered = "answered",
        /// Another agent has accepted.
        AnsweredByAnother = "answered_by_another",
        /// Another agent has been rung since.
        RungSince = "rung_since",
        /// What it is about was over.
        LegEnded = "leg_ended",
        /// It repeats another event under another id.
        LogicalDuplicate = "logical_duplicate",
        /// An answer to an offer that was never made, or has ended.
        NoOffer = "no_offer",
        /// No consult is open on the document.
        NoConsult = "no_consult",
        /// A later event took it back.
        Withdrawn = "withdrawn",
        /// An operator has discarded it.
        DiscardedByOperator = "discarded_by_operator",
        /// Its time was over.
        Deadline = "deadline",
        /// Its time was over while it waited for a mapping.
        DeadlineWhileParked = "deadline_while_parked",
        /// Its time was over while the fate of its call was unknown.
        DeadlineInDoubt = "deadline_in_doubt",
        /// Its time was over when it came in.
        LateOnArrival = "late_on_arrival",
        /// Its time was over for ServiceNow's clock.
        TooLateForServiceNow = "too_late_for_servicenow",
        /// It occurred before the time for which ids are remembered.
        TooOld = "too_old",
        /// The tables lack an id.
        Unmapped = "unmapped",
        /// The tables lack an id of a call in doubt.
        MappingLostInDoubt = "mapping_lost_in_doubt",
        /// No event of the conversation names a document.
        NoDocument = "no_document",
        /// No offer of the conversation brought a work item.
        NoWorkItem = "no_work_item",
        /// No event of the conversation names a queue.
        NoQueue = "no_queue",
        /// No event of the conversation names the queue that the work comes from.
        NoSourceQueue = "no_source_queue",
        /// The profile cannot read it.
        Unreadable = "unreadable",
        /// Its row in the store was damaged.
        DamagedRow = "damaged_row",
        /// The document's table is not in the configuration.
        TableNotAllowed = "table_not_allowed",
        /// ServiceNow refuses it for the work item's state, and a look-up shows no such state.
        Refused = "refused",
        /// Repeating cannot help before a person has changed something.
        Misconfigured = "misconfigured",
        /// The agent's presence does not allow it.
        AgentUnavailable = "agent_unavailable",
        /// The conversation is over in ServiceNow.
        DocumentClosed = "document_closed",
        /// ServiceNow takes its time for one in the future.
        ClockSkew = "clock_skew",
        /// It may have landed.
        InDoubt = "in_doubt",
        /// The process stopped while its call was in flight.
        RecoveredInDoubt = "recovered_in_doubt",
        /// No answer has come yet.
        NoAnswer = "no_answer",
        /// An answer that alone settles nothing.
        Landed = "landed",
        /// In place; the work item is looked up.
        AlreadyOurs = "already_ours",
        /// The ring time was over for ServiceNow's clock, on the way.
        TooLate = "too_late",
        /// Refused for the work item's state: looked up.
        Conflict = "conflict",
        /// Refused in words that ServiceNow does not document: looked up.
        Unexplained = "unexplained",
        /// The document or the queue was not there yet.
        NotThere = "not_there",
        /// The instance turned the call away for now.
        Busy = "busy",
        /// A look-up has found that the call did not land.
        NotLanded = "not_landed",
        /// The call never left.
        NotSent = "not_sent",
        /// A look-up is not allowed.
        LookUpForbidden = "look_up_forbidden",
        /// The credentials were not accepted.
        Unauthorised = "unauthorised",
        /// Something that is not ServiceNow's API answered.
        NotServiceNow = "not_servicenow",
    }
}

impl ReasonCode {
    /// Whether a person has to act on a dead letter with it: nothing heals it by itself.
    #[must_use]
    pub(crate) const fn needs_a_person(self) -> bool {
        match self {
            Self::Misconfigured
            | Self::Unreadable
            | Self::InDoubt
            | Self::ClockSkew
            | Self::DamagedRow
            | Self::TableNotAllowed => true,
            Self::Confirmed
            | Self::FoundByLookUp
            | Self::AlreadyInPlace
            | Self::PresumedInPlace
            | Self::Done
            | Self::Noted
            | Self::Bound
            | Self::NoActionConfigured
            | Self::NothingLeftToWithdraw
            | Self::NoDefaultReason
            | Self::NextStep
            | Self::NoRoom
            | Self::CardOfAnother
            | Self::CardGone
            | Self::TakenByAnother
            | Self::Answered
            | Self::AnsweredByAnother
            | Self::RungSince
            | Self::LegEnded
            | Self::LogicalDuplicate
            | Self::NoOffer
            | Self::NoConsult
            | Self::Withdrawn
            | Self::DiscardedByOperator
            | Self::Deadline
            | Self::DeadlineWhileParked
            | Self::DeadlineInDoubt
            | Self::LateOnArrival
            | Self::TooLateForServiceNow
            | Self::TooOld
            | Self::Unmapped
            | Self::MappingLostInDoubt
            | Self::NoDocument
            | Self::NoWorkItem
            | Self::NoQueue
            | Self::NoSourceQueue
            | Self::Refused
            | Self::AgentUnavailable
            | Self::DocumentClosed
            | Self::RecoveredInDoubt
            | Self::NoAnswer
            | Self::Landed
            | Self::AlreadyOurs
            | Self::TooLate
            | Self::Conflict
            | Self::Unexplained
            | Self::NotThere
            | Self::Busy
            | Self::NotLanded
            | Self::NotSent
            | Self::LookUpForbidden
            | Self::Unauthorised
            | Self::NotServiceNow => false,
        }
    }
}

/// An event that is put off waits for what its last answer meant.
impl From<Meaning> for ReasonCode {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            Meaning::Landed => Self::Landed,
            Meaning::AlreadyOurs => Self::AlreadyOurs,
            Meaning::TakenByAnother => Self::TakenByAnother,
            Meaning::NoConsult => Self::NoConsult,
            Meaning::AgentUnavailable => Self::AgentUnavailable,
            Meaning::DocumentClosed => Self::DocumentClosed,
            Meaning::TooLate => Self::TooLate,
            Meaning::ClockSkew => Self::ClockSkew,
            Meaning::Conflict => Self::Conflict,
            Meaning::Unexplained => Self::Unexplained,
            Meaning::NotThere => Self::NotThere,
            Meaning::Misconfigured => Self::Misconfigured,
            Meaning::Busy => Self::Busy,
            Meaning::NotLanded => Self::NotLanded,
            Meaning::NotSent => Self::NotSent,
            Meaning::InDoubt => Self::InDoubt,
            Meaning::LookUpForbidden => Self::LookUpForbidden,
            Meaning::Unauthorised => Self::Unauthorised,
            Meaning::NotServiceNow => Self::NotServiceNow,
        }
    }
}
