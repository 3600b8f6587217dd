//! What drives the connections: a thread, or whoever waits for what is asked over them. It may be given up anywhere,
//! also within another runtime.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// A runtime; never used from a thread of another runtime but to spawn.
pub(super) struct Threads(Option<Runtime>);

/// How often a task gives way until all have seen what has come in: it is looked for, and then they are told.
const TURNS: usize = 2;

impl Threads {
    pub(super) fn start() -> std::io::Result<Self> {
        let built = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()?;
        Ok(Self(Some(built)))
    }

    /// One without a thread: connections are driven while one waits in [`Threads::block_on`], and stand still
    /// otherwise. That saves two changes of threads in each round trip.
    pub(super) fn callers_own() -> std::io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(async {
            let done = future.await;
            // What was given up ends now, and not when the next one waits.
            tokio::task::yield_now().await;
            done
        })
    }

    /// Has the connections take notice of what has come in while nobody waited.
    pub(super) async fn catch_up() {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.runtime().spawn(future).abort_handle()
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
