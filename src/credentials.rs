//! How the bridge authenticates at the instance. `config` reads it with secrets that are still where they are kept;
//! `awa` gets it with their texts.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::base_url::BaseUrl;

/// How the bridge authenticates at the instance. `S` is a secret, `F` a private key that is in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "OAuth is the protocol's own name")]
pub enum Auth<S, F = S> {
    /// A user's name and password with each call.
    Basic {
        /// The user's name.
        username: String,
        /// Its password.
        password: S,
    },
    /// An access token from the token endpoint.
    #[serde(rename = "oauth")]
    OAuth(Box<OAuth<S, F>>),
    /// The header `x-sn-apikey`.
    ApiKey {
        /// The value of the header.
        key: S,
    },
}

/// `auth = { kind = "oauth" }`: where tokens are fetched, and as whom.
#[derive(Debug, Clone, Deserialize)]
pub struct OAuth<S, F = S> {
    pub(crate) grant: Grant<S, F>,
    pub(crate) client_id: String,
    /// None: the instance's own, `/oauth_token.do`.
    pub(crate) token_url: Option<TokenUrl>,
    /// Sent with every request for a token.
    pub(crate) scope: Option<String>,
    /// Further fields of the form, by name, such as `resource` or `audience`.
    #[serde(deserialize_with = "further_fields")]
    pub(crate) extra: BTreeMap<String, S>,
    /// None: in the form.
    pub(crate) client_auth: Option<ClientAuth>,
}

/// Where client id and secret stand in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    /// In the form.
    Post,
    /// In the header `Authorization: Basic`.
    Basic,
}

/// What is shown for a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grant<S, F = S> {
    /// The client alone; needs "OAuth Application User" on the instance.
    ClientCredentials { client_secret: S },
    /// A user's name and password at first, the refresh token afterwards.
    Password { client_secret: S, username: String, password: S },
    /// An assertion signed with RS256 (RFC 7523).
    JwtBearer {
        client_secret: Option<S>,
        /// An RSA private key in PEM (PKCS#1 or PKCS#8).
        key_file: F,
        /// The `kid` of the assertion's header, where the registry record has one.
        key_id: Option<String>,
        /// `iss`; ServiceNow's samples use the client id.
        issuer: String,
        /// `aud`; ServiceNow's samples use the client id.
        audience: String,
        /// `sub`: the user, by the field that the registry record names.
        subject: String,
    },
}

/// Where tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum TokenUrl {
    /// A path on the instance.
    Path(String),
    /// Another server.
    Elsewhere(BaseUrl),
}

impl TryFrom<String> for TokenUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Path(text));
        }
        BaseUrl::parse(&text)?.sealed().map(Self::Elsewhere)
    }
}

impl<S, F: AsRef<S>> Auth<S, F> {
    /// The same with other secrets, such as their texts.
    ///
    /// # Errors
    /// The first of `reveal`.
    pub(crate) fn revealed<T, E>(&self, reveal: impl Fn(&S) -> Result<T, E>) -> Result<Auth<T>, E> {
        Ok(match self {
            Self::Basic { username, password } => {
                Auth::Basic { username: username.clone(), password: reveal(password)? }
            }
            Self::ApiKey { key } => Auth::ApiKey { key: reveal(key)? },
            Self::OAuth(oauth) => {
                let extra =
                    oauth.extra.iter().map(|(name, value)| Ok((name.clone(), reveal(value)?)));
                Auth::OAuth(Box::new(OAuth {
                    grant: oauth.grant.revealed(&reveal)?,
                    client_id: oauth.client_id.clone(),
                    token_url: oauth.token_url.clone(),
                    scope: oauth.scope.clone(),
                    extra: extra.collect::<Result<_, E>>()?,
                    client_auth: oauth.client_auth,
                }))
            }
        })
    }
}

impl<S, F: AsRef<S>> Grant<S, F> {
    fn revealed<T, E>(&self, reveal: &impl Fn(&S) -> Result<T, E>) -> Result<Grant<T>, E> {
        Ok(match self {
            Self::ClientCredentials { client_secret } => {
                Grant::ClientCredentials { client_secret: reveal(client_secret)? }
            }
            Self::Password { client_secret, username, password } => Grant::Password {
                client_secret: reveal(client_secret)?,
                username: username.clone(),
                password: reveal(password)?,
            },
            Self::JwtBearer { client_secret, key_file, key_id, issuer, audience, subject } => {
                Grant::JwtBearer {
                    client_secret: client_secret.as_ref().map(reveal).transpose()?,
                    key_file: reveal(key_file.as_ref())?,
                    key_id: key_id.clone(),
                    issuer: issuer.clone(),
                    audience: audience.clone(),
                    subject: subject.clone(),
                }
            }
        })
    }
}

impl<S, F> Grant<S, F> {
    /// The client's own secret, where it has one.
    pub(crate) const fn client_secret(&self) -> Option<&S> {
        match self {
            Self::ClientCredentials { client_secret } | Self::Password { client_secret, .. } => {
                Some(client_secret)
            }
            Self::JwtBearer { client_secret, .. } => client_secret.as_ref(),
        }
    }
}

fn further_fields<'de, S: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, S>, D::Error> {
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
    let extra = BTreeMap::<String, S>::deserialize(deserializer)?;
    match extra.keys().find(|name| OWN.contains(&name.as_str())) {
        Some(name) => {
            Err(D::Error::custom(format!("holds `{name}`, which the bridge writes itself")))
        }
        None => Ok(extra),
    }
}
