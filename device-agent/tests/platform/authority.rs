//! The platform's CA.

use std::sync::Arc;

use millwright_schemas::MachineId;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyPair,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Test CA");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.certificate.der());
        digest.as_ref().try_into().unwrap()
    }

    /// A certificate for the key of `csr`; nearly over, if it should be renewed at once.
    pub(crate) fn issue(&self, csr: &str, machine: MachineId, nearly_over: bool) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(csr).unwrap();
        request.params.distinguished_name = DistinguishedName::new();
        request.params.distinguished_name.push(DnType::CommonName, machine.to_string());
        if nearly_over {
            request.params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            request.params.not_after = rcgen::date_time_ymd(2028, 1, 1);
        }
        request.signed_by(&self.issuer).unwrap().pem()
    }

    /// TLS of the MQTT endpoint: clients show a certificate of this CA.
    pub(crate) fn mqtt_server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let own = own.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![own, self.certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}
