//! `servicenow.auth`: how the bridge proves itself to the instance.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Secret;
use super::secret::{key_file, secret};
use super::section::Section;
use super::values::{BaseUrl, choice, sealed_url, text};

/// How the bridge proves itself to the instance.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A user's name and password with each call.
    Basic {
        /// The user's name.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// An access token from the instance.
    OAuth(Box<OAuth>),
    /// The header `x-sn-apikey`.
    ApiKey {
        /// The value of the header.
        key: Secret,
    },
}

/// `auth = { kind = "oauth" }`.
#[derive(Debug, Clone)]
pub struct OAuth {
    pub client_id: String,
    /// Needed by every grant but `jwt_bearer`.
    pub client_secret: Option<Secret>,
    pub token_url: TokenUrl,
    /// Sent with every request for a token.
    pub scope: Option<String>,
    /// Further fields of the form, by name.
    pub extra: BTreeMap<String, Secret>,
    pub client_auth: ClientAuth,
    pub grant: Grant,
}

/// Where client id and secret stand in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the form.
    Post,
    /// In the header `Authorization: Basic`.
    Basic,
}

/// What is shown for a token.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The client alone; needs "OAuth Application User" on the instance.
    ClientCredentials,
    /// A user's name and password.
    Password { username: String, password: Secret },
    /// A signed assertion (RFC 7523).
    JwtBearer {
        /// A private key in PEM.
        key_file: Secret,
        /// The `kid` of the assertion's header.
        key_id: Option<String>,
        issuer: String,
        audience: String,
        /// The user, by the field that the instance is set to.
        subject: String,
    },
}

/// Where tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenUrl {
    /// A path on the instance.
    Path(String),
    /// Another server.
    Elsewhere(BaseUrl),
}

impl TokenUrl {
    /// The whole URL.
    #[must_use]
    pub fn on(&self, instance: &BaseUrl) -> String {
        match self {
            Self::Path(path) => format!("{instance}{path}"),
            Self::Elsewhere(url) => url.to_string(),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthKind {
    Basic,
    #[serde(rename = "oauth")]
    OAuth,
    ApiKey,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GrantKind {
    ClientCredentials,
    Password,
    JwtBearer,
}

impl Auth {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        match section.need("kind", choice)? {
            AuthKind::Basic => {
                let username = section.need("username", text);
                let password = section.need("password", secret);
                section.close();
                Some(Self::Basic { username: username?, password: password? })
            }
            AuthKind::OAuth => OAuth::read(section).map(|oauth| Self::OAuth(Box::new(oauth))),
            AuthKind::ApiKey => {
                let key = section.need("key", secret);
                section.close();
                Some(Self::ApiKey { key: key? })
            }
        }
    }
}

impl OAuth {
    fn read(mut section: Section<'_>) -> Option<Self> {
        /// Fields that the bridge writes itself.
        const OWN: [&str; 9] = [
            "grant_type",
            "client_id",
            "client_secret",
            "username",
            "password",
            "assertion",
            "refresh_token",
            "scope",
            "redirect_uri",
        ];
        let grant = section.need("grant", choice);
        let client_id = section.need("client_id", text);
        let token_url = section.wish("token_url", |given| {
            if matches!(given.value.as_str(), Some(path) if path.starts_with('/')) {
                return text(given).map(TokenUrl::Path);
            }
            sealed_url(given).map(TokenUrl::Elsewhere)
        });
        let scope = section.wish("scope", text);
        let extra = section.entries("extra", secret);
        let own = extra.iter().flat_map(BTreeMap::keys).find(|name| OWN.contains(&name.as_str()));
        if let Some(name) = own {
            section.complain("extra", format!("holds `{name}`, which the bridge writes itself"));
        }
        let client_auth = section.wish("client_auth", choice);
        let grant = grant?;
        let client_secret = match grant {
            GrantKind::JwtBearer => section.wish("client_secret", secret),
            GrantKind::ClientCredentials | GrantKind::Password => {
                section.need("client_secret", secret).map(Some)
            }
        };
        let grant = match grant {
            GrantKind::ClientCredentials => Some(Grant::ClientCredentials),
            GrantKind::Password => {
                let username = section.need("username", text);
                let password = section.need("password", secret);
                username
                    .zip(password)
                    .map(|(username, password)| Grant::Password { username, password })
            }
            GrantKind::JwtBearer => read_jwt_bearer(&mut section),
        };
        if let (Some(None), Some(Some(ClientAuth::Basic))) = (&client_secret, client_auth) {
            section.complain("client_auth", "is \"basic\", which needs `client_secret`");
        }
        section.close();
        Some(Self {
            client_id: client_id?,
            client_secret: client_secret?,
            scope: scope?,
            extra: extra?,
            client_auth: client_auth?.unwrap_or(ClientAuth::Post),
            token_url: token_url?.unwrap_or_else(|| TokenUrl::Path("/oauth_token.do".to_owned())),
            grant: grant?,
        })
    }
}

fn read_jwt_bearer(section: &mut Section<'_>) -> Option<Grant> {
    let key_file = section.need("key_file", key_file);
    let key_id = section.wish("key_id", text);
    let issuer = section.need("issuer", text);
    let audience = section.need("audience", text);
    let subject = section.need("subject", text);
    Some(Grant::JwtBearer {
        key_file: key_file?,
        key_id: key_id?,
        issuer: issuer?,
        audience: audience?,
        subject: subject?,
    })
}
