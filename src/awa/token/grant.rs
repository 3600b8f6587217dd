//! What is asked of the token endpoint, and what its answer means. Pure but for the random `jti`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::secret_value;
use crate::awa::classify::{self, Verdict};
use crate::awa::pace::Signal;
use crate::awa::received::{Received, Words};
use crate::awa::settings::{Grant, OAuth, SettingsError};
use crate::clock;
use crate::credentials::ClientAuth;
use crate::routing::{AwaReply, UnixMillis};

/// ServiceNow's own lifetime of a token, for an answer that does not say one.
const USUAL: Duration = Duration::from_secs(1_800);
/// The longest lifetime that is used: what ends later is renewed after this.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
/// How long an assertion is good for.
const ASSERTION: Duration = Duration::from_secs(300);
/// How far `iat` is set back, for an instance whose clock runs behind ours, in milliseconds.
const BACKDATED: u64 = 30_000;

/// The application's entry in ServiceNow's registry, and how it asks for tokens.
pub(super) struct Registered {
    client_id: String,
    /// Id and secret as a header, where they do not stand in the form.
    header: Option<HeaderValue>,
    scope: Option<String>,
    extra: BTreeMap<String, SecretString>,
    grant: Grant,
    key: Option<EncodingKey>,
}

/// How a token is asked for this time.
pub(super) enum Way<'a> {
    Grant,
    Refresh(&'a SecretString),
}

/// A token as it came.
pub(super) struct Granted {
    pub(super) header: HeaderValue,
    pub(super) lifetime: Duration,
    pub(super) refresh: Option<SecretString>,
}

impl Registered {
    pub(super) fn new(oauth: OAuth) -> Result<Self, SettingsError> {
        let OAuth { token_url: _, client_id, client_auth, scope, extra, grant } = oauth;
        let header = match (client_auth.unwrap_or(ClientAuth::Post), grant.client_secret()) {
            (ClientAuth::Post, _) => None,
            (ClientAuth::Basic, Some(secret)) => Some(basic(&client_id, secret)?),
            (ClientAuth::Basic, None) => {
                return Err(SettingsError::new(
                    "auth.client_auth",
                    "is \"basic\", which needs client_secret",
                ));
            }
        };
        let key = match &grant {
            Grant::JwtBearer { key_file, .. } => {
                let key = EncodingKey::from_rsa_pem(key_file.expose_secret().as_bytes());
                Some(key.map_err(|_| {
                    SettingsError::new("auth.key_file", "is not an RSA private key in PEM")
                })?)
            }
            Grant::ClientCredentials { .. } | Grant::Password { .. } => None,
        };
        Ok(Self { client_id, header, scope, extra, grant, key })
    }

    /// What proves the client beside the form.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }

    /// The form body of a request for a token.
    pub(super) fn form(&self, way: &Way<'_>, now: UnixMillis) -> Result<String, Verdict> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        match (way, &self.grant) {
            (Way::Refresh(refresh), _) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", refresh.expose_secret());
            }
            (Way::Grant, Grant::ClientCredentials { .. }) => {
                form.append_pair("grant_type", "client_credentials");
            }
            (Way::Grant, Grant::Password { username, password, .. }) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", username);
                form.append_pair("password", password.expose_secret());
            }
            (Way::Grant, Grant::JwtBearer { .. }) => {
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &self.assertion(now)?);
            }
        }
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        for (name, value) in &self.extra {
            form.append_pair(name, value.expose_secret());
        }
        if self.header.is_none() {
            form.append_pair("client_id", &self.client_id);
            if let Some(secret) = self.grant.client_secret() {
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
        Ok(form.finish())
    }

    fn assertion(&self, now: UnixMillis) -> Result<String, Verdict> {
        let unsigned = || {
            unauthorised(
                "the assertion could not be signed".to_owned(),
                "check servicenow.auth.key_file",
            )
        };
        let (Grant::JwtBearer { issuer, audience, subject, key_id, .. }, Some(key)) =
            (&self.grant, &self.key)
        else {
            return Err(unsigned());
        };
        let seconds = |at: UnixMillis| at.0.div_euclid(1000);
        let ends = now.plus(clock::millis(ASSERTION));
        let claims = json!({
            "iss": issuer, "aud": audience, "sub": subject,
            "iat": seconds(now.minus(BACKDATED)), "exp": seconds(ends),
            "jti": hex::encode(rand::random::<[u8; 16]>()),
        });
        let header = Header { kid: key_id.clone(), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, key).map_err(|_| unsigned())
    }

    /// Reads the endpoint's answer.
    pub(super) fn read(&self, received: &Received, now: UnixMillis) -> Result<Granted, Verdict> {
        let value = classify::json_of(received, now).map_err(|verdict| self.explained(verdict))?;
        if received.is_success()
            && let Some(granted) = granted(&value)
        {
            return Ok(granted);
        }
        let words = Words::of(&value).shown();
        let words = if words.is_empty() { format!("status {}", received.status) } else { words };
        match received.status {
            400..=499 => Err(unauthorised(format!("token refused: {words}"), self.cause(&value))),
            status => {
                let why = format!("the token endpoint answered {status}: {words}");
                let signal =
                    if (502..=504).contains(&status) { Signal::Silent } else { Signal::Answered };
                Err(Verdict::new(AwaReply::NotSent { why: why.clone() }, why, signal))
            }
        }
    }

    /// A refusal without JSON is still explained.
    fn explained(&self, verdict: Verdict) -> Verdict {
        let refused = matches!(
            verdict.reply,
            AwaReply::Unauthorised { .. }
                | AwaReply::Misconfigured { .. }
                | AwaReply::NotThere { .. }
        );
        if !refused {
            return verdict;
        }
        unauthorised(format!("token refused: {}", verdict.message), self.cause(&Value::Null))
    }

    /// What an operator should look at, by the grant and the error's code.
    fn cause(&self, value: &Value) -> &'static str {
        let error = value["error"].as_str().unwrap_or_default();
        match (&self.grant, error) {
            (_, "invalid_scope" | "invalid_target" | "invalid_resource") => {
                "scope, resource or audience is not what the endpoint accepts: check servicenow.auth.scope and extra"
            }
            (Grant::ClientCredentials { .. }, _) => {
                "the client id or secret is wrong, the property glide.oauth.inbound.client.credential.grant_type.enabled is not true, or the registry record has no OAuth Application User"
            }
            (_, "invalid_client" | "unauthorized_client") => "the client id or secret is wrong",
            (_, "unsupported_grant_type") => "the registry record does not allow this grant",
            (Grant::Password { .. }, _) => {
                "the user name or password is wrong, or the user is locked out"
            }
            (Grant::JwtBearer { .. }, _) => {
                "issuer, audience, subject, key id or signature is not what the registry record expects, or the clocks differ"
            }
        }
    }
}

/// Id and secret in a header, each of them encoded as in a form (RFC 6749, 2.3.1).
fn basic(client_id: &str, secret: &SecretString) -> Result<HeaderValue, SettingsError> {
    let encoded = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose_secret()));
    secret_value(&format!("Basic {}", STANDARD.encode(pair))).ok_or_else(|| {
        SettingsError::new("auth", "holds a secret with characters that no HTTP header can carry")
    })
}

fn granted(value: &Value) -> Option<Granted> {
    let token = value["access_token"].as_str().filter(|token| !token.is_empty())?;
    let seconds = match &value["expires_in"] {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_u64(),
    };
    Some(Granted {
        header: secret_value(&format!("Bearer {token}"))?,
        lifetime: seconds.map_or(USUAL, Duration::from_secs).min(LONGEST),
        refresh: value["refresh_token"]
            .as_str()
            .filter(|token| !token.is_empty())
            .map(SecretString::from),
    })
}

fn unauthorised(message: String, cause: &str) -> Verdict {
    let why = format!("{message} ({cause})");
    Verdict::new(AwaReply::Unauthorised { why }, message, Signal::Unauthorised)
}

#[cfg(test)]
mod tests;
