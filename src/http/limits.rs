//! How the connections of a listener are treated, and how that is replaced while it serves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::metrics::{ADMIN_CONNECTIONS, INTAKE_CONNECTIONS};

/// Whose connections these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Intake,
    Admin,
    Sandbox,
}

impl Listener {
    /// Its name in metrics and the log.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Admin => "admin",
            Self::Sandbox => "sandbox",
        }
    }

    /// The metric of its open connections; the sandbox has none.
    pub(super) const fn open_connections(self) -> Option<&'static str> {
        match self {
            Self::Intake => Some(INTAKE_CONNECTIONS),
            Self::Admin => Some(ADMIN_CONNECTIONS),
            Self::Sandbox => None,
        }
    }
}

/// How connections are treated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) listener: Listener,
    /// At the same time. A new one takes the place of one that can be spared; if there is none, it waits in the
    /// system's backlog.
    pub(crate) max_connections: usize,
    /// For a TLS handshake, for a request's head, and for a peer that does not read its answer.
    pub(crate) header_timeout: Duration,
    /// For a kept-alive connection without a request.
    pub(crate) idle_timeout: Duration,
    /// For what is still being answered when the end is asked for.
    pub(crate) grace: Duration,
}

/// The limits that are in force; clones are the same. Replaced ones hold for every connection from its next wait on:
/// for the head of a request, for the next request, for a place.
#[derive(Debug, Clone)]
pub(crate) struct LimitsInForce(Arc<Mutex<Limits>>);

impl LimitsInForce {
    /// What is in force now.
    #[must_use]
    pub(crate) fn now(&self) -> Limits {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts others in force.
    pub(crate) fn replace(&self, limits: Limits) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }
}

impl From<Limits> for LimitsInForce {
    fn from(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(limits)))
    }
}
