//! A machine without the agent: its key, its certificate, and what it was told at enrolment.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use millwright_schemas::CertificateSerial;
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use crate::raw_mqtt::{Connect, RawMqtt, Version};
use crate::{Api, Platform};

/// An enrolled machine, or what one would like to be.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id.
    pub machine: String,
    /// `mw/v1/{shard}/{machine}`.
    pub root: String,
    /// Its private key, PEM.
    pub key: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// The CAs it trusts, PEM.
    pub ca: String,
    /// The server's name in TLS.
    pub host: String,
    /// Where it connects.
    pub address: SocketAddr,
}

/// A new key and a request for a certificate.
#[must_use]
pub fn request() -> (KeyPair, String) {
    let key = KeyPair::generate().expect("a P-256 key");
    let request = CertificateParams::default().serialize_request(&key).expect("a request");
    (key, request.pem().expect("PEM"))
}

impl Device {
    /// Registers a machine and enrols it.
    pub async fn enroll(platform: &Platform, api: &Api, name: &str) -> Self {
        let machine = api.create_machine(name).await;
        Self::enroll_machine(platform, api, &machine).await
    }

    /// Enrols a machine that is registered.
    pub async fn enroll_machine(platform: &Platform, api: &Api, machine: &str) -> Self {
        let code = api.enrollment_code(machine).await;
        let (key, csr) = request();
        let answer = Api::anonymous(&platform.url())
            .post("/enroll", &json!({ "code": code, "csr": csr }))
            .await
            .expect("the machine enrols");
        assert_eq!(answer["machine_id"], machine);
        Self::from_answer(platform, &answer, key.serialize_pem())
    }

    /// From what enrolment or renewal answered.
    #[must_use]
    pub fn from_answer(platform: &Platform, answer: &Value, key: String) -> Self {
        let text = |name: &str| answer[name].as_str().expect(name).to_owned();
        Self {
            machine: text("machine_id"),
            root: text("topic_root"),
            key,
            certificate: text("certificate"),
            ca: text("ca_certificates"),
            host: answer["mqtt"]["host"].as_str().expect("a host").to_owned(),
            address: platform.mqtt(),
        }
    }

    /// The serial number of its certificate, as the platform writes it.
    #[must_use]
    pub fn serial(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM");
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
        CertificateSerial::from_be_bytes(parsed.raw_serial()).to_string()
    }

    /// A topic below its root.
    #[must_use]
    pub fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.root)
    }

    /// TLS with its certificate.
    #[must_use]
    pub fn tls(&self) -> Arc<ClientConfig> {
        tls(&self.ca, Some((&self.certificate, &self.key)))
    }

    /// TLS with its CA, but without a certificate of its own.
    #[must_use]
    pub fn tls_without_certificate(&self) -> Arc<ClientConfig> {
        tls(&self.ca, None)
    }

    /// A TLS connection with its certificate, not yet MQTT.
    pub async fn open(&self, version: Version) -> anyhow::Result<RawMqtt> {
        RawMqtt::open(self.address, &self.host, self.tls(), version).await
    }

    /// The same with settings that were used before, whose TLS session may be resumed.
    pub async fn reopen(
        &self,
        tls: &Arc<ClientConfig>,
        version: Version,
    ) -> anyhow::Result<RawMqtt> {
        RawMqtt::open(self.address, &self.host, Arc::clone(tls), version).await
    }

    /// A TLS connection without a certificate, not yet MQTT.
    pub async fn open_without_certificate(&self, version: Version) -> anyhow::Result<RawMqtt> {
        RawMqtt::open(self.address, &self.host, self.tls_without_certificate(), version).await
    }

    /// A whole MQTT connection from this address of ours.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect_from(&self, from: IpAddr, version: Version) -> RawMqtt {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of ours");
        self.connect_by(socket, version).await
    }

    /// A whole MQTT connection by this socket.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect_by(&self, socket: TcpSocket, version: Version) -> RawMqtt {
        let stream = socket.connect(self.address).await.expect("TCP connects");
        stream.set_nodelay(true).expect("an option");
        let name = ServerName::try_from(self.host.clone()).expect("a name");
        let tls = TlsConnector::from(self.tls()).connect(name, stream).await;
        let mut connection = RawMqtt::over(Box::new(tls.expect("TLS connects")), version);
        let connect = Connect { client_id: &self.machine, ..Connect::default() };
        assert_eq!(connection.connect(&connect).await.expect("an answer"), 0, "CONNACK");
        connection
    }

    /// A whole MQTT connection.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect(&self, version: Version) -> RawMqtt {
        let mut connection = self.open(version).await.expect("TLS connects");
        let connect = Connect { client_id: &self.machine, ..Connect::default() };
        let code = connection.connect(&connect).await.expect("an answer");
        assert_eq!(code, 0, "the connection is accepted");
        connection
    }
}

/// TLS settings of a client.
#[must_use]
pub fn tls(ca: &str, identity: Option<(&str, &str)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.expect("a certificate")).expect("a usable CA");
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .expect("certificates");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("key and certificate fit")
        }
    })
}
