//! What stands against a transaction, and what to do about it.

use std::{fmt, io};

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use crate::store::request::Failed;

/// Why something did not come about in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Another transaction was in the way: the same again may do.
    Again(String),
    /// The database is away, starts, stops or takes no writes: the connection is of no more use.
    Away(String),
    /// The database refuses, and will do so until a person has changed something.
    Refused(String),
    /// The host shows a certificate that is not trusted, and will not be later either.
    Untrusted(String),
    /// A newer program has written a row that this one cannot read.
    Newer(String),
    /// It refuses what was to be written, but not all else.
    Rejected(String),
}

impl Trouble {
    pub(super) const fn refused(why: String) -> Self {
        Self::Refused(why)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Again(why)
        | Self::Away(why)
        | Self::Refused(why)
        | Self::Untrusted(why)
        | Self::Newer(why)
        | Self::Rejected(why)) = self;
        f.write_str(why)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else { return of_this_side(&error) };
        let why = format!("{} ({})", database.message(), database.code().code());
        let is_outdated = database.routine() == Some("RevalidateCachedQuery");
        match database.code() {
            &SqlState::FEATURE_NOT_SUPPORTED if is_outdated => Self::Again(why),
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::LOCK_NOT_AVAILABLE
            | &SqlState::UNIQUE_VIOLATION
            // Another statement of the same pipeline has failed, and its answer is yet to be read.
            | &SqlState::IN_FAILED_SQL_TRANSACTION
            | &SqlState::DIVISION_BY_ZERO
            // What was prepared is not what it was: the next time all goes without a name.
            | &SqlState::INVALID_SQL_STATEMENT_NAME
            | &SqlState::DUPLICATE_TABLE
            | &SqlState::DUPLICATE_SCHEMA
            | &SqlState::DUPLICATE_OBJECT => Self::Again(why),
            &SqlState::INSUFFICIENT_PRIVILEGE
            | &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::INVALID_SCHEMA_NAME
            | &SqlState::INVALID_PASSWORD
            | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | &SqlState::INVALID_CATALOG_NAME
            | &SqlState::SYNTAX_ERROR
            | &SqlState::DATATYPE_MISMATCH => Self::Refused(why),
            // Data, constraints, limits of the program: of what is written, not of the database.
            code if ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)) => {
                Self::Rejected(why)
            }
            _ => Self::Away(why),
        }
    }
}

/// What this side says. For good is what only a person can change; a network, a name service, a server that starts and
/// a certificate out of its time can come right by themselves. That a server has no TLS is no reason to end either: one
/// that can start no process at the moment cannot be told from it.
fn of_this_side(error: &tokio_postgres::Error) -> Trouble {
    let why = chain(error);
    // The kind is to be had as a text only.
    match error.to_string().as_str() {
        "invalid configuration" if why.ends_with("password missing") => Trouble::Refused(
            "it asks for a password, and store.postgres.password is not set; set it, such as \
             password = { credential = \"postgres-password\" }"
                .to_owned(),
        ),
        "invalid configuration" | "authentication error" => {
            Trouble::Refused(format!("{why}; change store.postgres.url or store.postgres.password"))
        }
        _ if is_untrusted(error) => Trouble::Untrusted(format!(
            "{why}; name the authority of its certificate in store.postgres.ca, and in store.postgres.url the host as the \
             certificate names it"
        )),
        _ if why.ends_with("does not support TLS") => Trouble::Away(format!(
            "{why}; a host beyond loopback is reached over TLS only: set `ssl = on` there"
        )),
        _ => Trouble::Away(why),
    }
}

/// Whether the host shows a certificate that is not trusted, and will not be later either.
fn is_untrusted(error: &tokio_postgres::Error) -> bool {
    let tls = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let tls = tls.and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref());
    matches!(
        tls,
        Some(rustls::Error::InvalidCertificate(
            why
        )) if !matches!(
            why,
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Newer(_) => Self::Newer,
            Trouble::Rejected(why) => Self::Rejected(why),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// An error with what caused it; never with a password, which no cause names.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
