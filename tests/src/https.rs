//! Who comes to the platform from several addresses, and the platform with HTTPS of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;

use crate::{Platform, device};

/// A client that the platform takes for one from elsewhere: Linux lets a socket have any address of
/// 127.0.0.0/8. Everybody else in these tests comes from 127.0.0.1.
pub const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Whether this computer has [`ELSEWHERE`]. Says loudly what isn't tested if it hasn't.
#[must_use]
pub fn has_elsewhere(what: &str) -> bool {
    let found = std::net::TcpListener::bind(SocketAddr::new(ELSEWHERE, 0)).is_ok();
    if !found {
        eprintln!("SKIPPED: {what}: this computer has no address {ELSEWHERE}");
    }
    found
}

/// `millwright serve` with a certificate of its own for HTTPS.
#[derive(Debug)]
pub struct Https {
    /// The platform.
    pub platform: Platform,
    certificate: reqwest::Certificate,
    pem: String,
}

impl Https {
    /// Starts it.
    pub async fn start() -> Self {
        let platform = Platform::prepare();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        let (file, key) =
            (platform.folder().join("https.pem"), platform.folder().join("https.key"));
        let pem = made.cert.pem();
        std::fs::write(&file, &pem).expect("the certificate's file");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("the key's file");
        let (file, key) = (file.to_string_lossy(), key.to_string_lossy());
        let mut platform = platform.with_arguments(&["--tls-cert", &file, "--tls-key", &key]);
        platform.resume().await;
        let certificate = reqwest::Certificate::from_der(made.cert.der()).expect("a certificate");
        Self { platform, certificate, pem }
    }

    /// Asks `/healthz` on a connection of its own from this address; an error is one of the network.
    pub async fn healthy_from(&self, from: IpAddr) -> reqwest::Result<()> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([self.certificate.clone()])
            .local_address(from)
            .resolve("localhost", self.platform.http())
            .build()?;
        let url = format!("https://localhost:{}/healthz", self.platform.http().port());
        client.get(url).send().await?.error_for_status().map(drop)
    }

    /// What a client says first.
    #[must_use]
    pub fn hello(&self) -> Vec<u8> {
        hello(device::tls(&self.pem, None))
    }
}

/// What a client with these settings says first in TLS: a whole ClientHello.
#[must_use]
pub fn hello(tls: Arc<ClientConfig>) -> Vec<u8> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(tls, name).expect("TLS");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("into memory");
    hello
}
