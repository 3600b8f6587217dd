//! Asks the running daemon over its admin address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Exit, admin_token};
use crate::routing::visible_line;

/// How long the daemon may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

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
        // Fails only if a provider is there already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| Exit::Failed(format!("cannot make an HTTP client: {error}")))?;
        let base = format!("http://{}", settings.admin.listen);
        Ok(Self { client, base, token, advice, mappings: settings.mappings })
    }

    /// GET, with its status.
    pub(super) async fn get(&self, path: &str) -> Result<(u16, Value), Exit> {
        self.ask(Method::GET, path).await
    }

    /// POST without a body, with its status.
    pub(super) async fn post(&self, path: &str) -> Result<(u16, Value), Exit> {
        self.ask(Method::POST, path).await
    }

    /// GET of bytes that are no JSON, with their status.
    pub(super) async fn get_bytes(&self, path: &str) -> Result<(u16, Vec<u8>), Exit> {
        self.send(Method::GET, path).await
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(u16, Value), Exit> {
        let (status, body) = self.send(method, path).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn send(&self, method: Method, path: &str) -> Result<(u16, Vec<u8>), Exit> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let gone = |error: reqwest::Error| {
            Exit::Failed(format!(
                "the daemon does not answer on {} ({}): it is not running, or its admin address is another; look at \
                 `systemctl status awa-bridge` and [admin] listen",
                self.base,
                innermost(&error)
            ))
        };
        let response = request.send().await.map_err(gone)?;
        let status = response.status().as_u16();
        if status == 401 {
            return Err(Exit::Failed(format!(
                "the daemon on {} does not take the admin token: {}",
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

/// What a problem answer says.
pub(super) fn title(body: &Value) -> String {
    body.get("title")
        .and_then(Value::as_str)
        .map_or_else(|| "no reason given".to_owned(), |title| visible_line(title).into_owned())
}

/// A member as text of one line: strings bare, null as nothing.
pub(super) fn text(value: &Value, member: &str) -> String {
    match value.get(member) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => visible_line(text).into_owned(),
        Some(other) => other.to_string(),
    }
}
