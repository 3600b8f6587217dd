//! Offer Work and Manual Assignment: every documented refusal, loose types, and the switches about them.

use super::*;
use crate::sandbox::switches::{
    MissingRole, OfferToAnother, RefusalShape, RepeatOffer, ReplyQueue, SharedExternalId,
};

/// An assignment with the agent and these parameters beside.
fn with(parameters: &Value) -> Value {
    let mut body = json!({ "queue_id": QUEUE, "assignment": { "agent_sys_id": GRACE } });
    for (name, value) in parameters.as_object().unwrap() {
        body["assignment"][name] = value.clone();
    }
    body
}

fn assign(fixture: &mut Fixture, item: &str, body: &Value) -> Answer {
    fixture.ask("POST", &format!("/api/now/v1/awa/workitems/{item}/assignments"), body)
}

#[test]
fn the_pages_own_sample_succeeds_as_the_page_shows() {
    let mut fixture = fixture();
    fixture.pass(1_000);
    let answer = fixture.offer_with(&json!({
        "external_segment_id": "segment_59616aba87bd5210be070d48dabb35e6",
        "queue_id": "92f8942787851210be070d48dabb35fb",
        "assignment": {
            "agent_sys_id": "0d584509c323120095ccd02422d3ae5b",
            "allowed_to_decline": "true",
            "enable_auto_assign": "false",
            "timeout": 30,
            "offered_on": "2024-04-03T23:09:31.000",
        },
    }));
    let item = work_item_of(&answer);
    let expected = json!({ "result": {
        "work_item": {
            "display_name": "Interaction: IMS0000001",
            "sys_id": item,
            "document_id": DOCUMENT,
            "document_table": "interaction",
            "queue": QUEUE,
        },
        "success": true,
        "message": "Manual assignment successfully requested.",
    }});
    assert_eq!((answer.status, answer.body), (200, expected));
    let item = fixture.item(item);
    assert_eq!(item.state, WorkItemState::PendingAccept);
    assert_eq!(item.offered_on, Some(NOON));
    assert_eq!(item.assigned_to, Some(id(GRACE)));
    assert_eq!(
        item.external_segment_id.as_deref(),
        Some("segment_59616aba87bd5210be070d48dabb35e6")
    );
}

#[test]
fn parameters_of_an_assignment_are_refused_in_the_documented_words() {
    let cases = [
        (json!({"timeout": -1}), "Timeout value cannot be negative"),
        (json!({"timeout": "-1"}), "Timeout value cannot be negative"),
        (
            json!({"timeout": 30, "after_timeout_presence": "nobody"}),
            "nobody is not a valid presence state",
        ),
        (
            json!({"timeout": 30, "offered_on": "2024-04-03T23:09:30Z"}),
            "Offered time (2024-04-03T23:09:30Z) must be in the following format: \
             yyyy-MM-dd'T'HH:mm:ss.SSS",
        ),
        (
            json!({"timeout": 30, "offered_on": "2024-04-03T23:09:31.001"}),
            "Offered time (2024-04-03T23:09:31.001) must be before the current time, otherwise \
             agent will have more time to accept the work item",
        ),
        (
            json!({"timeout": 30, "offered_on": "2024-04-03T23:09:01.000"}),
            "Timestamp after timeout (2024-04-03T23:09:01.000) must be after the current time, \
             otherwise agent has no time to accept the work item",
        ),
        (json!({"display_option": "tab"}), "tab is not a valid display option"),
        (json!({"allowed_to_decline": "maybe"}), "maybe is not a valid boolean value"),
        (json!({"enable_auto_assign": 2}), "2 is not a valid boolean value"),
    ];
    for (parameters, text) in cases {
        let mut fixture = fixture();
        assert_eq!(refusal(&fixture.offer_with(&with(&parameters))), (409, text.to_owned()));
        assert_eq!(fixture.world.work_items().count(), 0, "{text}");
        let item = fixture.offered(GRACE).to_string();
        let answer = assign(&mut fixture, &item, &with(&parameters)["assignment"]);
        assert_eq!(refusal(&answer), (409, text.to_owned()));
    }
}

#[test]
fn loose_types_are_taken() {
    for (yes, seconds) in
        [(json!(true), json!(30)), (json!("yes"), json!("30")), (json!(1), json!("30"))]
    {
        let mut fixture = fixture();
        let item = work_item_of(&fixture.offer_with(&with(&json!({
            "allowed_to_decline": yes, "timeout": seconds, "enable_auto_assign": "no",
            "display_option": "card_and_tab", "after_timeout_presence": "",
        }))));
        assert!(fixture.item(item).allowed_to_decline);
        assert_eq!(fixture.item(item).timeout_seconds, Some(30));
    }
}

#[test]
fn without_a_timeout_the_time_of_offer_and_the_presence_are_not_even_looked_at() {
    let mut fixture = fixture();
    let given =
        json!({ "offered_on": "tomorrow", "after_timeout_presence": "nobody", "timeout": "" });
    let item = work_item_of(&fixture.offer_with(&with(&given)));
    assert_eq!(fixture.item(item).times_out_at(), None);
}

#[test]
fn agents_are_refused_in_the_documented_words() {
    let mut fixture = fixture();
    let stranger = "ffffffffffffffffffffffffffffffff";
    let not_valid = (409, format!("{stranger} is not a valid agent"));
    assert_eq!(refusal(&fixture.offer(stranger)), not_valid);

    fixture.world.revoke(id(GRACE), "awa_external_user");
    let no_role = (409, "The user does not have the 'awa_external_user' role".to_owned());
    assert_eq!(refusal(&fixture.offer(GRACE)), no_role);

    fixture.world.revoke(id(GRACE), "awa_agent");
    assert_eq!(refusal(&fixture.offer(GRACE)), (409, format!("{GRACE} is not a valid agent")));

    fixture.world.set_available(id(ADA), false);
    assert_eq!(refusal(&fixture.offer(ADA)), (409, "Agent is not available".to_owned()));

    assert_eq!(fixture.world.work_items().count(), 0);
}

#[test]
fn a_document_must_be_there_and_open() {
    let mut fixture = fixture();
    let nowhere = format!("/api/now/awa/documents/incident/{DOCUMENT}/offer");
    let answer = fixture.ask("POST", &nowhere, &offer_to(GRACE));
    assert_eq!(refusal(&answer), (404, "No Record found".to_owned()));

    let path = format!("/api/now/table/interaction/{DOCUMENT}");
    fixture.ask("PATCH", &path, &json!({ "state": "closed_complete" }));
    assert_eq!(refusal(&fixture.offer(GRACE)), (409, "Document is not active".to_owned()));
}

#[test]
fn a_queue_is_found_by_sys_id_or_external_id_and_must_be_there() {
    let mut fixture = fixture();
    let mut body = offer_to(GRACE);
    body["queue_id"] = json!("nobody's queue");
    assert_eq!(refusal(&fixture.offer_with(&body)).0, 404);
    body["queue_id"] = json!("support-voice");
    let answer = fixture.offer_with(&body);
    assert_eq!(answer.body["result"]["work_item"]["queue"], json!(QUEUE));

    fixture.world.switches.reply_queue = ReplyQueue::AsGiven;
    let answer = fixture.offer_with(&body);
    assert_eq!(answer.body["result"]["work_item"]["queue"], json!("support-voice"));
}

#[test]
fn which_of_two_queues_with_one_external_id_wins_is_a_switch() {
    let expected = [
        (SharedExternalId::First, Some(QUEUE)),
        (SharedExternalId::Last, Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        (SharedExternalId::NotFound, None),
    ];
    for (switch, queue) in expected {
        let mut fixture = fixture();
        fixture.world.add_queue(id(&"a".repeat(32)), "twin", Some("support-voice"), "chat");
        fixture.world.switches.shared_external_id = switch;
        let answer = fixture.offer(GRACE);
        assert_eq!(answer.body["result"]["work_item"]["queue"].as_str(), queue, "{switch:?}");
    }
}

#[test]
fn repeating_an_offer_while_it_is_pending_is_a_switch() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    assert_eq!(fixture.offered(GRACE), item);
    assert_eq!(fixture.item(item).offer_count, 2);

    fixture.world.switches.repeat_offer = RepeatOffer::AlreadyAssigned;
    let taken = (409, format!("Work Item is already assigned to {GRACE}"));
    assert_eq!(refusal(&fixture.offer(GRACE)), taken);
}

#[test]
fn offering_a_pending_work_item_to_another_agent_is_a_switch() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    let taken = (409, format!("Work Item is already assigned to {GRACE}"));
    assert_eq!(refusal(&fixture.offer(ADA)), taken);
    let by_hand = json!({ "agent_sys_id": ADA });
    assert_eq!(refusal(&assign(&mut fixture, &item.to_string(), &by_hand)), taken);

    fixture.world.switches.offer_to_another = OfferToAnother::Moves;
    assert_eq!(fixture.offered(ADA), item);
    assert_eq!(fixture.item(item).assigned_to, Some(id(ADA)));
}

#[test]
fn an_accepted_work_item_is_refused_in_the_words_of_each_page() {
    let mut fixture = fixture();
    let item = fixture.offered(GRACE);
    assert_eq!(fixture.accept(item, GRACE).status, 200);
    let accepted = (409, "Work Item accepted can not be assigned".to_owned());
    assert_eq!(refusal(&fixture.offer(GRACE)), accepted);
    assert_eq!(refusal(&fixture.offer(ADA)), accepted);
    let by_hand = json!({ "agent_sys_id": ADA });
    let answer = assign(&mut fixture, &item.to_string(), &by_hand);
    assert_eq!(refusal(&answer), (409, format!("Work item {item} cannot be assigned")));
}

#[test]
fn manual_assignment_takes_a_queued_work_item_and_knows_no_external_role() {
    let mut fixture = fixture();
    fixture.world.revoke(id(ADA), "awa_external_user");
    let item = fixture.offered(GRACE);
    fixture.pass(30_000);
    let answer = assign(&mut fixture, &item.to_string(), &json!({ "agent_sys_id": ADA }));
    let expected = json!({ "result": { "success": true, "message": "Manual assignment successfully requested." } });
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(fixture.item(item).assigned_to, Some(id(ADA)));

    let nothing = "0".repeat(32);
    let answer = assign(&mut fixture, &nothing, &json!({ "agent_sys_id": ADA }));
    assert_eq!(refusal(&answer), (404, format!("{nothing} is not a valid work item")));
}

#[test]
fn a_caller_without_the_role_is_refused_as_the_switch_says() {
    let statuses = [
        (MissingRole::Unauthorised401, 401),
        (MissingRole::Forbidden403, 403),
        (MissingRole::Conflict409, 409),
        (MissingRole::ServerError500, 500),
        (MissingRole::SuccessFalse200, 200),
    ];
    let text =
        format!("Caller {CALLER} does not have the awa_manager or awa_integration_user role");
    for (switch, status) in statuses {
        let mut fixture = fixture();
        fixture.world.switches.missing_role = switch;
        fixture.world.revoke(id(CALLER), "awa_integration_user");
        assert_eq!(refusal(&fixture.offer(GRACE)), (status, text.clone()));
        fixture.world.grant(id(CALLER), "awa_manager");
        fixture.offered(GRACE);
    }
}

#[test]
fn a_refusal_has_the_shape_of_the_switch() {
    let text = "Agent is not available";
    let error = json!({ "error": { "message": text, "detail": text }, "status": "failure" });
    let result = json!({ "result": { "success": false, "message": text } });
    let shapes = [
        (RefusalShape::ConflictError, 409, error),
        (RefusalShape::ConflictResult, 409, result.clone()),
        (RefusalShape::SuccessFalse, 200, result),
    ];
    for (switch, status, body) in shapes {
        let mut fixture = fixture();
        fixture.world.switches.refusals = switch;
        fixture.world.set_available(id(GRACE), false);
        let answer = fixture.offer(GRACE);
        assert_eq!((answer.status, answer.body), (status, body));
    }
}

#[test]
fn strangers_can_name_any_document_queue_and_agent() {
    let mut fixture = fixture();
    fixture.world = World::empty();
    fixture.world.switches = Switches::permissive();
    let item = fixture.offered("ffffffffffffffffffffffffffffffff");
    assert_eq!(fixture.item(item).state, WorkItemState::PendingAccept);
}

#[test]
fn an_instance_without_the_api_says_that_the_uri_is_no_resource() {
    let mut fixture = fixture();
    fixture.world.switches.missing_apis = vec![Endpoint::Offer];
    let path = format!("/api/now/awa/documents/interaction/{DOCUMENT}/offer");
    let text = format!("Requested URI does not represent any resource: {path}");
    assert_eq!(refusal(&fixture.offer(GRACE)), (400, text));
    fixture.world.switches = Switches { plugin_missing: true, ..Default::default() };
    assert_eq!(refusal(&fixture.accept(id(QUEUE), GRACE)).0, 400);
}
