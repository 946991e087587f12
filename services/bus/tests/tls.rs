//! The bus over TLS: a real broker behind a real TLS listener.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millwright_bus::{Bus, ExternalBroker, Supervisor};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(30);

/// Takes TLS on a port of its own, whose number it returns, and passes the inside on.
async fn tls_before(port: u16, certificate: &CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = certificate.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut inside = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                // A client that doesn't trust us leaves during the handshake.
                if let Ok(mut outside) = acceptor.accept(socket).await {
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    own
}

fn certificate(folder: &Path, name: &str) -> (CertifiedKey<rcgen::KeyPair>, PathBuf) {
    let certificate = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, certificate.cert.pem()).unwrap();
    (certificate, file)
}

#[tokio::test]
async fn only_a_broker_that_the_ca_file_vouches_for_is_used() {
    let _ = aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (ours, our_ca) = certificate(folder.path(), "ours.pem");
    let (_, other_ca) = certificate(folder.path(), "other.pem");

    let program = PathBuf::from(env!("CARGO_BIN_EXE_millwright-bus-broker"));
    let supervisor = Supervisor::start(program, Vec::new());
    let mut endpoint = supervisor.endpoint();
    let endpoint = endpoint.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    let port = tls_before(endpoint.port, &ours).await;
    let credentials = endpoint.credentials.unwrap();
    let url = format!("mqtts://{}:{}@localhost:{port}", credentials.user, credentials.password);

    let trusting = Bus::external(&ExternalBroker::new(&url, Some(&our_ca)).unwrap());
    let mut messages = trusting.subscribe("mwbus/v1/#").unwrap();
    let mut status = trusting.status();
    timeout(PATIENCE, status.wait_for(|status| status.subscribed == 1)).await.unwrap().unwrap();
    trusting.publish("mwbus/v1/wake/jobs", "x").unwrap();
    assert_eq!(timeout(PATIENCE, messages.recv()).await.unwrap().unwrap().payload, "x");

    let wary = Bus::external(&ExternalBroker::new(&url, Some(&other_ca)).unwrap());
    let refused = async {
        while wary.stats().failures < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(wary.stats().connections, 0);
}
