//! Where a command finds the token of the daemon that it asks, without a word from the user.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::Exit;
use crate::app::admin_token;
use crate::config::Settings;

/// The unit of the package runs with this configuration, in directories of its own, which its environment names and a
/// command's does not.
const PACKAGED_CONFIG: &str = "/etc/awa-bridge/config.toml";
/// Where the daemon of that unit keeps a copy of its token for its group.
const PACKAGED_RUNTIME_DIRECTORY: &str = "/run/awa-bridge";
/// Where it keeps the token that it has made; closed to all but root.
const PACKAGED_TOKEN: &str = "/var/lib/awa-bridge/admin-token";

/// The token, and what to do where the daemon refuses it. No token where no daemon has made one yet.
///
/// # Errors
/// There is one, and the user may not read it, or the configured one cannot be read.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn find(settings: &Settings) -> Result<(Option<SecretString>, String), Exit> {
    let packaged = settings.file.as_deref() == Some(Path::new(PACKAGED_CONFIG));
    // Before the configured one, which may be a credential that systemd gives to the daemon alone.
    let copy = packaged.then(|| admin_token::read_copy(Path::new(PACKAGED_RUNTIME_DIRECTORY)));
    if let Some(Ok(token)) = copy {
        let advice = format!("the one in {PACKAGED_RUNTIME_DIRECTORY} is another daemon's");
        return Ok((Some(token), advice));
    }
    if let Some(token) = &settings.admin.token {
        let token = token.reveal().map_err(|problem| Exit::Usage(problem.to_string()))?;
        let advice = "admin.token is another than the one that the daemon was started with; restart the daemon, or \
                      name its configuration with --config FILE";
        return Ok((Some(token), advice.to_owned()));
    }
    let own = settings.admin_token_file();
    let packaged_token = (packaged && own.is_relative()).then(|| PathBuf::from(PACKAGED_TOKEN));
    let mut refused = None;
    for path in packaged_token.into_iter().chain([own.clone()]) {
        match admin_token::read(&path) {
            Ok(token) => {
                let advice = format!(
                    "{} is of another daemon; name that daemon's configuration with --config FILE",
                    path.display()
                );
                return Ok((Some(token), advice));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => refused = refused.or(Some((path, error))),
        }
    }
    match refused {
        Some((path, error)) => Err(unreadable(&path, &error, packaged)),
        None => {
            let advice = format!(
                "{} is not there; name the daemon's own configuration with --config FILE, and run the command in the \
                 daemon's working directory where the configuration's paths are relative",
                own.display()
            );
            Ok((None, advice))
        }
    }
}

fn unreadable(path: &Path, error: &io::Error, packaged: bool) -> Exit {
    let group = match packaged {
        true => {
            ", or as a member of the group awa-bridge (`usermod -aG awa-bridge NAME`, then log in again)"
        }
        false => "",
    };
    Exit::Failed(format!(
        "the admin token cannot be read from {} ({error}); run the command as the daemon's user or with sudo{group}, or \
         set admin.token to a secret that you may read",
        path.display()
    ))
}
