//! Whom the bridge trusts between itself and ServiceNow, and the certificate that it presents: the system's
//! authorities, those of `servicenow.ca`, the client certificate.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use secrecy::{ExposeSecret, SecretString};

use super::settings::{Settings, SettingsError};

/// The variables by which a site names its authorities, in place of the system's: a file and folders.
const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// TLS for all connections. `needed`: where nothing is encrypted, the system's authorities are not read.
pub(super) fn config(settings: &Settings, needed: bool) -> Result<ClientConfig, SettingsError> {
    let builder = trusting(settings.ca.as_deref(), needed)?;
    match &settings.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(pem) => {
            let (chain, key) = identity(pem)?;
            builder.with_client_auth_cert(chain, key).map_err(|why| {
                let why = match why {
                    rustls::Error::InconsistentKeys(_) => {
                        "its private key is not that of the certificate".to_owned()
                    }
                    other => other.to_string(),
                };
                SettingsError::new("client_certificate", format!("cannot be used: {why}"))
            })
        }
    }
}

/// The same for another server, which is shown no client certificate.
pub(super) fn without_identity(
    ca: Option<&[u8]>,
    needed: bool,
) -> Result<ClientConfig, SettingsError> {
    Ok(trusting(ca, needed)?.with_no_client_auth())
}

fn trusting(
    ca: Option<&[u8]>,
    needed: bool,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, SettingsError> {
    let mut roots = RootCertStore::empty();
    if needed {
        add_systems(&mut roots)?;
    }
    if let Some(pem) = ca {
        add_own(&mut roots, pem)?;
    }
    if needed && roots.is_empty() {
        return Err(SettingsError::new(
            "instance",
            "cannot be trusted: this machine has no certificate authorities; install ca-certificates, or name a PEM file as servicenow.ca",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| SettingsError::new("instance", format!("cannot be used: {why}")))?;
    Ok(builder.with_root_certificates(roots))
}

fn add_systems(roots: &mut RootCertStore) -> Result<(), SettingsError> {
    let wrong = |name: &str, place: &OsStr, errors: &[rustls_native_certs::Error]| {
        let why = errors.first().map_or_else(|| "it holds none".to_owned(), ToString::to_string);
        let problem = format!(
            "cannot be trusted: the variable {name} names {}, where no certificate can be read ({why}); correct or unset it",
            Path::new(place).display()
        );
        SettingsError::new("instance", problem)
    };
    if let Some(file) = std::env::var_os(FILE) {
        let named = load_certs_from_paths(Some(Path::new(&file)), None);
        if named.certs.is_empty() {
            return Err(wrong(FILE, &file, &named.errors));
        }
    }
    let found = load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    match std::env::var_os(FOLDERS) {
        Some(folders) if added == 0 => Err(wrong(FOLDERS, &folders, &found.errors)),
        Some(_) | None => Ok(()),
    }
}

fn add_own(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), SettingsError> {
    let wrong = |what: &str| {
        SettingsError::new(
            "ca",
            format!(
                "{what}; write the PEM file of the authority, -----BEGIN CERTIFICATE----- and so on"
            ),
        )
    };
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = read.map_err(|_| wrong("is not PEM"))?;
    if certificates.is_empty() {
        return Err(wrong("names a file that holds no certificate in PEM"));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|_| wrong("names a file with a damaged certificate"))?;
    }
    Ok(())
}

type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(pem: &SecretString) -> Result<Shown, SettingsError> {
    let wrong = |what: &str| SettingsError::new("client_certificate", what);
    let pem = pem.expose_secret();
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| wrong("is not a PEM certificate with its private key"))?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        wrong(if pem.contains("ENCRYPTED") {
            "has an encrypted private key: write it out without its passphrase, and keep the file to the service"
        } else {
            "is not a PEM certificate with its private key"
        })
    })?;
    Ok((chain, key))
}
