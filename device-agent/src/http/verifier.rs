//! TLS trust of the HTTP calls: a public CA, or the platform's own.

use std::sync::Arc;
use std::time::Duration;

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
pub(crate) struct Verifier {
    system: Option<Arc<WebPkiServerVerifier>>,
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// With the system's CAs; a system without any (a small container) is fine.
    pub(crate) fn new(pins: Pins, provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let system = build(roots, &provider);
        Self { system, pins, provider }
    }

    /// Without the system's CAs.
    pub(crate) const fn pinned_only(pins: Pins, provider: Arc<CryptoProvider>) -> Self {
        Self { system: None, pins, provider }
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

/// The time at which a chain is checked. One that hasn't begun yet says that the machine's clock
/// is behind, for example at 1970, and is no reason not to talk; one that has ended is.
fn not_before_its_beginning(
    now: UnixTime,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> UnixTime {
    let begins = |certificate: &CertificateDer<'_>| {
        let from = certificates::validity_of(certificate).ok()?.from.seconds();
        u64::try_from(from).ok()
    };
    let latest = std::iter::once(end_entity).chain(intermediates).filter_map(begins).max();
    let latest = UnixTime::since_unix_epoch(Duration::from_secs(latest.unwrap_or_default()));
    now.max(latest)
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
        let now = not_before_its_beginning(now, end_entity, intermediates);
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

    #[test]
    fn a_clock_at_1970_is_no_reason_not_to_talk_but_the_end_of_a_certificate_is() {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "CA");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(["example.test".to_owned()]).unwrap();
        own.not_before = rcgen::date_time_ymd(2026, 1, 1);
        own.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let own = own.signed_by(&own_key, &issuer).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::pinned_only(Pins::Certificates(vec![ca]), provider);
        let name = ServerName::try_from("example.test").unwrap();
        for (seconds, good) in [(0, true), (1_780_000_000, true), (1_900_000_000, false)] {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let verified = verifier.verify_server_cert(&own, &[], &name, &[], now);
            assert_eq!(verified.is_ok(), good, "{seconds}: {verified:?}");
        }
    }
}
