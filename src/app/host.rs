//! What surrounds the daemon: systemd's ear, its watchdog, and the process's log. Tests and the demo have none of them.

use std::time::Duration;

use crate::logging::Logging;
use crate::notify::{Notifier, watchdog};

/// Who is told how the daemon does.
pub struct Host {
    pub notifier: Notifier,
    /// How often systemd wants to hear that all loops move.
    pub watchdog: Option<Duration>,
    /// Whose filter a reload changes.
    pub logging: Option<Logging>,
}

impl Host {
    /// The process's own: systemd where it listens, and this log.
    #[must_use]
    pub fn of_process(logging: Logging) -> Self {
        Self {
            notifier: Notifier::from_environment(),
            watchdog: watchdog::period_from_environment(),
            logging: Some(logging),
        }
    }

    /// Nobody.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { notifier: Notifier::silent(), watchdog: None, logging: None }
    }
}
