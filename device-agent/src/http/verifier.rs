//! TLS trust of the HTTP calls: a public CA, or the platform's own.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::certificates;

/// What is believed besides the system's CAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pins {
    /// The CA with this SHA-256, when the server sends it: all that an enrolment code knows.
    Fingerprint(String),
    /// These CAs.
    Certificates(Vec<CertificateDer<'static>>),
}

/// Believes a server whose chain ends at a CA of the system or at a pinned one.
#[derive(Debug)]
pub(super) struct Verifier {
    system: Option<Arc<WebPkiServerVerifier>>,
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// With the system's CAs; a system without any (a small container) is fine.
    pub(super) fn new(pins: Pins, provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let system = build(roots, &provider);
        Self { system, pins, provider }
    }

    fn pinned<'a>(&'a self, sent: &'a [CertificateDer<'a>]) -> Vec<&'a CertificateDer<'a>> {
        match &self.pins {
            Pins::Fingerprint(fingerprint) => sent
                .iter()
                .filter(|certificate| certificates::fingerprint(certificate) == *fingerprint)
                .collect(),
            Pins::Certificates(certificates) => certificates.iter().collect(),
        }
    }
}

fn build(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        if let Some(system) = &self.system
            && let Ok(verified) = verify(system)
        {
            return Ok(verified);
        }
        // The fingerprint only chooses the root; the chain to it, the name and the dates are
        // checked as always.
        let mut roots = RootCertStore::empty();
        for certificate in self.pinned(intermediates) {
            let _ = roots.add(certificate.clone().into_owned());
        }
        match build(roots, &self.provider) {
            Some(pinned) => verify(&pinned),
            None => Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    struct Server {
        ca: CertificateDer<'static>,
        own: CertificateDer<'static>,
    }

    fn server(name: &str) -> Server {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "CA");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new([name.to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &issuer).unwrap().der().clone();
        Server { ca, own }
    }

    fn verify(pins: Pins, own: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(pins, provider);
        let name = ServerName::try_from("example.test").unwrap();
        verifier.verify_server_cert(own, sent, &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn only_a_chain_to_the_pinned_authority_is_believed() {
        let good = server("example.test");
        let evil = server("example.test");
        let pin = || Pins::Fingerprint(certificates::fingerprint(&good.ca));
        assert!(verify(pin(), &good.own, std::slice::from_ref(&good.ca)));
        assert!(verify(Pins::Certificates(vec![good.ca.clone()]), &good.own, &[]));
        // The right CA is sent along, but hasn't signed the server's certificate.
        assert!(!verify(pin(), &evil.own, &[good.ca.clone(), evil.ca.clone()]));
        assert!(!verify(pin(), &evil.own, &[evil.ca]));
        assert!(!verify(pin(), &good.own, &[]));
        let other_name = server("other.test");
        let pin = Pins::Fingerprint(certificates::fingerprint(&other_name.ca));
        assert!(!verify(pin, &other_name.own, &[other_name.ca]));
    }
}
