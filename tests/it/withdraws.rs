//! What a withdraw does about work that ServiceNow shows already, by configuration.

use awa_bridge::testing::sandbox::Endpoint;
use awa_bridge::testing::sandbox::world::{ConsultState, Document, WorkItem, WorkItemState};
use serde_json::json;

use super::support::bridge::Bridge;
use super::support::{BUSY, an_event, an_offer, document, with};

fn items(bridge: &Bridge) -> Vec<WorkItem> {
    let id = document("c-1").parse().expect("a sys_id");
    bridge.sandbox.with_world(|world| world.work_items_of(id).cloned().collect())
}

fn interaction(bridge: &Bridge) -> Document {
    let id = document("c-1").parse().expect("a sys_id");
    bridge.sandbox.with_world(|world| world.document(id).cloned()).expect("the interaction")
}

async fn offered_and_withdrawn(action: &str) -> Bridge {
    let bridge = Bridge::configured(&format!("[withdraw]\n{action}")).await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let end = with(an_event("withdraw", "e-2", "c-1"), json!({ "segment": null }));
    bridge.accept(&end).await;
    bridge.ends("e-2", "delivered").await;
    bridge
}

#[tokio::test]
async fn none_leaves_the_card_until_its_time_is_over() {
    let bridge = offered_and_withdrawn("action = \"none\"").await;
    assert_eq!(bridge.writes().len(), 1, "the offer alone");
    assert_eq!(items(&bridge)[0].state, WorkItemState::PendingAccept);
    assert_eq!(bridge.settled("e-2").await["reason"], "no_action_configured");
}

#[tokio::test]
async fn reject_takes_the_card_away_and_leaves_the_work_queued() {
    let bridge = offered_and_withdrawn("action = \"reject\"").await;
    let rejects = bridge.calls(Endpoint::Reject);
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].body.clone().expect("a body")["reject_reason_id"], BUSY);
    let item = items(&bridge).remove(0);
    assert_eq!((item.state, item.assigned_to), (WorkItemState::Queued, None));
    assert!(interaction(&bridge).active, "the interaction stays open");
}

#[tokio::test]
async fn close_document_cancels_the_work_and_closes_the_interaction() {
    let bridge = offered_and_withdrawn("action = \"close_document\"").await;
    let closed = bridge.calls(Endpoint::TableWrite);
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].path, format!("/api/now/table/interaction/{}", document("c-1")));
    assert_eq!(closed[0].body.clone().expect("a body"), json!({ "state": "closed_abandoned" }));
    assert_eq!(interaction(&bridge).state, "closed_abandoned");
    assert_eq!(items(&bridge)[0].state, WorkItemState::Canceled);
}

#[tokio::test]
async fn what_an_agent_has_accepted_is_not_taken_back() {
    for action in ["reject", "close_document"] {
        let bridge = Bridge::configured(&format!("[withdraw]\naction = \"{action}\"")).await;
        bridge.accept(&an_offer("e-1", "c-1")).await;
        bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
        bridge.ends("e-2", "delivered").await;
        bridge.accept(&an_event("withdraw", "e-3", "c-1")).await;
        bridge.ends("e-3", "delivered").await;
        assert_eq!(bridge.writes().len(), 2, "{action}: offer and accept");
        assert_eq!(items(&bridge)[0].state, WorkItemState::Accepted);
    }
}

#[tokio::test]
async fn a_card_that_went_by_itself_meanwhile_is_let_be() {
    let bridge = Bridge::configured("[withdraw]\naction = \"reject\"").await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let later = awa_bridge::testing::clock::now().plus(60_000);
    bridge.sandbox.with_world(|world| world.tick(later));
    bridge.accept(&an_event("withdraw", "e-2", "c-1")).await;
    bridge.ends("e-2", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Reject).len(), 1);
}

#[tokio::test]
async fn an_open_consult_is_ended_if_so_configured_and_only_then() {
    for (end_consult, ends) in [(true, 1), (false, 0)] {
        let config = format!("[withdraw]\naction = \"none\"\nend_consult = {end_consult}");
        let bridge = Bridge::configured(&config).await;
        bridge.accept(&an_offer("e-1", "c-1")).await;
        bridge.accept(&with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }))).await;
        let consult = json!({ "transfer": { "type": "consult", "target": { "agent": "grace" } } });
        bridge.accept(&with(an_event("transfer", "e-3", "c-1"), consult)).await;
        bridge.ends("e-3", "delivered").await;
        let (_, conversation) = bridge.get("/v1/conversations/native/c-1").await;
        assert!(conversation["consult_since"].is_string(), "{conversation:#}");
        bridge.accept(&an_event("withdraw", "e-4", "c-1")).await;
        bridge.ends("e-4", "delivered").await;
        let calls = bridge.calls(Endpoint::EndConsult);
        assert_eq!(calls.len(), ends);
        for call in calls {
            let expected = json!({ "document_sys_id": document("c-1"), "hand_over": false });
            assert_eq!(call.body.expect("a body"), expected);
        }
        let open = items(&bridge).iter().any(|item| item.consult == Some(ConsultState::Requested));
        assert_eq!(open, !end_consult);
    }
}
