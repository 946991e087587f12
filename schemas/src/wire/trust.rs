//! What a machine trusts: the keys that sign orders to it, and the CAs that vouch for servers
//! and machines.
//!
//! A trust bundle has a version. Bundle *n + 1* is a compact JWS signed with a command key of
//! bundle *n* (`typ` [`BUNDLE_TYP`]), so that a machine that was offline for years follows the
//! chain from what it has to what is current, over any transport.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `typ` header of a signed trust bundle.
pub const BUNDLE_TYP: &str = "mw-trust+jws";
/// Algorithm of all signatures towards machines.
pub const SIGNATURE_ALGORITHM: &str = "EdDSA";

/// A public key in JWK form (RFC 8037): Ed25519.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key's name, as in the header of what it signs.
    pub kid: String,
    /// The public key: 32 bytes, base64url without padding.
    pub x: String,
    /// Always `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Always `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
}

/// A key set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Jwks {
    /// The keys; any of them may sign.
    pub keys: Vec<Jwk>,
}

/// What a machine trusts from `version` on. The payload of a signed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct TrustBundle {
    /// Counts up by one.
    pub version: u64,
    /// Unix seconds of its making.
    pub iat: i64,
    /// Keys that sign commands, times, configuration and the next bundle.
    pub command_keys: Jwks,
    /// CAs of servers and machines, as one PEM bundle.
    pub ca_certificates: String,
}
