//! Paths of the instance: which API a request is for, default URL or versioned.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which API a request is for, as faults and recorded calls name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Offer Work without `transfer`.
    Offer,
    /// Offer Work with `transfer`.
    Transfer,
    /// Manual Assignment.
    Assign,
    /// Inbox Actions: accept.
    Accept,
    /// Inbox Actions: reject.
    Reject,
    /// Inbox Actions: reject reasons.
    RejectReasons,
    /// Agent Consult: end.
    EndConsult,
    /// Agent API: presence, read or set.
    Agent,
    /// Table API: read.
    TableRead,
    /// Table API: write.
    TableWrite,
    /// `/oauth_token.do`.
    Token,
    /// No API of the sandbox.
    Unknown,
}

impl Endpoint {
    /// Which API a request with that method, path and body is for.
    #[must_use]
    pub(crate) fn of(method: &str, path: &str, body: Option<&Value>) -> Self {
        if path == "/oauth_token.do" {
            return Self::Token;
        }
        match Route::parse(path) {
            Some(Route::Offer { .. }) => {
                let transfer = body.is_some_and(is_transfer);
                if transfer { Self::Transfer } else { Self::Offer }
            }
            Some(Route::Assign { .. }) => Self::Assign,
            Some(Route::Accept) => Self::Accept,
            Some(Route::Reject) => Self::Reject,
            Some(Route::RejectReasons { .. }) => Self::RejectReasons,
            Some(Route::EndConsult) => Self::EndConsult,
            Some(Route::Agent { .. }) => Self::Agent,
            Some(Route::Table { .. } | Route::Record { .. }) if method == "GET" => Self::TableRead,
            Some(Route::Table { .. } | Route::Record { .. }) => Self::TableWrite,
            None => Self::Unknown,
        }
    }
}

/// Whether Offer Work takes the body for a transfer: "if a value is provided for this parameter".
pub(super) fn is_transfer(body: &Value) -> bool {
    match &body["transfer"] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// The one version of AWA's APIs.
const AWA_VERSION: &str = "v1";

/// A path with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Offer { table: &'a str, sys_id: &'a str },
    Assign { work_item: &'a str },
    Accept,
    Reject,
    RejectReasons { channel: &'a str },
    EndConsult,
    Agent { user: &'a str },
    Table { table: &'a str },
    Record { table: &'a str, sys_id: &'a str },
}

impl<'a> Route<'a> {
    /// Reads `/api/now/…` and `/api/now/v1/…`; anything else is none, also a version of AWA's APIs that no release has.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/api/now/")?;
        let mut parts: Vec<&str> = rest.split('/').collect();
        if parts.first().is_some_and(|part| is_version(part)) {
            let version = parts.remove(0);
            if parts.first() == Some(&"awa") && version != AWA_VERSION {
                return None;
            }
        }
        match parts.as_slice() {
            ["awa", "documents", table, sys_id, "offer"] => Some(Self::Offer { table, sys_id }),
            ["awa", "workitems", work_item, "assignments"] => Some(Self::Assign { work_item }),
            ["awa", "inbox", "actions", "accept"] => Some(Self::Accept),
            ["awa", "inbox", "actions", "reject"] => Some(Self::Reject),
            ["awa", "inbox", "actions", "reject_reasons", channel] => {
                Some(Self::RejectReasons { channel })
            }
            ["awa", "consult", "end"] => Some(Self::EndConsult),
            ["awa", "agents", user] => Some(Self::Agent { user }),
            ["table", table] => Some(Self::Table { table }),
            ["table", table, sys_id] => Some(Self::Record { table, sys_id }),
            _ => None,
        }
    }

    /// Whether the AWA plugin brings it.
    pub(super) const fn is_awa(&self) -> bool {
        !matches!(self, Self::Table { .. } | Self::Record { .. })
    }

    /// Whether it answers to that method.
    pub(super) fn takes(&self, method: &str) -> bool {
        match self {
            Self::Offer { .. } | Self::Assign { .. } | Self::Accept | Self::Reject => {
                method == "POST"
            }
            Self::EndConsult => method == "PUT",
            Self::Agent { .. } => matches!(method, "GET" | "PUT"),
            Self::RejectReasons { .. } | Self::Table { .. } => method == "GET",
            Self::Record { .. } => matches!(method, "GET" | "PATCH"),
        }
    }
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}
