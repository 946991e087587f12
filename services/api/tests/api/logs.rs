//! No secret stands in a log, at any level.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{ADMIN_PASSWORD, PASSWORD, TestApi};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Each test is a process of its own under nextest; within one process the other tests' lines
/// would only add to the log.
#[tokio::test]
async fn no_secret_is_logged() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .try_init()
        .unwrap();
    let api = TestApi::start().await;
    let answer = api.login("admin@localhost", ADMIN_PASSWORD).await;
    let access = answer.json(200)["access_token"].as_str().unwrap().to_owned();
    let refresh = answer.cookie().strip_prefix("mw_refresh=").unwrap().to_owned();
    let wrong = "a wrong but telling password";
    api.login("admin@localhost", wrong).await.problem(401, "unauthenticated");
    let body = json!({"name": "x", "scopes": ["users.read"]});
    let created = api.call(&access, "POST", "/api-tokens", Some(body)).await.json(201);
    let token = created["token"].as_str().unwrap().to_owned();
    api.call(&token, "GET", "/users", None).await.json(200);
    let body = json!({"email": "a@b", "name": "N", "role": "viewer", "password": PASSWORD});
    api.call(&access, "POST", "/users", Some(body)).await.json(201);

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let ours = log.lines().filter(|line| !is_test_client(line)).collect::<Vec<_>>().join("\n");
    assert!(ours.contains("/api/v1/auth/login"), "the log is captured");
    for secret in [ADMIN_PASSWORD, wrong, PASSWORD, &access, &refresh, &token] {
        assert!(!ours.contains(secret), "{secret:?} is in the log");
    }
    assert!(!ours.contains("$argon2id"), "a password hash is in the log");
}

/// The client of the test runs in the same process and may log what it sends.
fn is_test_client(line: &str) -> bool {
    ["hyper", "reqwest", "h2::"].iter().any(|name| line.contains(&format!(" {name}")))
}
