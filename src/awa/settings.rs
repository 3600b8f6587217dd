//! What the client has to be told: the instance, the credentials, the time a request may take.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::wire::ApiVersion;

/// The instance and how to speak to it; filled from the configuration.
#[derive(Debug)]
pub struct Settings {
    /// The instance's address, such as `https://example.service-now.com`; http only for loopback.
    pub base_url: String,
    /// The version in the paths of AWA's APIs.
    pub api_version: ApiVersion,
    /// The longest that one call may take, look-ups and tokens included.
    pub request_timeout: Duration,
    /// Requests in any second, of every kind; 0 = no limit.
    pub per_second: u32,
    pub auth: Auth,
    /// A client certificate with its private key, as PEM.
    pub client_certificate: Option<SecretString>,
    /// Roots to trust in place of the system's, as PEM.
    pub roots: Option<Vec<u8>>,
    /// The contact centre's name of a channel to the sys_id of ServiceNow's service channel.
    pub channels: HashMap<String, String>,
}

/// How the bridge proves who it is.
#[derive(Debug)]
pub enum Auth {
    /// Nothing but the client certificate.
    None,
    Basic {
        username: String,
        password: SecretString,
    },
    /// A token from the token endpoint.
    OAuth {
        /// The endpoint's URL; none = `/oauth_token.do` of the instance.
        token_url: Option<String>,
        client_id: String,
        client_secret: Option<SecretString>,
        grant: Grant,
    },
    /// An API key in the header `x-sn-apikey`.
    ApiKey {
        key: SecretString,
    },
}

/// How the token is asked for.
#[derive(Debug)]
pub enum Grant {
    ClientCredentials,
    /// The user's password at first, the refresh token afterwards.
    Password {
        username: String,
        password: SecretString,
    },
    /// An assertion signed with RS256.
    JwtBearer {
        /// The RSA private key, as PEM (PKCS#1 or PKCS#8).
        key: SecretString,
        /// `iss`; ServiceNow's samples use the client id.
        issuer: String,
        /// `aud`; ServiceNow's samples use the client id.
        audience: String,
        /// `sub`: the value of the user field that the registry record names.
        subject: String,
        /// `kid` of the header, where the registry record has one.
        key_id: Option<String>,
        /// Whether each assertion gets a fresh `jti`; off where JTI verification is switched off.
        jti: bool,
        /// From `iat` to `exp`.
        lifetime: Duration,
    },
}

/// Why a client cannot be built from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The key below `[servicenow]`.
    pub key: &'static str,
    /// What is wrong and what to do, as the end of a sentence that starts with the key.
    pub problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servicenow.{} {}", self.key, self.problem)
    }
}

impl std::error::Error for SettingsError {}

impl SettingsError {
    pub(super) fn new(key: &'static str, problem: impl fmt::Display) -> Self {
        Self { key, problem: problem.to_string() }
    }
}
