//! A lock that is still held is asked for again for a while: sled lets go of its own only after its threads have ended,
//! and a program that is being started beside this one holds copies of every open file until it runs.

use std::time::Duration;

use backoff::{Error, ExponentialBackoff, retry};

use crate::store::open_error::OpenError;

/// How long a lock may be held before the store is said to be in use.
const PATIENCE: Duration = Duration::from_secs(3);

/// Attempts until it is not [`OpenError::Locked`] any more, or patience has run out.
pub(super) fn take<T>(attempt: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let patience = ExponentialBackoff {
        initial_interval: Duration::from_millis(10),
        max_interval: Duration::from_millis(200),
        max_elapsed_time: Some(PATIENCE),
        ..ExponentialBackoff::default()
    };
    let attempt = || {
        attempt().map_err(|error| match error {
            OpenError::Locked(_) => Error::transient(error),
            other => Error::permanent(other),
        })
    };
    retry(patience, attempt).map_err(|error| match error {
        Error::Permanent(error) | Error::Transient { err: error, .. } => error,
    })
}
