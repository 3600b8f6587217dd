//! The same event many times is one call, at once, later and after a restart.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::json;

use super::support::an_offer;
use super::support::bridge::Bridge;

#[tokio::test]
async fn forty_parallel_deliveries_of_one_event_make_one_call() {
    let mut bridge = Bridge::start().await;
    let offer = an_offer("e-1", "c-1");
    let deliveries = (0..40).map(|_| bridge.post(&offer));
    let mut statuses = Vec::new();
    for (status, answer) in futures(deliveries).await {
        statuses.push((status, answer["events"][0]["status"].clone()));
    }
    let new = statuses.iter().filter(|answer| **answer == (202, json!("accepted"))).count();
    let known = statuses.iter().filter(|answer| **answer == (200, json!("duplicate"))).count();
    assert_eq!((new, known), (1, 39), "{statuses:?}");
    bridge.ends("e-1", "delivered").await;
    bridge.restart().await;
    let (status, _) = bridge.post(&offer).await;
    assert_eq!(status, 200);
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
}

#[tokio::test]
async fn the_same_id_of_two_sources_is_two_events() {
    let other = "[sources.other]\nvendor = \"native\"\ncontact_center = \"native\"\n\
                 secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]";
    let bridge = Bridge::configured(other).await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let body = an_offer("e-1", "c-2").to_string();
    let response = bridge.deliver("other", "m", body.as_bytes()).await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn an_id_twice_in_one_request_is_one_event() {
    let bridge = Bridge::start().await;
    let (status, answer) =
        bridge.post(&json!([an_offer("e-1", "c-1"), an_offer("e-1", "c-1")])).await;
    assert_eq!(status, 202);
    assert_eq!(answer["events"][1]["status"], "duplicate");
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
}

#[tokio::test]
async fn the_same_offer_told_under_two_ids_is_one_call_and_is_counted() {
    let bridge = Bridge::start().await;
    bridge.accept(&json!([an_offer("e-1", "c-1"), an_offer("e-2", "c-1")])).await;
    bridge.ends("e-1", "delivered").await;
    let second = bridge.ends("e-2", "superseded").await;
    assert_eq!(second["reason"], "logical_duplicate", "{second:#}");
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);
    let (_, page) = bridge.get("/metrics").await;
    let counted = page.as_str().is_some_and(|page| {
        page.contains("awa_bridge_logical_duplicates_total{source=\"native\"}")
    });
    assert!(counted, "{page}");
}

/// Drives all futures side by side.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|future| Some(Box::pin(future))).collect();
    let mut outputs = Vec::new();
    std::future::poll_fn(|context| {
        for slot in &mut all {
            if let Some(future) = slot
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                outputs.push(output);
                *slot = None;
            }
        }
        if all.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs
}
