//! Reading and checking X.509 certificates.

use millwright_schemas::{CertificateSerial, MachineId, Timestamp};
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why a certificate isn't what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM, or no certificate in it.
    #[error("{0} is not a PEM certificate")]
    NotPem(&'static str),
    /// Not X.509.
    #[error("a certificate can't be read: {0}")]
    NotX509(String),
    /// No CA of the bundle has signed it.
    #[error("the machine's certificate isn't signed by the platform's CA")]
    WrongIssuer,
    /// It is for another key.
    #[error("the certificate is for another key than the one that was sent")]
    WrongKey,
    /// It is for somebody else.
    #[error("the certificate is for {found:?}, not for machine {expected}")]
    WrongName {
        /// Whose it should be.
        expected: MachineId,
        /// Its common name.
        found: String,
    },
}

/// From when to when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub from: Timestamp,
    /// Not after.
    pub until: Timestamp,
}

impl Validity {
    /// When two thirds of its time are over: it is then renewed.
    #[must_use]
    pub fn renew_at(self) -> Timestamp {
        self.from.plus_micros(self.until.micros_since(self.from) / 3 * 2)
    }
}

/// All certificates of a PEM bundle, DER.
///
/// # Errors
/// When there is none, or something that isn't one.
pub fn parse_bundle(
    pem: &str,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateError::NotPem(what))?;
    if certificates.is_empty() { Err(CertificateError::NotPem(what)) } else { Ok(certificates) }
}

/// SHA-256 of a certificate (DER), 64 lower-case hexadecimal digits.
#[must_use]
pub fn fingerprint(certificate: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|error| CertificateError::NotX509(error.to_string()))
}

/// The serial number of the first certificate of `pem`.
///
/// # Errors
/// When it can't be read.
pub fn serial(pem: &str) -> Result<CertificateSerial, CertificateError> {
    let bundle = parse_bundle(pem, "the certificate")?;
    Ok(CertificateSerial::from_be_bytes(parse(&bundle[0])?.raw_serial()))
}

/// From when to when the first certificate of `pem` holds.
///
/// # Errors
/// When it can't be read.
pub fn validity(pem: &str) -> Result<Validity, CertificateError> {
    validity_of(&parse_bundle(pem, "the certificate")?[0])
}

/// From when to when a certificate (DER) holds.
///
/// # Errors
/// When it can't be read.
pub fn validity_of(der: &[u8]) -> Result<Validity, CertificateError> {
    let certificate = parse(der)?;
    let time = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_millis(time.timestamp().saturating_mul(1_000))
    };
    Ok(Validity {
        from: time(certificate.validity().not_before),
        until: time(certificate.validity().not_after),
    })
}

/// Checks that the first certificate of `pem` is signed by one of `authorities`, for this key
/// and this machine. Its time isn't checked: the machine's clock may be unset.
///
/// # Errors
/// The first thing that isn't so.
pub fn check_issued(
    pem: &str,
    authorities: &[CertificateDer<'_>],
    key: &KeyPair,
    machine: MachineId,
) -> Result<(), CertificateError> {
    let bundle = parse_bundle(pem, "the issued certificate")?;
    let certificate = parse(&bundle[0])?;
    let mut signed = false;
    for authority in authorities {
        let authority = parse(authority)?;
        signed |= authority.is_ca()
            && authority.subject() == certificate.issuer()
            && certificate.verify_signature(Some(authority.public_key())).is_ok();
    }
    if !signed {
        return Err(CertificateError::WrongIssuer);
    }
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err(CertificateError::WrongKey);
    }
    let name = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .unwrap_or_default();
    if name == machine.to_string() {
        Ok(())
    } else {
        Err(CertificateError::WrongName { expected: machine, found: name.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer};

    use super::*;

    fn authority(name: &str) -> (Issuer<'static, KeyPair>, CertificateDer<'static>) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        (Issuer::new(params, key), der)
    }

    #[test]
    fn only_our_certificate_from_the_right_authority_is_accepted() {
        let (issuer, ca) = authority("CA");
        // The same name with another key must not pass.
        let (other_issuer, other_ca) = authority("CA");
        let machine = MachineId(uuid::Uuid::from_u128(1));
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, machine.to_string());
        let pem = params.signed_by(&key, &issuer).unwrap().pem();
        assert_eq!(check_issued(&pem, std::slice::from_ref(&ca), &key, machine), Ok(()));
        assert_eq!(check_issued(&pem, &[other_ca.clone(), ca.clone()], &key, machine), Ok(()));
        assert_eq!(
            check_issued(&pem, &[other_ca], &key, machine),
            Err(CertificateError::WrongIssuer)
        );
        let forged = params.signed_by(&key, &other_issuer).unwrap().pem();
        assert_eq!(
            check_issued(&forged, std::slice::from_ref(&ca), &key, machine),
            Err(CertificateError::WrongIssuer)
        );
        let other_key = KeyPair::generate().unwrap();
        assert_eq!(
            check_issued(&pem, std::slice::from_ref(&ca), &other_key, machine),
            Err(CertificateError::WrongKey)
        );
        let other = MachineId(uuid::Uuid::from_u128(2));
        assert!(matches!(
            check_issued(&pem, &[ca], &key, other),
            Err(CertificateError::WrongName { .. })
        ));
        let validity = validity(&pem).unwrap();
        assert!(validity.from < validity.renew_at() && validity.renew_at() < validity.until);
        assert!(parse_bundle("nothing", "x").is_err());
    }
}
