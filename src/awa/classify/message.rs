//! ServiceNow's documented error messages ([`Message`]); matched by their fixed parts, in any letter case.

/// What an error message says, before the call and the status decide what that means for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// An operator has to change something: what.
    Misconfigured(&'static str),
    /// The record is not there, or is hidden.
    NotThere,
    /// The call may have been carried out all the same.
    LookFirst,
    /// Refused, for what the work item's state is: a look-up shows whether it is as wanted.
    Conflict,
    AgentUnavailable,
    DocumentClosed,
    TooLate,
    ClockSkew,
    /// The work item is with this agent.
    AssignedTo(&'a str),
    /// There is no consult to end.
    NoConsult,
    Unauthorised,
    /// A role or a policy; the status decides.
    Forbidden,
}

/// The message that a text is; none if it is not documented.
pub(super) fn parse(text: &str) -> Option<Message<'_>> {
    let lower = text.to_ascii_lowercase().replace('\u{2019}', "'");
    let says = |part: &str| lower.contains(part);
    let both = |one: &str, other: &str| says(one) && says(other);

    if let Some(agent) = assigned_agent(text) {
        return Some(Message::AssignedTo(agent));
    }
    if says("does not have the") && says("role") {
        return Some(Message::Misconfigured(missing_role(&lower)));
    }
    if both("offered time", "must be before the current time") {
        return Some(Message::ClockSkew);
    }
    TABLE.iter().find(|(part, _)| says(part)).map(|(_, meaning)| meaning.clone())
}

/// The fixed part of each message, in lower case, and its meaning. The first that fits counts.
const TABLE: &[(&str, Message<'static>)] = &[
    ("timestamp after timeout", Message::TooLate),
    (
        "must be in the following format",
        Message::Misconfigured("offered_on has a format that this instance does not take"),
    ),
    ("document is not active", Message::DocumentClosed),
    ("agent is not available", Message::AgentUnavailable),
    ("couldn't blind transfer to agent", Message::AgentUnavailable),
    ("could not blind transfer to agent", Message::AgentUnavailable),
    ("can not be assigned", Message::Conflict),
    ("cannot be assigned", Message::Conflict),
    ("not in pending accept state", Message::Conflict),
    ("isn't in pending accept state", Message::Conflict),
    ("assigned to a different agent", Message::Conflict),
    ("maximum execution time exceeded", Message::LookFirst),
    ("transaction cancelled", Message::LookFirst),
    ("cannot find the work item for document", Message::NoConsult),
    (
        "is not a valid agent",
        Message::Misconfigured("the agent does not exist or lacks the role awa_agent"),
    ),
    ("is not a valid work item", Message::Misconfigured("there is no such work item")),
    ("timeout value cannot be negative", Message::Misconfigured("the ring time is negative")),
    (
        "is not a valid presence state",
        Message::Misconfigured("after_timeout_presence names no awa_presence_state"),
    ),
    (
        "is not a valid display option",
        Message::Misconfigured("display_option is not one that this instance takes"),
    ),
    (
        "is not a valid boolean value",
        Message::Misconfigured("a flag is not one that this instance takes"),
    ),
    ("missing agent id", Message::Misconfigured("the request lacks its agent_id")),
    ("missing work item id", Message::Misconfigured("the request lacks its work_item_id")),
    ("missing reject reason", Message::Misconfigured("the request lacks its reject_reason_id")),
    ("wrong work item id", Message::Misconfigured("there is no such work item")),
    ("wrong agent id", Message::Misconfigured("there is no such user")),
    ("wrong reject reason id", Message::Misconfigured("there is no such reject reason")),
    (
        "there is no record for awa_reject_reason",
        Message::Misconfigured("there is no such reject reason: check reject_reasons.csv"),
    ),
    ("there is no record for awa_work_item", Message::Misconfigured("there is no such work item")),
    (
        "there is no record for sys_user",
        Message::Misconfigured("there is no such user: check agents.csv"),
    ),
    (
        "does not represent any resource",
        Message::Misconfigured(
            "this API is not on the instance: the plugin com.glide.awa is missing, or the release is too old for it; Offer Work needs Yokohama",
        ),
    ),
    ("user not authenticated", Message::Unauthorised),
    ("required to provide auth information", Message::Unauthorised),
    ("user not authorized", Message::Forbidden),
    ("failed api level acl validation", Message::Forbidden),
    ("insufficient rights", Message::Forbidden),
    ("no record found", Message::NotThere),
];

fn missing_role(lower: &str) -> &'static str {
    if lower.contains("awa_external_user") {
        "give the agent the role awa_external_user"
    } else if lower.contains("awa_manager") || lower.contains("awa_integration_user") {
        "give the integration user the role awa_integration_user"
    } else {
        "give the user the role"
    }
}

/// The agent of `Work Item is already assigned to <agent>`.
fn assigned_agent(text: &str) -> Option<&str> {
    const PART: &str = "already assigned to";
    let at = text.to_ascii_lowercase().find(PART)?;
    let rest = text.get(at.saturating_add(PART.len())..)?.trim();
    Some(rest.trim_matches(|char: char| {
        matches!(char, '.' | '"' | '\'' | '<' | '>') || char.is_whitespace()
    }))
}
