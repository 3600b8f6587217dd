//! Everything that is built of the files before the daemon listens. `check` builds the same in the same way, so that
//! what it accepts does not fail at the start.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::files::Files;
use super::{Failure, certificates, database, exposure, files, instance, tls};
use crate::awa::{Client, Fetcher};
use crate::clock;
use crate::config::Settings;
use crate::notify::Receiver;
use crate::problem::Problem;

/// What came of it; nothing runs, and nothing was sent.
pub(super) struct Built {
    pub(super) files: Files,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) client: Client,
    /// Where a source has keys to be fetched.
    pub(super) fetcher: Option<Arc<Fetcher>>,
    /// Of settled events.
    pub(super) receiver: Option<Arc<Receiver>>,
}

/// Builds all of it.
///
/// # Errors
/// Every problem of every part.
#[expect(clippy::disallowed_methods, reason = "at the start beside the runtime, and in `check`")]
pub(super) fn build(settings: &Settings) -> Result<Built, Vec<Problem>> {
    let mut problems = exposure::exposure(settings).problems;
    problems.extend(database::way(settings).err().unwrap_or_default());
    let files = Files::load(settings).map_err(|found| problems.extend(found));
    let tls = tls::acceptor(settings).map_err(|found| problems.push(found));
    let mut noted = |failure| match failure {
        Failure::Configuration(found) => problems.extend(found),
        Failure::Broken(text) => problems.push(files::of_config(settings, text)),
    };
    let client = instance::client(settings).map_err(&mut noted);
    let fetcher = match &files {
        Ok(files) => instance::fetcher(settings, files).map_err(&mut noted),
        Err(()) => Ok(None),
    };
    let receiver = match &client {
        Ok(_) => instance::receiver(settings).map_err(&mut noted),
        Err(()) => Ok(None),
    };
    match (files, tls, client, fetcher, receiver) {
        (Ok(files), Ok(tls), Ok(client), Ok(fetcher), Ok(receiver)) if problems.is_empty() => {
            Ok(Built { files, tls, client, fetcher, receiver })
        }
        _ => Err(problems),
    }
}

/// What holds and is to be looked after.
pub(super) struct Notes {
    /// What ends soon: certificates.
    pub(super) warnings: Vec<String>,
    /// What is only allowed for trying out: published secrets.
    pub(super) hints: Vec<String>,
}

impl Notes {
    #[expect(
        clippy::disallowed_methods,
        reason = "at the start beside the runtime, and in `check`"
    )]
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            warnings: certificates::warnings(settings, clock::now()),
            hints: exposure::exposure(settings).hints,
        }
    }

    /// Logs all of them.
    pub(super) fn tell(&self) {
        for text in &self.warnings {
            warn!("{text}");
        }
        for text in &self.hints {
            info!("{text}");
        }
    }
}
