//! A future whose panic is a value: a defect in one call costs that call alone.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use metrics::counter;

use crate::metrics::CALL_PANICS;

/// It ended in a panic, with these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panicked(pub(super) String);

/// Waits for the future and contains its panic, which is counted.
///
/// # Errors
/// The panic's own words.
pub(super) async fn contained<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => {
            counter!(CALL_PANICS).increment(1);
            Poll::Ready(Err(Panicked(words(&*panic))))
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value_with_its_words() {
        let number = std::hint::black_box(7);
        let ended = contained(async { assert!(number == 8, "{number} on purpose") }).await;
        assert_eq!(ended, Err(Panicked("7 on purpose".to_owned())));
        assert_eq!(contained(async { 7 }).await, Ok(7));
    }
}
