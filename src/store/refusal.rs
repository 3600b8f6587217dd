//! Why a delivery is refused, for its sender and for metrics.

use std::fmt;

/// Why a delivery was refused; nothing of it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too much is owed already.
    Full {
        /// The bound that is reached.
        limit: Limit,
        /// When there may be room again.
        retry_after_seconds: u32,
    },
    /// The disk is nearly full.
    NoSpace,
    /// The store cannot write.
    Unavailable,
    /// A newer program carries its conversation on; other nodes may take it.
    Newer,
}

/// Which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `intake.max_pending`.
    Pending,
    /// `intake.max_pending_per_source`.
    Source,
    /// The same for what waits for a mapping.
    Parked,
    /// `intake.max_pending_per_conversation`.
    Conversation,
    /// What waits to be stored.
    Queue,
}

impl Limit {
    const fn what(self) -> &'static str {
        match self {
            Self::Pending => "too many events are pending (intake.max_pending)",
            Self::Source => {
                "too many events of this source are pending (intake.max_pending_per_source)"
            }
            Self::Parked => {
                "too many events of this source wait for a mapping (intake.max_pending_per_source); `awa-bridge events list \
                 --state parked` says for which"
            }
            Self::Conversation => {
                "too many events of one conversation are pending (intake.max_pending_per_conversation)"
            }
            Self::Queue => "too many requests wait for the store",
        }
    }
}

impl Refusal {
    /// All words of [`Refusal::limit`].
    #[cfg(test)]
    pub(crate) const LIMITS: [&'static str; 8] =
        ["pending", "source", "parked", "conversation", "queue", "disk", "store", "newer"];

    /// The limit that was reached, as a word for metrics.
    #[must_use]
    pub(crate) const fn limit(self) -> &'static str {
        match self {
            Self::Full { limit, .. } => match limit {
                Limit::Pending => "pending",
                Limit::Source => "source",
                Limit::Parked => "parked",
                Limit::Conversation => "conversation",
                Limit::Queue => "queue",
            },
            Self::NoSpace => "disk",
            Self::Unavailable => "store",
            Self::Newer => "newer",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit, retry_after_seconds } => {
                write!(f, "{}; try again in {retry_after_seconds} s", limit.what())
            }
            Self::NoSpace => f.write_str("the disk of the store is nearly full"),
            Self::Unavailable => f.write_str("the store cannot write"),
            Self::Newer => f.write_str(
                "a newer version of awa-bridge carries the conversation on, and takes its events",
            ),
        }
    }
}

impl std::error::Error for Refusal {}
