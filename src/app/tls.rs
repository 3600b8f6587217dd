//! From the configuration to what the intake shows in a TLS handshake.

use std::path::Path;

use secrecy::ExposeSecret;
use tokio_rustls::TlsAcceptor;

use super::files::of_config;
use crate::config::{IntakeTls, Settings};
use crate::http;
use crate::problem::Problem;
use crate::text_file;

/// What the configuration says; none where it has no `intake.tls`.
///
/// # Errors
/// A file that cannot be read, or that is not what it should be.
pub(super) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, Problem> {
    let Some(IntakeTls { pair, client_ca }) = &settings.intake.tls else { return Ok(None) };
    let certificate = read(settings, "certificate", &pair.certificate)?;
    let key = pair.key.reveal().map_err(|problem| of_config(settings, problem.to_string()))?;
    let client_ca =
        client_ca.as_deref().map(|file| read(settings, "client_ca", file)).transpose()?;
    http::acceptor(&certificate, key.expose_secret(), client_ca.as_deref())
        .map(Some)
        .map_err(|error| of_config(settings, format!("intake.tls.{error}")))
}

fn read(settings: &Settings, key: &str, file: &Path) -> Result<String, Problem> {
    text_file::read(file, text_file::LARGEST).map_err(|unread| {
        of_config(settings, format!("intake.tls.{key}: {} {unread}", file.display()))
    })
}
