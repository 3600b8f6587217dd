//! What `events sample` does not do: overwrite, write what is not there any more, or write what reads otherwise.

use super::*;

#[tokio::test]
async fn an_erased_body_is_named_and_nothing_is_written() {
    let story = Story::with("zoom-cc", "[store]\nbody_retention = \"1s\"\n").await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "agent": "ada" }));
    story.send("native", &Value::Null, &offer).await;
    let erased = |value: &Value| value["status"] == 404;
    let (code, _) = story.daemon.post_admin("/v1/events/native/e-1/discard").await;
    assert!(code == 200 || code == 409, "{code}");
    eventually("the body to be erased", async || {
        // What comes in lets the store look after what is old.
        let other = with(an_offer("e-2", "c-2"), json!({ "agent": "ada" }));
        story.send("native", &Value::Null, &other).await;
        erased(&story.daemon.get("/v1/events/native/e-1/body").await).then_some(())
    })
    .await;
    for more in [&["e-1"][..], &["e-1", "--call"]] {
        let (code, shown, errors) = story.run(&[&["events", "sample"], more].concat()).await;
        assert_eq!(code, 1, "{shown}");
        for part in ["native/e-1", "erased", "store.body_retention"] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_there_stays_and_the_look_is_logged() {
    let story = Story::new("zoom-cc").await;
    story.send("native", &Value::Null, &an_offer("e-1", "c-1")).await;
    let file = story.home.directory.path().join("mine.json");
    let name = file.to_str().expect("a path");
    fs::write(&file, "mine").expect("a file");
    let (code, _, errors) = story.run(&["events", "sample", "e-1", "--output", name]).await;
    assert!(code == 1 && errors.contains("mine.json"), "{errors}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), "mine");
    let log = story.daemon.says("An operator reads the vendor's body").await;
    assert!(log.contains("\"event_id\":\"e-1\""), "{log}");

    let (code, shown, errors) = story.run(&["events", "sample", "e-1", "--output", "-"]).await;
    assert_eq!(code, 0, "{errors}");
    let sample: Value = serde_json::from_str(&shown).expect("nothing but the sample");
    assert_eq!(sample["expect"][0]["id"], "e-1");
    let ids = story.call("01-answered.json", &["payload", "object"]).await;
    let event = format!("phone/{}", ids[0]);
    let (_, shown, _) = story.run(&["events", "sample", &event, "--output", "-"]).await;
    assert!(!shown.contains("Support"), "a queue's name is nothing that the event needs: {shown}");
    let keep = ["events", "sample", &event, "--keep", "queue_name", "--output", "-"];
    let (_, shown, _) = story.run(&keep).await;
    assert!(shown.contains("\"queue_name\": \"Support\""), "{shown}");
    nothing_is_left(&shown);

    let (code, _, errors) = story.run(&["events", "sample", "nobody"]).await;
    assert!(code == 1 && errors.contains("nobody"), "{errors}");
}
