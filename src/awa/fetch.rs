//! Fetches a small document of another server's, such as an issuer's keys, as the instance is reached: by the same proxy, the same
//! authorities. It shows no credentials and no client certificate, follows no redirect and keeps no cookie.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{redirect, retry};

use super::cause::chain;
use super::proxy::Proxy;
use super::settings::{ProxySettings, SettingsError};
use super::tls;

/// The largest document that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// The longest that a fetch may take.
const LONGEST: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(2);

/// An HTTP client without credentials.
pub(crate) struct Fetcher(reqwest::Client);

impl Fetcher {
    /// Makes ready; nothing is connected. `encrypted`: some address is https.
    ///
    /// # Errors
    /// Names the setting below `[servicenow]` that is wrong.
    pub(crate) fn new(
        ca: Option<&[u8]>,
        proxy: Option<&ProxySettings>,
        encrypted: bool,
    ) -> Result<Self, SettingsError> {
        let proxy = proxy.map(Proxy::new).transpose()?;
        let needed = encrypted || proxy.as_ref().is_some_and(Proxy::is_https);
        let mut headers = HeaderMap::new();
        headers
            .insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let builder = reqwest::Client::builder()
            .user_agent(concat!("awa-bridge/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .timeout(LONGEST)
            // A connection that is kept is one that may have gone stale by the next hour.
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .tls_backend_preconfigured(tls::without_identity(ca, needed)?);
        let wrong = |why: reqwest::Error| {
            SettingsError::new("proxy", format!("cannot be used: {}", chain(&why)))
        };
        let builder = match &proxy {
            Some(proxy) => builder.proxy(proxy.for_all().map_err(wrong)?),
            None => builder,
        };
        builder.build().map(Self).map_err(wrong)
    }

    /// The document, whole.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence; never what stands in it.
    pub(crate) async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => "no answer in time".to_owned(),
            false => chain(&error.without_url()),
        };
        let mut response = self.0.get(url).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Err(format!(
                "it answers {status}, and no redirect is followed: name the address that it leads to"
            ));
        }
        if status != 200 {
            return Err(format!("it answers {status}"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY {
                return Err(format!("it is larger than {MAX_BODY} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher(..)")
    }
}
