//! What surrounds the daemon: systemd's notifications, its watchdog, and the process's log. Tests and the demo have
//! none of them.

use std::path::PathBuf;
use std::time::Duration;

use crate::logging::Logging;
use crate::shutdown::Hangups;
use crate::systemd::{Notifier, watchdog};

/// What the daemon reports its state to.
pub(crate) struct Host {
    pub(crate) notifier: Notifier,
    /// How often systemd expects a sign that all loops work.
    pub(crate) watchdog: Option<Duration>,
    /// Whose filter a reload changes.
    pub(crate) logging: Option<Logging>,
    /// A folder that systemd has made for as long as the process runs.
    pub(crate) runtime_directory: Option<PathBuf>,
    /// SIGHUPs that were caught before the start; none: they are caught when the daemon runs.
    pub(crate) hang_ups: Option<Hangups>,
    /// Numbers from 0 to 1, evenly spread, for the jitter of delays.
    pub(crate) jitter: fn() -> f64,
}

impl Host {
    /// The process's own: systemd where it has started the process, and this log.
    #[must_use]
    pub(crate) fn of_process(logging: Logging, hang_ups: Hangups) -> Self {
        Self {
            notifier: Notifier::from_environment(),
            watchdog: watchdog::period_from_environment(),
            logging: Some(logging),
            runtime_directory: runtime_directory(),
            hang_ups: Some(hang_ups),
            jitter: rand::random,
        }
    }

    /// None.
    #[must_use]
    pub(crate) fn nobody() -> Self {
        Self {
            notifier: Notifier::silent(),
            watchdog: None,
            logging: None,
            runtime_directory: None,
            hang_ups: None,
            jitter: rand::random,
        }
    }
}

/// The first of what systemd lists, with colons in between.
fn runtime_directory() -> Option<PathBuf> {
    let all = std::env::var_os("RUNTIME_DIRECTORY")?;
    std::env::split_paths(&all).find(|path| path.is_absolute())
}
