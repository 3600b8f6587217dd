//! What an operator did is told once, though a group over PostgreSQL is decided several times before it is committed.

use serde_json::json;

use super::nodes::Pair;
use super::support::program::Daemon;
use super::support::{an_offer, eventually, with};

/// The lines of the log that say this.
fn lines(daemon: &Daemon, message: &str) -> usize {
    let message = json!(message).to_string();
    daemon.log().lines().filter(|line| line.contains(&format!("\"message\":{message}"))).count()
}

#[tokio::test]
async fn what_an_operator_replays_and_discards_is_told_once_over_postgresql() {
    let Some(pair) = Pair::new().await else { return };
    let [one, _two] = pair.start().await;
    let unknown = with(an_offer("e-1", "c-1"), json!({ "queue": "nowhere" }));
    assert_eq!(one.post(&unknown).await, Some(202));
    let state = async || one.get("/v1/events/native/e-1").await["state"].clone();
    eventually("the event to be parked", async || (state().await == "parked").then_some(())).await;
    assert_eq!(one.post_admin("/v1/events/native/e-1/discard").await.0, 200);
    assert_eq!(one.post_admin("/v1/events/native/e-1/replay?force=true").await.0, 200);
    eventually("it to be parked again", async || (state().await == "parked").then_some(())).await;
    assert_eq!((lines(&one, "discarded"), lines(&one, "replayed")), (1, 1), "{}", one.log());
}
