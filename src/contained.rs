//! Futures whose panic is a value, so that it costs what it happened in and nothing else; each is counted and logged.
//!
//! A task that nobody waits for goes through [`supervised`], a thread through [`supervised_thread`], so that none ends
//! unnoticed.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use metrics::counter;
use tracing::error;

use crate::metrics::TASK_PANICS;

/// The pause before a task is started again.
const RESTART: Duration = Duration::from_secs(5);

/// It ended in a panic, with these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panicked(pub String);

/// Waits for the future and contains its panic. The caller counts and logs it.
///
/// # Errors
/// The panic's own words.
pub(crate) async fn contained<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(Panicked(panic_message(&*panic)))),
    })
    .await
}

/// The same for a task by name: its panic is counted and logged here.
///
/// # Errors
/// The panic's own words.
pub(crate) async fn watched<F: Future>(
    task: &'static str,
    future: F,
) -> Result<F::Output, Panicked> {
    let ended = contained(future).await;
    if let Err(Panicked(defect)) = &ended {
        report_panic(task, defect);
    }
    ended
}

/// Runs a task until it ends by itself; after a panic it is started again.
pub(crate) async fn supervised<F: Future<Output = ()>>(
    task: &'static str,
    mut start: impl FnMut() -> F,
) {
    while watched(task, async { start().await }).await.is_err() {
        tokio::time::sleep(RESTART).await;
    }
}

/// The same on a thread of its own, which waits out the pause before it starts again.
pub(crate) fn supervised_thread(task: &'static str, mut run: impl FnMut()) {
    supervised_blocking(task, RESTART, &mut run);
}

#[expect(clippy::disallowed_methods, reason = "runs on a thread of its own")]
fn supervised_blocking(task: &'static str, pause: Duration, run: &mut impl FnMut()) {
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut *run)) {
        report_panic(task, &panic_message(&*panic));
        std::thread::sleep(pause);
    }
}

fn report_panic(task: &'static str, defect: &str) {
    counter!(TASK_PANICS, "task" => task).increment(1);
    error!(task, defect, "The task {task} panicked");
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
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

    #[test]
    fn a_thread_that_panics_goes_on_until_it_ends() {
        let mut starts = 0;
        supervised_blocking("of this test", Duration::ZERO, &mut || {
            starts += 1;
            assert!(starts == 3, "on purpose");
        });
        assert_eq!(starts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_until_it_ends() {
        let mut starts = 0;
        supervised("of this test", || {
            starts += 1;
            let fails = starts < 3;
            async move { assert!(!fails, "on purpose") }
        })
        .await;
        assert_eq!(starts, 3);
    }
}
