//! Why a request had no answer, in words that name the peer and what an operator can do.

use std::error::Error;

use super::classify::Failure;

/// What requests pass through.
#[derive(Debug)]
pub(super) struct Peers {
    /// The proxy's host and port.
    pub(super) proxy: Option<String>,
}

impl Peers {
    /// What an error says about whether the request left. `is_connect` first: a connect timeout is both.
    pub(super) fn failed(&self, error: reqwest::Error) -> Failure {
        let host = error.url().and_then(|url| url.host_str()).unwrap_or("the instance").to_owned();
        let unsent = error.is_connect() || error.is_builder();
        let timeout = error.is_timeout();
        let chain = chain(&error.without_url());
        if unsent {
            return Failure::NotSent(format!("no connection: {}", self.explained(&host, &chain)));
        }
        Failure::NoAnswer(if timeout {
            "no answer in time".to_owned()
        } else {
            format!("no whole answer: {chain}")
        })
    }

    /// A proxy that asks for authentication answers plain requests itself.
    pub(super) fn refused_by_proxy(&self, status: u16) -> Option<Failure> {
        let proxy = self.proxy.as_ref().filter(|_| status == 407)?;
        Some(Failure::NotSent(format!("no connection: {}", refuses_407(proxy))))
    }

    fn explained(&self, host: &str, chain: &str) -> String {
        let lower = chain.to_lowercase();
        let says = |part: &str| lower.contains(part);
        if says("unknownissuer") {
            return format!(
                "the certificate of {host} is not trusted: set servicenow.ca to the authority that issued it ({chain})"
            );
        }
        if says("invalid peer certificate") {
            return format!("the certificate of {host} is refused: {chain}");
        }
        let Some(proxy) = &self.proxy else {
            return if says("dns error") {
                format!("the name {host} does not resolve: {chain}")
            } else {
                format!("{host}: {chain}")
            };
        };
        if says("proxy authorization required") {
            return refuses_407(proxy);
        }
        if says("tunnel error: unsuccessful") {
            return format!(
                "the proxy {proxy} refuses the way to {host}: allow it there, or list {host} in servicenow.no_proxy"
            );
        }
        format!("over the proxy {proxy} to {host}: {chain}")
    }
}

/// An error and all that it was caused by.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn refuses_407(proxy: &str) -> String {
    format!("the proxy {proxy} refuses with 407: put user and password into servicenow.proxy")
}
