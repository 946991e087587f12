//! TLS of the machines' endpoint: server configuration, and who the peer is.

use std::sync::{Arc, PoisonError, RwLock};

use millwright_schemas::{CertificateSerial, MachineId};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use crate::session::Peer;

/// Why a TLS configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A CA certificate, or none at all.
    #[error("CA certificates can't be used")]
    Authorities(#[source] VerifierBuilderError),
    /// The server's certificate or key.
    #[error("server certificate or key can't be used")]
    Server(#[source] rustls::Error),
}

/// What the endpoint shows and trusts.
#[derive(Debug)]
pub struct TlsMaterial {
    /// The server's certificate and its intermediates, own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The server's key.
    pub key: PrivateKeyDer<'static>,
    /// The CAs of machines' certificates: all that are valid, during a rotation the old and new.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// Builds the server's configuration: TLS 1.2 and 1.3, client certificate optional (a machine
/// without one shows a device token). No tickets and no session cache: they cost memory per
/// connection, and a resumed session would pass over the client's certificate.
///
/// # Errors
/// What of the material can't be used.
pub fn server_config(material: TlsMaterial) -> Result<ServerConfig, TlsError> {
    // Explicit, so that nothing depends on the process's default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in material.authorities {
        roots.add(authority).map_err(TlsError::Server)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(TlsError::Authorities)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Server)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(material.chain, material.key)
        .map_err(TlsError::Server)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The configuration in use. Replacing it concerns new connections only; revocation ends old
/// ones. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TlsSetting(Arc<RwLock<Arc<ServerConfig>>>);

impl TlsSetting {
    /// Starts with this one.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    /// Uses this one from now on.
    pub fn replace(&self, config: ServerConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The one in use.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who the other end of a finished handshake is.
#[must_use]
pub fn peer(connection: &ServerConnection) -> Peer {
    match connection.peer_certificates().and_then(|chain| chain.first()) {
        None => Peer::Anonymous,
        Some(certificate) => identity(certificate).unwrap_or(Peer::Unusable),
    }
}

/// Exactly one common name, and it is a machine id in its canonical spelling.
fn identity(certificate: &CertificateDer<'_>) -> Option<Peer> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    if names.next().is_some() {
        return None;
    }
    let machine: MachineId = name.parse().ok()?;
    if name != machine.to_string() {
        return None;
    }
    let serial = CertificateSerial::from_be_bytes(certificate.raw_serial());
    Some(Peer::Certificate { machine, serial })
}
