//! Enrolment: how a machine gets its identity, renews it, and follows what it should trust.
//! Called by agents, without sign-in: the code, the old key or a signature stands for it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ids::MachineId;
use crate::time::Timestamp;
use crate::wire::trust::Jwks;

/// How long the same code with the same key answers the same, in seconds.
pub const ENROLLMENT_RETRY_S: i64 = 15 * 60;
/// How far the clock of a renewing machine may be off, in seconds. A machine whose clock is
/// further off renews with `signed_at` as the server's `Date` header says.
pub const RENEWAL_CLOCK_TOLERANCE_S: i64 = 15 * 60;
/// How long after its end a certificate can still be renewed, in seconds: one year.
pub const RENEWAL_GRACE_S: i64 = 365 * 86_400;

/// A new enrolment code; the only time that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrollmentCodeCreated {
    /// `mwe1.{secret}.{fingerprint}`; single use.
    pub code: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What a machine sends to enrol.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrollRequest {
    /// The enrolment code, whole.
    pub code: String,
    /// PKCS #10 certificate request, PEM. The key: ECDSA P-256 (what the agent makes) or P-384,
    /// Ed25519, or RSA of 2048 to 4096 bits. The subject is ignored.
    pub csr: String,
}

/// Where machines connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MqttEndpoint {
    /// Host name or address, as in the server's certificate.
    pub host: String,
    /// TCP port, TLS.
    pub port: u16,
}

/// What a machine needs from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrollResponse {
    /// Who the machine is.
    pub machine_id: MachineId,
    /// What people call it now, for the machine's own panel.
    pub machine_name: Option<String>,
    /// Its certificate, PEM.
    pub certificate: String,
    /// The CAs it trusts from now on, one PEM bundle.
    pub ca_certificates: String,
    /// Where to connect.
    pub mqtt: MqttEndpoint,
    /// `mw/v1/{shard}/{machine}`.
    pub topic_root: String,
    /// Keys that sign commands and the next trust bundle.
    pub command_keys: Jwks,
    /// Version of the trust bundle that `ca_certificates` and `command_keys` are from.
    pub trust_version: u64,
}

/// What a machine sends to renew its certificate, even up to a year after its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewRequest {
    /// The certificate it has, PEM.
    pub certificate: String,
    /// Certificate request for the new key, PEM, as in [`EnrollRequest`].
    pub csr: String,
    /// Unix seconds; within 15 minutes of the server's time.
    pub signed_at: i64,
    /// By the old key over [`renewal_text`]: ECDSA with SHA-256 (P-256) or SHA-384
    /// (P-384) in ASN.1 DER, Ed25519, or RSA PKCS #1 v1.5 with SHA-256; base64url without padding.
    pub signature: String,
}

/// The bytes that a renewal is signed over.
#[must_use]
pub fn renewal_text(machine: MachineId, signed_at: i64, csr_pem: &str) -> Vec<u8> {
    format!("millwright-renewal-v1\n{machine}\n{signed_at}\n{csr_pem}").into_bytes()
}

/// Which signed trust bundles are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrustQuery {
    /// The version the machine has; later ones are answered.
    pub after: u64,
}

/// The chain of trust bundles after a version. `GET /api/v1/trust?after=…`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustChain {
    /// Compact JWS of [`crate::wire::trust::TrustBundle`], each signed by a key of the version
    /// before, in order.
    pub bundles: Vec<String>,
    /// The current version.
    pub version: u64,
}
