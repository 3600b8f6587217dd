//! The line before heavy work: some threads do it, sources take turns, and nobody waits on a thread of the runtime.
//!
//! Work of one source never stands before another source's: whoever has the longest line waits the longest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineLimits {
    /// How many pieces of work are done at the same time.
    pub(super) threads: usize,
    /// How many may wait of one source.
    pub(super) waiting: usize,
    /// How long one waits at most.
    pub(super) patience: Duration,
}

/// A line; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Line {
    limits: LineLimits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// The sources that wait, the next one first.
    order: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<oneshot::Sender<Turn>>>,
}

/// Nothing was done: too much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// The right to work; passed on to the next when it is dropped.
#[derive(Debug)]
struct Turn {
    /// None: it is given on already.
    state: Option<Arc<Mutex<State>>>,
}

impl Line {
    pub(super) fn new(limits: LineLimits) -> Self {
        Self { limits, state: Arc::default() }
    }

    /// Does the work on another thread once it is this source's turn. A panic of it is the caller's.
    ///
    /// # Errors
    /// The source's line is too long, or did not move in time.
    pub(super) async fn after<T: Send + 'static>(
        &self,
        source: &Arc<str>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TooLong> {
        let turn = self.turn(source).await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The program ends.
                Err(_) => Err(TooLong),
            },
        }
    }

    async fn turn(&self, source: &Arc<str>) -> Result<Turn, TooLong> {
        let called = {
            let mut state = lock(&self.state);
            if state.running < self.limits.threads {
                state.running += 1;
                return Ok(Turn { state: Some(Arc::clone(&self.state)) });
            }
            state.join(source, self.limits.waiting)?
        };
        match tokio::time::timeout(self.limits.patience, called).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(TooLong),
        }
    }
}

impl State {
    fn join(&mut self, source: &Arc<str>, most: usize) -> Result<oneshot::Receiver<Turn>, TooLong> {
        let line = self.waiting.entry(Arc::clone(source)).or_default();
        // Who gave up has left a place.
        line.retain(|one| !one.is_closed());
        if line.len() >= most {
            return Err(TooLong);
        }
        let (call, called) = oneshot::channel();
        if line.is_empty() && !self.order.contains(source) {
            self.order.push_back(Arc::clone(source));
        }
        line.push_back(call);
        Ok(called)
    }

    /// The next one that waits; its source goes to the end of the order.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(source) = self.order.pop_front() {
            let Some(line) = self.waiting.get_mut(&source) else { continue };
            let next = line.pop_front();
            if line.is_empty() {
                self.waiting.remove(&source);
            } else {
                self.order.push_back(source);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut ours) = self.state.take() else { return };
        loop {
            let next = {
                let mut state = lock(&ours);
                let next = state.next();
                state.running -= usize::from(next.is_none());
                next
            };
            let Some(next) = next else { return };
            match next
                .send(Self { state: Some(ours) })
                .map_err(|mut unwanted| unwanted.state.take())
            {
                Ok(()) | Err(None) => return,
                // Whoever waited is gone: the turn is still ours to give.
                Err(Some(back)) => ours = back,
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(waiting: usize, patience: Duration) -> Line {
        Line::new(LineLimits { threads: 1, waiting, patience })
    }

    fn source(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[tokio::test]
    async fn sources_take_turns_however_long_one_line_is() {
        let line = line(10, Duration::from_secs(60));
        let first = line.turn(&source("a")).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for name in ["a", "a", "a", "b", "c"] {
            let (line, order) = (line.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let noted = move || order.lock().unwrap().push(name);
                line.after(&source(name), noted).await.unwrap();
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for one in waiting {
            one.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "a", "a"]);
        assert_eq!(lock(&line.state).running, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_is_too_long_or_does_not_move_is_refused() {
        let line = line(1, Duration::from_secs(5));
        let first = line.turn(&source("a")).await.unwrap();
        let waits = tokio::spawn({
            let line = line.clone();
            async move { line.turn(&source("a")).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(line.turn(&source("a")).await.is_err(), "one waits already");
        assert_eq!(waits.await.unwrap(), Err(TooLong), "for five seconds");
        drop(first);
        assert!(line.turn(&source("a")).await.is_ok(), "nobody is left in the way");
    }

    #[tokio::test]
    async fn a_panic_is_the_caller_s_and_gives_the_turn_back() {
        let line = line(1, Duration::from_secs(60));
        let after = line.clone();
        let panicked = tokio::spawn(async move {
            after.after(&source("a"), || assert!(std::hint::black_box(false), "on purpose")).await
        });
        assert!(panicked.await.unwrap_err().is_panic());
        assert_eq!(line.after(&source("a"), || 7).await, Ok(7));
    }
}
