//! From the configuration to the client of the instance: addresses, credentials with their secrets read, limits.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::files::Files;
use super::{Failure, certificates, files};
use crate::awa::pace;
use crate::awa::wire::ApiVersion;
use crate::awa::{self, Client, Fetcher, Poster, SettingsError, Wired};
use crate::config::{self, Settings};
use crate::notify::{Receiver, Wanted};

/// Builds the client; nothing is sent.
pub(super) fn client(settings: &Settings) -> Result<Client, Failure> {
    built(settings, Client::new)
}

/// Builds what takes the place of a client's way to the instance; nothing is sent.
pub(super) fn successor(client: &Client, settings: &Settings) -> Result<Wired, Failure> {
    built(settings, |wanted| client.prepare(wanted))
}

/// Builds the way to issuers that publish their keys; none where no source has one. Nothing is sent.
pub(super) fn fetcher(settings: &Settings, files: &Files) -> Result<Option<Arc<Fetcher>>, Failure> {
    let issuers: Vec<_> = files.sources.values().filter_map(|source| source.issuer()).collect();
    if issuers.is_empty() {
        return Ok(None);
    }
    let encrypted = issuers.iter().any(|issuer| issuer.settings.url.starts_with("https"));
    let built = built(settings, |wanted| {
        Fetcher::new(wanted.ca.as_deref(), wanted.proxy.as_ref(), encrypted)
    });
    Ok(Some(Arc::new(built?)))
}

/// Builds the receiver of settled events, where there is one; nothing is sent.
pub(super) fn receiver(settings: &Settings) -> Result<Option<Arc<Receiver>>, Failure> {
    let notify = &settings.notify;
    let (Some(url), Some(secret)) = (&notify.url, &notify.secret) else { return Ok(None) };
    let wrong = |text: String| Failure::Configuration(vec![files::of_config(settings, text)]);
    let client = built(settings, |wanted| {
        Poster::new(wanted.ca.as_deref(), wanted.proxy.as_ref(), url.is_https())
    })?;
    let revealed = secret
        .reveal()
        .map_err(|problem| Failure::Configuration(vec![files::found(settings, &problem)]))?;
    let (outcomes, sources) = (notify.outcomes.clone(), notify.sources.clone());
    let wanted = Wanted { outcomes, sources };
    Receiver::new(url.reveal(), url.host(), &revealed, wanted, client)
        .map(|receiver| Some(Arc::new(receiver)))
        .map_err(|text| wrong(format!("notify.secret: {text}")))
}

fn built<T>(
    settings: &Settings,
    build: impl FnOnce(awa::Settings) -> Result<T, SettingsError>,
) -> Result<T, Failure> {
    let wrong = |text: String| files::of_config(settings, text);
    let awa_settings = awa_settings(settings).map_err(|problems| {
        let placed = problems.iter().map(|problem| files::found(settings, problem));
        Failure::Configuration(placed.collect())
    })?;
    build(awa_settings).map_err(|error| Failure::Configuration(vec![wrong(error.to_string())]))
}

/// The client's settings with all secrets read.
fn awa_settings(settings: &Settings) -> Result<awa::Settings, config::Problems> {
    let (instance, auth) = settings.instance()?;
    let servicenow = &settings.servicenow;
    Ok(awa::Settings {
        base_url: instance.clone(),
        api_version: ApiVersion::new(servicenow.api_version),
        request_timeout: servicenow.request_timeout,
        rate_limit: rate_limit(settings),
        auth: auth.map(|auth| auth.revealed(config::Secret::reveal)).transpose()?,
        client_certificate: servicenow
            .client_certificate
            .as_ref()
            .map(certificate_with_key)
            .transpose()?,
        ca: servicenow.ca.as_deref().map(authorities).transpose()?,
        proxy: match &servicenow.proxy {
            Some(url) => Some(awa::ProxySettings {
                url: url.reveal()?,
                no_proxy: servicenow.no_proxy.clone(),
            }),
            None => None,
        },
        #[cfg(test)]
        resolver: None,
        #[cfg(test)]
        connection_age: None,
        channels: servicenow
            .channels
            .iter()
            .map(|(channel, sys_id)| (channel.clone(), sys_id.to_string()))
            .collect(),
    })
}

/// The PEM file of `servicenow.ca`.
fn authorities(file: &Path) -> Result<Vec<u8>, config::Problems> {
    let read = certificates::read(file).map_err(|text| config::Problem {
        place: None,
        key: "servicenow.ca".to_owned(),
        text,
    });
    Ok(read?.into_bytes())
}

/// Both as one PEM text.
fn certificate_with_key(pair: &config::KeyPair) -> Result<SecretString, config::Problems> {
    let (certificate, key) = certificates::pair("servicenow.client_certificate", pair)
        .map_err(|text| config::Problem { place: None, key: String::new(), text })?;
    Ok(format!("{certificate}\n{}", key.expose_secret()).into())
}

/// Of all requests together.
pub(super) const fn rate_limit(settings: &Settings) -> awa::RateLimit {
    let config::RateLimit { per_second, burst, per_hour, reserve } = settings.rate_limit;
    awa::RateLimit { per_second, burst, per_hour, reserve }
}

/// How many calls may be in flight.
pub(super) fn max_in_flight(settings: &Settings) -> u32 {
    u32::try_from(settings.servicenow.max_in_flight).unwrap_or(u32::MAX)
}

/// What keeps calls from leaving, for `/readyz`.
pub(super) fn problem(standing: &pace::Standing, trouble: Option<&str>) -> Option<String> {
    if let Some(until) = standing.unauthorised {
        return Some(format!(
            "ServiceNow refuses the credentials; calls are held, the next try is at {until}"
        ));
    }
    let until = standing.breaker?;
    let what = match standing.trouble {
        Some(pace::Signal::Hibernating) => {
            "The ServiceNow instance is hibernating: wake it at developer.servicenow.com"
        }
        Some(pace::Signal::Foreign) => {
            "Something that is not ServiceNow's API answers, such as a login page: check servicenow.instance"
        }
        Some(
            pace::Signal::Silent
            | pace::Signal::Nothing
            | pace::Signal::Answered
            | pace::Signal::Overloaded
            | pace::Signal::RetryAfter { .. }
            | pace::Signal::Hinted { .. }
            | pace::Signal::Unauthorised,
        )
        | None => "ServiceNow does not answer",
    };
    let why = trouble.map(|why| format!(" ({why})")).unwrap_or_default();
    Some(format!("{what}{why}; calls are held, the next try is at {until}"))
}
