use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

fn is_ready(future: impl Future<Output = ()>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn a_request_is_repeated_without_harm_and_hurried_on_purpose() {
    let shutdown = Shutdown::new();
    let clone = shutdown.clone();
    assert!(!shutdown.is_requested());
    assert!(!is_ready(clone.requested()));

    shutdown.trigger();
    assert!(clone.is_requested());
    assert!(is_ready(clone.requested()));
    assert!(!is_ready(clone.hurried()));

    clone.trigger();
    assert!(!is_ready(clone.hurried()));

    clone.hurry();
    shutdown.trigger();
    assert!(is_ready(shutdown.hurried()));
    assert!(is_ready(shutdown.requested()));
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let shutdown = Shutdown::new();
    let waiting = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.requested().await }
    });
    tokio::task::yield_now().await;
    shutdown.trigger();
    waiting.await.unwrap();
}
