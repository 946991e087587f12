//! The server itself: TLS, taken ports, stopping.

use std::net::TcpListener;
use std::sync::Arc;

use millwright_api::limits::BODY_TIMEOUT;
use millwright_api::server::{self, ServerConfig};
use reqwest::Method;
use rustls::pki_types::PrivateKeyDer;

use crate::harness::TestApi;

#[tokio::test]
async fn https_is_served_with_a_given_certificate() {
    let api = TestApi::start().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let config =
        ServerConfig { listener, tls: Some(Arc::new(tls)), workers: 1, body_timeout: BODY_TIMEOUT };
    let mut state = api.state.clone();
    state.metrics = prometheus::Registry::new();
    let https = server::run(config, state).unwrap();
    let handle = https.server.handle();
    let running = tokio::spawn(https.server);

    let root = reqwest::Certificate::from_der(made.cert.der()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve("localhost", https.address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/healthz", https.address.port());
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);

    drop(client);
    handle.stop(true).await;
    running.await.unwrap().unwrap();
    TcpListener::bind(https.address).unwrap();
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = server::listen(address).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_long_head_is_refused_and_the_server_goes_on() {
    let api = TestApi::start().await;
    let request = api.request(Method::GET, "/healthz").header("x-long", "x".repeat(1024 * 1024));
    // Refused with a status, or cut off while still sending.
    if let Ok(answer) = request.send().await {
        assert!(answer.status().is_client_error(), "{}", answer.status());
    }
    let answer = api.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
