//! TLS for the intake, from PEM texts.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why a certificate and key do not make a TLS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    /// No certificate in PEM is there.
    Certificate,
    /// No private key in PEM is there.
    Key,
    /// They do not go together, or are of a kind that is not taken.
    Pair(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => write!(f, "holds no PEM certificate"),
            Self::Key => write!(f, "holds no PEM private key (PKCS#8, PKCS#1 or SEC1)"),
            Self::Pair(problem) => write!(f, "does not fit its certificate: {problem}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// Makes an acceptor that speaks HTTP/1.1 under TLS 1.2 and 1.3.
///
/// # Errors
/// A text is not PEM, or the two do not fit.
pub fn acceptor(certificates: &str, key: &str) -> Result<TlsAcceptor, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::Key)?;
    let pair = |error: rustls::Error| TlsError::Pair(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
