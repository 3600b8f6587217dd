//! What the reference model holds of an event's calls.

use crate::routing::*;

/// What was asked of ServiceNow for an event, and what that has brought.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) in_flight: bool,
    /// A call may have been carried out, and no look-up has cleared that.
    pub(super) doubt: bool,
    /// The policy or a person has allowed to repeat what may have been carried out.
    pub(super) excused: bool,
    /// The last call; a repeat must ask for the same.
    pub(super) last: Option<AwaCall>,
    /// How many different calls there were.
    pub(super) steps: usize,
    /// How often the last one was sent.
    pub(super) calls: usize,
    /// Which of all calls the last one was, once it is over.
    pub(super) over_at: Option<usize>,
    /// Answers that ask for the call again.
    pub(super) invitations: usize,
    pub(super) unavailable: usize,
    pub(super) skewed: usize,
    /// ServiceNow has said that what the event asks for is done.
    pub(super) confirmed: bool,
    /// ServiceNow has said that there is no consult.
    pub(super) no_consult: bool,
    /// It was refused for a state that is probably the one that was wanted.
    pub(super) presumed: bool,
    pub(super) refused: bool,
    pub(super) too_late: bool,
    /// Its card is taken away, though it has ended.
    pub(super) watched: bool,
    /// The last answer leaves nothing to be done.
    pub(super) settled: bool,
}

impl Asked {
    /// Whether ServiceNow may have done what the event asks for.
    pub(super) const fn may_be_done(&self) -> bool {
        self.confirmed || self.presumed || self.excused || self.doubt
    }
}
