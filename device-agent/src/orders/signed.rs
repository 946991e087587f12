//! Whether an order is the platform's: a compact JWS of a trusted key, of the right kind, for
//! this machine.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use millwright_schemas::limits::DOWN_MESSAGE_MAX_BYTES;
use millwright_schemas::wire::command::{
    CANCEL_TYP, COMMAND_TYP, CONFIG_TYP, CancelClaims, CommandClaims, TIME_TYP, TimeClaims,
};
use millwright_schemas::wire::rules::ConfigClaims;
use millwright_schemas::wire::trust::Jwks;
use millwright_schemas::{MachineId, Timestamp};
use serde::de::DeserializeOwned;

/// Why something isn't believed. Nobody is told but the operator: whoever sent it is not the
/// platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than anything that the platform signs.
    #[error("it has {0} bytes, more than {DOWN_MESSAGE_MAX_BYTES}")]
    TooLarge(usize),
    /// Not a JWS, not by EdDSA, of another kind, or without what it must say.
    #[error("it has the wrong form: {0}")]
    Form(String),
    /// Not signed, or by nobody who may.
    #[error("it isn't signed by a trusted key")]
    Signature,
    /// Signed, but for another machine.
    #[error("it is for another machine")]
    Foreign,
}

impl Refusal {
    fn form(reason: impl std::fmt::Display) -> Self {
        // What is refused is a stranger's text: none of it gets into the log at length.
        Self::Form(reason.to_string().chars().take(120).collect())
    }
}

/// What the platform signs for a machine.
pub trait Signed: DeserializeOwned + Clone {
    /// The `typ` of its header.
    const TYP: &'static str;

    /// The machine that it is for.
    fn audience(&self) -> MachineId;

    /// When it was signed: it can't be earlier now.
    fn signed_at(&self) -> Timestamp;
}

fn seconds(unix: i64) -> Timestamp {
    Timestamp::from_micros(unix.saturating_mul(1_000_000))
}

impl Signed for CommandClaims {
    const TYP: &'static str = COMMAND_TYP;

    fn audience(&self) -> MachineId {
        self.aud
    }

    fn signed_at(&self) -> Timestamp {
        seconds(self.iat)
    }
}

impl Signed for CancelClaims {
    const TYP: &'static str = CANCEL_TYP;

    fn audience(&self) -> MachineId {
        self.aud
    }

    fn signed_at(&self) -> Timestamp {
        seconds(self.iat)
    }
}

impl Signed for TimeClaims {
    const TYP: &'static str = TIME_TYP;

    fn audience(&self) -> MachineId {
        self.aud
    }

    fn signed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.ts)
    }
}

impl Signed for ConfigClaims {
    const TYP: &'static str = CONFIG_TYP;

    fn audience(&self) -> MachineId {
        self.aud
    }

    fn signed_at(&self) -> Timestamp {
        seconds(self.iat)
    }
}

/// Reads what was sent to this machine, if it is the platform's.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<T: Signed>(payload: &[u8], keys: &Jwks, machine: MachineId) -> Result<T, Refusal> {
    if payload.len() > DOWN_MESSAGE_MAX_BYTES {
        return Err(Refusal::TooLarge(payload.len()));
    }
    let jws = std::str::from_utf8(payload).map_err(Refusal::form)?;
    let order: T = verify_payload(jws, T::TYP, keys)?;
    if order.audience() == machine { Ok(order) } else { Err(Refusal::Foreign) }
}

/// Reads a JWS of this `typ`, signed by one of the keys.
///
/// # Errors
/// See [`Refusal`].
pub fn verify_payload<T: DeserializeOwned + Clone>(
    jws: &str,
    typ: &str,
    keys: &Jwks,
) -> Result<T, Refusal> {
    let header = jsonwebtoken::decode_header(jws).map_err(Refusal::form)?;
    if header.alg != Algorithm::EdDSA {
        return Err(Refusal::form(format!("algorithm {:?}", header.alg)));
    }
    // Each kind has its own: what is signed as one must never pass for another.
    if header.typ.as_deref() != Some(typ) {
        return Err(Refusal::form(format!("typ {:?}", header.typ)));
    }
    let kid = header.kid.ok_or_else(|| Refusal::form("no kid"))?;
    let key = decoding_key(keys, &kid).ok_or(Refusal::Signature)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<T>(jws, &key, &validation).map(|token| token.claims).map_err(|error| {
        match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => Refusal::Signature,
            _ => Refusal::form(error),
        }
    })
}

fn decoding_key(keys: &Jwks, kid: &str) -> Option<DecodingKey> {
    let key = keys.keys.iter().find(|key| key.kid == kid)?;
    if key.kty != "OKP" || key.crv != "Ed25519" {
        return None;
    }
    DecodingKey::from_ed_components(&key.x).ok()
}
