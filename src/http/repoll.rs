//! A future that is polled again at once when it wakes itself while it is polled.
//!
//! A connection wakes itself with the body that it hands from its one half to its other. Through the scheduler, that is
//! a wake-up of another thread and a second poll for every request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often it is polled on the spot; then others have their turn first.
const MAX_REPOLLS: u32 = 4;

pub(super) struct RepollOnSelfWake<F> {
    future: Pin<Box<F>>,
    /// None before the first poll.
    flag: Option<Arc<WakeFlag>>,
}

impl<F> RepollOnSelfWake<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), flag: None }
    }
}

impl<F: Future> Future for RepollOnSelfWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let flag = match self.flag.take() {
            Some(flag) if flag.task.will_wake(context.waker()) => flag,
            Some(_) | None => Arc::new(WakeFlag::of(context.waker())),
        };
        let waker = Waker::from(Arc::clone(&flag));
        self.flag = Some(Arc::clone(&flag));
        for _ in 0..MAX_REPOLLS {
            flag.woken.store(false, Ordering::SeqCst);
            flag.polling.store(true, Ordering::SeqCst);
            let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
            flag.polling.store(false, Ordering::SeqCst);
            if polled.is_ready() || !flag.woken.load(Ordering::SeqCst) {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Wakes the task, unless it is just being polled: then it is only noted.
struct WakeFlag {
    task: Waker,
    polling: AtomicBool,
    woken: AtomicBool,
}

impl WakeFlag {
    fn of(task: &Waker) -> Self {
        Self { task: task.clone(), polling: AtomicBool::new(false), woken: AtomicBool::new(false) }
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    // Who polls takes `polling` back before looking at `woken`: one of the two sees the other.
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.polling.load(Ordering::SeqCst) {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// Counts how often the task was woken.
    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Wakes itself so often, then is ready.
    fn restless(mut wakes: u32) -> impl Future<Output = ()> {
        std::future::poll_fn(move |context| {
            if wakes == 0 {
                return Poll::Ready(());
            }
            wakes -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn poll(
        future: &mut RepollOnSelfWake<impl Future<Output = ()>>,
        count: &Arc<Count>,
    ) -> Poll<()> {
        let waker = Waker::from(Arc::clone(count));
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn who_wakes_itself_is_polled_on_the_spot_and_after_some_rounds_waits_its_turn() {
        let count = Arc::new(Count::default());
        let mut future = RepollOnSelfWake::new(restless(MAX_REPOLLS - 1));
        assert!(poll(&mut future, &count).is_ready());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        let mut future = RepollOnSelfWake::new(restless(MAX_REPOLLS));
        assert!(poll(&mut future, &count).is_pending());
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(poll(&mut future, &count).is_ready());
    }

    #[test]
    fn a_wake_from_elsewhere_is_passed_on_to_whoever_polled_last() {
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        let mut future =
            RepollOnSelfWake::new(std::future::poll_fn(move |context: &mut Context<'_>| {
                *keep.lock().unwrap() = Some(context.waker().clone());
                Poll::<()>::Pending
            }));
        for _ in 0..2 {
            let count = Arc::new(Count::default());
            assert!(poll(&mut future, &count).is_pending());
            kept.lock().unwrap().take().unwrap().wake();
            assert_eq!(count.0.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost_however_the_threads_meet() {
        for _ in 0..2_000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let waiting = tokio::spawn(RepollOnSelfWake::new(receiver));
            let sending = tokio::spawn(async move { sender.send(()) });
            assert_eq!(waiting.await.unwrap(), Ok(()));
            sending.await.unwrap().unwrap();
        }
    }
}
