//! The picture in the README: the real page with a made-up call, drawn anew by
//! `PAGE_PICTURE=docs/page.png cargo test --test it page::picture`.

use serde_json::json;

use super::Opened;
use crate::support::{an_event, an_offer, document, with};

#[tokio::test]
async fn the_page_s_picture_is_of_a_call_that_changes_hands() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    let segment = |number: u8| json!({ "segment": format!("leg-{number}") });
    let of = |event, agent: &str, leg| with(with(event, json!({ "agent": agent })), segment(leg));
    let call = "call-4711";
    for event in [
        of(an_offer("ring-1", call), "ada", 1),
        of(with(an_event("reject", "decline-1", call), json!({ "reason": "busy" })), "ada", 1),
        of(an_offer("ring-2", call), "grace", 2),
        of(an_event("accept", "answer-2", call), "grace", 2),
    ] {
        assert_eq!(daemon.post(&event).await, Some(202));
        daemon.settled(event["id"].as_str().expect("an id")).await;
    }
    let other = with(
        an_offer("ring-3", "call-4712"),
        json!({ "timeout_seconds": 900, "queue": "new queue" }),
    );
    assert_eq!(daemon.post(&other).await, Some(202));
    browser.click("A call").await;
    browser.fill("#words", &document(call)).await;
    browser.click("Search").await;
    let story = browser.says("#story", "grace has accepted").await;
    assert!(story.contains("ada has declined") && story.contains("grace has a card"), "{story}");
    let picture = browser.picture().await;
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 150_000, "{} bytes", picture.len());
    if let Some(file) = std::env::var_os("PAGE_PICTURE") {
        let file = crate::support::program::root().join(file);
        std::fs::write(file, picture).expect("the picture is written");
    }
}
