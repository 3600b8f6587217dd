//! A call as a request: method, path and body, field for field as the reference pages have them.
//!
//! Pure: a dry run prints what a real run sends.

use std::fmt;

use hyper::Method;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::routing::{
    Assignment, AwaCall, DocumentRef, OfferWindow, RejectReason, SegmentId, SysId, TransferTarget,
    UnixMillis,
};

/// A request as it goes to the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WireRequest {
    #[serde(serialize_with = "by_name")]
    pub(crate) method: Method,
    /// The path below the instance's address; safe as it stands, since only checked ids go into it.
    pub(crate) path: String,
    /// The JSON body; null where there is none.
    pub(crate) body: Option<Value>,
}

fn by_name<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_str())
}

/// Which version of AWA's APIs is called: the path parameter `{api_version}` of the reference pages. Without one it is
/// the default URL, which follows the instance's release. Other APIs, such as the Table API, have versions of their
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ApiVersion(Option<u16>);

impl ApiVersion {
    /// `v1` is 1; none is the default URL.
    #[must_use]
    pub(crate) const fn new(version: Option<u16>) -> Self {
        Self(version)
    }

    /// The path of an AWA API; `rest` is what follows `awa/`.
    pub(super) fn path(self, rest: impl fmt::Display) -> String {
        match self.0 {
            Some(version) => format!("/api/now/v{version}/awa/{rest}"),
            None => format!("/api/now/awa/{rest}"),
        }
    }

    /// What the configuration says, where it says something.
    pub(super) fn pinned(self) -> Option<String> {
        self.0.map(|version| format!("servicenow.api_version = \"v{version}\""))
    }
}

/// Writes the request of a call.
///
/// A reject reason that is still a display value is written as it is:
/// the client resolves it before it sends.
#[must_use]
pub(crate) fn request(call: &AwaCall, version: ApiVersion) -> WireRequest {
    match call {
        AwaCall::Offer { document, segment, queue, agent, window, assignment } => {
            let mut fields = assignment_fields(*agent, assignment);
            window_fields(&mut fields, *window, assignment);
            let body = json!({ "queue_id": queue.as_str(), "assignment": fields });
            offer_work(version, document, segment.as_ref(), body)
        }
        AwaCall::Transfer { document, segment, source_queue, kind, target } => {
            let (target_type, target_id) = match target {
                TransferTarget::Agent(agent) => ("agent", agent.to_string()),
                TransferTarget::Queue(queue) => ("queue", queue.as_str().to_owned()),
            };
            let transfer = json!({
                "source_queue_id": source_queue.as_str(),
                "target_id": target_id,
                "target_type": target_type,
                "transfer_type": kind.as_str(),
            });
            let body = json!({ "transfer": transfer });
            offer_work(version, document, segment.as_ref(), body)
        }
        AwaCall::Assign { work_item, agent, window, assignment } => {
            let mut fields = assignment_fields(*agent, assignment);
            if let Some(window) = window {
                window_fields(&mut fields, *window, assignment);
            }
            let path = version.path(format_args!("workitems/{work_item}/assignments"));
            WireRequest { method: Method::POST, path, body: Some(Value::Object(fields)) }
        }
        AwaCall::Accept { work_item, agent } => {
            let body = json!({ "agent_id": agent, "work_item_id": work_item });
            inbox_action(version, "accept", body)
        }
        AwaCall::Reject { work_item, agent, reason } => {
            let reason = match reason {
                RejectReason::SysId(sys_id) => sys_id.to_string(),
                RejectReason::DisplayValue { text, channel: _ } => text.clone(),
            };
            let body =
                json!({ "agent_id": agent, "work_item_id": work_item, "reject_reason_id": reason });
            inbox_action(version, "reject", body)
        }
        AwaCall::EndConsult { document, hand_over } => WireRequest {
            method: Method::PUT,
            path: version.path("consult/end"),
            body: Some(json!({ "document_sys_id": document.sys_id, "hand_over": hand_over })),
        },
        AwaCall::CloseDocument { document } => WireRequest {
            method: Method::PATCH,
            path: format!("/api/now/table/{}/{}", document.table, document.sys_id),
            body: Some(json!({ "state": "closed_abandoned" })),
        },
    }
}

/// ServiceNow's form of a moment: UTC, `yyyy-MM-dd'T'HH:mm:ss.SSS`, no zone.
#[must_use]
pub(crate) fn offered_on(at: UnixMillis) -> String {
    at.to_string().trim_end_matches('Z').to_owned()
}

fn offer_work(
    version: ApiVersion,
    document: &DocumentRef,
    segment: Option<&SegmentId>,
    mut body: Value,
) -> WireRequest {
    if let Some(segment) = segment {
        body["external_segment_id"] = json!(segment);
    }
    let rest = format_args!("documents/{}/{}/offer", document.table, document.sys_id);
    let path = version.path(rest);
    WireRequest { method: Method::POST, path, body: Some(body) }
}

fn inbox_action(version: ApiVersion, action: &str, body: Value) -> WireRequest {
    let path = version.path(format_args!("inbox/actions/{action}"));
    WireRequest { method: Method::POST, path, body: Some(body) }
}

fn assignment_fields(agent: SysId, assignment: &Assignment) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("agent_sys_id".into(), json!(agent));
    fields.insert("allowed_to_decline".into(), json!(assignment.allowed_to_decline));
    fields.insert("enable_auto_assign".into(), json!(assignment.enable_auto_assign));
    fields.insert("display_option".into(), json!(assignment.display_option.as_str()));
    fields
}

/// The fields that ServiceNow only reads where `timeout` is present.
fn window_fields(fields: &mut Map<String, Value>, window: OfferWindow, assignment: &Assignment) {
    fields.insert("timeout".into(), json!(window.timeout_seconds));
    fields.insert("offered_on".into(), json!(offered_on(window.offered_on)));
    if let Some(presence) = assignment.after_timeout_presence {
        fields.insert("after_timeout_presence".into(), json!(presence));
    }
}

#[cfg(test)]
mod tests;
