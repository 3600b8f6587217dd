//! An answer as it came over the wire, and the shape of its body, before its meaning is decided.

use reqwest::header::{self, HeaderMap};
use serde_json::Value;

use super::charset;
use crate::personal::masked;
use crate::routing::{SysId, UnixMillis, is_hidden};

/// The longest text of ServiceNow's that is kept, in characters.
const KEPT: usize = 300;

/// Status, the headers that matter, and the body as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<String>,
    /// The server's clock, from `Date`.
    pub(super) date: Option<UnixMillis>,
    /// ServiceNow asks for a second factor.
    pub(super) mfa: bool,
    /// How many rows a Table API query matched before access rules hid any.
    pub(super) total: Option<u64>,
    /// The rate limit rule that the request counted for.
    pub(super) rate_rule: Option<RateRule>,
    pub(super) body: Vec<u8>,
    /// False where the body broke off.
    pub(super) complete: bool,
}

impl Received {
    /// Takes the headers that matter.
    pub(super) fn new(status: u16, headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(|text| text.trim().to_owned())
        };
        Self {
            status,
            content_type: text(header::CONTENT_TYPE.as_str()).unwrap_or_default().to_lowercase(),
            location: text(header::LOCATION.as_str()),
            retry_after: text(header::RETRY_AFTER.as_str()),
            date: text(header::DATE.as_str()).and_then(|date| http_date(&date)),
            mfa: text("x-mfa_token").is_some(),
            total: text("x-total-count").and_then(|count| count.parse().ok()),
            rate_rule: RateRule::read(text),
            body: Vec::new(),
            complete: false,
        }
    }

    /// Whether the status is one of success.
    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// What the body is.
    pub(super) fn shape(&self) -> Shape {
        let text = charset::decoded(&self.body, &self.content_type);
        let body = text.trim();
        if let Some(page) = self.page(body) {
            return Shape::Page(page);
        }
        if body.is_empty() {
            return if self.complete { Shape::Empty } else { Shape::Broken };
        }
        match serde_json::from_str::<Value>(body) {
            Ok(value) if self.complete => Shape::Json(value),
            Ok(_) => Shape::Broken,
            Err(_) if self.content_type.contains("json") || body.starts_with('{') => Shape::Broken,
            Err(_) => Shape::Foreign,
        }
    }

    /// Why the answer cannot be ServiceNow's; none where it may be.
    pub(super) fn trouble(&self) -> Option<String> {
        if (502..=504).contains(&self.status) {
            return Some(format!("a gateway answers {} in its place", self.status));
        }
        if !self.complete {
            return Some("its answers break off".to_owned());
        }
        let text = charset::decoded(&self.body, &self.content_type);
        self.page(text.trim()).map(|page| page.to_string())
    }

    /// The body as an answer meant for a browser, if it is one.
    fn page(&self, body: &str) -> Option<Page> {
        if (300..400).contains(&self.status) {
            return Some(self.redirect());
        }
        let html = self.content_type.contains("html") || body.starts_with('<');
        (html && !body.is_empty()).then(|| page(body))
    }

    fn redirect(&self) -> Page {
        let location = self.location.as_deref().unwrap_or_default();
        if location.contains("developer.servicenow.com") {
            return Page::Hibernating;
        }
        // The query of a login redirect carries tokens: only what stands before it is shown.
        let shown = location.split(['?', '#']).next().unwrap_or_default();
        Page::Redirect(masked(&tidy(shown)))
    }
}

/// A rate limit rule, as ServiceNow shows it with every answer that counts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RateRule {
    /// Requests an hour.
    pub(super) limit: u64,
    /// When the hour ends, in seconds since 1970.
    pub(super) reset: Option<u64>,
    /// The rule's sys_id; empty where none is said.
    pub(super) rule: String,
}

impl RateRule {
    fn read(header: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |name: &str| header(name)?.parse().ok();
        let rule = header("x-ratelimit-rule").and_then(|rule| SysId::parse(&rule).ok());
        Some(Self {
            limit: number("x-ratelimit-limit")?,
            reset: number("x-ratelimit-reset"),
            rule: rule.map(|rule| rule.to_string()).unwrap_or_default(),
        })
    }
}

/// What a body is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Json(Value),
    Page(Page),
    Empty,
    /// JSON that broke off.
    Broken,
    /// Neither JSON nor HTML.
    Foreign,
}

/// An answer meant for a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// A hibernating developer instance.
    Hibernating,
    /// A login form.
    Login,
    /// A redirect, by the place that it leads to, without its query.
    Redirect(String),
    /// Anything else, by its title.
    Other(String),
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hibernating => f.write_str(
                "instance hibernating: wake the developer instance at developer.servicenow.com",
            ),
            Self::Login => f.write_str(
                "a login page answered in place of the API: check servicenow.instance and single sign-on",
            ),
            Self::Redirect(to) if to.is_empty() => {
                f.write_str("a redirect answered in place of the API: check servicenow.instance")
            }
            Self::Redirect(to) => write!(
                f,
                "a redirect to {to} answered in place of the API (a login page?): check servicenow.instance"
            ),
            Self::Other(title) => write!(
                f,
                "an HTML page (`{title}`) answered in place of the API: check servicenow.instance"
            ),
        }
    }
}

fn page(html: &str) -> Page {
    let lower = html.to_lowercase();
    if lower.contains("hibernat") || lower.contains("developer.servicenow.com/dev.do") {
        return Page::Hibernating;
    }
    let title = between(&lower, "<title", "</title")
        .and_then(|title| title.split_once('>'))
        .map_or("no title", |(_, title)| title.trim());
    let login = ["sign in", "signin", "log in", "login", "sso"];
    if login.iter().any(|word| title.contains(word)) || lower.contains("type=\"password\"") {
        return Page::Login;
    }
    Page::Other(masked(&tidy(title)))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// The text of ServiceNow's answer, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    message: String,
    detail: String,
    /// The body says itself that the request failed.
    pub(super) failed: bool,
}

impl Words {
    /// Reads the error shapes: `{"error":{message,detail}}`, `{"result":{"error":{…}}}`, `{"result":{success,message}}`
    /// and the token endpoint's `{"error":"…","error_description":"…"}`.
    pub(super) fn of(value: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => tidy(text),
            other => tidy(&other.to_string()),
        };
        let result = &value["result"];
        let failure = |value: &Value| value["status"].as_str() == Some("failure");
        let error = if value["error"].is_null() { &result["error"] } else { &value["error"] };
        let unsuccessful = success(result) == Some(false);
        let failed = !error.is_null() || failure(value) || failure(result) || unsuccessful;
        match error {
            Value::Object(error) => Self {
                message: error.get("message").map(text).unwrap_or_default(),
                detail: error.get("detail").map(text).unwrap_or_default(),
                failed,
            },
            Value::Null => Self {
                message: text(if result["message"].is_null() {
                    &value["message"]
                } else {
                    &result["message"]
                }),
                detail: String::new(),
                failed,
            },
            error => {
                Self { message: text(error), detail: text(&value["error_description"]), failed }
            }
        }
    }

    /// Message and detail, as ServiceNow wrote them.
    pub(super) fn verbatim(&self) -> String {
        match (self.message.as_str(), self.detail.as_str()) {
            (message, "") => message.to_owned(),
            ("", detail) => detail.to_owned(),
            (message, detail) if message == detail => message.to_owned(),
            (message, detail) => format!("{message}: {detail}"),
        }
    }

    /// The same as it may be repeated.
    pub(super) fn shown(&self) -> String {
        masked(&self.verbatim())
    }
}

/// ServiceNow's flag of success; it writes booleans also as words.
pub(super) fn success(result: &Value) -> Option<bool> {
    match &result["success"] {
        Value::Bool(success) => Some(*success),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        word => match word.to_string().trim_matches('"').to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
    }
}

/// One line without hidden characters, cut to what a log or a row can bear.
pub(super) fn tidy(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !is_hidden(*c)).take(KEPT).collect()
}

/// Reads an HTTP date.
pub(super) fn http_date(text: &str) -> Option<UnixMillis> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(UnixMillis(zoned.as_millisecond()))
}

#[cfg(test)]
mod tests;
