//! `[notify]`: where settled events are pushed to, and which of them.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::report::Report;
use super::{Secret, Source};
use crate::base_url::ReceiverUrl;
use crate::routing::State;

/// `[notify]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Notify {
    /// None: nothing is pushed.
    pub(crate) url: Option<ReceiverUrl>,
    /// Signs what is pushed.
    pub(crate) secret: Option<Secret>,
    /// Only events that end so.
    #[serde(deserialize_with = "outcomes")]
    pub(crate) outcomes: Vec<State>,
    /// Only events of these sources; empty: of all.
    #[serde(deserialize_with = "sources")]
    pub(crate) sources: Vec<String>,
}

impl Notify {
    /// Notes the keys that do not go together.
    pub(super) fn check(&self, sources: &BTreeMap<String, Source>, report: &Report) {
        let (url, secret) = ("notify.url", "notify.secret");
        if self.url.is_some() && self.secret.is_none() {
            let text = "is missing, and `url` is set: what is pushed is signed; make one with `echo whsec_$(openssl rand -base64 32)`";
            report.complain(&[secret, url], text);
        }
        if self.url.is_none() && self.secret.is_some() {
            report.complain(
                &[url, secret],
                "is missing, and `secret` is set; write where to push to",
            );
        }
        if let Some(unknown) = self.sources.iter().find(|name| !sources.contains_key(*name)) {
            let text = format!("names {unknown:?}, and there is no [sources.{unknown}]");
            report.complain(&["notify.sources"], text);
        }
    }
}

/// Reads names of sources, none twice.
fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut sources = Vec::<String>::new();
    for name in Vec::deserialize(deserializer)? {
        if sources.contains(&name) {
            return Err(D::Error::custom("names a source twice; remove one of them"));
        }
        sources.push(name);
    }
    Ok(sources)
}

/// Reads final states, at least one, none twice.
fn outcomes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<State>, D::Error> {
    let mut outcomes = Vec::new();
    for word in Vec::<String>::deserialize(deserializer)? {
        match State::from_name(&word) {
            Some(State::Pending | State::Parked) | None => {
                return Err(D::Error::custom(
                    "names no final state; write delivered, expired, superseded, dead or discarded",
                ));
            }
            Some(state) if outcomes.contains(&state) => {
                return Err(D::Error::custom(format!("names {word} twice")));
            }
            Some(state) => outcomes.push(state),
        }
    }
    if outcomes.is_empty() {
        return Err(D::Error::custom(
            "is empty: nothing would be pushed; write [\"dead\", \"expired\"]",
        ));
    }
    Ok(outcomes)
}
