//! What a POST may say: nothing but the parameters of its path. A word that is not understood must not be passed over:
//! a hold whose time is misspelt would last without end.

use std::collections::HashMap;
use std::time::Duration;

use crate::routing::duration;

/// How long a hold with a time of its own may last: 7 days.
const LONGEST_HOLD: Duration = Duration::from_secs(7 * 86_400);

/// Why a POST to this path is refused for what it says. None too where there is no such path.
pub(super) fn refusal(
    path: &[&str],
    query: &HashMap<String, String>,
    has_body: bool,
) -> Option<String> {
    let known: &[&str] = match path {
        ["v1", "hold"] => &["by", "for"],
        ["v1", "resume" | "reload"] => &["by"],
        ["v1", "events", _, _, "replay"] => &["by", "force"],
        ["v1", "events", _, _, "discard"] => &["by"],
        ["v1", "todo", "replay" | "discard"] => {
            &["by", "cursor", "source", "reason", "contact_center", "table", "key", "channel"]
        }
        _ => return None,
    };
    let takes = format!("this path takes `{}`, in the URL", known.join("`, `"));
    if has_body {
        return Some(format!("A body is not read: {takes}"));
    }
    if query.keys().any(|name| !known.contains(&name.as_str())) {
        return Some(format!("A parameter is not known: {takes}"));
    }
    let force = query.get("force").map(String::as_str);
    if !matches!(force, None | Some("true" | "1" | "false" | "0")) {
        return Some("`force` has to be true or false".to_owned());
    }
    query.get("for").and_then(|text| hold_time(text).err()).map(|why| format!("`for` {why}"))
}

/// How long a hold is to last.
///
/// # Errors
/// What it has to be instead.
pub(crate) fn hold_time(text: &str) -> Result<Duration, &'static str> {
    duration::parse(text).filter(|time| !time.is_zero() && *time <= LONGEST_HOLD).ok_or(
        "has to be a whole number with a unit, such as 30m or 2h, more than 0 and at most 7d; a hold without it lasts until it \
         is ended",
    )
}
