//! Command keys: Ed25519, they sign what machines obey and what they trust next.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use millwright_schemas::wire::trust::{Jwk, SIGNATURE_ALGORITHM};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;

use super::authority::sha256;

/// Beginning of a command key's file.
pub(super) const FILE_PREFIX: &str = "command-";

/// A command key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CommandKeyError {
    /// The file isn't a private key.
    #[error("not a private key in PEM form")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// It isn't an Ed25519 key.
    #[error("not an Ed25519 key")]
    Kind,
    /// None can be made.
    #[error("no key can be made")]
    Generate(#[source] rcgen::Error),
    /// It can't sign.
    #[error("can't sign")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A command key with its private half.
pub(super) struct CommandKey {
    jwk: Jwk,
    signer: EncodingKey,
}

impl std::fmt::Debug for CommandKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandKey").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}

impl CommandKey {
    /// Makes a new key, and its file's text.
    pub(super) fn generate() -> Result<(Self, String), CommandKeyError> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519);
        let text = key.map_err(CommandKeyError::Generate)?.serialize_pem();
        Ok((Self::from_key_file(&text)?, text))
    }

    /// Reads a key file.
    pub(super) fn from_key_file(text: &str) -> Result<Self, CommandKeyError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(CommandKeyError::Pem)?;
        let pair = Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_| CommandKeyError::Kind)?;
        Ok(Self {
            jwk: jwk(pair.public_key().as_ref()),
            signer: EncodingKey::from_ed_der(der.secret_pkcs8_der()),
        })
    }

    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// A compact JWS of `claims`, of this `typ`.
    pub(super) fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, CommandKeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.jwk.kid.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.signer)?)
    }
}

/// Name of the key file of the command key with this name.
pub(super) fn file_name(kid: &str) -> String {
    format!("{FILE_PREFIX}{kid}.pem")
}

fn jwk(public_key: &[u8]) -> Jwk {
    Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: hex::encode(&sha256(public_key)[..8]),
        x: URL_SAFE_NO_PAD.encode(public_key),
        alg: Some(SIGNATURE_ALGORITHM.to_owned()),
        key_use: Some("sig".to_owned()),
    }
}
