//! What the instance says: an HTTP status and a JSON body, and the documented refusals word for word.

use std::fmt;

use serde_json::{Value, json};

use super::super::switches::{MissingRole, RefusalShape};
use crate::routing::SysId;

/// An answer of the instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
    /// How many rows a table's query matched, whatever of them is shown; `X-Total-Count`.
    pub(crate) total: Option<usize>,
}

impl Answer {
    /// 200 and `{"result": …}`.
    #[must_use]
    pub(crate) fn result(result: Value) -> Self {
        Self { status: 200, body: json!({ "result": result }), total: None }
    }

    /// The platform's error object.
    #[must_use]
    pub(crate) fn error(status: u16, message: &str, detail: impl Into<Value>) -> Self {
        let error = json!({ "message": message, "detail": detail.into() });
        Self { status, body: json!({ "error": error, "status": "failure" }), total: None }
    }

    /// `{"result":{"success":false,"message"}}`.
    #[must_use]
    pub(crate) fn success_false(status: u16, message: &str) -> Self {
        Self {
            status,
            body: json!({ "result": { "success": false, "message": message } }),
            total: None,
        }
    }

    /// 400: the path is not an API of this release.
    #[must_use]
    pub(crate) fn no_such_api(path: &str) -> Self {
        let message = format!("Requested URI does not represent any resource: {path}");
        Self::error(400, &message, Value::Null)
    }

    /// 400 in the platform's words.
    #[must_use]
    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::error(400, "Bad Request", detail)
    }

    /// 401 of an API call without good credentials.
    #[must_use]
    pub(crate) fn not_authenticated() -> Self {
        Self::error(401, "User Not Authenticated", "Required to provide Auth information")
    }

    /// 403 of an API that the caller has no role for.
    #[must_use]
    pub(crate) fn not_authorised() -> Self {
        Self::error(403, "User Not Authorized", "Failed API level ACL Validation")
    }

    /// 404 of a record.
    #[must_use]
    pub(crate) fn no_record() -> Self {
        Self::error(
            404,
            "No Record found",
            "Record doesn't exist or ACL restricts the record retrieval",
        )
    }

    /// 405.
    #[must_use]
    pub(crate) fn method_not_supported() -> Self {
        Self::error(405, "Method not supported", "Method not supported")
    }
}

/// Why Offer Work, Manual Assignment or a consult end was refused; its text is the documented `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    CallerLacksRole(SysId),
    /// Offer Work's words for an accepted work item.
    AcceptedCannotBeAssigned,
    /// Manual Assignment's words for an accepted or canceled work item.
    CannotBeAssigned(SysId),
    NotAWorkItem(String),
    NotAnAgent(String),
    LacksExternalUserRole,
    BlindTransferFailed,
    AlreadyAssigned(SysId),
    NotAvailable,
    NegativeTimeout,
    NotAPresenceState(String),
    OfferedOnFormat(String),
    OfferedOnAhead(String),
    TimeoutPassed(String),
    NotADisplayOption(String),
    NotABoolean(String),
    DocumentNotActive,
    NoConsult(String),
    /// The document or the queue is not there: the platform's 404.
    NoRecord,
    /// A required parameter is missing or of the wrong kind; no page has words for it.
    BadParameter(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallerLacksRole(caller) => write!(
                f,
                "Caller {caller} does not have the awa_manager or awa_integration_user role"
            ),
            Self::AcceptedCannotBeAssigned => f.write_str("Work Item accepted can not be assigned"),
            Self::CannotBeAssigned(item) => write!(f, "Work item {item} cannot be assigned"),
            Self::NotAWorkItem(item) => write!(f, "{item} is not a valid work item"),
            Self::NotAnAgent(agent) => write!(f, "{agent} is not a valid agent"),
            Self::LacksExternalUserRole => {
                f.write_str("The user does not have the 'awa_external_user' role")
            }
            Self::BlindTransferFailed => {
                f.write_str("Transfer failed - couldn't blind transfer to agent")
            }
            Self::AlreadyAssigned(agent) => write!(f, "Work Item is already assigned to {agent}"),
            Self::NotAvailable => f.write_str("Agent is not available"),
            Self::NegativeTimeout => f.write_str("Timeout value cannot be negative"),
            Self::NotAPresenceState(id) => write!(f, "{id} is not a valid presence state"),
            Self::OfferedOnFormat(text) => write!(
                f,
                "Offered time ({text}) must be in the following format: yyyy-MM-dd'T'HH:mm:ss.SSS"
            ),
            Self::OfferedOnAhead(text) => write!(
                f,
                "Offered time ({text}) must be before the current time, otherwise agent will have \
                 more time to accept the work item"
            ),
            Self::TimeoutPassed(text) => write!(
                f,
                "Timestamp after timeout ({text}) must be after the current time, otherwise agent \
                 has no time to accept the work item"
            ),
            Self::NotADisplayOption(text) => write!(f, "{text} is not a valid display option"),
            Self::NotABoolean(text) => write!(f, "{text} is not a valid boolean value"),
            Self::DocumentNotActive => f.write_str("Document is not active"),
            Self::NoConsult(document) => {
                write!(f, "Cannot find the work item for document ID: {document}")
            }
            Self::NoRecord => f.write_str("No Record found"),
            Self::BadParameter(text) => f.write_str(text),
        }
    }
}

impl Refusal {
    /// The refusal as the instance words and wraps it.
    #[must_use]
    pub(crate) fn answer(&self, shape: RefusalShape, missing_role: MissingRole) -> Answer {
        let text = self.to_string();
        let as_error = |status| Answer::error(status, &text, text.as_str());
        let shaped = |status| match shape {
            RefusalShape::ConflictError => as_error(status),
            RefusalShape::ConflictResult => Answer::success_false(status, &text),
            RefusalShape::SuccessFalse => Answer::success_false(200, &text),
        };
        match self {
            Self::CallerLacksRole(_) => match missing_role {
                MissingRole::Unauthorised401 => as_error(401),
                MissingRole::Forbidden403 => as_error(403),
                MissingRole::Conflict409 => as_error(409),
                MissingRole::ServerError500 => as_error(500),
                MissingRole::SuccessFalse200 => Answer::success_false(200, &text),
            },
            Self::NoRecord => Answer::no_record(),
            Self::BadParameter(text) => Answer::bad_request(text),
            Self::NotAWorkItem(_) | Self::NoConsult(_) => shaped(404),
            Self::AcceptedCannotBeAssigned
            | Self::CannotBeAssigned(_)
            | Self::NotAnAgent(_)
            | Self::LacksExternalUserRole
            | Self::BlindTransferFailed
            | Self::AlreadyAssigned(_)
            | Self::NotAvailable
            | Self::NegativeTimeout
            | Self::NotAPresenceState(_)
            | Self::OfferedOnFormat(_)
            | Self::OfferedOnAhead(_)
            | Self::TimeoutPassed(_)
            | Self::NotADisplayOption(_)
            | Self::NotABoolean(_)
            | Self::DocumentNotActive => shaped(409),
        }
    }
}
