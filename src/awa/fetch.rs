//! Fetches a small document of another server's, such as an issuer's keys, or posts one, as the instance is reached: by
//! the same proxy, the same authorities. It shows no credentials and no client certificate, follows no redirect and
//! keeps no cookie.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{redirect, retry};

use super::cause::chain;
use super::classify::parse_retry_after;
use super::proxy::Proxy;
use super::settings::{ProxySettings, SettingsError};
use super::tls;
use crate::clock;

/// The largest document that is read, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// The longest that a fetch may take.
const LONGEST_FETCH: Duration = Duration::from_secs(4);
/// The longest that a post may take until its answer begins.
const LONGEST_POST: Duration = Duration::from_secs(10);
/// How much of a post's answer is read, in bytes, and for how long: only so that the connection can be used again.
const MAX_ANSWER: usize = 16 * 1024;
const LONGEST_ANSWER: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(2);
/// How long a connection is kept between posts.
const IDLE: Duration = Duration::from_secs(10);

/// An HTTP client without credentials, for documents.
pub(crate) struct Fetcher(reqwest::Client);

/// The same for one server that is posted to again and again.
pub(crate) struct Poster(reqwest::Client);

/// What a server answers to a post.
#[derive(Debug)]
pub(crate) struct PostResponse {
    pub(crate) status: u16,
    /// The pause that it asks for, in milliseconds.
    pub(crate) retry_after_ms: Option<u64>,
}

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
        // A connection that is kept is one that may have gone stale by the next hour.
        let builder = reqwest::Client::builder().timeout(LONGEST_FETCH).pool_max_idle_per_host(0);
        client(builder, ca, proxy, encrypted).map(Self)
    }

    /// The document, whole.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence; never what stands in it.
    pub(crate) async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        const WANTED: &str = "application/jwk-set+json, application/json";
        let mut response = self.0.get(url).header(ACCEPT, WANTED).send().await.map_err(failed)?;
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

impl Poster {
    /// Makes ready; nothing is connected. `encrypted`: the address is https.
    ///
    /// # Errors
    /// Names the setting below `[servicenow]` that is wrong.
    pub(crate) fn new(
        ca: Option<&[u8]>,
        proxy: Option<&ProxySettings>,
        encrypted: bool,
    ) -> Result<Self, SettingsError> {
        let builder = reqwest::Client::builder()
            .timeout(LONGEST_POST)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE);
        client(builder, ca, proxy, encrypted).map(Self)
    }

    /// Posts a document. Of the answer its beginning counts, whatever comes after it.
    ///
    /// # Errors
    /// Why no answer came, as the end of a sentence.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<PostResponse, String> {
        let request = self.0.post(url).headers(headers).body(body);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        let retry_after_ms = wait.and_then(|wait| parse_retry_after(wait, clock::now()));
        let rest = async {
            let mut read = 0_usize;
            while let Ok(Some(chunk)) = response.chunk().await {
                read = read.saturating_add(chunk.len());
                if read > MAX_ANSWER {
                    break;
                }
            }
        };
        drop(tokio::time::timeout(LONGEST_ANSWER, rest).await);
        Ok(PostResponse { status, retry_after_ms })
    }
}

/// Adds what holds for every other server.
#[expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]
fn client(
    builder: reqwest::ClientBuilder,
    ca: Option<&[u8]>,
    proxy: Option<&ProxySettings>,
    encrypted: bool,
) -> Result<reqwest::Client, SettingsError> {
    let proxy = proxy.map(Proxy::new).transpose()?;
    let needed = encrypted || proxy.as_ref().is_some_and(Proxy::is_https);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let builder = builder
        .user_agent(concat!("awa-bridge/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(CONNECT)
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
    builder.build().map_err(wrong)
}

/// Why there is no answer, as the end of a sentence.
fn failed(error: reqwest::Error) -> String {
    match error.is_timeout() {
        true => "no answer in time".to_owned(),
        false => chain(&error.without_url()),
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher(..)")
    }
}
