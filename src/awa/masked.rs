//! The bridge's own credentials, which no answer is repeated with: ServiceNow's words go into the log, the store and to
//! operators, and whoever wrote a script on the instance decides what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::settings::{Auth, Grant, Settings};
use crate::personal::MASK;
use crate::routing::AwaReply;

/// A shorter secret would be found in too many words by chance.
const LEAST_SECRET: usize = 4;

/// The bridge's own credentials at one instance.
#[derive(Debug, Default)]
pub(super) struct Own(Vec<SecretString>);

impl Own {
    pub(super) fn of(settings: &Settings) -> Self {
        let mut own = Vec::new();
        match &settings.auth {
            Some(Auth::Basic { username, password }) => {
                let pair = format!("{username}:{}", password.expose_secret());
                own.extend([password.clone(), STANDARD.encode(pair).into()]);
            }
            Some(Auth::ApiKey { key }) => own.push(key.clone()),
            Some(Auth::OAuth(oauth)) => {
                own.extend(oauth.extra.values().cloned());
                match &oauth.grant {
                    Grant::ClientCredentials { client_secret } => own.push(client_secret.clone()),
                    Grant::Password { client_secret, username: _, password } => {
                        own.extend([client_secret.clone(), password.clone()]);
                    }
                    Grant::JwtBearer { client_secret, .. } => own.extend(client_secret.clone()),
                }
            }
            None => {}
        }
        own.retain(|secret| secret.expose_secret().chars().count() >= LEAST_SECRET);
        // A secret that has another one in it goes as a whole.
        own.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(own)
    }

    /// A text without them.
    pub(super) fn blotted(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| match text.contains(secret.expose_secret()) {
            true => text.replace(secret.expose_secret(), MASK),
            false => text,
        })
    }

    /// A reply without them.
    pub(super) fn blotted_in(&self, reply: AwaReply) -> AwaReply {
        reply.map_detail(|detail| self.blotted(detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_secrets_are_taken_out_of_whatever_they_stand_in() {
        let own = Own(vec![SecretString::from("sn-geheim-pw"), SecretString::from("geheim")]);
        let said = own.blotted("wrong password \"sn-geheim-pw\", geheim".to_owned());
        assert_eq!(said, "wrong password \"[…]\", […]");
        let reply = own.blotted_in(AwaReply::Unexplained { why: "geheim".to_owned() });
        assert_eq!(reply, AwaReply::Unexplained { why: "[…]".to_owned() });
    }
}
