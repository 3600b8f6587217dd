//! Faults that are put into the model on purpose: it has to find each of them.

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A group is written over what another has changed meanwhile.
    NoVersions,
    /// Two nodes may each give the same document a lane.
    NoGuardOfDocuments,
    /// Not to find a call is taken for proof at once, though it may still land.
    NoDoubt,
    /// What lapses is judged by a node's own idea of the time, as it was measured last.
    LapsesByOwnClock,
    /// A process that has ended is taken to have left no bytes behind.
    NothingOfEarlierRunsLands,
    /// An answer counts for whatever claim is there.
    AnyClaim,
    /// A call leaves whenever it comes to it.
    NoGate,
    /// A COMMIT that was not answered is taken to have come about.
    TrustsCommits,
    /// Nobody takes up the calls of a node that is gone.
    NobodyTakesUp,
}

impl Fault {
    /// It shows only where others go on in the midst of a transaction.
    pub(super) const fn needs_a_pause(self) -> bool {
        matches!(self, Self::NoVersions | Self::NoGuardOfDocuments)
    }

    pub(super) const ALL: [Self; 9] = [
        Self::NoVersions,
        Self::NoGuardOfDocuments,
        Self::NoDoubt,
        Self::LapsesByOwnClock,
        Self::NothingOfEarlierRunsLands,
        Self::AnyClaim,
        Self::NoGate,
        Self::TrustsCommits,
        Self::NobodyTakesUp,
    ];
}
