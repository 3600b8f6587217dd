//! TLS for a listener, from PEM texts, behind a handle through which a reload puts a new certificate in force.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use tokio_rustls::TlsAcceptor;

/// The certificate in force; clones share it.
#[derive(Clone)]
pub(crate) struct Tls {
    in_force: Arc<RwLock<TlsAcceptor>>,
}

impl Tls {
    /// Starts with this one.
    #[must_use]
    pub(crate) fn new(acceptor: TlsAcceptor) -> Self {
        Self { in_force: Arc::new(RwLock::new(acceptor)) }
    }

    /// Puts another in its place; connections that are open keep theirs.
    pub(crate) fn replace(&self, acceptor: TlsAcceptor) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why certificates and key do not make a TLS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsError {
    /// No certificate in PEM is there.
    Certificate,
    /// No private key in PEM is there.
    Key,
    /// They do not go together, or are of a kind that is not taken.
    Pair(String),
    /// No certificate authority in PEM is there, or it is none.
    ClientAuthority,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => write!(f, "certificate holds no PEM certificate"),
            Self::Key => write!(f, "key contains no PEM private key (PKCS#8, PKCS#1 or SEC1)"),
            Self::Pair(problem) => write!(f, "key does not fit its certificate: {problem}"),
            Self::ClientAuthority => {
                write!(f, "client_ca holds no PEM certificate of an authority")
            }
        }
    }
}

impl std::error::Error for TlsError {}

/// Makes an acceptor that speaks HTTP/1.1 under TLS 1.2 and 1.3. With `client_ca`, a client without a certificate from
/// one of these authorities is turned away in the handshake.
///
/// # Errors
/// A text is not PEM, or the certificate and its key do not fit.
pub(crate) fn acceptor(
    certificates: &str,
    key: &str,
    client_ca: Option<&str>,
) -> Result<TlsAcceptor, TlsError> {
    let chain = chain(certificates).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::Key)?;
    let pair = |error: rustls::Error| TlsError::Pair(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => asking_clients(builder, authorities, provider)?,
    };
    let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn asking_clients(
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    authorities: &str,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in chain(authorities).ok_or(TlsError::ClientAuthority)? {
        roots.add(authority).map_err(|_| TlsError::ClientAuthority)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| TlsError::ClientAuthority)?;
    Ok(builder.with_client_cert_verifier(verifier))
}

/// All certificates of a PEM text; none where there is not one, or one is broken.
fn chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}
