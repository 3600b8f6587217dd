//! Calls for tests, with the ids of the reference pages' examples.

use crate::routing::{
    Assignment, AwaCall, DisplayOption, DocumentRef, ExternalId, OfferWindow, RejectReason, SysId,
    TableName, TransferKind, TransferTarget, UnixMillis,
};

pub(super) const OURS: &str = "0d584509c323120095ccd02422d3ae5b";
pub(super) const OTHER: &str = "46d44a23a9fe19810012d100cca80666";
pub(super) const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";
pub(super) const WORK_ITEM: &str = "bfa3a27e87bd5210be070d48dabb3588";
pub(super) const QUEUE: &str = "92f8942787851210be070d48dabb35fb";
const REASON: &str = "31e3fa29b38023002e7b6e5f26a8dc17";

pub(super) fn id(text: &str) -> SysId {
    SysId::parse(text).expect("a sys_id")
}

pub(super) fn document() -> DocumentRef {
    DocumentRef { table: TableName::parse("interaction").expect("a table"), sys_id: id(DOCUMENT) }
}

pub(super) fn queue(text: &str) -> ExternalId {
    ExternalId::parse(text).expect("an external id")
}

fn assignment() -> Assignment {
    Assignment {
        allowed_to_decline: true,
        enable_auto_assign: false,
        display_option: DisplayOption::CardOnly,
        after_timeout_presence: None,
    }
}

/// An offer to our agent, for half a minute.
pub(super) fn offer_at(offered_on: UnixMillis) -> AwaCall {
    AwaCall::Offer {
        document: document(),
        segment: None,
        queue: queue("q-1"),
        agent: id(OURS),
        window: OfferWindow { offered_on, timeout_seconds: 30 },
        assignment: assignment(),
    }
}

pub(super) fn transfer_to(target: TransferTarget) -> AwaCall {
    AwaCall::Transfer {
        document: document(),
        segment: None,
        source_queue: queue("q-1"),
        kind: TransferKind::Blind,
        target,
    }
}

pub(super) fn assign() -> AwaCall {
    AwaCall::Assign {
        work_item: id(WORK_ITEM),
        agent: id(OURS),
        window: None,
        assignment: assignment(),
    }
}

pub(super) fn accept() -> AwaCall {
    AwaCall::Accept { work_item: id(WORK_ITEM), agent: id(OURS) }
}

pub(super) fn reject() -> AwaCall {
    let reason = RejectReason::SysId(id(REASON));
    AwaCall::Reject { work_item: id(WORK_ITEM), agent: id(OURS), reason }
}

pub(super) fn end_consult() -> AwaCall {
    AwaCall::EndConsult { document: document(), hand_over: false }
}

pub(super) fn close() -> AwaCall {
    AwaCall::CloseDocument { document: document() }
}
