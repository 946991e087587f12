//! The device CA: vouches for machines, and for the MQTT server towards machines.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use millwright_schemas::{CertificateSerial, MachineId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::limits::{CA_DAYS, SERVER_BACKDATE_S, SERVER_CERTIFICATE_DAYS};

/// Beginning of a CA's key file.
pub(super) const FILE_PREFIX: &str = "ca-";
const DAY_S: i64 = 86_400;
/// Names that the MQTT server always has.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The CA can't be used or can't issue.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file isn't a certificate with its key.
    #[error("not a certificate and its private key in PEM form")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// It can't be issued.
    #[error("certificate can't be issued")]
    Issue(#[from] rcgen::Error),
}

/// A CA with its private key.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    not_after: Timestamp,
}

/// A certificate that is to be issued to a machine.
#[derive(Debug)]
pub(super) struct MachineRequest<'a> {
    pub(super) machine: MachineId,
    pub(super) key: &'a SubjectPublicKeyInfo,
    pub(super) serial: &'a [u8; 16],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// What the MQTT server shows to machines.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate; its issuer is among what machines trust.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key, made for it.
    pub key: PrivateKeyDer<'static>,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

impl Authority {
    /// Makes a new CA.
    pub(super) fn generate(now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        // The name is this key's only: during a rotation two CAs are trusted at once.
        let name = format!("Millwright device CA {}", &hex_sha256(key.der_bytes())[..8]);
        params.distinguished_name = common_name(&name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from_slice(&random_serial()));
        let (from, until) =
            (now.plus_seconds(-SERVER_BACKDATE_S), now.plus_seconds(CA_DAYS * DAY_S));
        set_validity(&mut params, from, until);
        let certificate = params.self_signed(&key)?;
        Self::new(certificate.der().clone(), key)
    }

    /// Reads a key file.
    pub(super) fn from_key_file(text: &str) -> Result<Self, AuthorityError> {
        let certificate =
            CertificateDer::from_pem_slice(text.as_bytes()).map_err(AuthorityError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(AuthorityError::Pem)?;
        Self::new(certificate, KeyPair::try_from(&key)?)
    }

    fn new(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, AuthorityError> {
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
        let not_after = parsed.validity().not_after.timestamp();
        Ok(Self {
            certificate_pem: certificate_pem(&certificate),
            not_after: Timestamp::from_millis(not_after.saturating_mul(1_000)),
            certificate,
            issuer,
        })
    }

    /// Certificate and private key.
    pub(super) fn to_key_file(&self) -> String {
        format!("{}{}", self.certificate_pem, self.issuer.key().serialize_pem())
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a certificate to a machine, PEM.
    pub(super) fn issue_machine(
        &self,
        request: &MachineRequest<'_>,
    ) -> Result<String, AuthorityError> {
        let mut params = self.params(request.not_before, request.not_after);
        params.distinguished_name = common_name(&request.machine.to_string());
        params.serial_number = Some(SerialNumber::from_slice(request.serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(request.key, &self.issuer)?.pem())
    }

    /// The end of a certificate that should last until `wanted`: never after the CA's.
    pub(super) fn last_day(&self, wanted: Timestamp) -> Timestamp {
        wanted.min(self.not_after)
    }

    /// Issues a certificate to the MQTT server, for these host names and addresses and this
    /// computer's own.
    pub(super) fn issue_server(
        &self,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let mut names: Vec<String> = LOCAL_NAMES.map(str::to_owned).to_vec();
        for host in hosts {
            if !names.contains(host) {
                names.push(host.clone());
            }
        }
        let not_after = self.last_day(now.plus_seconds(SERVER_CERTIFICATE_DAYS * DAY_S));
        let mut params = self.params(now.plus_seconds(-SERVER_BACKDATE_S), not_after);
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.distinguished_name = common_name("Millwright MQTT");
        params.serial_number = Some(SerialNumber::from_slice(&random_serial()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::from(key),
            not_after,
        })
    }

    fn params(&self, not_before: Timestamp, not_after: Timestamp) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        set_validity(&mut params, not_before, self.last_day(not_after));
        params
    }
}

/// Name of the key file of the CA with this fingerprint.
pub(super) fn file_name(fingerprint: &[u8; 32]) -> String {
    format!("{FILE_PREFIX}{}.pem", &hex::encode(fingerprint)[..16])
}

/// SHA-256 of a certificate (DER).
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    sha256(certificate.as_ref())
}

/// 128 random bits as a serial number: positive and without leading zeros.
pub(super) fn random_serial() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = (serial[0] & 0x3f) | 0x40;
    serial
}

/// A serial number as it is stored and shown.
pub(super) fn serial_of(bytes: &[u8; 16]) -> CertificateSerial {
    CertificateSerial::from_be_bytes(bytes)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn certificate_pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Whole seconds, not before 1970.
fn set_validity(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let since_1970 = |time: Timestamp| Duration::from_secs(time.seconds().max(0).unsigned_abs());
    let start = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = start + since_1970(from);
    params.not_after = start + since_1970(until);
}
