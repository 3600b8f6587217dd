//! Who may call: passwords, API keys, OAuth clients and the tokens that were given out.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use super::super::world::{CALLER, World};
use crate::routing::{SysId, UnixMillis};

/// The credentials that the sandbox takes; each belongs to a user of the world, by user name.
#[derive(Debug, Default)]
pub struct Access {
    /// Takes any credentials, as long as there are some.
    pub(super) anyone: bool,
    passwords: HashMap<String, SecretString>,
    pub(super) clients: Vec<Client>,
    /// How long an access token lives; none = ServiceNow's 1799 seconds.
    pub(super) token_seconds: Option<u64>,
    tokens: HashMap<String, Token>,
    refresh_tokens: HashMap<String, String>,
}

/// An OAuth application registry record.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: SecretString,
    /// The OAuth Application User; without one client_credentials is refused.
    pub(super) application_user: Option<String>,
}

#[derive(Debug)]
struct Token {
    user_name: String,
    expires_at: UnixMillis,
}

impl Access {
    /// Takes any credentials: a known user name is that user, anything else the integration user.
    #[must_use]
    pub(crate) fn anyone() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    /// Takes nothing until credentials are added.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Takes that user name and password, for Basic and the password grant.
    #[must_use]
    pub fn with_password(mut self, user_name: &str, password: &str) -> Self {
        self.set_password(user_name, password);
        self
    }

    /// Takes that OAuth client; client_credentials works for one with an application user.
    #[must_use]
    pub fn with_client(mut self, id: &str, secret: &str, application_user: Option<&str>) -> Self {
        self.clients.push(Client {
            id: id.to_owned(),
            secret: secret.into(),
            application_user: application_user.map(str::to_owned),
        });
        self
    }

    /// Gives out access tokens that live so long.
    #[must_use]
    pub const fn with_token_seconds(mut self, seconds: u64) -> Self {
        self.token_seconds = Some(seconds);
        self
    }

    /// Sets or changes a password.
    pub fn set_password(&mut self, user_name: &str, password: &str) {
        self.passwords.insert(user_name.to_owned(), password.into());
    }

    /// Makes every access token worthless; refresh tokens stay good.
    pub fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The user whom a request's credentials belong to.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        world: &World,
        now: UnixMillis,
    ) -> Option<SysId> {
        let user_name = self.user_name(headers, now)?;
        match world.user_named(&user_name) {
            Some(user) => Some(user.sys_id),
            None if self.anyone => SysId::parse(CALLER).ok(),
            None => None,
        }
    }

    fn user_name(&self, headers: &HeaderMap, now: UnixMillis) -> Option<String> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-sn-apikey").is_some() {
            return self.anyone.then(String::new);
        }
        let (scheme, credentials) = header("authorization")?.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
                let (user_name, password) = pair.split_once(':')?;
                self.knows(user_name, password).then(|| user_name.to_owned())
            }
            "bearer" => self.token_owner(credentials.trim(), now),
            _ => None,
        }
    }

    /// Whether that is the user's password.
    pub(super) fn knows(&self, user_name: &str, password: &str) -> bool {
        let known = self.passwords.get(user_name);
        self.anyone || known.is_some_and(|known| known.expose_secret() == password)
    }

    fn token_owner(&self, token: &str, now: UnixMillis) -> Option<String> {
        match self.tokens.get(token) {
            Some(token) => (token.expires_at > now).then(|| token.user_name.clone()),
            None => self.anyone.then(String::new),
        }
    }

    /// A fresh access token.
    pub(super) fn give_token(&mut self, user_name: &str, seconds: u64, now: UnixMillis) -> String {
        let text = random_text();
        let expires_at = now.plus(seconds.saturating_mul(1000));
        self.tokens.insert(text.clone(), Token { user_name: user_name.to_owned(), expires_at });
        text
    }

    /// A fresh refresh token.
    pub(super) fn give_refresh_token(&mut self, user_name: &str) -> String {
        let text = random_text();
        self.refresh_tokens.insert(text.clone(), user_name.to_owned());
        text
    }

    /// Whom a refresh token belongs to.
    pub(super) fn refresh_token_owner(&self, token: &str) -> Option<String> {
        self.refresh_tokens.get(token).cloned()
    }
}

/// As long as ServiceNow's tokens: 86 characters that nobody can guess.
fn random_text() -> String {
    let text = format!(
        "{:032x}{:032x}{:032x}",
        rand::random::<u128>(),
        rand::random::<u128>(),
        rand::random::<u128>()
    );
    text[..86].to_owned()
}
