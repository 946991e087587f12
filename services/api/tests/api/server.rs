//! The server itself: TLS, taken ports, stopping.

use std::net::TcpListener;
use std::sync::Arc;

use millwright_api::limits::BODY_TIMEOUT;
use millwright_api::server::{self, ServerConfig};
use millwright_api::waiting::Waiting;
use reqwest::Method;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use crate::harness::{Answer, TestApi};

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

#[tokio::test]
async fn while_the_database_is_waited_for_the_door_says_so() {
    let api = TestApi::start().await;
    let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let door = ServerConfig { listener, tls: None, workers: 1, body_timeout: BODY_TIMEOUT };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        Answer::read(client.get(format!("{url}{path}")).send().await.unwrap()).await
    };
    let not_ready = |reason: &str| {
        let database = json!({"ok": false, "reason": reason});
        json!({"ready": false, "checks": {"database": database}})
    };

    let waiting = Waiting::start(&door, "not reached".to_owned()).unwrap();
    let healthy = get("/healthz").await;
    assert_eq!((healthy.status.as_u16(), healthy.text.as_str()), (200, "ok\n"));
    assert_eq!(healthy.header("x-content-type-options"), "nosniff");
    assert_eq!(get("/readyz").await.json(503), not_ready("not reached"));
    waiting.tell("it is starting up".to_owned());
    assert_eq!(get("/readyz").await.json(503), not_ready("it is starting up"));
    let login = client.post(format!("{url}/api/v1/auth/login")).json(&json!({})).send().await;
    let login = Answer::read(login.unwrap()).await;
    login.problem(503, "unavailable");
    assert_eq!(login.header("retry-after"), "1");
    get("/").await.problem(503, "unavailable");

    // Then the platform itself answers there.
    waiting.end().await;
    let mut state = api.state.clone();
    state.metrics = prometheus::Registry::new();
    let served = server::run(door, state).unwrap();
    let handle = served.server.handle();
    let running = tokio::spawn(served.server);
    assert_eq!(get("/readyz").await.json(200)["ready"], true);
    handle.stop(true).await;
    running.await.unwrap().unwrap();
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
