//! What the client needs to know: the instance, the credentials, the time a request may take.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::limiter::Rate;
use super::wire::ApiVersion;

/// The instance and how it is called; filled from the configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The instance's address, such as `https://example.service-now.com`; http only for loopback.
    pub base_url: String,
    /// The version in the paths of AWA's APIs.
    pub api_version: ApiVersion,
    /// The longest that one call may take, look-ups and tokens included.
    pub request_timeout: Duration,
    /// Of requests of every kind.
    pub rate: Rate,
    pub auth: Auth,
    /// A client certificate with its private key, as PEM.
    pub client_certificate: Option<SecretString>,
    /// Authorities to trust beside the system's, as PEM.
    pub ca: Option<Vec<u8>>,
    /// Through which all connections go; none = directly.
    pub proxy: Option<ProxySettings>,
    /// The contact centre's name of a channel to the sys_id of ServiceNow's service channel.
    pub channels: HashMap<String, String>,
    /// A name service of the test's own.
    #[cfg(test)]
    pub(crate) resolver: Option<Resolver>,
    /// How long a connection is used.
    #[cfg(test)]
    pub(crate) connection_age: Option<Duration>,
}

/// An HTTP proxy.
#[derive(Debug, Clone)]
pub(crate) struct ProxySettings {
    /// `http://HOST:PORT`, where needed with user and password before the host.
    pub url: SecretString,
    /// Hosts, domains and networks that are reached directly.
    pub no_proxy: Vec<String>,
}

#[cfg(test)]
#[derive(Clone)]
pub(crate) struct Resolver(pub(super) std::sync::Arc<dyn reqwest::dns::Resolve>);

#[cfg(test)]
impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver(..)")
    }
}

/// How the bridge authenticates.
#[derive(Debug)]
#[expect(clippy::enum_variant_names, reason = "OAuth is the protocol's own name")]
pub(crate) enum Auth {
    /// Nothing but the client certificate.
    None,
    Basic {
        username: String,
        password: SecretString,
    },
    /// A token from the token endpoint.
    OAuth(Box<OAuth>),
    /// An API key in the header `x-sn-apikey`.
    ApiKey {
        key: SecretString,
    },
}

/// Where tokens are fetched, and as whom.
#[derive(Debug)]
pub(crate) struct OAuth {
    /// The endpoint's URL; none = `/oauth_token.do` of the instance.
    pub token_url: Option<String>,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    /// How the client authenticates at the endpoint.
    pub client_auth: ClientAuth,
    /// What the token is to be good for, where the endpoint asks for it.
    pub scope: Option<String>,
    /// Further fields of the form, such as `resource` or `audience`.
    pub extra: Vec<(String, SecretString)>,
    pub grant: Grant,
}

impl OAuth {
    /// Client credentials and nothing that is not needed.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_client(client_id: &str, client_secret: Option<SecretString>) -> Self {
        Self {
            token_url: None,
            client_id: client_id.to_owned(),
            client_secret,
            client_auth: ClientAuth::Post,
            scope: None,
            extra: Vec::new(),
            grant: Grant::ClientCredentials,
        }
    }
}

/// Where client id and secret stand in a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClientAuth {
    /// In the form.
    #[default]
    Post,
    /// In the header `Authorization: Basic`.
    Basic,
}

/// How the token is asked for.
#[derive(Debug)]
pub(crate) enum Grant {
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
pub(crate) struct SettingsError {
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
