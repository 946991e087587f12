//! The keys as they are now.

use millwright_schemas::Timestamp;
use millwright_schemas::api::credentials::TrustVersion;
use millwright_schemas::wire::trust::{BUNDLE_TYP, TrustBundle};
use rustls_pki_types::CertificateDer;
use serde::Serialize;

use super::TrustError;
use super::bundle::{certificates, kids};
use crate::machines::authority::{self, Authority, AuthorityError, ServerCertificate};
use crate::machines::command_key::{self, CommandKey, CommandKeyError};
use crate::machines::keys::KeyFolder;

/// The keys as they are now.
#[derive(Debug)]
pub struct TrustState {
    bundle: TrustBundle,
    signer: CommandKey,
    /// Oldest first; never empty.
    authorities: Vec<Authority>,
    newest: usize,
}

impl TrustState {
    /// What machines trust now.
    #[must_use]
    pub fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// The CAs of machines' certificates: the roots of the gateway's client authentication.
    #[must_use]
    pub fn authorities(&self) -> Vec<CertificateDer<'static>> {
        self.authorities.iter().map(|authority| authority.certificate().clone()).collect()
    }

    /// SHA-256 of the CA that enrolment codes name.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        authority::fingerprint(self.issuer().certificate())
    }

    /// Issues a certificate for the MQTT server to these hosts and this computer's own names, by
    /// the oldest CA that is trusted.
    ///
    /// # Errors
    /// When a host isn't a host name or address.
    pub fn issue_server_certificate(
        &self,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let valid = |authority: &&Authority| authority.last_day(now.plus_seconds(1)) > now;
        self.authorities.iter().find(valid).unwrap_or(self.issuer()).issue_server(hosts, now)
    }

    /// Signs what machines obey: a compact JWS of this `typ`.
    ///
    /// # Errors
    /// When the claims can't be written as JSON.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, CommandKeyError> {
        self.signer.sign(typ, claims)
    }

    pub(in crate::machines) fn issuer(&self) -> &Authority {
        &self.authorities[self.newest]
    }

    /// The version and its keys' names.
    #[must_use]
    pub fn version(&self) -> TrustVersion {
        let fingerprint =
            |authority: &Authority| hex::encode(authority::fingerprint(authority.certificate()));
        TrustVersion {
            version: self.bundle.version,
            command_keys: kids(&self.bundle),
            cas: self.authorities.iter().map(fingerprint).collect(),
        }
    }

    /// Signs the bundle that follows, or the first one.
    pub(super) fn sign_bundle(&self, bundle: &TrustBundle) -> Result<String, TrustError> {
        let signed = self.signer.sign(BUNDLE_TYP, bundle);
        signed.map_err(|source| TrustError::command_key(&self.signer.jwk().kid, source))
    }

    /// The CAs with their keys, oldest first.
    pub(super) fn issuers(&self) -> &[Authority] {
        &self.authorities
    }
}

/// Reads the private keys of a bundle.
pub(super) fn load(folder: &KeyFolder, bundle: TrustBundle) -> Result<TrustState, TrustError> {
    let newest_key = kids(&bundle).pop();
    let kid = newest_key.ok_or(TrustError::Bundle(bundle.version, "it has no command key"))?;
    let name = command_key::file_name(&kid);
    let signer = CommandKey::from_key_file(&folder.read(&name)?)
        .map_err(|source| TrustError::command_key(&name, source))?;
    let mut authorities = Vec::new();
    for certificate in certificates(&bundle)? {
        let name = authority::file_name(&authority::fingerprint(&certificate));
        let authority = Authority::from_key_file(&folder.read(&name)?)
            .map_err(|source| TrustError::authority(&name, source))?;
        authorities.push(authority);
    }
    let newest = authorities.len().checked_sub(1);
    let newest = newest.ok_or(TrustError::Bundle(bundle.version, "it has no CA"))?;
    Ok(TrustState { bundle, signer, authorities, newest })
}
