//! What the client needs to know: the instance, the credentials, the time a request may take.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::limiter::RateLimit;
use super::wire::ApiVersion;
use crate::base_url::BaseUrl;
use crate::credentials;

/// The instance and how it is called; filled from the configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The instance's address, such as `https://example.service-now.com`; http only for loopback.
    pub(crate) base_url: BaseUrl,
    /// The version in the paths of AWA's APIs.
    pub(crate) api_version: ApiVersion,
    /// The longest that one call may take, look-ups and tokens included.
    pub(crate) request_timeout: Duration,
    /// Of requests of every kind.
    pub(crate) rate_limit: RateLimit,
    /// None: by the client certificate alone.
    pub(crate) auth: Option<Auth>,
    /// A client certificate with its private key, as PEM.
    pub(crate) client_certificate: Option<SecretString>,
    /// Authorities to trust beside the system's, as PEM.
    pub(crate) ca: Option<Vec<u8>>,
    /// Through which all connections go; none = directly.
    pub(crate) proxy: Option<ProxySettings>,
    /// The contact centre's name of a channel to the sys_id of ServiceNow's service channel.
    pub(crate) channels: HashMap<String, String>,
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
    pub(crate) url: SecretString,
    /// Hosts, domains and networks that are reached directly.
    pub(crate) no_proxy: Vec<String>,
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

/// How the bridge authenticates, with the secrets' texts.
pub(crate) type Auth = credentials::Auth<SecretString>;
pub(crate) type OAuth = credentials::OAuth<SecretString>;
pub(crate) type Grant = credentials::Grant<SecretString>;

#[cfg(any(test, fuzzing))]
impl OAuth {
    /// A client of that grant, and nothing that is not needed.
    pub(super) fn of_client(client_id: &str, grant: Grant) -> Self {
        Self {
            grant,
            client_id: client_id.to_owned(),
            token_url: None,
            scope: None,
            extra: std::collections::BTreeMap::new(),
            client_auth: None,
        }
    }
}

#[cfg(any(test, fuzzing))]
impl Grant {
    pub(super) fn of_client(client_secret: &str) -> Self {
        Self::ClientCredentials { client_secret: client_secret.into() }
    }
}

/// Why a client cannot be built from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingsError {
    /// The key below `[servicenow]`.
    pub(crate) key: &'static str,
    /// What is wrong and what to do, as the end of a sentence that starts with the key.
    pub(crate) problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "servicenow.{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for SettingsError {}

impl SettingsError {
    pub(super) fn new(key: &'static str, problem: impl fmt::Display) -> Self {
        Self { key, problem: problem.to_string() }
    }
}
