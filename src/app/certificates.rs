//! Certificates and private keys in files: read, tried together before anything is built of them, and checked for their
//! expiry. `check`, the start and a reload take the same way, and say in an operator's words what is wrong.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use p256::pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use p256::pkcs8::der::{Decode, Reader, SliceReader, Tag, Tagged};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretString};

use crate::clock;
use crate::config::{KeyPair, Settings, shown_path};
use crate::routing::UnixMillis;

/// The largest file, in bytes: a bundle of all public authorities has a quarter of it.
const LARGEST: u64 = 1 << 20;

/// How long before its end a certificate is warned of.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// The text of a PEM file, without a byte order mark.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that starts with the key.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let shown = shown_path(file);
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(format!("{shown} is larger than {LARGEST} bytes"));
    }
    // The first byte of every DER certificate.
    if bytes.first() == Some(&0x30) {
        return Err(format!(
            "{shown} is DER; write it as PEM, such as with `openssl x509 -inform der -in FILE -out FILE`"
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not PEM text"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads both parts and tries whether they go together: the certificates and the key, as PEM.
///
/// # Errors
/// What is wrong, after the key of the configuration; `name` is that of the pair.
pub(super) fn pair(name: &str, pair: &KeyPair) -> Result<(String, SecretString), String> {
    let certificate =
        read(&pair.certificate).map_err(|problem| format!("{name}.certificate: {problem}"))?;
    let key = pair.key.reveal().map_err(|problem| format!("{}: {}", problem.key, problem.text))?;
    let parsed = key_of(key.expose_secret()).map_err(|problem| format!("{name}.key: {problem}"))?;
    let chain = chain(&certificate).ok_or_else(|| {
        let file = shown_path(&pair.certificate);
        format!("{name}.certificate: {file} contains no complete PEM certificate")
    })?;
    together(&chain, parsed).map_err(|problem| format!("{name}.{problem}"))?;
    Ok((certificate, key))
}

fn key_of(pem: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("is encrypted, which is not supported; decrypt it, for example with \
                    `openssl pkey -in FILE -out FILE`, and let only the daemon read it");
    }
    let otherwise = "contains no PEM private key (PKCS#8, PKCS#1 or SEC1)";
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        let holds = |what: &str| pem.contains(&format!("-----BEGIN {what}-----"));
        match (holds("CERTIFICATE"), holds("PUBLIC KEY"), holds("OPENSSH PRIVATE KEY")) {
            (true, ..) => "contains a certificate and no private key",
            (_, true, _) => "contains a public key, not the private one",
            (.., true) => {
                "is a key in OpenSSH's form; convert it with `ssh-keygen -p -m PKCS8 -f FILE`"
            }
            (false, false, false) => otherwise,
        }
    })
}

/// All certificates of a PEM text; none where there is not one, or one is broken.
fn chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}

/// Whether the key is the first certificate's.
fn together(chain: &[CertificateDer<'static>], key: PrivateKeyDer<'static>) -> Result<(), String> {
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(key).map_err(|_| {
        "key: is of an unsupported type; use RSA from 2048 to 8192 bits, P-256, P-384 or Ed25519"
            .to_owned()
    })?;
    let fits = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(&key)).keys_match()
    };
    let others = || chain.iter().skip(1).any(|certificate| fits(certificate).is_ok());
    match chain.first().map(fits) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown))) => Ok(()),
        Some(Err(rustls::Error::InconsistentKeys(_))) if others() => Err(
            "certificate: the key fits a certificate that is not the first; write the server's or client's own first, \
             then those of its issuers"
                .to_owned(),
        ),
        Some(Err(rustls::Error::InconsistentKeys(_))) => {
            Err("key: does not fit its certificate: it belongs to another one".to_owned())
        }
        Some(Err(error)) => Err(format!("certificate: cannot be used: {error}")),
    }
}

/// Certificates whose time is over, about to be, or not yet begun: a sentence each.
pub(super) fn warnings(settings: &Settings, now: UnixMillis) -> Vec<String> {
    let intake = settings.intake.tls.as_ref();
    let named = [
        ("intake.tls.certificate", intake.map(|tls| tls.pair.certificate.as_path())),
        ("intake.tls.client_ca", intake.and_then(|tls| tls.client_ca.as_deref())),
        ("servicenow.ca", settings.servicenow.ca.as_deref()),
        (
            "servicenow.client_certificate.certificate",
            settings.servicenow.client_certificate.as_ref().map(|pair| pair.certificate.as_path()),
        ),
    ];
    let mut warnings = Vec::new();
    for (key, file) in named {
        let text = file.and_then(|file| read(file).ok());
        for certificate in text.as_deref().and_then(chain).unwrap_or_default() {
            warnings.extend(warning(&certificate, now).map(|text| format!("{key}: {text}")));
        }
    }
    warnings.dedup();
    warnings
}

fn warning(certificate: &CertificateDer<'_>, now: UnixMillis) -> Option<String> {
    let (begins, ends) = validity(certificate)?;
    let soon = now.plus(clock::millis(SOON));
    if ends < now {
        return Some(format!(
            "the certificate expired at {ends}: peers that check it refuse the connection; replace it"
        ));
    }
    if begins > now {
        return Some(format!(
            "the certificate is valid from {begins} on, which is ahead of this machine's clock"
        ));
    }
    (ends < soon).then(|| format!("the certificate expires at {ends}: replace it before then"))
}

/// From when and until when a certificate is valid.
fn validity(certificate: &CertificateDer<'_>) -> Option<(UnixMillis, UnixMillis)> {
    let whole = AnyRef::from_der(certificate).ok()?;
    let signed: AnyRef<'_> = SliceReader::new(whole.value()).ok()?.decode().ok()?;
    let mut fields = SliceReader::new(signed.value()).ok()?;
    let first: AnyRef<'_> = fields.decode().ok()?;
    // Version, serial number, algorithm, issuer, validity; the version may be left out.
    let before = if first.tag() == Tag::Integer { 2 } else { 3 };
    for _ in 0..before {
        let _passed: AnyRef<'_> = fields.decode().ok()?;
    }
    let validity: AnyRef<'_> = fields.decode().ok()?;
    let mut times = SliceReader::new(validity.value()).ok()?;
    Some((time(times.decode().ok()?)?, time(times.decode().ok()?)?))
}

fn time(value: AnyRef<'_>) -> Option<UnixMillis> {
    let since = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => value.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_and_warned_of_in_time() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let at = |text: &str| UnixMillis::from_rfc3339(text).unwrap();
        let (begins, ends) = validity(certificate.der()).unwrap();
        assert_eq!(begins, at("2026-01-01T00:00:00Z"));
        assert_eq!(ends, at("2026-03-01T00:00:00Z"));
        for (now, words) in [
            ("2025-12-31T00:00:00Z", Some("ahead of this machine's clock")),
            ("2026-01-02T00:00:00Z", None),
            ("2026-02-15T00:00:00Z", Some("expires at 2026-03-01")),
            ("2026-03-02T00:00:00Z", Some("expired at 2026-03-01")),
        ] {
            let warned = warning(certificate.der(), at(now));
            assert_eq!(warned.is_some(), words.is_some(), "{now}: {warned:?}");
            assert!(warned.unwrap_or_default().contains(words.unwrap_or_default()), "{now}");
        }
    }
}
