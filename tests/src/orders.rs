//! Orders that the platform never gave: signed by its key, or by somebody else's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::KeyPair;
use serde_json::Value;

use crate::Platform;

/// Signs orders.
pub struct Signer {
    key: EncodingKey,
    kid: String,
}

impl Signer {
    /// With the platform's own command key, stolen from its folder.
    #[must_use]
    pub fn of(platform: &Platform) -> Self {
        let keys = std::fs::read_dir(platform.data_dir().join("keys")).expect("the keys");
        let mut names = keys.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let name = names.find(|name| name.starts_with("command-")).expect("a command key");
        let kid = name.trim_start_matches("command-").trim_end_matches(".pem").to_owned();
        let pem = std::fs::read(platform.data_dir().join("keys").join(name)).expect("the key");
        Self { key: EncodingKey::from_ed_pem(&pem).expect("an Ed25519 key"), kid }
    }

    /// With a key of one's own under the name of the platform's.
    #[must_use]
    pub fn forger(&self) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let pem = key.serialize_pem();
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).expect("an Ed25519 key");
        Self { key, kid: self.kid.clone() }
    }

    /// A compact JWS.
    #[must_use]
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).expect("it can be signed")
    }
}

/// The claims of an order, unverified.
#[must_use]
pub fn claims(order: &str) -> Value {
    let payload = order.split('.').nth(1).expect("three parts");
    let json = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

/// The order with other claims under its old signature.
#[must_use]
pub fn altered(order: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(order);
    change(&mut claims);
    let mut parts: Vec<String> = order.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

/// The order with another header and no signature: `alg` = `none`.
#[must_use]
pub fn unsigned(order: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"mw-command+jws"}"#);
    let payload = order.split('.').nth(1).expect("three parts");
    format!("{header}.{payload}.")
}
