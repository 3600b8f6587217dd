//! What the page does for an operator: each action says what it will do, asks who, and is in the log.

use serde_json::{Value, json};

use super::{Opened, logged};
use crate::overview::unreadable;
use crate::support::browser::{ENTER, ESCAPE, TAB};
use crate::support::{an_offer, eventually, with};

#[tokio::test]
async fn sending_is_held_and_resumed_by_keyboard_alone() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    let focused = "const at = document.activeElement; return at.id || at.textContent";
    let reach = async |wanted: &str| {
        let mut passed = Vec::new();
        for _ in 0..40 {
            let at = browser.script::<String>(focused).await;
            if at == wanted {
                return;
            }
            passed.push(at);
            browser.keys(TAB).await;
        }
        panic!("{wanted} is not reached by tabs: {passed:?}");
    };
    reach("hold").await;
    browser.keys(ENTER).await;
    let text = browser.says("#confirm-text", "nothing is sent").await;
    assert!(text.contains("expire"), "{text}");
    browser.keys(&format!("2h{TAB}")).await;
    // Without a name nothing is done.
    browser.keys(ENTER).await;
    assert_eq!(daemon.get("/v1/status").await["held"], Value::Null);
    browser.keys(&format!("anna{ENTER}")).await;
    browser.says("#bridge", "by anna").await;
    browser.says("#message", "Sending is held").await;
    let held = daemon.get("/v1/status").await["held"].clone();
    assert_eq!(held["by"], "anna");
    assert!(held["until"].is_string(), "{held}");
    assert_eq!(logged(daemon, "Held: events are accepted").await["by"], "anna");
    browser.says("#state", "held").await;

    reach("resume").await;
    browser.keys(ENTER).await;
    browser.says("#confirm-text", "most urgent first").await;
    browser.keys(ESCAPE).await;
    assert_eq!(daemon.get("/v1/status").await["held"]["by"], "anna", "cancelled");
    reach("resume").await;
    browser.keys(ENTER).await;
    browser.says("#confirm-title", "Resume").await;
    browser.keys(ENTER).await;
    browser.says("#message", "Sending goes on").await;
    assert_eq!(daemon.get("/v1/status").await["held"], Value::Null);
    for view in ["#call", "#todo", "#sources"] {
        browser.execute(&format!("document.querySelector('nav a[href=\"{view}\"]').focus()")).await;
        browser.keys(ENTER).await;
        browser.element(&format!("{view}-title")).await;
    }
}

#[tokio::test]
async fn a_missing_line_is_shown_added_and_the_event_goes_on_after_a_reload() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    let lost = json!({ "queue": "new queue", "timeout_seconds": 900 });
    assert_eq!(daemon.post(&with(an_offer("e-1", "c-1"), lost)).await, Some(202));
    let lost = json!({ "agent": "nobody", "timeout_seconds": 900 });
    assert_eq!(daemon.post(&with(an_offer("e-2", "c-2"), lost)).await, Some(202));
    browser.click("To do").await;
    let table = page.home.directory.path().join("mappings/sources/native/queues.csv");
    let shown = browser.says("#parked", "new queue,,EXTERNAL_ID").await;
    assert!(shown.contains(&table.display().to_string()), "{shown}");
    let text = std::fs::read_to_string(&table).expect("the table");
    std::fs::write(&table, text + "new queue,,support-voice\n").expect("the table");
    browser.click("Reload the tables…").await;
    browser.says("#confirm-text", "all or nothing").await;
    page.confirm("Reload", "anna").await;
    browser.says("#message", "1 parked event resumes").await;
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");

    browser.click("Discard all waiting for the line nobody,SYS_ID").await;
    let text = browser.says("#confirm-text", "given up for good").await;
    assert!(text.starts_with("1 event "), "{text}");
    page.confirm("Discard 1 event", "anna").await;
    browser.says("#message", "1 event discarded.").await;
    browser.says("#parked", "No event waits").await;
    assert_eq!(daemon.get("/v1/events/native/e-2").await["state"], "discarded");

    // A table with a mistake changes nothing, and the page says where it is.
    std::fs::write(&table, "queue,channel,external_id\n,,\n").expect("the table");
    browser.click("Reload the tables…").await;
    page.confirm("Reload", "anna").await;
    browser.says("#message", "queues.csv:2").await;
    browser.says("#state", "Ready").await;
}

#[tokio::test]
async fn dead_letters_are_replayed_or_discarded_one_many_or_all() {
    let Some(page) = Opened::signed_in("[servicenow]\ntables = [\"interaction\"]").await else {
        return;
    };
    let (browser, daemon) = (&page.browser, &page.daemon);
    for number in 1..=5 {
        assert_eq!(daemon.post(&unreadable(&format!("bad-{number}"))).await, Some(202));
    }
    let late = with(
        an_offer("e-1", "c-1"),
        json!({ "document": { "table": "task", "sys_id": "59616aba87bd5210be070d48dabb35e6" } }),
    );
    assert_eq!(daemon.post(&late).await, Some(202));
    let dead = daemon.settled("e-1").await;
    assert_eq!(dead["reason"], "table_not_allowed", "{dead:#}");
    let state =
        async |id: &str| daemon.get(&format!("/v1/events/native/{id}")).await["state"].clone();
    browser.click("To do").await;
    browser.says("#dead-title", "6 events").await;

    browser.click("Replay all of native, unreadable").await;
    let text = browser.says("#confirm-text", "carried out again").await;
    assert!(text.starts_with("5 events of native, unreadable"), "{text}");
    page.confirm("Replay 5 events", "anna").await;
    browser.says("#message", "0 events replayed, 5 not: The request could not be read").await;

    browser.click("Show events of native, unreadable").await;
    browser.click("Discard selected…").await;
    browser.says("#message", "Select events first").await;
    for id in ["bad-2", "bad-4"] {
        let select = format!("input[aria-label=\"Select {id}\"]");
        browser.click_on(&select).await;
    }
    browser.click("Discard selected…").await;
    browser.says("#confirm-text", "bad-2, bad-4: they are given up for good").await;
    browser.click("Cancel").await;
    assert_eq!(state("bad-2").await, "dead");
    browser.click("Discard selected…").await;
    page.confirm("Discard 2 events", "anna").await;
    browser.says("#message", "2 events discarded.").await;
    assert_eq!([state("bad-2").await, state("bad-3").await], [json!("discarded"), json!("dead")]);

    browser.click("Discard all of native, unreadable").await;
    page.confirm("Discard 3 events", "anna").await;
    browser.says("#message", "3 events discarded.").await;
    browser.says("#dead-title", "1 event)").await;
    let by = daemon.get("/v1/events/native/bad-3").await["by"].clone();
    assert!(by.as_str().is_some_and(|by| by.starts_with("anna discarded at")), "{by}");

    browser.click("Replay all of native, table not allowed").await;
    page.confirm("Replay 1 event", "anna").await;
    browser.says("#message", "1 event replayed.").await;
    eventually("it is dead again", async || {
        let event = daemon.get("/v1/events/native/e-1").await;
        let again = event["by"].as_str().is_some_and(|by| by.starts_with("anna replayed at"));
        (again && event["state"] == "dead").then_some(())
    })
    .await;
}
