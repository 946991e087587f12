//! Machine and MQTT server trust each other's certificates, over rotations too.

use std::sync::Arc;

use millwright_identity::machines::TrustState;
use millwright_schemas::Timestamp;
use millwright_schemas::api::credentials::{RetireTrust, RotateTrust, TrustPart};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::harness::{Device, Platform};

/// TLS looks at the real clock.
fn today() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn roots(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).unwrap();
    }
    Arc::new(roots)
}

fn server(state: &TrustState) -> ServerConfig {
    let shown = state.issue_server_certificate(&["mqtt.example".to_owned()], today()).unwrap();
    let verifier = WebPkiClientVerifier::builder(roots(state.authorities())).build().unwrap();
    ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(shown.chain, shown.key)
        .unwrap()
}

fn client(device: &Device, ca_certificates: &str) -> ClientConfig {
    let trusted = CertificateDer::pem_slice_iter(ca_certificates.as_bytes()).map(Result::unwrap);
    let own = CertificateDer::from_pem_slice(device.answer.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(device.key.serialize_pem().as_bytes()).unwrap();
    ClientConfig::builder()
        .with_root_certificates(roots(trusted))
        .with_client_auth_cert(vec![own], key)
        .unwrap()
}

/// A handshake over a real socket; whether both sides are content.
async fn handshake(server: ServerConfig, client: ClientConfig, host: &'static str) -> bool {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(server)).accept(socket).await.is_ok()
    });
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(host).unwrap();
    let connected = TlsConnector::from(Arc::new(client)).connect(name, socket).await.is_ok();
    accepting.await.unwrap() && connected
}

async fn enrolled(platform: &Platform) -> Device {
    let machine = platform.machine().await;
    enroll_today(platform, machine).await
}

async fn enroll_today(platform: &Platform, machine: millwright_schemas::MachineId) -> Device {
    use millwright_identity::machines::enrollment_codes;
    use millwright_schemas::api::credentials::CreateEnrollmentCode;
    use millwright_schemas::api::enrollment::EnrollRequest;
    let (store, trust, admin) = (&platform.store, &platform.trust, platform.admin());
    let input = CreateEnrollmentCode::default();
    let made = enrollment_codes::create(store, trust, &admin, machine, &input, today()).await;
    let key = crate::harness::new_key();
    let request = EnrollRequest { code: made.unwrap().code, csr: crate::harness::csr(&key) };
    let from = crate::harness::HERE;
    let answer = platform.enrollment.enroll(from, &request, today()).await.unwrap();
    Device { machine, key, answer }
}

#[tokio::test]
async fn a_machine_and_the_server_accept_each_other() {
    let platform = Platform::start_today(today()).await;
    let device = enrolled(&platform).await;
    let state = platform.trust.current();
    for host in ["mqtt.example", "localhost", "127.0.0.1", "::1"] {
        let client = client(&device, &device.answer.ca_certificates);
        assert!(handshake(server(&state), client, host).await, "{host}");
    }
    let client = client(&device, &device.answer.ca_certificates);
    assert!(!handshake(server(&state), client, "elsewhere.example").await);
}

#[tokio::test]
async fn a_machine_of_another_platform_is_refused() {
    let platform = Platform::start_today(today()).await;
    let stranger = enrolled(&Platform::start_today(today()).await).await;
    let state = platform.trust.current();
    let trusted = state.bundle().ca_certificates.clone();
    assert!(!handshake(server(&state), client(&stranger, &trusted), "localhost").await);
}

#[tokio::test]
async fn a_machine_that_was_offline_connects_after_a_rotation() {
    let platform = Platform::start_today(today()).await;
    let old = enrolled(&platform).await;
    let first = platform.trust.current().version();
    let admin = platform.admin();
    platform.trust.rotate(&admin, &RotateTrust { what: TrustPart::Ca }, today()).await.unwrap();
    let state = platform.trust.current();
    // It knows the old CA only; a new machine's certificate is by the new one.
    let knows = old.answer.ca_certificates.clone();
    assert!(handshake(server(&state), client(&old, &knows), "localhost").await);
    let new = enrolled(&platform).await;
    let new_knows = new.answer.ca_certificates.clone();
    assert!(handshake(server(&state), client(&new, &new_knows), "localhost").await);

    let retire = RetireTrust { what: TrustPart::Ca, id: first.cas[0].clone() };
    platform.trust.retire(&admin, &retire, today()).await.unwrap();
    let state = platform.trust.current();
    assert!(handshake(server(&state), client(&new, &new_knows), "localhost").await);
    // The offline one fails until it has followed the chain and renewed.
    assert!(!handshake(server(&state), client(&old, &knows), "localhost").await);
    let key = crate::harness::new_key();
    let request = old.renewal(&key, today());
    let from = crate::harness::HERE;
    let answer = platform.enrollment.renew(from, &request, today()).await.unwrap();
    let renewed = Device { machine: old.machine, key, answer };
    let knows = state.bundle().ca_certificates.clone();
    assert!(handshake(server(&state), client(&renewed, &knows), "localhost").await);
}
