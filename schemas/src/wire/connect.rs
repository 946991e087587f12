//! How a machine shows at CONNECT that it has the key of its certificate, where TLS doesn't: over
//! WebSocket TLS may end at a proxy.
//!
//! The password is then a compact JWS by the certificate's key: `typ` [`PROOF_TYP`], `alg` that of
//! the key (ES256, ES384, EdDSA or RS256), payload [`ConnectClaims`]. The user name is the machine's
//! id, as with a device token.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CertificateSerial, MachineId};

/// `typ` header of the proof.
pub const PROOF_TYP: &str = "mw-connect+jws";
/// Most seconds from `iat` to `exp`.
pub const PROOF_LIFE_MAX_S: i64 = 120;
/// Longest proof, in bytes. The longest signature is that of an RSA key of 4096 bits.
pub const PROOF_MAX_BYTES: usize = 2_048;

/// What the proof says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectClaims {
    /// Who connects.
    pub sub: MachineId,
    /// With which certificate.
    pub certificate: CertificateSerial,
    /// To which platform: the host of its URL, without port, lower case.
    pub aud: String,
    /// When it was signed, Unix seconds.
    pub iat: i64,
    /// Until when it counts, Unix seconds; at most [`PROOF_LIFE_MAX_S`] later.
    pub exp: i64,
}
