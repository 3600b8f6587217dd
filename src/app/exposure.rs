//! Published secrets: those that this program shows as samples. They do not protect an address that others can reach.

use secrecy::ExposeSecret;

use super::files::of_config;
use crate::config::Settings;
use crate::problem::Problem;

/// Every secret that configuration, pages and profiles of this program show; without `whsec_`.
const PUBLISHED: [&str; 4] = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "change-me", "new", "old"];

/// A token in the open has at least so many characters.
const SHORTEST_TOKEN: usize = 16;
const UNSENDABLE: &str = "admin.token: contains blanks or non-ASCII characters, which a header cannot carry; use letters \
                          and digits";
const GUESSABLE: &str = "admin.token: has fewer than 16 characters, and admin.listen is not loopback; make one with \
                         `openssl rand -base64 24`";

/// What keeps the daemon from starting, and what is only allowed for trying it out.
pub(super) struct Exposure {
    pub(super) problems: Vec<Problem>,
    pub(super) hints: Vec<String>,
}

/// Looks through all secrets of the configuration.
#[expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]
pub(super) fn exposure(settings: &Settings) -> Exposure {
    let mut exposure = Exposure { problems: Vec::new(), hints: Vec::new() };
    for secret in settings.keys.secrets() {
        let of_servicenow = secret.key().starts_with("servicenow.");
        if of_servicenow && settings.servicenow.sandbox.is_some() {
            continue;
        }
        let Ok(text) = secret.reveal() else { continue };
        if secret.key() == "admin.token" {
            let text = text.expose_secret();
            if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                exposure.problems.push(of_config(settings, UNSENDABLE.to_owned()));
            } else if !settings.admin.listen.ip().is_loopback() && text.len() < SHORTEST_TOKEN {
                exposure.hints.push(GUESSABLE.to_owned());
            }
        }
        if !is_published(text.expose_secret()) {
            continue;
        }
        let what = format!(
            "{}: is a published sample; generate one of your own, for example with \
                            `openssl rand -base64 24`",
            secret.key()
        );
        let (key, listen) = match secret.key().starts_with("admin.") {
            true => ("admin.listen", settings.admin.listen),
            false => ("intake.listen", settings.intake.listen),
        };
        // A password for ServiceNow opens nothing on this side.
        if of_servicenow || listen.ip().is_loopback() {
            exposure.hints.push(what);
        } else {
            let text = format!("{what} ({key} is {listen}, which is not loopback)");
            exposure.problems.push(of_config(settings, text));
        }
    }
    exposure
}

fn is_published(secret: &str) -> bool {
    let same = |text: &str| {
        let text = text.trim();
        PUBLISHED.contains(&text.strip_prefix("whsec_").unwrap_or(text))
    };
    // A source's secret may have a name before it.
    same(secret) || secret.split_once('=').is_some_and(|(_, secret)| same(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_the_shipped_pages_is_known_as_published() {
        let pages = [
            include_str!("../../config.toml"),
            include_str!("../../README.md"),
            include_str!("../../mappings/README.md"),
            include_str!("../../mappings/vendors/native/README.md"),
        ];
        let mut found = 0;
        for line in pages.into_iter().flat_map(str::lines) {
            let words = line.split(|char: char| char.is_whitespace() || "\"'`[](),".contains(char));
            let secrets = words.filter(|word| word.starts_with("whsec_") && !word.contains('…'));
            let password = line.trim_start().strip_prefix("password = \"");
            let password = password.and_then(|rest| rest.split('"').next());
            for secret in secrets.filter(|word| *word != "whsec_").chain(password) {
                found += 1;
                assert!(is_published(secret), "{secret} is published: name it in PUBLISHED");
            }
        }
        assert!(found >= 3, "{found}");
        assert!(is_published("sub-1=change-me") && !is_published("c2hhbGwgd2UgbWVldA=="));
    }
}
