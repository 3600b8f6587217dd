use serde_json::json;

use super::*;
use crate::routing::{DisplayOption, ExternalId, TableName, TransferKind};

fn id(text: &str) -> SysId {
    SysId::parse(text).unwrap()
}

/// The request with the default URL.
fn request(call: &AwaCall) -> WireRequest {
    super::request(call, ApiVersion::default())
}

fn interaction() -> DocumentRef {
    DocumentRef {
        table: TableName::parse("interaction").unwrap(),
        sys_id: id("59616aba87bd5210be070d48dabb35e6"),
    }
}

fn queue() -> ExternalId {
    ExternalId::parse("92f8942787851210be070d48dabb35fb").unwrap()
}

fn agent() -> SysId {
    id("0d584509c323120095ccd02422d3ae5b")
}

fn at(text: &str) -> UnixMillis {
    UnixMillis::from_rfc3339(text).unwrap()
}

fn plain() -> Assignment {
    Assignment {
        allowed_to_decline: true,
        enable_auto_assign: false,
        display_option: DisplayOption::CardOnly,
        after_timeout_presence: None,
    }
}

fn window(timeout_seconds: u32) -> OfferWindow {
    OfferWindow { offered_on: at("2024-04-03T23:09:31Z"), timeout_seconds }
}

fn an_offer() -> AwaCall {
    AwaCall::Offer {
        document: interaction(),
        segment: SegmentId::parse("segment_59616aba87bd5210be070d48dabb35e6").ok(),
        queue: queue(),
        agent: agent(),
        window: window(30),
        assignment: plain(),
    }
}

#[test]
fn an_offer_is_the_reference_pages_example_with_json_booleans() {
    assert_eq!(
        request(&an_offer()),
        WireRequest {
            method: Method::POST,
            path: "/api/now/awa/documents/interaction/59616aba87bd5210be070d48dabb35e6/offer"
                .into(),
            body: Some(json!({
                "external_segment_id": "segment_59616aba87bd5210be070d48dabb35e6",
                "queue_id": "92f8942787851210be070d48dabb35fb",
                "assignment": {
                    "agent_sys_id": "0d584509c323120095ccd02422d3ae5b",
                    "allowed_to_decline": true,
                    "enable_auto_assign": false,
                    "display_option": "card_only",
                    "timeout": 30,
                    "offered_on": "2024-04-03T23:09:31.000"
                }
            })),
        }
    );
}

#[test]
fn an_offer_without_a_segment_does_not_name_one_and_a_presence_is_named_where_it_is_set() {
    let presence = id("41f9b8dfb31313005baa6e5f26a8dcac");
    let AwaCall::Offer { document, queue, agent, window, .. } = an_offer() else { unreachable!() };
    let assignment = Assignment {
        allowed_to_decline: false,
        enable_auto_assign: true,
        display_option: DisplayOption::CardAndTab,
        after_timeout_presence: Some(presence),
    };
    let call = AwaCall::Offer { document, segment: None, queue, agent, window, assignment };
    let body = request(&call).body.unwrap();
    assert_eq!(
        body,
        json!({
            "queue_id": "92f8942787851210be070d48dabb35fb",
            "assignment": {
                "agent_sys_id": "0d584509c323120095ccd02422d3ae5b",
                "allowed_to_decline": false,
                "enable_auto_assign": true,
                "display_option": "card_and_tab",
                "timeout": 30,
                "offered_on": "2024-04-03T23:09:31.000",
                "after_timeout_presence": "41f9b8dfb31313005baa6e5f26a8dcac"
            }
        })
    );
}

#[test]
fn offered_on_is_utc_with_three_digits_and_no_zone() {
    for (given, written) in [
        ("2026-11-21T16:00:00.123456Z", "2026-11-21T16:00:00.123"),
        ("2026-11-21T17:00:00.1+01:00", "2026-11-21T16:00:00.100"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000"),
        ("1999-12-31T23:59:59.999-00:30", "2000-01-01T00:29:59.999"),
    ] {
        assert_eq!(offered_on(at(given)), written);
    }
}

#[test]
fn a_transfer_holds_the_transfer_and_nothing_of_an_assignment() {
    let to = |target, kind| AwaCall::Transfer {
        document: interaction(),
        segment: SegmentId::parse("s-2").ok(),
        source_queue: queue(),
        kind,
        target,
    };
    let to_agent = request(&to(TransferTarget::Agent(agent()), TransferKind::Consult));
    assert_eq!(
        to_agent.path,
        "/api/now/awa/documents/interaction/59616aba87bd5210be070d48dabb35e6/offer"
    );
    assert_eq!(
        to_agent.body.unwrap(),
        json!({
            "external_segment_id": "s-2",
            "transfer": {
                "source_queue_id": "92f8942787851210be070d48dabb35fb",
                "target_id": "0d584509c323120095ccd02422d3ae5b",
                "target_type": "agent",
                "transfer_type": "consult"
            }
        })
    );
    let vip = ExternalId::parse("vip queue").unwrap();
    let to_queue = request(&to(TransferTarget::Queue(vip), TransferKind::Blind));
    let transfer = &to_queue.body.unwrap()["transfer"];
    assert_eq!(transfer["target_id"], "vip queue");
    assert_eq!(transfer["target_type"], "queue");
    assert_eq!(transfer["transfer_type"], "blind");
}

#[test]
fn a_manual_assignment_is_flat_and_has_a_time_only_with_a_window() {
    let assign = |window| AwaCall::Assign {
        work_item: id("bfa3a27e87bd5210be070d48dabb3588"),
        agent: id("46d44a23a9fe19810012d100cca80666"),
        window,
        assignment: Assignment { after_timeout_presence: Some(agent()), ..plain() },
    };
    let timed = request(&assign(Some(window(10))));
    assert_eq!(timed.method, "POST");
    assert_eq!(timed.path, "/api/now/awa/workitems/bfa3a27e87bd5210be070d48dabb3588/assignments");
    assert_eq!(
        timed.body.unwrap(),
        json!({
            "agent_sys_id": "46d44a23a9fe19810012d100cca80666",
            "allowed_to_decline": true,
            "enable_auto_assign": false,
            "display_option": "card_only",
            "timeout": 10,
            "offered_on": "2024-04-03T23:09:31.000",
            "after_timeout_presence": "0d584509c323120095ccd02422d3ae5b"
        })
    );
    assert_eq!(
        request(&assign(None)).body.unwrap(),
        json!({
            "agent_sys_id": "46d44a23a9fe19810012d100cca80666",
            "allowed_to_decline": true,
            "enable_auto_assign": false,
            "display_option": "card_only"
        })
    );
}

#[test]
fn a_version_stands_behind_now_in_every_path_of_awa_and_in_no_other() {
    let (agent, work_item) = (agent(), id("fd69abfc878b01101ae365b83cbb35fe"));
    let target = TransferTarget::Agent(agent);
    let (document, kind) = (interaction(), TransferKind::Blind);
    let calls = [
        an_offer(),
        AwaCall::Transfer {
            document: document.clone(),
            segment: None,
            source_queue: queue(),
            kind,
            target,
        },
        AwaCall::Assign { work_item, agent, window: None, assignment: plain() },
        AwaCall::Accept { work_item, agent },
        AwaCall::Reject { work_item, agent, reason: RejectReason::SysId(agent) },
        AwaCall::EndConsult { document: document.clone(), hand_over: true },
    ];
    for call in calls {
        let plain = request(&call).path;
        let pinned = super::request(&call, ApiVersion::new(Some(1))).path;
        assert_eq!(pinned, plain.replacen("/api/now/awa/", "/api/now/v1/awa/", 1), "{call:?}");
        assert_ne!(pinned, plain, "{call:?}");
    }
    let close = AwaCall::CloseDocument { document };
    let pinned = super::request(&close, ApiVersion::new(Some(1)));
    assert_eq!(pinned, request(&close), "the Table API is not AWA's");
}

#[test]
fn inbox_actions_are_the_reference_pages_examples() {
    let agent = id("46c9e158a9fe198101d44d0d22cb640d");
    let accept = AwaCall::Accept { work_item: id("fd69abfc878b01101ae365b83cbb35fe"), agent };
    let accept = request(&accept);
    assert_eq!(
        (accept.method, accept.path.as_str()),
        (Method::POST, "/api/now/awa/inbox/actions/accept")
    );
    assert_eq!(
        accept.body.unwrap(),
        json!({
            "agent_id": "46c9e158a9fe198101d44d0d22cb640d",
            "work_item_id": "fd69abfc878b01101ae365b83cbb35fe"
        })
    );
    let reject = |reason| {
        let work_item = id("3ed5df4d87cf01101ae365b83cbb35af");
        request(&AwaCall::Reject { work_item, agent, reason })
    };
    let by_id = reject(RejectReason::SysId(id("31e3fa29b38023002e7b6e5f26a8dc17")));
    assert_eq!(by_id.path, "/api/now/awa/inbox/actions/reject");
    assert_eq!(
        by_id.body.unwrap(),
        json!({
            "agent_id": "46c9e158a9fe198101d44d0d22cb640d",
            "work_item_id": "3ed5df4d87cf01101ae365b83cbb35af",
            "reject_reason_id": "31e3fa29b38023002e7b6e5f26a8dc17"
        })
    );
    let by_name =
        reject(RejectReason::DisplayValue { text: "Not my expertise".into(), channel: None });
    assert_eq!(by_name.body.unwrap()["reject_reason_id"], "Not my expertise");
}

#[test]
fn the_end_of_a_consult_is_put_and_the_end_of_a_document_is_patched() {
    let end = request(&AwaCall::EndConsult { document: interaction(), hand_over: true });
    assert_eq!((end.method, end.path.as_str()), (Method::PUT, "/api/now/awa/consult/end"));
    assert_eq!(
        end.body.unwrap(),
        json!({ "document_sys_id": "59616aba87bd5210be070d48dabb35e6", "hand_over": true })
    );
    let close = request(&AwaCall::CloseDocument { document: interaction() });
    assert_eq!(close.method, "PATCH");
    assert_eq!(close.path, "/api/now/table/interaction/59616aba87bd5210be070d48dabb35e6");
    assert_eq!(close.body.unwrap(), json!({ "state": "closed_abandoned" }));
}
