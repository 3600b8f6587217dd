//! Public keys that no signature would ever fit, or that are no protection.

use p256::pkcs8::SubjectPublicKeyInfoRef;
use p256::pkcs8::der::asn1::{AnyRef, UintRef};
use p256::pkcs8::der::{Decode, Document, Reader, SliceReader};

/// An RSA key below this can be computed, and is not taken when a signature is verified.
pub(super) const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// What is wrong with a key in PEM; none where it is no RSA key.
pub(super) fn problem(pem: &str) -> Option<String> {
    let bits = rsa_bits(pem)?;
    (!RSA_BITS.contains(&bits)).then(|| {
        format!("is an RSA key of {bits} bits, not {} to {}", RSA_BITS.start(), RSA_BITS.end())
    })
}

fn rsa_bits(pem: &str) -> Option<usize> {
    let (label, document) = Document::from_pem(pem.trim()).ok()?;
    let key = match label {
        "RSA PUBLIC KEY" => document.as_bytes().to_vec(),
        "PUBLIC KEY" => {
            let info = SubjectPublicKeyInfoRef::from_der(document.as_bytes()).ok()?;
            let rsa = info.algorithm.oid.to_string() == "1.2.840.113549.1.1.1";
            rsa.then(|| info.subject_public_key.raw_bytes().to_vec())?
        }
        _ => return None,
    };
    let whole = AnyRef::from_der(&key).ok()?;
    let modulus: UintRef<'_> = SliceReader::new(whole.value()).ok()?.decode().ok()?;
    let first = modulus.as_bytes().first().map_or(0, |byte| byte.leading_zeros());
    Some(modulus.as_bytes().len() * 8 - usize::try_from(first).unwrap_or(0))
}
