//! A future that goes on to its end by itself when whoever waits for it goes away, and whose panic costs only itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use metrics::counter;
use tokio::runtime::Handle;

use crate::contained::contained;
use crate::metrics::INTAKE_PANICS;

/// Polled where it is as long as it is waited for, which costs less than a task of its own; a task takes it over when
/// it is dropped early.
pub(super) struct DetachOnDrop<F: Future<Output: Send> + Send + 'static> {
    /// None once it has ended.
    rest: Option<Pin<Box<F>>>,
}

/// It ended in a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

impl<F: Future<Output: Send> + Send + 'static> DetachOnDrop<F> {
    pub(super) fn new(future: F) -> Self {
        Self { rest: Some(Box::pin(future)) }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for DetachOnDrop<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(Err(Panicked)) };
        let polled = catch_unwind(AssertUnwindSafe(|| rest.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(Panicked),
        };
        self.rest = None;
        Poll::Ready(ended)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for DetachOnDrop<F> {
    fn drop(&mut self) {
        // Without a runtime the program is at its end.
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), Handle::try_current()) {
            runtime.spawn(async {
                if contained(rest).await.is_err() {
                    counter!(INTAKE_PANICS).increment(1);
                    tracing::error!("The handling of a webhook whose sender had hung up panicked");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_when_nobody_waits_any_more() {
        let (go, gone) = oneshot::channel::<()>();
        let (sender, receiver) = oneshot::channel();
        let mut task = Box::pin(DetachOnDrop::new(async move {
            gone.await.unwrap();
            sender.send("done").unwrap();
        }));
        assert!(futures_poll(task.as_mut()).await.is_pending());
        drop(task);
        go.send(()).unwrap();
        assert_eq!(receiver.await, Ok("done"));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let ended = DetachOnDrop::new(async { assert!(std::hint::black_box(false), "on purpose") });
        assert_eq!(ended.await, Err(Panicked));
    }

    async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
    }
}
