//! Where questions that read the store are answered: a few at a time, so that operators who ask for much wait for each
//! other and webhooks wait for none of them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use tokio::sync::Semaphore;

use super::answer::{self, Body};

/// How many questions are answered at once.
const AT_ONCE: usize = 2;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// When whoever had to wait too long may ask again, in seconds.
const RETRY_AFTER: u32 = 5;

/// The places for questions.
pub(super) struct Reads {
    places: Arc<Semaphore>,
}

impl Default for Reads {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Reads {
    /// Asks when it is its turn; whoever has to wait for long is told to come again. A question that was begun is
    /// answered to its end, whether anybody still waits or not.
    pub(super) async fn ask(
        &self,
        question: impl Future<Output = Response<Body>> + Send + 'static,
    ) -> Response<Body> {
        self.look_up(question).await.unwrap_or_else(|refused| refused)
    }

    /// The same for what is only a part of an answer.
    ///
    /// # Errors
    /// The answer to whoever asked.
    pub(super) async fn look_up<T: Send + 'static>(
        &self,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Response<Body>> {
        let place = Arc::clone(&self.places).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(PATIENCE, place).await else {
            return Err(answer::busy("Too many admin requests are in progress", RETRY_AFTER));
        };
        let asked = tokio::spawn(async move {
            let answer = question.await;
            drop(place);
            answer
        });
        asked.await.map_err(|error| {
            tracing::error!(%error, "An admin request panicked");
            answer::problem(500, "Internal error; see the daemon's log")
        })
    }
}

/// Writes a long answer beside the runtime, whose threads webhooks need.
pub(super) async fn written(
    write: impl FnOnce() -> Response<Body> + Send + 'static,
) -> Response<Body> {
    tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| {
        tracing::error!(%error, "Writing an admin response panicked");
        answer::problem(500, "Internal error; see the daemon's log")
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_to_come_again() {
        let reads = Reads::default();
        let (release, released) = watch::channel(false);
        let slow = || {
            let mut released = released.clone();
            reads.ask(async move {
                released.wait_for(|released| *released).await.unwrap();
                answer::problem(404, "slow")
            })
        };
        let quick = async {
            let later = tokio::time::advance(PATIENCE * 2);
            let quick = reads.ask(async { answer::problem(404, "quick") });
            let (answered, ()) = tokio::join!(quick, later);
            release.send(true).unwrap();
            answered
        };
        let (one, two, three) = tokio::join!(slow(), slow(), quick);
        assert_eq!((one.status().as_u16(), two.status().as_u16()), (404, 404));
        assert_eq!(three.status().as_u16(), 503);
        assert!(three.headers().contains_key(hyper::header::RETRY_AFTER));
        assert_eq!(reads.ask(async { answer::problem(404, "again") }).await.status().as_u16(), 404);
    }

    #[tokio::test]
    async fn a_defect_costs_one_answer() {
        let reads = Reads::default();
        for _ in 0..=AT_ONCE {
            assert_eq!(reads.ask(async { panic!("a defect") }).await.status().as_u16(), 500);
        }
        assert_eq!(written(|| panic!("a defect")).await.status().as_u16(), 500);
    }
}
