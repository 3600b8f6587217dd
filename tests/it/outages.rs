//! The instance is down, asleep, or refuses the credentials: nothing late, no storm, and it heals by itself.

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::sandbox::{Access, Endpoint, Fault, Misbehaviour, Switches};
use serde_json::json;

use super::support::bridge::Bridge;
use super::support::{an_offer, document, eventually, with};

fn ring(id: &str, seconds: u32) -> serde_json::Value {
    with(an_offer(id, &format!("c-{id}")), json!({ "timeout_seconds": seconds }))
}

async fn says_not_ready(bridge: &Bridge, part: &str) {
    eventually(&format!("/readyz to say {part}"), async || {
        let (status, body) = bridge.get("/readyz").await;
        (status == 503 && body.to_string().contains(part)).then_some(())
    })
    .await;
}

async fn is_ready(bridge: &Bridge) {
    eventually("/readyz to be well", async || (bridge.get("/readyz").await.0 == 200).then_some(()))
        .await;
}

/// Every way in which an instance can be down.
fn outages() -> Vec<Misbehaviour> {
    vec![
        Misbehaviour::Reset,
        Misbehaviour::Hang,
        Misbehaviour::Html { status: 502 },
        Misbehaviour::Status { status: 503, body: json!({}), headers: Vec::new() },
        Misbehaviour::Redirect { to: "https://login.example.com/?token=s".to_owned() },
    ]
}

#[tokio::test]
async fn with_the_instance_down_nothing_is_sent_after_the_end_of_a_ring() {
    let mut side_by_side = tokio::task::JoinSet::new();
    for outage in outages() {
        side_by_side.spawn(rings_out(outage));
    }
    while let Some(story) = side_by_side.join_next().await {
        story.expect("the story holds");
    }
}

async fn rings_out(outage: Misbehaviour) {
    let bridge = Bridge::configured("[servicenow]\nrequest_timeout = \"500ms\"").await;
    bridge.sandbox.inject(Fault::next(outage.clone()).times(100_000));
    let offer = ring("e-1", 2);
    bridge.accept(&offer).await;
    let event = bridge.ends("e-1", "expired").await;
    let text = offer["occurred_at"].as_str().expect("a time");
    let end = UnixMillis::from_rfc3339(text).expect("a time").plus(2_000);
    let calls = event["calls"].as_array().expect("a list");
    assert!(!calls.is_empty(), "{outage:?}: it was tried");
    for call in calls {
        let sent = call["at"].as_str().and_then(UnixMillis::from_rfc3339).expect("a time");
        assert!(sent < end, "{outage:?}: sent {} ms late", sent.since(end));
    }
    // Another ring comes and goes, and nothing more was sent for the first one.
    bridge.accept(&ring("e-2", 1)).await;
    bridge.ends("e-2", "expired").await;
    let path = format!("/{}/offer", document("c-e-1"));
    let sent =
        bridge.calls(Endpoint::Offer).iter().filter(|call| call.path.ends_with(&path)).count();
    assert!(
        sent as u64 <= event["attempts"].as_u64().expect("a number"),
        "{outage:?}: {sent} sent"
    );
    let detail = event["detail"].as_str().expect("a detail");
    assert!(detail.contains("answer") || detail.contains("backoff"), "{outage:?}: {detail}");
}

#[tokio::test]
async fn an_instance_that_is_back_gets_what_is_still_ringing() {
    let bridge = Bridge::configured("[servicenow]\nrequest_timeout = \"300ms\"").await;
    bridge.sandbox.inject(Fault::next(Misbehaviour::Reset).times(100_000));
    for number in 0..8 {
        bridge.accept(&ring(&format!("e-{number}"), 20)).await;
    }
    says_not_ready(&bridge, "does not answer").await;
    eventually("one call at a time while the breaker is open", async || {
        let times: Vec<_> = bridge.sandbox.calls().iter().map(|call| call.at).collect();
        let last = times.len().checked_sub(3).map(|from| &times[from..])?;
        last.windows(2).all(|pair| pair[1].since(pair[0]) >= 490).then_some(())
    })
    .await;
    bridge.sandbox.clear_faults();
    for number in 0..8 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    is_ready(&bridge).await;
}

#[tokio::test]
async fn a_sleeping_instance_is_named_and_noticed_awake_without_an_event() {
    let bridge = Bridge::start().await;
    bridge.sandbox.set_switches(Switches { hibernating: true, ..Switches::default() });
    bridge.accept(&ring("e-1", 1)).await;
    says_not_ready(&bridge, "hibernating").await;
    bridge.ends("e-1", "expired").await;
    bridge.sandbox.set_switches(Switches { documents_appear: true, ..Switches::default() });
    is_ready(&bridge).await;
    bridge.accept(&ring("e-2", 5)).await;
    bridge.ends("e-2", "delivered").await;
}

#[tokio::test]
async fn refused_credentials_are_probed_and_never_a_storm() {
    let bridge = Bridge::start().await;
    bridge.sandbox.with_access(|access| {
        *access = Access::nobody().with_password("bridge", "another");
    });
    for number in 0..30 {
        bridge.accept(&ring(&format!("e-{number}"), 30)).await;
    }
    says_not_ready(&bridge, "credentials").await;
    let times = async || bridge.sandbox.calls().iter().map(|call| call.at).collect::<Vec<_>>();
    let probed = eventually("a probe", async || {
        let times = times().await;
        (times.last()?.since(*times.first()?) >= 1_990).then_some(times)
    })
    .await;
    let at_once = probed.iter().filter(|at| at.since(probed[0]) < 1_990).count();
    assert!(at_once <= 4, "no more than were in flight at once: {at_once}");
    bridge.sandbox.with_access(|access| access.set_password("bridge", "change-me"));
    for number in 0..30 {
        bridge.ends(&format!("e-{number}"), "delivered").await;
    }
    is_ready(&bridge).await;
    let refused = bridge.sandbox.calls().iter().filter(|call| call.caller.is_none()).count();
    assert!(refused <= 5, "{refused}");
}

#[tokio::test]
async fn a_stale_token_is_renewed_once_and_a_refused_client_is_held() {
    let bridge = Bridge::configured(
        "[servicenow]\nauth = { kind = \"oauth\", grant = \"password\", client_id = \"app\", client_secret = \"s\", username = \"bridge\", password = \"p\" }",
    )
    .await;
    bridge.sandbox.with_access(|access| {
        *access = Access::nobody().with_client("app", "s", None).with_password("bridge", "p");
    });
    bridge.accept(&ring("e-1", 30)).await;
    bridge.ends("e-1", "delivered").await;
    bridge.sandbox.with_access(Access::revoke_tokens);
    bridge.sandbox.forget_calls();
    bridge.accept(&ring("e-2", 30)).await;
    bridge.ends("e-2", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Token).len(), 1);
    assert_eq!(
        bridge.calls(Endpoint::Offer).len(),
        2,
        "once with the stale token, once with the new"
    );
    bridge.sandbox.with_access(|access| *access = Access::nobody());
    bridge.sandbox.forget_calls();
    for number in 3..13 {
        bridge.accept(&ring(&format!("e-{number}"), 2)).await;
    }
    for number in 3..13 {
        bridge.ends(&format!("e-{number}"), "expired").await;
    }
    let calls = bridge.sandbox.calls().len();
    assert!(calls <= 12, "four at once, each once with the old token and a refresh: {calls}");
}

#[tokio::test]
async fn the_token_endpoint_may_lie_elsewhere() {
    let elsewhere = super::support::bridge::start_sandbox(Switches::default()).await;
    let auth = format!(
        "[servicenow]\nauth = {{ kind = \"oauth\", grant = \"client_credentials\", client_id = \"app\", client_secret = \"s\", token_url = \"{}/oauth_token.do\" }}",
        elsewhere.url()
    );
    let bridge = Bridge::configured(&auth).await;
    bridge.accept(&ring("e-1", 30)).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Token).len(), 0);
    assert!(!elsewhere.calls_to(Endpoint::Token).is_empty());
}

#[tokio::test]
async fn what_waits_behind_a_held_instance_expires_in_time_in_every_conversation() {
    let bridge = Bridge::start().await;
    bridge.sandbox.inject(Fault::next(Misbehaviour::TooManyRequests { retry_after: Some(1_800) }));
    bridge.accept(&ring("e-0", 3)).await;
    eventually("the refusal", async || {
        bridge.calls(Endpoint::Offer).first().and_then(|call| call.status).map(drop)
    })
    .await;
    for number in 1..=4 {
        bridge.accept(&ring(&format!("e-{number}"), 1)).await;
    }
    for number in 1..=4 {
        bridge.ends(&format!("e-{number}"), "expired").await;
    }
    bridge.ends("e-0", "expired").await;
    assert_eq!(bridge.sandbox.calls().len(), 1);
}
