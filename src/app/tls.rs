//! From the configuration to what the intake shows in a TLS handshake.

use secrecy::ExposeSecret;
use tokio_rustls::TlsAcceptor;

use super::certificates;
use super::files::of_config;
use crate::config::{IntakeTls, Settings};
use crate::http;
use crate::problem::Problem;

/// What the configuration says; none where it has no `intake.tls`.
///
/// # Errors
/// A file that cannot be read, or that is not what it should be.
#[expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]
pub(super) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, Problem> {
    let Some(IntakeTls { pair, client_ca }) = &settings.intake.tls else { return Ok(None) };
    let wrong = |problem| of_config(settings, problem);
    let (certificate, key) = certificates::pair("intake.tls", pair).map_err(wrong)?;
    let read = |file| {
        certificates::read(file)
            .map_err(|problem| wrong(format!("intake.tls.client_ca: {problem}")))
    };
    let client_ca = client_ca.as_deref().map(read).transpose()?;
    http::acceptor(&certificate, key.expose_secret(), client_ca.as_deref())
        .map(Some)
        .map_err(|error| of_config(settings, format!("intake.tls.{error}")))
}
