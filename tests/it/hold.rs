//! A maintenance window: everything is taken in and kept, nothing is sent, and afterwards the most urgent goes first.

use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, eventually, with};

#[tokio::test]
async fn a_hold_keeps_events_expires_them_honestly_and_drains_by_urgency() {
    let bridge = Bridge::configured("[servicenow]\nmax_in_flight = 1").await;
    let (status, answer) = bridge.post_admin("/v1/hold?by=ada").await;
    assert_eq!((status, &answer["changed"]), (200, &json!(true)));
    assert_eq!(bridge.post_admin("/v1/hold?by=bob").await.1["changed"], false);
    bridge.accept(&an_offer("late", "c-1")).await;
    bridge.accept(&with(an_offer("short", "c-2"), json!({ "timeout_seconds": 1 }))).await;
    bridge.accept(&with(an_offer("soon", "c-3"), json!({ "timeout_seconds": 20 }))).await;
    let transfer = json!({
        "transfer": { "type": "blind", "source_queue": "support", "target": { "queue": "sales" } },
    });
    bridge.accept(&with(an_event("transfer", "live", "c-4"), transfer)).await;
    bridge.ends("short", "expired").await;
    assert_eq!(bridge.writes().len(), 0, "nothing is sent during a hold");

    let (status, ready) = bridge.get("/readyz").await;
    assert_eq!((status, &ready["held"]["by"]), (200, &json!("ada")), "{ready}");
    eventually("the three others to be counted", async || {
        let (_, standing) = bridge.get("/v1/status").await;
        (standing["events"]["pending"] == 3).then_some(())
    })
    .await;
    let (_, page) = bridge.get("/metrics").await;
    let Value::String(page) = page else { panic!("a text") };
    assert!(page.contains("awa_bridge_held 1"), "{page}");

    assert_eq!(bridge.post_admin("/v1/resume?by=ada").await.1["changed"], true);
    for id in ["late", "soon", "live"] {
        bridge.ends(id, "delivered").await;
    }
    let order: Vec<_> = bridge.writes().iter().map(|call| document_of(&call.path)).collect();
    let expected = ["c-4", "c-3", "c-1"].map(super::support::document);
    assert_eq!(order, expected);
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null);
}

#[tokio::test]
async fn a_hold_survives_a_restart() {
    let mut bridge = Bridge::start().await;
    bridge.post_admin("/v1/hold?by=ada").await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.restart().await;
    let (_, ready) = bridge.get("/readyz").await;
    assert_eq!(ready["held"]["by"], "ada", "{ready}");
    bridge.accept(&with(an_offer("short", "c-2"), json!({ "timeout_seconds": 1 }))).await;
    bridge.ends("short", "expired").await;
    assert_eq!(bridge.writes().len(), 0, "nothing is sent during a hold");
    assert_eq!(bridge.post_admin("/v1/resume").await.1["changed"], true);
    bridge.ends("e-1", "delivered").await;
    bridge.restart().await;
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null, "it stays ended");
}

#[tokio::test]
async fn a_hold_with_a_time_ends_by_itself() {
    let bridge = Bridge::start().await;
    for wrong in ["0s", "2", "-1s", "soon", "8d", "169h", "99999999d", "99999999999999999999d"] {
        let (status, answer) = bridge.post_admin(&format!("/v1/hold?for={wrong}")).await;
        assert_eq!(status, 400, "{wrong}: {answer}");
    }
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null, "nothing is held by it");
    assert_eq!(bridge.post_admin("/v1/hold?for=7d&by=ada").await.1["changed"], true);
    let (_, answer) = bridge.post_admin("/v1/hold?for=1500ms&by=bob").await;
    assert_eq!(answer["changed"], true, "another time is another hold");
    assert_eq!(answer["status"]["held"]["by"], "bob");
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null);
    assert_eq!(bridge.post_admin("/v1/resume").await.1["changed"], false);
}

#[tokio::test]
async fn a_post_that_is_not_understood_does_nothing() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    for wrong in [
        "hold?fro=2h",
        "hold?by=ada&until=2h",
        "resume?for=2h",
        "reload?dry_run=true",
        "events/native/e-1/replay?force=yes",
        "events/native/e-1/replay?forced=true",
        "events/native/e-1/discard?force=true",
        "todo/discard?source=native&reason=rejected&limit=1",
    ] {
        let (status, answer) = bridge.post_admin(&format!("/v1/{wrong}")).await;
        let title = answer["title"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{wrong}: {answer}");
        assert!(title.contains("`by`") || title.contains("`force`"), "{wrong}: {title}");
    }
    for path in ["hold", "resume", "reload", "events/native/e-1/replay"] {
        let url = format!("{}/v1/{path}", bridge.admin);
        let request = bridge.http.post(url).bearer_auth(&bridge.token);
        let answer = request.body(r#"{"for":"2h"}"#).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{path}");
    }
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null, "nothing is held");
    // Some clients send an object with each POST.
    let resume = bridge.http.post(format!("{}/v1/resume", bridge.admin)).bearer_auth(&bridge.token);
    let answer = resume.body("{}\n").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    // What needs the token is not told to others.
    let stranger = bridge.http.post(format!("{}/v1/hold?fro=2h", bridge.admin));
    assert_eq!(stranger.send().await.expect("an answer").status(), 401);
}

/// The sys_id in `/api/now/awa/documents/interaction/<sys_id>/offer`.
fn document_of(path: &str) -> String {
    path.split('/').nth(6).unwrap_or_default().to_owned()
}
