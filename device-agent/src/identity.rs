//! Who this machine is and whom it trusts: one private file, replaced as a whole, so that key,
//! certificate and trust always fit together.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millwright_schemas::MachineId;
use millwright_schemas::api::enrollment::MqttEndpoint;
use millwright_schemas::wire::trust::Jwks;
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::certificates::{self, CertificateError};
use crate::http::{Pins, Verifier};
use crate::limits::MACHINE_NAME_CHARS;
use crate::private_file;
use crate::trusted_time::TimeKeeper;

const FILE: &str = "identity.json";

/// What enrolment gave and renewal and the trust chain keep current.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The platform's address, as given at enrolment.
    pub server_url: String,
    /// Whether plain HTTP off loopback was asked for by name.
    #[serde(default)]
    pub insecure_http: bool,
    /// Who the machine is.
    pub machine_id: MachineId,
    /// What people called it when its certificate was issued; the platform may not have said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
    /// Where to connect.
    pub mqtt: MqttEndpoint,
    /// `mw/v1/{shard}/{machine}`.
    pub topic_root: String,
    /// Private key, PKCS #8 PEM.
    pub private_key: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// What is trusted.
    pub trust: Trust,
}

/// What is trusted, from one version of the trust bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Version of the bundle.
    pub version: u64,
    /// Keys that sign commands and the next bundle.
    pub command_keys: Jwks,
    /// CAs of servers and machines, PEM bundle.
    pub ca_certificates: String,
}

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file isn't what this version writes.
    #[error("{path} can't be read: {reason}; enrol again with --force")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate in it is unusable.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The private key is unusable.
    #[error("the private key can't be used: {0}")]
    Key(String),
    /// Key, certificate and CA don't make a TLS client.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// A name as it can be shown: without control characters, not without end, and not empty.
pub(crate) fn shown_name(name: Option<&str>) -> Option<String> {
    let shown: String =
        name?.chars().filter(|sign| !sign.is_control()).take(MACHINE_NAME_CHARS).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

impl Identity {
    /// The file in the data folder.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Reads the identity; `None` when the machine isn't enrolled.
    ///
    /// # Errors
    /// When the file is there and can't be read.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = Self::path(data_dir);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(IdentityError::File { path, source }),
        };
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|error| IdentityError::Content { path, reason: error.to_string() })
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When it can't be written; the old one then stays.
    pub fn store(&self, data_dir: &Path) -> Result<(), IdentityError> {
        let path = Self::path(data_dir);
        let content = serde_json::to_vec_pretty(self)
            .map_err(|e| IdentityError::Content { path: path.clone(), reason: e.to_string() })?;
        private_file::write(&path, &content).map_err(|source| IdentityError::File { path, source })
    }

    /// The key as something that signs.
    ///
    /// # Errors
    /// When it isn't a key.
    pub fn key(&self) -> Result<KeyPair, IdentityError> {
        KeyPair::from_pem(&self.private_key).map_err(|error| IdentityError::Key(error.to_string()))
    }

    /// TLS towards the gateway: only the platform's CAs are trusted, at the time that `time` says,
    /// and the machine shows its certificate.
    ///
    /// # Errors
    /// When key, certificate and CAs don't fit.
    pub fn tls_client(&self, time: &TimeKeeper) -> Result<Arc<ClientConfig>, IdentityError> {
        let authorities = certificates::parse_bundle(&self.trust.ca_certificates, "the CA bundle")?;
        let chain = certificates::parse_bundle(&self.certificate, "the machine's certificate")?;
        let key = PrivateKeyDer::from_pem_slice(self.private_key.as_bytes())
            .map_err(|error| IdentityError::Key(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(Arc::new(
            ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(time.clone()))
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Verifier::pinned_only(
                    Pins::Certificates(authorities),
                    provider,
                )))
                .with_client_auth_cert(chain, key)?,
        ))
    }
}

impl Identity {
    /// TLS towards the platform's URL: the system's CAs and the platform's own are trusted, at the
    /// time that `time` says. Nothing of the machine is shown.
    ///
    /// # Errors
    /// When the CAs can't be read.
    pub fn https_client(&self, time: &TimeKeeper) -> Result<Arc<ClientConfig>, IdentityError> {
        let authorities = certificates::parse_bundle(&self.trust.ca_certificates, "the CA bundle")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(Pins::Certificates(authorities), Arc::clone(&provider));
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(time.clone()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        // A WebSocket begins as HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("machine_id", &self.machine_id)
            .field("server_url", &self.server_url)
            .field("mqtt", &self.mqtt)
            .field("trust_version", &self.trust.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_one_short_line() {
        assert_eq!(shown_name(None), None);
        assert_eq!(shown_name(Some(" \n\t ")), None);
        assert_eq!(shown_name(Some(" Lift\r\n 7 ")).as_deref(), Some("Lift 7"));
        let long = "ä".repeat(MACHINE_NAME_CHARS + 1);
        let shown = shown_name(Some(&long)).map(|name| name.chars().count());
        assert_eq!(shown, Some(MACHINE_NAME_CHARS));
    }
}
