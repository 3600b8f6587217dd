//! ServiceNow's documented messages and what each means; matched by their fixed parts, in any letter case.

/// What a message means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
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

/// The meaning of a text; none if it is not documented.
pub(super) fn meaning(text: &str) -> Option<Meaning<'_>> {
    let lower = text.to_ascii_lowercase().replace('\u{2019}', "'");
    let says = |part: &str| lower.contains(part);
    let both = |one: &str, other: &str| says(one) && says(other);

    if let Some(agent) = assigned_agent(text) {
        return Some(Meaning::AssignedTo(agent));
    }
    if says("does not have the") && says("role") {
        return Some(Meaning::Misconfigured(missing_role(&lower)));
    }
    if both("offered time", "must be before the current time") {
        return Some(Meaning::ClockSkew);
    }
    TABLE.iter().find(|(part, _)| says(part)).map(|(_, meaning)| meaning.clone())
}

/// The fixed part of each message, in lower case, and its meaning. The first that fits counts.
const TABLE: &[(&str, Meaning<'static>)] = &[
    ("timestamp after timeout", Meaning::TooLate),
    (
        "must be in the following format",
        Meaning::Misconfigured("offered_on has a format that this instance does not take"),
    ),
    ("document is not active", Meaning::DocumentClosed),
    ("agent is not available", Meaning::AgentUnavailable),
    ("couldn't blind transfer to agent", Meaning::AgentUnavailable),
    ("could not blind transfer to agent", Meaning::AgentUnavailable),
    ("can not be assigned", Meaning::Conflict),
    ("cannot be assigned", Meaning::Conflict),
    ("not in pending accept state", Meaning::Conflict),
    ("isn't in pending accept state", Meaning::Conflict),
    ("assigned to a different agent", Meaning::Conflict),
    ("maximum execution time exceeded", Meaning::LookFirst),
    ("transaction cancelled", Meaning::LookFirst),
    ("cannot find the work item for document", Meaning::NoConsult),
    (
        "is not a valid agent",
        Meaning::Misconfigured("the agent does not exist or lacks the role awa_agent"),
    ),
    ("is not a valid work item", Meaning::Misconfigured("there is no such work item")),
    ("timeout value cannot be negative", Meaning::Misconfigured("the ring time is negative")),
    (
        "is not a valid presence state",
        Meaning::Misconfigured("after_timeout_presence names no awa_presence_state"),
    ),
    (
        "is not a valid display option",
        Meaning::Misconfigured("display_option is not one that this instance takes"),
    ),
    (
        "is not a valid boolean value",
        Meaning::Misconfigured("a flag is not one that this instance takes"),
    ),
    ("missing agent id", Meaning::Misconfigured("the request lacks its agent_id")),
    ("missing work item id", Meaning::Misconfigured("the request lacks its work_item_id")),
    ("missing reject reason", Meaning::Misconfigured("the request lacks its reject_reason_id")),
    ("wrong work item id", Meaning::Misconfigured("there is no such work item")),
    ("wrong agent id", Meaning::Misconfigured("there is no such user")),
    ("wrong reject reason id", Meaning::Misconfigured("there is no such reject reason")),
    (
        "there is no record for awa_reject_reason",
        Meaning::Misconfigured("there is no such reject reason: check reject_reasons.csv"),
    ),
    ("there is no record for awa_work_item", Meaning::Misconfigured("there is no such work item")),
    (
        "there is no record for sys_user",
        Meaning::Misconfigured("there is no such user: check agents.csv"),
    ),
    (
        "does not represent any resource",
        Meaning::Misconfigured(
            "this API is not on the instance: the plugin com.glide.awa is missing, or the release is too old for it; Offer Work needs Yokohama",
        ),
    ),
    ("user not authenticated", Meaning::Unauthorised),
    ("required to provide auth information", Meaning::Unauthorised),
    ("user not authorized", Meaning::Forbidden),
    ("failed api level acl validation", Meaning::Forbidden),
    ("insufficient rights", Meaning::Forbidden),
    ("no record found", Meaning::NotThere),
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
