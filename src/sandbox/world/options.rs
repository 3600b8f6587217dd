//! What Offer Work and Manual Assignment have in common: the parameters of an assignment, loose types and all, and
//! whether an agent can be given work.

use serde_json::Value;

use super::{Refusal, SysId, UnixMillis, World};
use crate::routing::DisplayOption;

/// The parameters of an assignment beside the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) allowed_to_decline: bool,
    pub(super) auto_assign: bool,
    pub(super) display_option: DisplayOption,
    /// Now, where the request says no other time.
    pub(super) offered_on: UnixMillis,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) after_timeout_presence: Option<SysId>,
}

impl World {
    /// Reads and checks the parameters of an assignment.
    ///
    /// `offered_on` and `after_timeout_presence` are ignored without a time-out, and all three with
    /// `enable_auto_assign`; what is ignored is not checked.
    pub(super) fn options(&self, given: &Value, now: UnixMillis) -> Result<Options, Refusal> {
        let allowed_to_decline = boolean(&given["allowed_to_decline"], true)?;
        let auto_assign = boolean(&given["enable_auto_assign"], false)?;
        let display_option = match text(&given["display_option"]).as_str() {
            "" | "card_only" => DisplayOption::CardOnly,
            "card_and_tab" => DisplayOption::CardAndTab,
            other => return Err(Refusal::NotADisplayOption(other.to_owned())),
        };
        let timeout_seconds = timeout(&given["timeout"])?.filter(|_| !auto_assign);
        let mut options = Options {
            allowed_to_decline,
            auto_assign,
            display_option,
            offered_on: now,
            timeout_seconds,
            after_timeout_presence: None,
        };
        let Some(seconds) = timeout_seconds else {
            return Ok(options);
        };
        options.after_timeout_presence = self.presence(&given["after_timeout_presence"])?;
        let offered_on = text(&given["offered_on"]);
        if !offered_on.is_empty() {
            options.offered_on = offer_time(&offered_on, seconds, now)?;
        }
        Ok(options)
    }

    fn presence(&self, given: &Value) -> Result<Option<SysId>, Refusal> {
        let given = text(given);
        if given.is_empty() {
            return Ok(None);
        }
        let known = SysId::parse(&given).ok().filter(|id| self.presence_states.contains_key(id));
        known.map(Some).ok_or(Refusal::NotAPresenceState(given))
    }

    /// The agent of that sys_id: a user with the role awa_agent.
    pub(super) fn agent(&mut self, given: &Value) -> Result<SysId, Refusal> {
        let given = text(given);
        if given.is_empty() {
            return Err(Refusal::BadParameter("Missing agent_sys_id".to_owned()));
        }
        let Ok(agent) = SysId::parse(&given) else {
            return Err(Refusal::NotAnAgent(given));
        };
        if self.switches.agents_appear && !self.users.contains_key(&agent) {
            self.add_agent(agent, &format!("agent.{agent}"));
        }
        if self.has_role(agent, "awa_agent") { Ok(agent) } else { Err(Refusal::NotAnAgent(given)) }
    }

    /// An [`World::agent`] who may be offered work from outside.
    pub(super) fn external_agent(&mut self, given: &Value) -> Result<SysId, Refusal> {
        let agent = self.agent(given)?;
        if self.has_role(agent, "awa_external_user") {
            Ok(agent)
        } else {
            Err(Refusal::LacksExternalUserRole)
        }
    }
}

/// A parameter as text; absent and null are the empty text.
pub(super) fn text(given: &Value) -> String {
    match given {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => given.to_string(),
    }
}

/// true/yes/1 and false/no/0, as JSON's own or as text.
pub(super) fn boolean(given: &Value, default: bool) -> Result<bool, Refusal> {
    if given.is_null() {
        return Ok(default);
    }
    let word = text(given);
    match word.as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Refusal::NotABoolean(word)),
    }
}

/// Seconds, as a number or as text; the empty text is no limit.
fn timeout(given: &Value) -> Result<Option<u64>, Refusal> {
    let word = text(given);
    if word.is_empty() {
        return Ok(None);
    }
    match word.parse::<i64>() {
        Ok(seconds) => u64::try_from(seconds).map(Some).map_err(|_| Refusal::NegativeTimeout),
        Err(_) => Err(Refusal::BadParameter(format!("timeout: {word} is not a whole number"))),
    }
}

/// A time of offer: in the documented format, before now, and with time left.
fn offer_time(given: &str, seconds: u64, now: UnixMillis) -> Result<UnixMillis, Refusal> {
    let Some(offered_on) = parse_offered_on(given) else {
        return Err(Refusal::OfferedOnFormat(given.to_owned()));
    };
    if offered_on >= now {
        return Err(Refusal::OfferedOnAhead(given.to_owned()));
    }
    if offered_on.plus(seconds.saturating_mul(1000)) <= now {
        return Err(Refusal::TimeoutPassed(given.to_owned()));
    }
    Ok(offered_on)
}

/// Reads exactly `yyyy-MM-dd'T'HH:mm:ss.SSS`, UTC.
fn parse_offered_on(text: &str) -> Option<UnixMillis> {
    let pattern = b"0000-00-00T00:00:00.000";
    let fits = |(byte, wanted): (u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        mark => byte == *mark,
    };
    if text.len() != pattern.len() || !text.bytes().zip(pattern).all(fits) {
        return None;
    }
    UnixMillis::from_rfc3339(&format!("{text}Z"))
}
