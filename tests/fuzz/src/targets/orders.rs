//! Orders to a machine. The first byte says which kind is expected, and whether the rest is a whole
//! message or claims that the platform's key signs: without that, nothing behind the signature would
//! ever be reached.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_agent::orders::verify;
use millwright_schemas::wire::command::{
    CANCEL_TYP, COMMAND_TYP, CONFIG_TYP, CancelClaims, CommandClaims, TIME_TYP, TimeClaims,
};
use millwright_schemas::wire::rules::ConfigClaims;
use millwright_schemas::wire::trust::{Jwk, Jwks};

use super::machine;

/// Everybody knows it: this is no secret.
const SEED: [u8; 32] = [7; 32];
const KID: &str = "fuzz";

pub(super) fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a seed")
}

pub(super) fn key_set() -> Jwks {
    let jwk = Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: KID.to_owned(),
        x: URL_SAFE_NO_PAD.encode(key().public_key().as_ref()),
        alg: None,
        key_use: None,
    };
    Jwks { keys: vec![jwk] }
}

/// A JWS by the key.
pub(super) fn sign(typ: &str, claims: &[u8]) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"{KID}"}}"#);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let typ = [COMMAND_TYP, CANCEL_TYP, TIME_TYP, CONFIG_TYP][usize::from(kind % 4)];
    let is_signed = kind & 0x80 != 0;
    let message = if is_signed { sign(typ, rest).into_bytes() } else { rest.to_vec() };
    let keys = key_set();
    let accepted = [
        verify::<CommandClaims>(&message, &keys, machine()).map(|claims| claims.aud),
        verify::<CancelClaims>(&message, &keys, machine()).map(|claims| claims.aud),
        verify::<TimeClaims>(&message, &keys, machine()).map(|claims| claims.aud),
        verify::<ConfigClaims>(&message, &keys, machine()).map(|claims| claims.aud),
    ];
    for (index, aud) in accepted.iter().enumerate() {
        let Ok(aud) = aud else { continue };
        assert_eq!(*aud, machine(), "it is for this machine");
        assert!(is_signed && index == usize::from(kind % 4), "signed, and as this kind");
    }
}
