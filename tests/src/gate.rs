//! A port that can be opened and closed, as a firewall does, and a proxy at which TLS ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Connections that wait.
const BACKLOG: u32 = 64;

/// Leads to an address while it is open.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    target: SocketAddr,
    open: Option<tokio::task::JoinHandle<()>>,
}

impl Gate {
    /// A closed gate: connections to `address` are refused.
    #[must_use]
    pub const fn closed(address: SocketAddr, target: SocketAddr) -> Self {
        Self { address, target, open: None }
    }

    /// Lets connections through.
    pub fn open(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("the port may have been used");
        socket.bind(self.address).expect("the port is free");
        let listener = socket.listen(BACKLOG).expect("it listens");
        self.open = Some(tokio::spawn(forward(listener, self.target)));
    }

    /// Closes, and cuts all connections.
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close();
    }
}

async fn forward(listener: TcpListener, target: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        connections.spawn(async move {
            if let Ok(mut further) = TcpStream::connect(target).await {
                let _ = copy_bidirectional(&mut stream, &mut further).await;
            }
        });
    }
}

/// A server in front of the platform that speaks HTTPS to the outside and HTTP to the inside.
#[derive(Debug)]
pub struct TlsProxy {
    /// Where it listens, under the name localhost.
    pub address: SocketAddr,
    /// The file of its CA, for programs that are to trust it.
    pub ca_file: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl TlsProxy {
    /// Starts it on a free port.
    pub async fn start(folder: &Path, target: SocketAddr) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a company's CA");
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a CA");
        let ca_file = folder.join("proxy-ca.pem");
        std::fs::write(&ca_file, ca.pem()).expect("the CA's file");
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let own = own.signed_by(&own_key, &issuer).expect("a certificate");
        let private = PrivateKeyDer::try_from(own_key.serialize_der()).expect("PKCS #8");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], private)
            .expect("key and certificate fit");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    if let Ok(mut inside) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut outside, &mut inside).await;
                    }
                });
            }
        });
        Self { address, ca_file, task }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
