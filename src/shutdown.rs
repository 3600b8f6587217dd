//! The wish to stop, as a handle that is passed on: signals, tests and parts that cannot go on pull it, everybody else
//! waits for it. It is never global and stops nothing by itself.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How urgent the wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    GoOn,
    Stop,
    Hurry,
}

/// A handle on the wish to stop; clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    wish: watch::Sender<Wish>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A handle that nobody has pulled.
    #[must_use]
    pub fn new() -> Self {
        Self { wish: watch::Sender::new(Wish::GoOn) }
    }

    /// Asks for an orderly end. Asking again changes nothing.
    pub(crate) fn trigger(&self) {
        self.ask(Wish::Stop);
    }

    /// Asks for the end at once: what is still going on is dropped.
    pub(crate) fn hurry(&self) {
        self.ask(Wish::Hurry);
    }

    fn ask(&self, wanted: Wish) {
        self.wish.send_if_modified(|wish| {
            let more = wanted > *wish;
            *wish = wanted.max(*wish);
            more
        });
    }

    /// Whether an end has been asked for.
    #[must_use]
    pub(crate) fn is_requested(&self) -> bool {
        *self.wish.borrow() >= Wish::Stop
    }

    /// Returns when an end is asked for, at once if it has been.
    pub(crate) async fn requested(&self) {
        self.at_least(Wish::Stop).await;
    }

    /// Returns when the end is wanted at once, at once if it has been.
    pub(crate) async fn hurried(&self) {
        self.at_least(Wish::Hurry).await;
    }

    /// Triggers on the first SIGTERM or SIGINT from here on, and hurries on the second.
    ///
    /// # Errors
    /// The system does not let the signals be caught.
    pub(crate) fn on_signals(&self) -> io::Result<JoinHandle<()>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        Ok(tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                let hurry = shutdown.is_requested();
                if hurry {
                    tracing::warn!(
                        signal = name,
                        "Asked again to stop: what is under way is left for the next start"
                    );
                    shutdown.hurry();
                } else {
                    tracing::info!(signal = name, "Asked to stop");
                    shutdown.trigger();
                }
            }
        }))
    }

    async fn at_least(&self, least: Wish) {
        let mut wish = self.wish.subscribe();
        wish.wait_for(|wish| *wish >= least).await.expect("the sender is borrowed by this call");
    }
}

/// The stream of SIGHUPs: each asks for a reload.
#[derive(Debug)]
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Catches SIGHUP from here on.
    ///
    /// # Errors
    /// The system does not let the signal be caught.
    pub(crate) fn catch() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Returns at the next one; several that come at once count as one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests;
