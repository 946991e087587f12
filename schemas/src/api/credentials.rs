//! A machine's credentials as people see them, and the platform's own keys towards machines.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{CertificateSerial, DeviceTokenId, MachineId};
use crate::secret::Secret;
use crate::time::Timestamp;

/// How long an enrolment code works when the caller doesn't say, in seconds: one day.
pub const ENROLLMENT_CODE_DEFAULT_S: i64 = 86_400;
/// The shortest time an enrolment code can work, in seconds.
pub const ENROLLMENT_CODE_MIN_S: i64 = 60;
/// The longest time an enrolment code can work, in seconds: 30 days.
pub const ENROLLMENT_CODE_MAX_S: i64 = 30 * 86_400;

/// How a new enrolment code should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEnrollmentCode {
    /// How long it works, in seconds: 60 to 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 2_592_000, default = 86_400)]
    pub expires_in_s: Option<i64>,
}

/// A certificate that was issued to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineCertificate {
    /// Its serial number, hexadecimal.
    #[schema(value_type = String)]
    pub serial: CertificateSerial,
    /// The machine it was issued to.
    pub machine_id: MachineId,
    /// The certificate, PEM.
    pub certificate: String,
    /// SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal.
    pub key_fingerprint: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub revocation_reason: Option<String>,
}

/// Why a certificate is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevokeCertificate {
    /// For people and the audit log: 1 to 500 characters.
    #[schema(default = "unspecified")]
    pub reason: String,
}

impl Default for RevokeCertificate {
    fn default() -> Self {
        Self { reason: "unspecified".to_owned() }
    }
}

/// A new device token; the only time that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceTokenCreated {
    /// Its id.
    pub id: DeviceTokenId,
    /// `mwd_…`: the MQTT password; the user name is the machine's id.
    pub token: Secret,
}

/// A device token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceToken {
    /// Its id.
    pub id: DeviceTokenId,
    /// The machine that may use it.
    pub machine_id: MachineId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a connection was last opened with it.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// All device tokens of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceTokenList {
    /// Newest first.
    pub items: Vec<DeviceToken>,
}

/// All certificates of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateList {
    /// Newest first.
    pub items: Vec<MachineCertificate>,
}

/// Which of the platform's keys towards machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustPart {
    /// The key that signs commands, times and trust bundles.
    CommandKey,
    /// The CA that issues certificates of machines and of the MQTT server.
    Ca,
}

/// Adds a new key beside the ones trusted so far, and signs with it from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateTrust {
    /// Which key.
    pub what: TrustPart,
}

/// Stops trusting an old key. A machine that still needs it must follow the chain first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireTrust {
    /// Which kind of key.
    pub what: TrustPart,
    /// A command key's `kid`, or the SHA-256 of a CA certificate (DER) in hexadecimal.
    pub id: String,
}

/// What is trusted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustVersion {
    /// The bundle's version.
    pub version: u64,
    /// `kid`s of the command keys; the last one signs.
    pub command_keys: Vec<String>,
    /// SHA-256 of the CA certificates (DER), hexadecimal; the last one issues.
    pub cas: Vec<String>,
}
