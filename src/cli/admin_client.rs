//! Asks the running daemon over its admin address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Exit, admin_token};
use crate::app::local_client;
use crate::routing::visible_line;

/// How long the daemon may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why the daemon did not do what it was asked.
pub(super) enum Unanswered {
    /// It refused, with this status and problem.
    Refused { status: u16, problem: Value },
    /// It could not be asked, or not be understood.
    Failed(Exit),
}

impl Unanswered {
    /// How the command ends, with what it was about.
    pub(super) fn about(self, what: &str) -> Exit {
        match self {
            Self::Refused { problem, .. } => Exit::Failed(format!("{what}: {}", title(&problem))),
            Self::Failed(exit) => exit,
        }
    }
}

impl From<Unanswered> for Exit {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Refused { status, problem } => {
                Self::Failed(format!("the daemon answered {status}: {}", title(&problem)))
            }
            Unanswered::Failed(exit) => exit,
        }
    }
}

/// The daemon's admin address, as the configuration names it.
pub(super) struct AdminClient {
    client: reqwest::Client,
    base: String,
    token: Option<SecretString>,
    /// What to do where the daemon does not take the token.
    advice: String,
    /// The folder with the tables, for the lines that are to be added.
    pub(super) mappings: PathBuf,
}

impl AdminClient {
    /// Reads the address and the token from the configuration.
    pub(super) fn new(config: Option<&Path>) -> Result<Self, Exit> {
        let settings = super::load_settings(config)?;
        let (token, advice) = admin_token::find(&settings)?;
        let client = local_client(TIMEOUT)
            .build()
            .map_err(|error| Exit::Failed(format!("cannot make an HTTP client: {error}")))?;
        let base = format!("http://{}", settings.admin.listen);
        Ok(Self { client, base, token, advice, mappings: settings.mappings })
    }

    /// GET of JSON, as it came.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Unanswered> {
        self.json(Method::GET, path).await
    }

    /// POST without a body; the answer's JSON, as it came.
    pub(super) async fn post(&self, path: &str) -> Result<Value, Unanswered> {
        self.json(Method::POST, path).await
    }

    /// GET of bytes that need not be JSON.
    pub(super) async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Unanswered> {
        let (status, body) = self.send(Method::GET, path).await.map_err(Unanswered::Failed)?;
        if status == 200 {
            return Ok(body);
        }
        let problem = serde_json::from_slice(&body).unwrap_or_default();
        Err(Unanswered::Refused { status, problem })
    }

    async fn json(&self, method: Method, path: &str) -> Result<Value, Unanswered> {
        let (status, body) = self.send(method, path).await.map_err(Unanswered::Failed)?;
        if status != 200 {
            let problem = serde_json::from_slice(&body).unwrap_or_default();
            return Err(Unanswered::Refused { status, problem });
        }
        serde_json::from_slice(&body).map_err(|error| Unanswered::Failed(not_understood(&error)))
    }

    async fn send(&self, method: Method, path: &str) -> Result<(u16, Vec<u8>), Exit> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let gone = |error: reqwest::Error| {
            Exit::Failed(format!(
                "the daemon does not answer on {} ({}): it is not running, or its admin address differs; check \
                 `systemctl status awa-bridge` and [admin] listen",
                self.base,
                innermost(&error)
            ))
        };
        let response = request.send().await.map_err(gone)?;
        let status = response.status().as_u16();
        if status == 401 {
            return Err(Exit::Failed(format!(
                "the daemon on {} rejects the admin token: {}",
                self.base, self.advice
            )));
        }
        let body = response.bytes().await.map_err(gone)?;
        Ok((status, body.to_vec()))
    }
}

/// What the system says, without the layers of the client around it.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Who asks: kept in the record of what was done.
pub(super) fn operator() -> String {
    std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_default()
}

/// A segment of a path, escaped.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A record out of the daemon's JSON, every text in it fit to stand in a line.
pub(super) fn read<T: DeserializeOwned>(mut json: Value) -> Result<T, Exit> {
    make_visible(&mut json);
    read_raw(json)
}

/// The same with its texts as they came.
pub(super) fn read_raw<T: DeserializeOwned>(json: Value) -> Result<T, Exit> {
    T::deserialize(json).map_err(|error| not_understood(&error))
}

fn make_visible(json: &mut Value) {
    match json {
        Value::String(text) => *text = visible_line(text).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(make_visible),
        Value::Object(members) => members.values_mut().for_each(make_visible),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn not_understood(error: &serde_json::Error) -> Exit {
    Exit::Failed(format!("the daemon's answer cannot be read: {error}"))
}

/// What a problem answer says.
pub(super) fn title(problem: &Value) -> String {
    let title = problem.get("title").and_then(Value::as_str);
    title.map_or_else(|| "no reason given".to_owned(), |title| visible_line(title).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::Status;
    use crate::cli::story;
    use crate::routing::{ConversationRecord, EventRecord, State};

    fn an_event() -> Value {
        json!({
            "source": "native", "id": "e-1", "kind": "offer", "conversation": "c-1", "state": "dead",
            "reason": "misconfigured", "detail": null, "attempts": 1,
            "received_at": "2026-11-21T16:00:00.123Z", "settled_at": null, "work_item": null,
            "last_answer": { "status": 400, "message": "not today" },
            "contact_center": "native", "due_at": "2026-11-21T16:00:01.000Z",
            "waited_ms": {
                "lane": 5, "rate_limit": 0, "backoff": 0, "retry_after": 0, "breaker": 0, "answer": 30,
                "mapping": 0,
            },
            "calls": [{
                "call": "offer", "at": "2026-11-21T16:00:00.200Z", "elapsed_ms": 30, "status": 400,
                "meaning": "misconfigured", "message": "not today",
            }],
            "event": { "id": "e-1", "kind": "offer", "agent": "anna", "timeout_seconds": 30 },
        })
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record: EventRecord = read(an_event()).unwrap();
        assert_eq!(record.state, State::Dead);
        assert_eq!(serde_json::to_value(&record).unwrap(), an_event());
        let conversation = json!({
            "contact_center": "native", "conversation": "c-1", "document": null, "queue": null,
            "channel": null, "legs": [], "work_items": [],
            "consult_since": "2026-11-21T16:00:01.000Z", "events": [an_event()],
        });
        let record: ConversationRecord = read(conversation.clone()).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), conversation);
        let status = serde_json::to_value(Status::default()).unwrap();
        let record: Status = read(status.clone()).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), status);
    }

    #[test]
    fn words_and_members_of_another_version_are_shown_as_they_came_or_passed_over() {
        let mut event = an_event();
        event["state"] = json!("napping");
        event["brand_new"] = json!({ "a": [1] });
        event["missing"] = json!({ "table": "skills", "skill": "french" });
        event["calls"][0]["call"] = json!("bring_coffee");
        event["calls"][0]["meaning"] = json!("cold_already");
        event["event"]["style"] = json!({ "rings": "backwards" });
        event.as_object_mut().unwrap().remove("waited_ms");
        let event: EventRecord = read(event).unwrap();
        assert!(event.missing.is_none() && event.event.is_none());
        let story = story::tell(&event);
        for part in
            ["offer e-1 from native is napping", "bring coffee: cold already (HTTP 400, 30 ms)"]
        {
            assert!(story.contains(part), "{part}: {story}");
        }
    }

    #[test]
    fn a_text_of_others_cannot_change_how_a_line_is_shown() {
        let mut event = an_event();
        event["detail"] = json!("two\nlines \u{202e}");
        let event: EventRecord = read(event).unwrap();
        assert_eq!(event.detail.as_deref(), Some("two\\nlines \\u202e"));
    }
}
