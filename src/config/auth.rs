//! `servicenow.auth`: how the bridge proves itself to the instance.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::Secret;
use super::secret::KeyFile;
use super::url::TokenUrl;
use super::values::{by, or_default};

/// How the bridge proves itself to the instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A user's name and password with each call.
    Basic {
        /// The user's name.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// An access token from the instance.
    #[serde(rename = "oauth")]
    OAuth(Box<OAuth>),
    /// The header `x-sn-apikey`.
    ApiKey {
        /// The value of the header.
        key: Secret,
    },
}

/// `auth = { kind = "oauth" }`.
#[derive(Debug, Clone, Deserialize)]
pub struct OAuth {
    pub grant: Grant,
    pub client_id: String,
    #[serde(deserialize_with = "or_default::<TokenUrl, _, _>")]
    pub token_url: TokenUrl,
    /// Sent with every request for a token.
    pub scope: Option<String>,
    /// Further fields of the form, by name.
    #[serde(deserialize_with = "further_fields")]
    pub extra: BTreeMap<String, Secret>,
    #[serde(deserialize_with = "or_default::<ClientAuth, _, _>")]
    pub client_auth: ClientAuth,
}

/// Where client id and secret stand in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the form.
    #[default]
    Post,
    /// In the header `Authorization: Basic`.
    Basic,
}

/// What is shown for a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The client alone; needs "OAuth Application User" on the instance.
    ClientCredentials { client_secret: Secret },
    /// A user's name and password.
    Password { client_secret: Secret, username: String, password: Secret },
    /// A signed assertion (RFC 7523).
    JwtBearer {
        client_secret: Option<Secret>,
        /// A private key in PEM.
        #[serde(deserialize_with = "by::<KeyFile, _, _>")]
        key_file: Secret,
        /// The `kid` of the assertion's header.
        key_id: Option<String>,
        issuer: String,
        audience: String,
        /// The user, by the field that the instance is set to.
        subject: String,
    },
}

impl Grant {
    /// What proves the client, where it needs that.
    pub const fn client_secret(&self) -> Option<&Secret> {
        match self {
            Self::ClientCredentials { client_secret } | Self::Password { client_secret, .. } => {
                Some(client_secret)
            }
            Self::JwtBearer { client_secret, .. } => client_secret.as_ref(),
        }
    }
}

/// Reads the table whose key `kind` says what else stands in it.
pub(super) fn auth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Auth>, D::Error> {
    #[derive(Deserialize)]
    struct Table {
        kind: Auth,
    }

    Option::<Table>::deserialize(deserializer).map(|table| table.map(|table| table.kind))
}

fn further_fields<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
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
    let extra = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    match extra.keys().find(|name| OWN.contains(&name.as_str())) {
        Some(name) => {
            Err(D::Error::custom(format!("holds `{name}`, which the bridge writes itself")))
        }
        None => Ok(extra),
    }
}
