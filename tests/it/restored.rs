//! A database that was restored to an earlier moment, as docs/high-availability.md says how.

use awa_bridge::testing::sandbox::Endpoint;

use super::database_faults::{long_offer, sandbox_and_homes};
use super::postgres::Server;
use super::support::an_offer;

/// The statements of the document that are to be run after a restore.
fn statements() -> String {
    let text = include_str!("../../docs/high-availability.md");
    let blocks = text.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.filter(|block| block.contains("DELETE FROM")).collect();
    blocks.concat()
}

fn ids(answer: &serde_json::Value) -> Vec<&str> {
    let events = answer["events"].as_array().expect("events");
    events.iter().map(|event| event["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn what_came_after_the_restored_moment_is_gone_and_nothing_leaves_until_it_is_resumed() {
    let Some(server) = Server::start(&[]) else { return };
    let Some(other) = Server::start(&[]) else { return };
    let urls = [server.url(), other.url()];
    let (sandbox, [home, restored]) = sandbox_and_homes([&urls[0], &urls[1]]).await;
    let mut daemon = home.start().await;
    assert_eq!(daemon.post(&long_offer(1)).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
    assert_eq!(daemon.post_admin("/v1/hold?by=ada").await.0, 200);
    assert_eq!(daemon.post(&long_offer(2)).await, Some(202));
    let dump = server.dumped();
    assert_eq!(daemon.post(&long_offer(3)).await, Some(202));
    assert_eq!(daemon.post_admin("/v1/resume?by=ada").await.0, 200);
    for id in ["e-2", "e-3"] {
        assert_eq!(daemon.settled(id).await["state"], "delivered");
    }
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    let offers = || sandbox.calls().iter().filter(|call| call.endpoint == Endpoint::Offer).count();
    let left = offers();

    other.restore(&dump);
    other.sql(&statements());
    let daemon = restored.start().await;
    assert_eq!(daemon.get("/v1/status").await["held"]["by"], "restore");
    assert_eq!(daemon.get("/v1/events/native/e-1").await["state"], "delivered");
    assert_eq!(daemon.get("/v1/events/native/e-2").await["state"], "pending");
    assert_eq!(daemon.get("/v1/events?limit=9").await["events"].as_array().map(Vec::len), Some(2));
    let begun = daemon.get("/v1/changes").await;
    assert_eq!(daemon.post(&long_offer(1)).await, Some(200), "it is known");
    assert_eq!(daemon.post(&long_offer(3)).await, Some(202), "it counts as new");
    assert_eq!(offers(), left, "nothing has left");
    for id in ["e-2", "e-3"] {
        let (status, answer) =
            daemon.post_admin(&format!("/v1/events/native/{id}/discard?by=ada")).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(daemon.post_admin("/v1/resume?by=ada").await.1["changed"], true);
    assert_eq!(daemon.post(&an_offer("new", "c-new")).await, Some(202));
    assert_eq!(daemon.settled("new").await["state"], "delivered");
    let begun = begun["cursor"].as_str().expect("a cursor");
    let told = daemon.get(&format!("/v1/changes?after={begun}&limit=9&wait=5")).await;
    assert_eq!(ids(&told), ["e-2", "e-3", "new"]);
}
