//! Whether the keys of every issuer that publishes them at a URL can be fetched, asked once for `check --online`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::files::Files;
use super::online::Line;
use super::{Failure, instance, issuers};
use crate::config::Settings;
use crate::source::Source;

/// What to do where there are no keys.
const REMEDY: &str = "`jwks_url` has to be the issuer's `jwks_uri` (its OpenID configuration names it), and this host has to reach it \
                      (servicenow.proxy, servicenow.ca); until then its webhooks are answered 503";

/// Fetches the keys of each source that has its issuer's at a URL, once for each URL; a line for each source, by name.
///
/// # Errors
/// The configuration does not say how to reach an issuer.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(crate) async fn check(settings: &Settings, files: &Files) -> Result<Vec<Line>, Failure> {
    let Some(fetcher) = instance::fetcher(settings, files)? else { return Ok(Vec::new()) };
    let mut fetched = HashMap::new();
    let mut lines = Vec::new();
    let sources: BTreeMap<&String, &Arc<Source>> = files.sources.iter().collect();
    for (name, source) in sources {
        let Some(issuer) = source.issuer() else { continue };
        let url = &issuer.settings.url;
        if !fetched.contains_key(url) {
            let keys = issuers::fetch(&fetcher, url).await;
            fetched.insert(url.clone(), keys.map(|keys| keys.count()));
        }
        let (found, detail) = match &fetched[url] {
            Ok(keys) => ("ok", format!("fetched {url}: {keys} usable keys")),
            Err(why) => ("missing", format!("{url} cannot be fetched: {why}; {REMEDY}")),
        };
        lines.push(Line { what: "issuer's keys", name: format!("sources.{name}"), found, detail });
    }
    Ok(lines)
}
