//! The kinds of answers ([`Meaning`]): the word of an [`AwaReply`](super::AwaReply), without what it says beside it.

use super::words::words;

words! {
    /// What an answer was taken to mean, as stories, logs and metrics spell it. The words stand in rows: to change one
    /// is to lose what stories of older versions say.
    pub(crate) enum Meaning {
        /// It is done.
        Landed = "landed",
        /// What was asked for was in place already.
        AlreadyOurs = "already_ours",
        /// The work item is with somebody else.
        TakenByAnother = "taken_by_another",
        /// No consult is open on the document.
        NoConsult = "no_consult",
        /// The agent's presence did not allow it.
        AgentUnavailable = "agent_unavailable",
        /// The document is closed.
        DocumentClosed = "document_closed",
        /// The ring time was over for ServiceNow's clock.
        TooLate = "too_late",
        /// `offered_on` lay ahead of ServiceNow's clock.
        ClockSkew = "clock_skew",
        /// Refused for the work item's state.
        Conflict = "conflict",
        /// Refused in words that ServiceNow does not document.
        Unexplained = "unexplained",
        /// The document or the queue was not there.
        NotThere = "not_there",
        /// Repeating cannot help.
        Misconfigured = "misconfigured",
        /// The instance turned the call away for now.
        Busy = "busy",
        /// A look-up found that the call has not landed.
        NotLanded = "not_landed",
        /// It never left.
        NotSent = "not_sent",
        /// It may have landed.
        InDoubt = "in_doubt",
        /// A look-up is not allowed.
        LookUpForbidden = "look_up_forbidden",
        /// The credentials were not accepted.
        Unauthorised = "unauthorised",
        /// Something that is not ServiceNow's API answered.
        NotServiceNow = "not_servicenow",
    }
}

/// What an answer means for the connection to ServiceNow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerClass {
    /// ServiceNow has decided about the call.
    Final,
    /// The call is to be made again.
    Retry,
    /// Something between the bridge and ServiceNow is wrong.
    Fault,
}

impl Meaning {
    /// See [`AnswerClass`].
    #[must_use]
    pub(crate) const fn class(self) -> AnswerClass {
        match self {
            Self::Landed
            | Self::AlreadyOurs
            | Self::TakenByAnother
            | Self::NoConsult
            | Self::DocumentClosed
            | Self::TooLate
            | Self::Misconfigured => AnswerClass::Final,
            Self::AgentUnavailable
            | Self::ClockSkew
            | Self::Conflict
            | Self::Unexplained
            | Self::NotThere
            | Self::Busy
            | Self::NotLanded => AnswerClass::Retry,
            Self::NotSent
            | Self::InDoubt
            | Self::LookUpForbidden
            | Self::Unauthorised
            | Self::NotServiceNow => AnswerClass::Fault,
        }
    }

    /// Whether the call may have been carried out although its answer does not say so.
    #[must_use]
    pub(crate) const fn leaves_doubt(self) -> bool {
        match self {
            Self::InDoubt | Self::NotServiceNow => true,
            Self::Landed
            | Self::AlreadyOurs
            | Self::TakenByAnother
            | Self::NoConsult
            | Self::AgentUnavailable
            | Self::DocumentClosed
            | Self::TooLate
            | Self::ClockSkew
            | Self::Conflict
            | Self::Unexplained
            | Self::NotThere
            | Self::Misconfigured
            | Self::Busy
            | Self::NotLanded
            | Self::NotSent
            | Self::LookUpForbidden
            | Self::Unauthorised => false,
        }
    }

    /// Whether what was asked for is in place.
    #[must_use]
    pub(crate) const fn is_done(self) -> bool {
        matches!(self, Self::Landed | Self::AlreadyOurs)
    }

    const PUT_OFF_COUNT: usize = {
        let (mut count, mut next) = (0, 0);
        while next < Self::ALL.len() {
            if !matches!(Self::ALL[next].class(), AnswerClass::Final) {
                count += 1;
            }
            next += 1;
        }
        count
    };

    /// The words of those after which a call is put off for another try.
    pub(crate) const PUT_OFF: [&'static str; Self::PUT_OFF_COUNT] = {
        let (mut words, mut count, mut next) = ([""; Self::PUT_OFF_COUNT], 0, 0);
        while next < Self::ALL.len() {
            if !matches!(Self::ALL[next].class(), AnswerClass::Final) {
                words[count] = Self::ALL[next].as_str();
                count += 1;
            }
            next += 1;
        }
        words
    };
}
