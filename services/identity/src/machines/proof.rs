//! The proof at CONNECT that a machine has the key of its certificate, where TLS has shown none.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::wire::connect::{
    ConnectClaims, PROOF_LIFE_MAX_S, PROOF_MAX_BYTES, PROOF_TYP,
};
use millwright_schemas::{CertificateSerial, MachineId, Timestamp};
use millwright_store::machines::certificates;
use millwright_store::{Scope, Store, StoreError};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::limits::PROOF_AHEAD_MAX_S;

/// Why a proof isn't accepted.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Not a compact JWS of the right kind.
    #[error("the password is neither a device token nor a proof of the certificate's key")]
    Form,
    /// Another machine's.
    #[error("the proof is machine {0}'s")]
    Machine(MachineId),
    /// For another platform.
    #[error(
        "the proof is for {found:?}, and this platform is {expected}: is --public-url the address \
         that the machine was enrolled with?"
    )]
    Audience {
        /// What it says.
        found: String,
        /// What it may say.
        expected: String,
    },
    /// Its time isn't now, or too long.
    #[error(
        "the proof was signed at {iat} for the time until {exp}; it is {now} now, and a proof may \
         count for {PROOF_LIFE_MAX_S} s"
    )]
    Time {
        /// Signed at, Unix seconds.
        iat: i64,
        /// Until, Unix seconds.
        exp: i64,
        /// Now, Unix seconds.
        now: i64,
    },
    /// The certificate isn't one of this machine.
    #[error("the machine has no certificate {0}")]
    Unknown(CertificateSerial),
    /// Not signed by the certificate's key.
    #[error("the proof isn't signed by the key of certificate {0}")]
    Signature(CertificateSerial),
    /// The certificate was revoked or has expired.
    #[error("certificate {0} is no longer valid")]
    Ended(CertificateSerial),
    /// The database can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A proof as it was read; nothing of it is believed yet.
#[derive(Debug)]
pub struct Proof<'a> {
    /// What the signature is over.
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: String,
    /// What it says.
    pub claims: ConnectClaims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
}

/// Reads a proof without believing it. `None`: it isn't one.
#[must_use]
pub fn read(text: &str) -> Option<Proof<'_>> {
    if text.len() > PROOF_MAX_BYTES {
        return None;
    }
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header.typ != PROOF_TYP {
        return None;
    }
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some(Proof { signed, signature, algorithm: header.alg, claims })
}

/// Which certificate of the machine the proof shows the key of. `audiences`: the hosts by which
/// this platform is known, lower case.
///
/// # Errors
/// See [`ProofError`].
pub async fn check(
    store: &Store,
    machine: MachineId,
    text: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<CertificateSerial, ProofError> {
    let proof = read(text).ok_or(ProofError::Form)?;
    check_claims(&proof.claims, machine, audiences, now.seconds())?;
    let serial = proof.claims.certificate.clone();
    let issued = match certificates::get(store, Scope::Platform, machine, &serial).await {
        Err(StoreError::NotFound(_)) => return Err(ProofError::Unknown(serial)),
        other => other?,
    };
    verify(&proof, &issued)?;
    // Valid up to and with its last moment (RFC 5280, 4.1.2.5).
    if issued.revoked_at.is_some() || now > issued.not_after {
        return Err(ProofError::Ended(serial));
    }
    Ok(serial)
}

fn check_claims(
    claims: &ConnectClaims,
    machine: MachineId,
    audiences: &[String],
    now: i64,
) -> Result<(), ProofError> {
    let &ConnectClaims { sub, iat, exp, .. } = claims;
    if sub != machine {
        return Err(ProofError::Machine(sub));
    }
    if !audiences.contains(&claims.aud) {
        let found = claims.aud.chars().take(100).collect();
        return Err(ProofError::Audience { found, expected: audiences.join(" or ") });
    }
    let life = exp.saturating_sub(iat);
    if !(1..=PROOF_LIFE_MAX_S).contains(&life)
        || iat > now.saturating_add(PROOF_AHEAD_MAX_S)
        || exp < now
    {
        return Err(ProofError::Time { iat, exp, now });
    }
    Ok(())
}

fn verify(proof: &Proof<'_>, issued: &MachineCertificate) -> Result<(), ProofError> {
    let corrupt = |error| StoreError::corrupt("certificates", error);
    let der = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).map_err(corrupt)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der)
        .map_err(|error| StoreError::corrupt("certificates", error))?;
    let wrong = || ProofError::Signature(issued.serial.clone());
    // The certificate says how it signs, not whoever wrote the header.
    let (name, algorithm) = algorithm(parsed.public_key()).ok_or_else(wrong)?;
    if proof.algorithm != name {
        return Err(wrong());
    }
    UnparsedPublicKey::new(algorithm, &parsed.public_key().subject_public_key.data)
        .verify(proof.signed.as_bytes(), &proof.signature)
        .map_err(|_| wrong())
}

/// How a key of this kind signs a JWS (RFC 7518, 3.1; RFC 8037).
fn algorithm(
    key: &SubjectPublicKeyInfo<'_>,
) -> Option<(&'static str, &'static dyn VerificationAlgorithm)> {
    if key.algorithm.algorithm == OID_SIG_ED25519 {
        return Some(("EdDSA", &ED25519));
    }
    match key.parsed() {
        Ok(PublicKey::EC(point)) if point.key_size() == 256 => {
            Some(("ES256", &ECDSA_P256_SHA256_FIXED))
        }
        Ok(PublicKey::EC(point)) if point.key_size() == 384 => {
            Some(("ES384", &ECDSA_P384_SHA384_FIXED))
        }
        Ok(PublicKey::RSA(_)) => Some(("RS256", &RSA_PKCS1_2048_8192_SHA256)),
        _ => None,
    }
}
