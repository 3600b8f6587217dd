//! What each view shows, to eyes and to screen readers, on a desk and on a phone.

use serde_json::json;

use super::{Opened, logged};
use crate::overview::dead_letters;
use crate::support::{an_event, an_offer, document, with};

#[tokio::test]
async fn now_and_sources_show_how_things_stand() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    daemon.settled("e-1").await;
    assert_eq!(daemon.post(&crate::overview::unreadable("bad")).await, Some(202));
    let late = with(an_offer("e-2", "c-2"), json!({ "occurred_at": "2001-02-03T04:05:06Z" }));
    assert_eq!(daemon.post(&late).await, Some(202));
    daemon.settled("e-2").await;
    // It refreshes by itself.
    browser.says("#events-caption", "2 in the last hour").await;
    let owed = browser.text("#owed").await.replace('\t', " ");
    assert!(owed.contains("native 0 0 1 1 / 1"), "{owed}");
    let state = browser.text("#bridge").await;
    assert!(state.contains("ready") && state.contains("Dead\n1"), "{state}");
    let calls = browser.text("#servicenow").await;
    for part in ["closed", "0 of ", "500 calls a second, 100 at once"] {
        assert!(calls.contains(part), "{part}: {calls}");
    }
    let picture = "return document.querySelector('#calls-picture svg').getAttribute('aria-label')";
    let picture = browser.script::<String>(picture).await;
    assert!(picture.contains("p50") && picture.contains("of 1 event"), "{picture}");
    assert!(
        browser.script::<usize>("return document.querySelectorAll('svg rect.bar').length").await
            > 0
    );
    browser.click("The numbers of each minute").await;
    browser.says("#minutes-table", "Minute").await;
    assert!(browser.text("#nodes").await.contains(env!("CARGO_PKG_VERSION")));

    browser.click("Sources").await;
    let row = browser.says("#sources-table", "native").await;
    assert!(row.contains("ago") && row.contains("Refused signatures"), "{row}");
}

#[tokio::test]
async fn a_call_is_found_and_told_and_a_body_is_shown_on_demand_and_logged() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    let offer = with(an_offer("e/1", "c 1"), json!({ "caller": "Erika Mustermann" }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    let accept = with(an_event("accept", "e-2", "c 1"), json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    daemon.settled("e-2").await;
    browser.click("A call").await;
    for words in ["c 1", "e/1", &document("c 1")] {
        browser.fill("#words", words).await;
        browser.click("Search").await;
        let told = browser.says("#story", "Conversation c 1 of native").await;
        for part in [
            "received from native: agent ada",
            "Offer the work",
            "done (HTTP 200",
            "ada has a card",
            "is delivered",
            "ada has accepted",
        ] {
            let part = part.trim_start_matches("is ");
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    browser.fill("#words", "ada").await;
    browser.click("Search").await;
    let found = browser.says("#found", "agent").await;
    assert!(found.contains("c 1") && found.contains("Searched all events: 2"), "{found}");
    browser.click("c 1").await;
    browser.says("#story", "ada has a card").await;
    assert!(!browser.text("main").await.contains("Erika"), "no caller's data");

    browser.click("Body of offer e/1").await;
    browser.says("#confirm-text", "is logged").await;
    page.confirm("Show it", "anna").await;
    browser.says("#body-text", "Erika Mustermann").await;
    let line = logged(daemon, "reads the vendor's body").await;
    assert_eq!(
        (&line["by"], &line["event_id"], &line["source"]),
        (&json!("anna"), &json!("e/1"), &json!("native"))
    );
    assert!(!daemon.log().contains("Erika"));
    browser.click("Close").await;
    assert_eq!(
        browser.script::<String>("return document.getElementById('body-text').textContent").await,
        ""
    );
    browser.fill("#words", "nobody").await;
    browser.click("Search").await;
    browser.says("#found", "Nothing found").await;
}

#[tokio::test]
async fn ten_thousand_dead_letters_cost_the_page_no_more_than_a_few() {
    let Some(page) = Opened::signed_in("[log]\nfilter = \"warn\"").await else { return };
    dead_letters(&page.daemon, 10_000).await;
    page.browser.execute("performance.clearResourceTimings()").await;
    page.browser.click("To do").await;
    page.browser.says("#dead-title", "10,000 events").await;
    page.browser.says("#dead", "10,000").await;
    page.browser.click("Show events of native, unreadable").await;
    page.browser.says("#members", "bad-00019").await;
    let rows = page.browser.script::<usize>("return document.querySelectorAll('tr').length").await;
    assert!(rows < 100, "{rows} rows");
    let fetched = page.fetched().await;
    assert!(fetched < 50_000, "{fetched} bytes");
    page.browser.click("More").await;
    page.browser.says("#members", "bad-00039").await;
    page.browser.click("A call").await;
    page.browser.fill("#words", "ada").await;
    page.browser.click("Search").await;
    page.browser.says("#found", "Searched the last 2,000 events").await;
    page.browser.click("Search further back").await;
    page.browser.says("#found", "of the rest").await;
    // The longest that one question took, in a build without optimisation.
    let longest =
        "return Math.max(...performance.getEntriesByType('resource').map((one) => one.duration))";
    let longest = page.browser.script::<f64>(longest).await;
    assert!(longest < 10_000.0, "{longest} ms");
}

#[tokio::test]
async fn every_view_has_names_for_screen_readers_and_fits_a_phone() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    let parked =
        with(an_offer("e-1", "c-1"), json!({ "agent": "a".repeat(200), "timeout_seconds": 900 }));
    assert_eq!(daemon.post(&parked).await, Some(202));
    assert_eq!(daemon.post(&crate::overview::unreadable(&"b".repeat(200))).await, Some(202));
    browser.resize(500, 900).await;
    let unnamed = "const name = (of) => of.getAttribute('aria-label') || of.getAttribute('aria-labelledby') || of.textContent.trim() \
                     || [...(of.labels || [])].map((label) => label.textContent.trim()).join(''); \
                   return [...document.querySelectorAll('button, a, input, table, [role=img], nav, section, dialog')] \
                     .filter((of) => of.checkVisibility() && !name(of)).map((of) => of.outerHTML)";
    for (view, shows) in [
        ("#now", "#owed"),
        ("#call", "#search"),
        ("#todo", "#parked table"),
        ("#sources", "#sources-table table"),
    ] {
        browser.execute(&format!("location.hash = '{view}'")).await;
        browser.element(shows).await;
        assert_eq!(browser.script::<Vec<String>>(unnamed).await, [""; 0], "{view}");
        let wide =
            browser.script::<i64>("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide <= 0, "{view} is {wide} pixels too wide");
        let headings = "return [...document.querySelectorAll('h1, h2')].filter((of) => of.checkVisibility()).length";
        assert_eq!(browser.script::<usize>(headings).await, 2, "{view}");
    }
    let marks = "return ['header', 'nav', 'main', 'footer', '[aria-live=polite]', 'html[lang]'].filter((of) => !document.querySelector(of))";
    assert_eq!(browser.script::<Vec<String>>(marks).await, [""; 0]);
    let current = "return document.querySelectorAll('nav [aria-current=page]').length";
    assert_eq!(browser.script::<usize>(current).await, 1);
}
