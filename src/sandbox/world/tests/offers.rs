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

fn assign(bench: &mut Bench, item: &str, body: &Value) -> Answer {
    bench.ask("POST", &format!("/api/now/v1/awa/workitems/{item}/assignments"), body)
}

#[test]
fn the_pages_own_sample_succeeds_as_the_page_shows() {
    let mut bench = bench();
    bench.pass(1_000);
    let answer = bench.offer_with(&json!({
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
    let item = landed(&answer);
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
    let item = bench.item(item);
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
        let mut bench = bench();
        assert_eq!(refusal(&bench.offer_with(&with(&parameters))), (409, text.to_owned()));
        assert_eq!(bench.world.work_items().count(), 0, "{text}");
        let item = bench.offered(GRACE).to_string();
        let answer = assign(&mut bench, &item, &with(&parameters)["assignment"]);
        assert_eq!(refusal(&answer), (409, text.to_owned()));
    }
}

#[test]
fn loose_types_are_taken() {
    for (yes, seconds) in
        [(json!(true), json!(30)), (json!("yes"), json!("30")), (json!(1), json!("30"))]
    {
        let mut bench = bench();
        let item = landed(&bench.offer_with(&with(&json!({
            "allowed_to_decline": yes, "timeout": seconds, "enable_auto_assign": "no",
            "display_option": "card_and_tab", "after_timeout_presence": "",
        }))));
        assert!(bench.item(item).allowed_to_decline);
        assert_eq!(bench.item(item).timeout_seconds, Some(30));
    }
}

#[test]
fn without_a_timeout_the_time_of_offer_and_the_presence_are_not_even_looked_at() {
    let mut bench = bench();
    let given =
        json!({ "offered_on": "tomorrow", "after_timeout_presence": "nobody", "timeout": "" });
    let item = landed(&bench.offer_with(&with(&given)));
    assert_eq!(bench.item(item).times_out_at(), None);
}

#[test]
fn agents_are_refused_in_the_documented_words() {
    let mut bench = bench();
    let stranger = "ffffffffffffffffffffffffffffffff";
    let not_valid = (409, format!("{stranger} is not a valid agent"));
    assert_eq!(refusal(&bench.offer(stranger)), not_valid);

    bench.world.revoke(id(GRACE), "awa_external_user");
    let no_role = (409, "The user does not have the 'awa_external_user' role".to_owned());
    assert_eq!(refusal(&bench.offer(GRACE)), no_role);

    bench.world.revoke(id(GRACE), "awa_agent");
    assert_eq!(refusal(&bench.offer(GRACE)), (409, format!("{GRACE} is not a valid agent")));

    bench.world.set_available(id(ADA), false);
    assert_eq!(refusal(&bench.offer(ADA)), (409, "Agent is not available".to_owned()));

    bench.world.set_available(id(ADA), true);
    bench.world.set_channel_available(id(ADA), id(VOICE), false);
    assert_eq!(refusal(&bench.offer(ADA)), (409, "Agent is not available".to_owned()));
    assert_eq!(bench.world.work_items().count(), 0);
}

#[test]
fn a_document_must_be_there_and_open() {
    let mut bench = bench();
    let nowhere = format!("/api/now/awa/documents/incident/{DOCUMENT}/offer");
    let answer = bench.ask("POST", &nowhere, &offer_to(GRACE));
    assert_eq!(refusal(&answer), (404, "No Record found".to_owned()));

    let path = format!("/api/now/table/interaction/{DOCUMENT}");
    bench.ask("PATCH", &path, &json!({ "state": "closed_complete" }));
    assert_eq!(refusal(&bench.offer(GRACE)), (409, "Document is not active".to_owned()));
}

#[test]
fn a_queue_is_found_by_sys_id_or_external_id_and_must_be_there() {
    let mut bench = bench();
    let mut body = offer_to(GRACE);
    body["queue_id"] = json!("nobody's queue");
    assert_eq!(refusal(&bench.offer_with(&body)).0, 404);
    body["queue_id"] = json!("support-voice");
    let answer = bench.offer_with(&body);
    assert_eq!(answer.body["result"]["work_item"]["queue"], json!(QUEUE));

    bench.world.switches.reply_queue = ReplyQueue::AsGiven;
    let answer = bench.offer_with(&body);
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
        let mut bench = bench();
        bench.world.add_queue(id(&"a".repeat(32)), "twin", Some("support-voice"), "chat");
        bench.world.switches.shared_external_id = switch;
        let answer = bench.offer(GRACE);
        assert_eq!(answer.body["result"]["work_item"]["queue"].as_str(), queue, "{switch:?}");
    }
}

#[test]
fn repeating_an_offer_while_it_is_pending_is_a_switch() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    assert_eq!(bench.offered(GRACE), item);
    assert_eq!(bench.item(item).offer_count, 2);

    bench.world.switches.repeat_offer = RepeatOffer::AlreadyAssigned;
    let taken = (409, format!("Work Item is already assigned to {GRACE}"));
    assert_eq!(refusal(&bench.offer(GRACE)), taken);
}

#[test]
fn offering_a_pending_work_item_to_another_agent_is_a_switch() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    let taken = (409, format!("Work Item is already assigned to {GRACE}"));
    assert_eq!(refusal(&bench.offer(ADA)), taken);
    let by_hand = json!({ "agent_sys_id": ADA });
    assert_eq!(refusal(&assign(&mut bench, &item.to_string(), &by_hand)), taken);

    bench.world.switches.offer_to_another = OfferToAnother::Moves;
    assert_eq!(bench.offered(ADA), item);
    assert_eq!(bench.item(item).assigned_to, Some(id(ADA)));
}

#[test]
fn an_accepted_work_item_is_refused_in_the_words_of_each_page() {
    let mut bench = bench();
    let item = bench.offered(GRACE);
    assert_eq!(bench.accept(item, GRACE).status, 200);
    let accepted = (409, "Work Item accepted can not be assigned".to_owned());
    assert_eq!(refusal(&bench.offer(GRACE)), accepted);
    assert_eq!(refusal(&bench.offer(ADA)), accepted);
    let by_hand = json!({ "agent_sys_id": ADA });
    let answer = assign(&mut bench, &item.to_string(), &by_hand);
    assert_eq!(refusal(&answer), (409, format!("Work item {item} cannot be assigned")));
}

#[test]
fn manual_assignment_takes_a_queued_work_item_and_knows_no_external_role() {
    let mut bench = bench();
    bench.world.revoke(id(ADA), "awa_external_user");
    let item = bench.offered(GRACE);
    bench.pass(30_000);
    let answer = assign(&mut bench, &item.to_string(), &json!({ "agent_sys_id": ADA }));
    let expected = json!({ "result": { "success": true, "message": "Manual assignment successfully requested." } });
    assert_eq!((answer.status, answer.body), (200, expected));
    assert_eq!(bench.item(item).assigned_to, Some(id(ADA)));

    let nothing = "0".repeat(32);
    let answer = assign(&mut bench, &nothing, &json!({ "agent_sys_id": ADA }));
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
        let mut bench = bench();
        bench.world.switches.missing_role = switch;
        bench.world.revoke(id(CALLER), "awa_integration_user");
        assert_eq!(refusal(&bench.offer(GRACE)), (status, text.clone()));
        bench.world.grant(id(CALLER), "awa_manager");
        bench.offered(GRACE);
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
        let mut bench = bench();
        bench.world.switches.refusals = switch;
        bench.world.set_available(id(GRACE), false);
        let answer = bench.offer(GRACE);
        assert_eq!((answer.status, answer.body), (status, body));
    }
}

#[test]
fn strangers_can_name_any_document_queue_and_agent() {
    let mut bench = bench();
    bench.world = World::empty();
    bench.world.switches = Switches::for_strangers();
    let item = bench.offered("ffffffffffffffffffffffffffffffff");
    assert_eq!(bench.item(item).state, WorkItemState::PendingAccept);
}

#[test]
fn an_instance_without_the_api_says_that_the_uri_is_no_resource() {
    let mut bench = bench();
    bench.world.switches.missing_apis = vec![Endpoint::Offer];
    let path = format!("/api/now/awa/documents/interaction/{DOCUMENT}/offer");
    let text = format!("Requested URI does not represent any resource: {path}");
    assert_eq!(refusal(&bench.offer(GRACE)), (400, text));
    bench.world.switches = Switches { plugin_missing: true, ..Default::default() };
    assert_eq!(refusal(&bench.accept(id(QUEUE), GRACE)).0, 400);
}
