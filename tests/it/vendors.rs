//! Two real vendors by HTTP, signed as they sign: Twilio TaskRouter's forms, Amazon Connect's events over EventBridge.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup};
use super::support::sign::twilio;
use super::support::{ADA, document, eventually, now};

/// Tables that know the vendors' ids; the sources share the contact centre of the usual tables.
fn setup() -> Setup {
    let usual = Setup::default();
    Setup {
        config: "[intake]\npublic_url = \"https://bridge.example.com\"\n\
                 [sources.twilio]\nvendor = \"twilio-taskrouter\"\ncontact_center = \"native\"\nsecrets = [\"token-1\"]\n\
                 [sources.connect]\nvendor = \"amazon-connect\"\ncontact_center = \"native\"\nsecrets = [\"key-1\"]\n"
            .to_owned(),
        queues: usual.queues.clone() + "WQ1,,support-voice\nq-1,,support-voice\n",
        agents: usual.agents.clone() + &format!("WK1,{ADA}\na-1,{ADA}\n"),
        ..usual
    }
}

async fn delivered(bridge: &Bridge, source: &str, id: &str) -> Value {
    eventually(&format!("{source}'s event {id} to be delivered"), async || {
        let (_, event) = bridge.get(&format!("/v1/events/{source}/{id}")).await;
        (event["state"] == "delivered").then_some(event)
    })
    .await
}

#[tokio::test]
async fn a_twilio_reservation_is_an_offer_and_its_acceptance_an_accept() {
    let bridge = Bridge::with(setup()).await;
    let millis = awa_bridge::testing::clock::now().0.to_string();
    let attributes =
        json!({ "servicenow_document": format!("interaction:{}", document("t-1")) }).to_string();
    for (sid, event_type) in [("EV1", "reservation.created"), ("EV2", "reservation.accepted")] {
        let form = [
            ("EventType", event_type),
            ("Sid", sid),
            ("TimestampMs", millis.as_str()),
            ("TaskSid", "WT1"),
            ("TaskAttributes", attributes.as_str()),
            ("TaskQueueSid", "WQ1"),
            ("TaskChannelUniqueName", "voice"),
            ("ReservationSid", "WR1"),
            ("WorkerSid", "WK1"),
        ];
        let signature = twilio("token-1", "https://bridge.example.com/webhooks/twilio", &form);
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let body = body.finish();
        let post = |signature: String, body: String| {
            bridge
                .http
                .post(format!("{}/webhooks/twilio", bridge.intake))
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-twilio-signature", signature)
                .body(body)
                .send()
        };
        assert_eq!(post("AAAA".to_owned(), body.clone()).await.expect("an answer").status(), 401);
        assert_eq!(post(signature.clone(), body.clone()).await.expect("an answer").status(), 204);
        delivered(&bridge, "twilio", sid).await;
        // Forms that the same signature fits: a pair twice, and an id with the text after it.
        let twice = format!("{body}&Sid={sid}");
        assert_eq!(post(signature.clone(), twice).await.expect("an answer").status(), 204);
        let mut pairs = form;
        pairs.sort_unstable();
        let at = pairs.iter().position(|(name, _)| *name == "Sid").expect("its place");
        let longer = format!("{sid}{}{}", pairs[at + 1].0, pairs[at + 1].1);
        let mut moved = form_urlencoded::Serializer::new(String::new());
        moved.extend_pairs(&pairs[..at]).append_pair("Sid", &longer).extend_pairs(&pairs[at + 2..]);
        let moved = moved.finish();
        assert_eq!(post(signature, moved).await.expect("an answer").status(), 204);
        let (_, events) = bridge.get("/v1/events").await;
        assert!(!events.to_string().contains(&format!("{sid}T")), "under another id: {events}");
    }
    let offer = bridge.calls(Endpoint::Offer).pop().expect("an offer");
    let body = offer.body.expect("a body");
    assert_eq!(offer.path, format!("/api/now/awa/documents/interaction/{}/offer", document("t-1")));
    assert_eq!(body["external_segment_id"], "WR1");
    assert_eq!(body["queue_id"], "support-voice");
    assert_eq!(body["assignment"]["agent_sys_id"], ADA);
    assert_eq!(bridge.calls(Endpoint::Accept).len(), 1);
}

#[tokio::test]
async fn a_connected_contact_of_amazon_connect_is_offered_and_accepted_in_one() {
    let bridge = Bridge::with(setup()).await;
    let instance = "arn:aws:connect:us-east-1:111122223333:instance/i-1";
    let event = |id: &str, detail: Value| {
        let mut event = json!({
            "version": "0", "id": id, "detail-type": "Amazon Connect Contact Event",
            "source": "aws.connect", "account": "111122223333", "time": now(),
            "region": "us-east-1", "resources": [instance], "detail": {
                "contactId": "k-1", "initialContactId": "k-1", "channel": "VOICE",
                "initiationMethod": "INBOUND", "instanceArn": instance,
                "queueInfo": { "queueArn": format!("{instance}/queue/q-1"), "queueType": "STANDARD" },
                "tags": { "servicenow_document": document("k-1") },
            },
        });
        event["detail"]
            .as_object_mut()
            .expect("detail")
            .extend(detail.as_object().expect("more").clone());
        event
    };
    let agent = json!({
        "eventType": "CONNECTED_TO_AGENT",
        "agentInfo": { "agentArn": format!("{instance}/agent/a-1"), "connectedToAgentTimestamp": now() },
    });
    for (id, detail) in [("b-1", json!({ "eventType": "QUEUED" })), ("b-2", agent)] {
        let body = event(id, detail).to_string();
        let response = bridge
            .http
            .post(format!("{}/webhooks/connect", bridge.intake))
            .header("content-type", "application/json")
            .header("x-api-key", "key-1")
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 202, "{id}");
        delivered(&bridge, "connect", id).await;
    }
    let body = bridge.calls(Endpoint::Offer).pop().expect("an offer").body.expect("a body");
    assert_eq!(body["assignment"]["enable_auto_assign"], true);
    assert_eq!(body["assignment"]["agent_sys_id"], ADA);
    assert_eq!(body["queue_id"], "support-voice");
}
