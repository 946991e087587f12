//! Renewal: the old key vouches for the new one, even up to a year after the certificate's end.

use std::net::IpAddr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::api::enrollment::{
    ENROLLMENT_RETRY_S, EnrollResponse, RENEWAL_CLOCK_TOLERANCE_S, RENEWAL_GRACE_S, RenewRequest,
    renewal_text,
};
use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::{CertificateSerial, MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{certificates, fleet};
use millwright_store::{Scope, StoreError, Tx};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::authority::AuthorityError;
use super::csr::{self, RequestedKey};
use super::issue::{self, IssueError};
use super::limits::{PEM_MAX_BYTES, RENEWALS_PER_DAY_MAX};
use super::service::Enrollment;

const DAY_S: i64 = 86_400;

/// Why a certificate isn't renewed. What the holder of the key may know is told apart; to all
/// others it is [`RenewError::Refused`].
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// Too many failed attempts from this address.
    #[error("too many attempts from this address; try again in {0} s")]
    TooMany(u32),
    /// A field isn't well formed.
    #[error("the {} can't be used: it {}", .0.field, .0.message)]
    Invalid(FieldProblem),
    /// Unknown certificate, or not signed by its key.
    #[error("the certificate is not one of this platform, or the request isn't signed by its key")]
    Refused,
    /// The machine's clock is off.
    #[error("signed_at is {0} s off this server's time; sign with the time in the Date header")]
    Clock(i64),
    /// The certificate was revoked, or the machine decommissioned.
    #[error("the certificate was revoked; enrol with a new code")]
    Revoked,
    /// Too long after its end.
    #[error("the certificate ended on {0}, more than a year ago; enrol with a new code")]
    TooLate(Timestamp),
    /// Too often.
    #[error("the machine has renewed {RENEWALS_PER_DAY_MAX} times within a day")]
    TooOften,
    /// The CA can't issue.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<IssueError> for RenewError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Authority(error) => Self::Authority(error),
            IssueError::Store(error) => Self::Store(error),
        }
    }
}

/// What the presented certificate says. Nothing of it is trusted before it is compared with what
/// was issued.
struct Presented {
    der: CertificateDer<'static>,
    machine: MachineId,
    serial: CertificateSerial,
    public_key: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
}

impl Enrollment {
    /// Issues a certificate for a new key, on the word of the old one. Sending the same request
    /// again is answered the same and issues nothing more.
    ///
    /// # Errors
    /// See [`RenewError`].
    pub async fn renew(
        &self,
        from: IpAddr,
        request: &RenewRequest,
        now: Timestamp,
    ) -> Result<EnrollResponse, RenewError> {
        self.take_attempt(from, now).map_err(RenewError::TooMany)?;
        let presented = read(&request.certificate)?;
        let requested =
            csr::verify(&request.csr).map_err(|error| invalid("csr", &error.to_string()))?;
        verify_signature(&presented, request)?;
        let tx = self.store.begin().await?;
        let machine = check(&tx, &presented, request.signed_at, now).await?;
        let certificate = match already_renewed(&tx, &machine, &requested, now).await? {
            Some(certificate) => certificate,
            None => self.issue_renewed(&tx, &machine, &presented, &requested, now).await?,
        };
        tx.commit().await?;
        self.give_back_attempt(from, now);
        Ok(self.answer(&machine, certificate))
    }

    async fn issue_renewed(
        &self,
        tx: &Tx,
        machine: &Machine,
        presented: &Presented,
        requested: &RequestedKey,
        now: Timestamp,
    ) -> Result<MachineCertificate, RenewError> {
        let yesterday = now.plus_seconds(-DAY_S);
        if certificates::count_since(tx, machine.id, yesterday).await? >= RENEWALS_PER_DAY_MAX {
            return Err(RenewError::TooOften);
        }
        let state = self.trust.current();
        let days = self.settings.certificate_days;
        let certificate = issue::issue(tx, &state, machine, requested, days, now).await?;
        let details = json!({
            "certificate_serial": certificate.serial,
            "key_fingerprint": certificate.key_fingerprint,
            "not_after": certificate.not_after,
            "renewed_serial": presented.serial,
        });
        let change = Change {
            organization: machine.organization_id,
            actor: Actor::Machine(machine.id),
            action: "machine.certificate_renewed",
            subject: Subject::new("machine", machine.id),
            version: None,
            details: changes::fields(&details, &[])?,
            at: now,
        };
        changes::record(tx, change).await?;
        Ok(certificate)
    }
}

/// Whether it can be read as a machine's certificate.
pub(super) fn is_readable(pem: &str) -> bool {
    read(pem).is_ok()
}

fn read(pem: &str) -> Result<Presented, RenewError> {
    let wrong = || invalid("certificate", "is not a machine's certificate in PEM form");
    if pem.len() > PEM_MAX_BYTES {
        return Err(wrong());
    }
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| wrong())?;
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let machine = name.and_then(|name| name.parse().ok()).ok_or_else(wrong)?;
    let serial = CertificateSerial::from_be_bytes(parsed.raw_serial());
    let public_key = parsed.public_key().subject_public_key.data.to_vec();
    let algorithm = algorithm(parsed.public_key()).ok_or_else(wrong)?;
    Ok(Presented { der, machine, serial, public_key, algorithm })
}

/// How a key of this kind signs a renewal.
fn algorithm(key: &SubjectPublicKeyInfo<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = |bits| matches!(key.parsed(), Ok(PublicKey::EC(point)) if point.key_size() == bits);
    if curve(256) {
        Some(&ECDSA_P256_SHA256_ASN1)
    } else if curve(384) {
        Some(&ECDSA_P384_SHA384_ASN1)
    } else if matches!(key.parsed(), Ok(PublicKey::RSA(_))) {
        Some(&RSA_PKCS1_2048_8192_SHA256)
    } else if key.algorithm.algorithm == OID_SIG_ED25519 {
        Some(&ED25519)
    } else {
        None
    }
}

fn verify_signature(presented: &Presented, request: &RenewRequest) -> Result<(), RenewError> {
    let signature = URL_SAFE_NO_PAD
        .decode(&request.signature)
        .map_err(|_| invalid("signature", "is not base64url without padding"))?;
    let text = renewal_text(presented.machine, request.signed_at, &request.csr);
    UnparsedPublicKey::new(presented.algorithm, &presented.public_key)
        .verify(&text, &signature)
        .map_err(|_| RenewError::Refused)
}

/// Whether the presented certificate is ours, and may still be renewed.
async fn check(
    tx: &Tx,
    presented: &Presented,
    signed_at: i64,
    now: Timestamp,
) -> Result<Machine, RenewError> {
    let issued =
        match certificates::load(tx, Scope::Platform, presented.machine, &presented.serial).await {
            Err(StoreError::NotFound(_)) => return Err(RenewError::Refused),
            other => other?,
        };
    // The very certificate that was issued: a forged one with its serial isn't.
    let issued_der = CertificateDer::from_pem_slice(issued.certificate.as_bytes());
    let issued_der = issued_der.map_err(|error| StoreError::corrupt("certificates", error))?;
    if issued_der != presented.der {
        return Err(RenewError::Refused);
    }
    let machine = fleet::load(tx, Scope::Platform, presented.machine).await?;
    if issued.revoked_at.is_some() || machine.state == MachineState::Decommissioned {
        return Err(RenewError::Revoked);
    }
    let off = now.seconds().saturating_sub(signed_at).saturating_abs();
    if off > RENEWAL_CLOCK_TOLERANCE_S {
        return Err(RenewError::Clock(off));
    }
    if now > issued.not_after.plus_seconds(RENEWAL_GRACE_S) {
        return Err(RenewError::TooLate(issued.not_after));
    }
    Ok(machine)
}

/// The certificate that the same request, sent before, was answered with. A request can be
/// repeated as long as its time is accepted, so this looks back as far.
async fn already_renewed(
    tx: &Tx,
    machine: &Machine,
    requested: &RequestedKey,
    now: Timestamp,
) -> Result<Option<MachineCertificate>, RenewError> {
    let Some(known) = certificates::newest_for_key(tx, machine.id, &requested.fingerprint).await?
    else {
        return Ok(None);
    };
    if known.revoked_at.is_some() {
        return Err(RenewError::Revoked);
    }
    let window_s = ENROLLMENT_RETRY_S.max(2 * RENEWAL_CLOCK_TOLERANCE_S);
    if now > known.issued_at.plus_seconds(window_s) {
        return Err(invalid("csr", "has a key that was used before; make a new one"));
    }
    Ok(Some(known))
}

fn invalid(field: &str, message: &str) -> RenewError {
    RenewError::Invalid(FieldProblem { field: field.to_owned(), message: message.to_owned() })
}
