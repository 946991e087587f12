//! Starts the real server and talks to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use millwright_api::clock::Clock;
use millwright_api::health::Health;
use millwright_api::limits::BODY_TIMEOUT;
use millwright_api::machine_socket::Machines;
use millwright_api::server::{self, ServerConfig};
use millwright_api::state::AppState;
use millwright_core::access::Role;
use millwright_dispatch::CommandMetrics;
use millwright_identity::machines::{Enrollment, EnrollmentSettings, Trust};
use millwright_identity::people::People;
use millwright_identity::people::bootstrap::bootstrap;
use millwright_ingest::live::Live;
use millwright_schemas::api::enrollment::MqttEndpoint;
use millwright_schemas::{OrganizationId, Secret, Timestamp};
use millwright_store::sequencer::Sequencer;
use millwright_store::{Location, Store};
use millwright_test_database::{Peer, TestDatabase};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

pub const ADMIN_PASSWORD: &str = "the administrator's password";
pub const PASSWORD: &str = "a password of a person";

/// A running API. Stops when dropped.
pub struct TestApi {
    pub url: String,
    pub state: AppState,
    pub organization: OrganizationId,
    http: reqwest::Client,
    offset_us: Arc<AtomicI64>,
    handle: ServerHandle,
    /// Ends the sequencer, and with it all streams.
    stop: watch::Sender<bool>,
    folder: TestDatabase,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The body as JSON; fails unless the status is this one.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body as a problem of this kind; fails unless it is one.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let body = self.json(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(body["type"], format!("urn:millwright:problem:{kind}"), "{}", self.text);
        assert_eq!(body["status"], status);
        assert!(body["title"].is_string());
        body
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The refresh cookie that the answer sets.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl TestApi {
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts with something changed.
    pub async fn start_with(change: impl FnOnce(&mut AppState)) -> Self {
        Self::start_waiting(BODY_TIMEOUT, change).await
    }

    /// Starts with a time of its own for bodies of requests.
    pub async fn start_waiting(body_timeout: Duration, change: impl FnOnce(&mut AppState)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let people = People::set_up(folder.path()).unwrap();
        let offset_us = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&offset_us);
        let clock = Clock::from_fn(move || {
            Clock::system().now().plus_micros(offset.load(Ordering::SeqCst))
        });
        let password = Some(Secret::new(ADMIN_PASSWORD));
        let made = bootstrap(&people, &store, password, clock.now()).await.unwrap();
        let trust = Trust::open(store.clone(), folder.path(), clock.now()).await.unwrap();
        let mqtt = MqttEndpoint { host: "localhost".to_owned(), port: 8883 };
        let settings = EnrollmentSettings::new(mqtt);
        let enrollment = Enrollment::new(store.clone(), trust, settings);
        let (sequencer, positions) = Sequencer::new(store.clone()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(sequencer.run(stopped));
        let metrics = prometheus::Registry::new();
        let mut state = AppState {
            store,
            machines: Machines::default(),
            live: Live::new(),
            positions,
            enrollment,
            people: Arc::new(people),
            clock,
            public_url: "http://localhost".to_owned(),
            commands: CommandMetrics::register(&metrics).unwrap(),
            metrics,
            health: Health::default(),
        };
        change(&mut state);
        let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = ServerConfig { listener, tls: None, workers: 1, body_timeout };
        let api = server::run(config, state.clone()).unwrap();
        let handle = api.server.handle();
        tokio::spawn(api.server);
        Self {
            url: format!("http://{}", api.address),
            state,
            organization: made.organization,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            offset_us,
            handle,
            stop,
            folder,
        }
    }

    /// Lets time pass for the API.
    pub fn pass_seconds(&self, seconds: i64) {
        self.offset_us.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.state.now()
    }

    /// As when the platform stops.
    pub fn stop_sequencer(&self) {
        self.stop.send_replace(true);
    }

    /// Another connection to the database.
    pub async fn peer(&self) -> Peer {
        self.folder.peer().await
    }

    /// The data folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// An organization below the root.
    pub async fn child_organization(&self, name: &str) -> OrganizationId {
        let admin = self.admin().await;
        let body = Some(json!({"name": name}));
        let made = self.call(&admin, "POST", "/organizations", body).await.json(201);
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// A request; `path` without `/api/v1` when it starts with another word.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A request to `/api/v1{path}` with a bearer token and perhaps a body.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.call_with(token, method, path, body, &[]).await
    }

    pub async fn call_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let method = method.parse::<Method>().unwrap();
        let mut request = self.request(method, &format!("/api/v1{path}"));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(name.parse::<HeaderName>().unwrap(), *value);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.call("", "POST", "/auth/login", Some(body)).await
    }

    /// Signs in and returns the access token.
    pub async fn sign_in(&self, email: &str, password: &str) -> String {
        let body = self.login(email, password).await.json(200);
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn admin(&self) -> String {
        self.sign_in("admin@localhost", ADMIN_PASSWORD).await
    }

    /// Adds a person of this role and signs them in.
    pub async fn person(&self, role: Role) -> String {
        let admin = self.admin().await;
        let email = format!("{role}@example.org");
        let new = json!({"email": email, "name": "P", "role": role.as_str(), "password": PASSWORD});
        self.call(&admin, "POST", "/users", Some(new)).await.json(201);
        self.sign_in(&email, PASSWORD).await
    }
}

impl Drop for TestApi {
    fn drop(&mut self) {
        // The message is sent at once; nobody needs to wait for its effect.
        drop(self.handle.stop(false));
    }
}

/// As `Content-Encoding: gzip` wants it, in the plainest form: nothing becomes smaller. At most 65,535
/// bytes.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    let length = u16::try_from(data.len()).unwrap();
    // Head (deflate, no name, no time), one stored block that is the last, check and length.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&(!length).to_le_bytes());
    packed.extend_from_slice(data);
    packed.extend_from_slice(&(!crc).to_le_bytes());
    packed.extend_from_slice(&u32::from(length).to_le_bytes());
    packed
}
