//! The bodies that source `native` takes: an object, an array, CloudEvents in their three modes.

use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::sign::{NATIVE_SECRET, standard_webhooks};
use super::support::{an_offer, fresh_id};

async fn post(bridge: &Bridge, content_type: &str, headers: &[(&str, &str)], body: &Value) -> u16 {
    let timestamp = awa_bridge::testing::clock::now().0 / 1000;
    let id = fresh_id();
    let text = body.to_string();
    let mut request = bridge
        .http
        .post(format!("{}/webhooks/native", bridge.intake))
        .header("content-type", content_type)
        .header("webhook-id", &id)
        .header("webhook-timestamp", timestamp.to_string())
        .header(
            "webhook-signature",
            standard_webhooks(NATIVE_SECRET, &id, timestamp, text.as_bytes()),
        )
        .body(text);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

fn without_id(mut event: Value) -> Value {
    event.as_object_mut().expect("an object").remove("id");
    event
}

#[tokio::test]
async fn a_structured_cloud_event_gives_its_id() {
    let bridge = Bridge::start().await;
    let event = json!({
        "specversion": "1.0", "id": "ce-1", "source": "/acme", "type": "routing.offer",
        "datacontenttype": "application/json", "data": without_id(an_offer("", "c-1")),
    });
    assert_eq!(post(&bridge, "application/cloudevents+json", &[], &event).await, 202);
    bridge.ends("ce-1", "delivered").await;
    assert_eq!(post(&bridge, "application/cloudevents+json", &[], &event).await, 200);
}

#[tokio::test]
async fn a_batch_of_cloud_events_is_taken_one_by_one() {
    let bridge = Bridge::start().await;
    let event = |id: &str, conversation: &str| {
        json!({
            "specversion": "1.0", "id": id, "source": "/acme", "type": "routing.offer",
            "data": without_id(an_offer("", conversation)),
        })
    };
    let batch = json!([event("ce-1", "c-1"), event("ce-2", "c-2")]);
    assert_eq!(post(&bridge, "application/cloudevents-batch+json", &[], &batch).await, 202);
    bridge.ends("ce-1", "delivered").await;
    bridge.ends("ce-2", "delivered").await;
}

#[tokio::test]
async fn a_binary_cloud_event_is_known_by_what_is_signed() {
    let bridge = Bridge::start().await;
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "ce-1"),
        ("ce-source", "/acme"),
        ("ce-type", "routing.offer"),
    ];
    // Standard Webhooks signs no `ce-*` header: whoever has seen the request could send it again under another id.
    let body = an_offer("evt-1", "c-1");
    assert_eq!(post(&bridge, "application/json", &headers, &body).await, 202);
    bridge.ends("evt-1", "delivered").await;
    assert_eq!(post(&bridge, "application/json", &[], &body).await, 200);
    let forged =
        [("ce-specversion", "1.0"), ("ce-id", "forged"), ("ce-time", "2030-01-01T00:00:00Z")];
    assert_eq!(post(&bridge, "application/json", &forged, &body).await, 200);
    assert_eq!(bridge.get("/v1/events/native/forged").await.0, 404);
}

#[tokio::test]
async fn without_an_id_of_its_own_the_event_has_the_deliverys() {
    let bridge = Bridge::start().await;
    let body = without_id(an_offer("", "c-1")).to_string();
    let response = bridge.deliver("native", "msg_own", body.as_bytes()).await;
    assert_eq!(response.status(), 202);
    bridge.ends("msg_own", "delivered").await;
    let response = bridge.deliver("native", "msg_own", body.as_bytes()).await;
    assert_eq!(response.status(), 200);
}
