//! Only documents of the tables that the configuration lists are called for.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::{Value, json};

use super::support::bridge::Bridge;
use super::support::{an_event, an_offer, document, with};

fn of_table(table: &str, event: Value) -> Value {
    with(event, json!({ "document": { "table": table, "sys_id": document("c-1") } }))
}

#[tokio::test]
async fn no_request_names_a_record_of_another_table() {
    let bridge = Bridge::configured("[withdraw]\naction = \"close_document\"").await;
    bridge.accept(&of_table("sys_user", an_offer("e-1", "c-1"))).await;
    let event = bridge.ends("e-1", "dead").await;
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("table_not_allowed")));
    let end = with(an_event("withdraw", "e-2", "c-1"), json!({ "segment": null }));
    bridge.accept(&of_table("sys_user", end)).await;
    bridge.settled("e-2").await;
    bridge.accept(&of_table("sys_user", an_event("bind", "e-3", "c-1"))).await;
    bridge.ends("e-3", "dead").await;
    assert!(bridge.writes().is_empty(), "{:?}", bridge.writes());
}

#[tokio::test]
async fn the_list_of_tables_is_the_operators() {
    let bridge = Bridge::configured("[servicenow]\ntables = [\"x_acme_work\"]").await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "dead").await;
    bridge.accept(&of_table("x_acme_work", an_offer("e-2", "c-2"))).await;
    bridge.settled("e-2").await;
    let offers = bridge.calls(Endpoint::Offer);
    assert!(!offers.is_empty() && offers.iter().all(|call| call.path.contains("/x_acme_work/")));
}
