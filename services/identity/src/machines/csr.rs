//! Certificate requests of machines: only the key in them counts.

use rcgen::{PublicKeyData as _, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use super::authority::sha256;
use super::limits::PEM_MAX_BYTES;

/// Why a certificate request can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidRequest {
    /// Too long.
    #[error("is longer than {PEM_MAX_BYTES} bytes")]
    TooLong,
    /// Not a request.
    #[error("is not a PKCS #10 certificate request in PEM form")]
    Form,
    /// Another kind of key.
    #[error(
        "has a key that is none of ECDSA P-256, ECDSA P-384, Ed25519, RSA of 2048 to 4096 bits"
    )]
    Key,
    /// Not signed by its own key.
    #[error("is not signed by its own key")]
    Signature,
}

/// Keys that a machine may have: what common programs make, and TLS can verify.
static KEYS: [&rcgen::SignatureAlgorithm; 4] = [
    &rcgen::PKCS_ECDSA_P256_SHA256,
    &rcgen::PKCS_ECDSA_P384_SHA384,
    &rcgen::PKCS_ED25519,
    &rcgen::PKCS_RSA_SHA256,
];
/// Sizes of RSA keys, in bits: shorter ones are weak, longer ones slow every handshake down.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// The key that asks for a certificate, and has shown that it is at hand.
#[derive(Debug)]
pub(super) struct RequestedKey {
    pub(super) key: SubjectPublicKeyInfo,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(super) fingerprint: [u8; 32],
}

/// Reads and verifies a request.
pub(super) fn verify(pem: &str) -> Result<RequestedKey, InvalidRequest> {
    if pem.len() > PEM_MAX_BYTES {
        return Err(InvalidRequest::TooLong);
    }
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes());
    let der = der.map_err(|_| InvalidRequest::Form)?;
    let (rest, request) =
        X509CertificationRequest::from_der(&der).map_err(|_| InvalidRequest::Form)?;
    if !rest.is_empty() {
        return Err(InvalidRequest::Form);
    }
    let raw = request.certification_request_info.subject_pki.raw;
    let key = SubjectPublicKeyInfo::from_der(raw).map_err(|_| InvalidRequest::Key)?;
    let algorithm = key.algorithm();
    if !KEYS.contains(&algorithm) || !is_fitting_rsa(&request) {
        return Err(InvalidRequest::Key);
    }
    request.verify_signature().map_err(|_| InvalidRequest::Signature)?;
    Ok(RequestedKey { key, fingerprint: sha256(raw) })
}

/// Whether the key, if it is RSA, has a size that is accepted.
fn is_fitting_rsa(request: &X509CertificationRequest<'_>) -> bool {
    match request.certification_request_info.subject_pki.parsed() {
        Ok(PublicKey::RSA(key)) => RSA_BITS.contains(&key.key_size()),
        Ok(_) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn request(key: &KeyPair) -> String {
        CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn common_keys_are_taken_and_others_refused() {
        for algorithm in KEYS {
            let good = KeyPair::generate_for(algorithm).unwrap();
            assert!(verify(&request(&good)).is_ok(), "{algorithm:?}");
        }
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        assert_eq!(verify(&request(&other)).unwrap_err(), InvalidRequest::Key);
    }

    #[test]
    fn a_request_that_was_changed_is_refused() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let mut der = request.der().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let pem = x509_pem(&der);
        assert_eq!(verify(&pem).unwrap_err(), InvalidRequest::Signature);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(verify("").unwrap_err(), InvalidRequest::Form);
        let empty =
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
        assert_eq!(verify(empty).unwrap_err(), InvalidRequest::Form);
        assert_eq!(verify(&"x".repeat(PEM_MAX_BYTES + 1)).unwrap_err(), InvalidRequest::TooLong);
    }

    fn x509_pem(der: &[u8]) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    }
}
