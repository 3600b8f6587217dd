//! A sick node behind a balancer, or an address that is not the instance's any more: it is left, and nothing expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::an_offer;
use super::support::bridge::Setup;
use super::support::program::Home;
use super::support::raw::{Raw, response};

#[tokio::test]
async fn a_connection_that_answers_for_a_gateway_is_left_for_a_fresh_one() {
    let sick = Arc::new(AtomicUsize::new(0));
    let until = Arc::clone(&sick);
    let raw = Raw::start(move |asked| {
        let page = "<html><title>503 Service Unavailable</title></html>";
        (asked.connection <= until.load(Ordering::SeqCst))
            .then(|| response(503, "content-type: text/html\r\n", page))
    })
    .await;
    let home = Home::new(&raw.url, &Setup::default());
    let daemon = home.start().await;
    for number in 0..4 {
        let (id, conversation) = (format!("w-{number}"), format!("well-{number}"));
        assert_eq!(daemon.post(&an_offer(&id, &conversation)).await, Some(202));
        assert_eq!(daemon.settled(&id).await["state"], "delivered");
    }
    let connected = raw.asked().iter().map(|asked| asked.connection).max().expect("a connection");
    sick.store(connected, Ordering::SeqCst);
    for number in 0..6 {
        let (id, conversation) = (format!("s-{number}"), format!("sick-{number}"));
        assert_eq!(daemon.post(&an_offer(&id, &conversation)).await, Some(202));
        let event = daemon.settled(&id).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
    let refused = raw.asked().into_iter().filter(|asked| asked.connection <= connected).count();
    assert!(refused <= 4 + 2 * connected + 2, "{refused} requests over {connected} connections");
    assert_eq!(
        raw.asked().iter().filter(|asked| asked.body.contains("agent_sys_id")).count(),
        raw.offers().len()
    );
}
