//! The platform under measurement: the release binary with its defaults, in a folder of its own.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use millwright_schemas::api::enrollment::EnrollResponse;
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Semaphore};

use crate::database::Database;
use crate::machine::{Identity, Machine};
use crate::process::tree_cpu_seconds;

const PASSWORD: &str = "a password for measuring";
/// Where it says in its data folder where it listens.
const ADDRESSES: &str = "addresses.json";
/// An access token that is older is replaced.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(600);
/// Machines that are enrolled at once.
const ENROLLING: usize = 16;

/// A running `millwright serve`.
pub(crate) struct Platform {
    child: Child,
    folder: TempDir,
    /// Of its database.
    pids: Vec<u32>,
    http: reqwest::Client,
    base: String,
    /// The access token, and since when it is there: it ends after 15 minutes.
    token: Mutex<(String, Instant)>,
}

impl Platform {
    /// Starts it on an empty database, with its data folder below `scratch` and its
    /// log in `output`, and signs in.
    pub(crate) async fn start(
        programs: &Path,
        scratch: &Path,
        output: &Path,
        database: &Database,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("platform-").tempdir_in(scratch)?;
        Self::start_in(folder, programs, output, database).await
    }

    /// Stops it, and keeps its data folder.
    pub(crate) async fn pause(self) -> Result<Paused> {
        let Self { mut child, folder, .. } = self;
        child.kill().await?;
        // It says where the platform listened.
        std::fs::remove_file(folder.path().join(ADDRESSES))?;
        Ok(Paused(folder))
    }

    async fn start_in(
        folder: TempDir,
        programs: &Path,
        output: &Path,
        database: &Database,
    ) -> Result<Self> {
        let log = output.join(format!("platform-{}.log", database.name()));
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let child = Command::new(programs.join("millwright"))
            .args(["serve", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--log", "warn"])
            .arg("--data-dir")
            .arg(folder.path())
            .args(database.arguments())
            .env("MILLWRIGHT_ADMIN_PASSWORD", PASSWORD)
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", programs.display()))?;
        let pids = database.pids();
        let addresses = wait_for_addresses(folder.path()).await?;
        let base = format!("http://{}/api/v1", addresses["http"].as_str().context("http")?);
        let http = reqwest::Client::new();
        let token = Mutex::new((sign_in(&http, &base).await?, Instant::now()));
        Ok(Self { child, folder, pids, http, base, token })
    }

    /// A request to the API, signed in.
    async fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let mut token = self.token.lock().await;
        if token.1.elapsed() > TOKEN_AGE_MAX {
            *token = (sign_in(&self.http, &self.base).await?, Instant::now());
        }
        Ok(self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&token.0))
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("the platform has ended")
    }

    /// Processor time of the platform, its children and its database's processes so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let mut roots = self.pids.clone();
        roots.push(self.pid()?);
        tree_cpu_seconds(&roots)
    }

    /// The database's processor time alone.
    pub(crate) fn database_cpu_seconds(&self) -> Result<f64> {
        tree_cpu_seconds(&self.pids)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where agents enrol.
    pub(crate) fn url(&self) -> &str {
        self.base.trim_end_matches("/api/v1")
    }

    /// Registers a machine; returns its enrolment code.
    pub(crate) async fn enrollment_code(&self, serial_number: &str) -> Result<String> {
        Ok(self.register(serial_number).await?.1)
    }

    /// Registers a machine; returns its id and its enrolment code.
    pub(crate) async fn register(&self, serial_number: &str) -> Result<(String, String)> {
        let body = json!({"name": serial_number, "serial_number": serial_number});
        let machine = self.post("/machines", &body).await?;
        let id = machine["id"].as_str().context("id")?;
        let code = self.post(&format!("/machines/{id}/enrollment-codes"), &json!({})).await?;
        Ok((id.to_owned(), code["code"].as_str().context("code")?.to_owned()))
    }

    /// The stream of domain events from now on.
    pub(crate) async fn events(&self) -> Result<Events> {
        let request = self.request(Method::GET, "/events/stream").await?;
        let response = request.header("accept", "text/event-stream").send().await?;
        Ok(Events { response: response.error_for_status()?, buffer: String::new() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let response = self.request(Method::GET, path).await?.send().await?;
        Ok(response.error_for_status()?.json().await?)
    }

    /// Lets it compress values so many days after their day; 0: never.
    pub(crate) async fn compress_after(&self, machine: &str, days: u32) -> Result<()> {
        let machine = self.get(&format!("/machines/{machine}")).await?;
        let organization = machine["organization_id"].as_str().context("organization_id")?;
        let path = format!("/organizations/{organization}/policy");
        let version = self.get(&path).await?["version"].as_i64().context("version")?;
        let request =
            self.request(Method::PUT, &path).await?.header("if-match", format!("\"{version}\""));
        let policy = json!({"retention": {"compress_after_days": days}});
        request.json(&policy).send().await?.error_for_status()?;
        Ok(())
    }

    /// What it tells a monitoring system.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let response = self.http.get(format!("{}/metrics", self.url())).send().await?;
        Ok(response.error_for_status()?.text().await?)
    }

    /// Registers and enrols machines over the API.
    pub(crate) async fn enrol(&self, count: usize) -> Result<Vec<Arc<Machine>>> {
        let places = Semaphore::new(ENROLLING);
        let one = async |number: usize| {
            let _place = places.acquire().await?;
            self.enrol_one(number).await
        };
        futures_util::future::try_join_all((0..count).map(one)).await
    }

    async fn enrol_one(&self, number: usize) -> Result<Arc<Machine>> {
        let code = self.enrollment_code(&format!("B-{number}")).await?;
        let key = KeyPair::generate()?;
        let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
        let answer = self.post("/enroll", &json!({"code": code, "csr": csr})).await?;
        let answer: EnrollResponse = serde_json::from_value(answer)?;
        let identity = Identity {
            id: answer.machine_id,
            host: &answer.mqtt.host,
            port: answer.mqtt.port,
            authorities: &answer.ca_certificates,
            certificate: &answer.certificate,
            key: &key.serialize_pem(),
        };
        Ok(Arc::new(Machine::new(&identity, number)?))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        loop {
            let response = self.request(Method::POST, path).await?.json(body).send().await?;
            if response.status() == reqwest::StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            if !response.status().is_success() {
                bail!("POST {path}: {}: {}", response.status(), response.text().await?);
            }
            return Ok(response.json().await?);
        }
    }

    /// Stops it as an operator would.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// A platform that doesn't run just now.
pub(crate) struct Paused(TempDir);

impl Paused {
    /// Starts it again.
    pub(crate) async fn go_on(
        self,
        programs: &Path,
        output: &Path,
        database: &Database,
    ) -> Result<Platform> {
        Platform::start_in(self.0, programs, output, database).await
    }
}

/// A stream of domain events.
pub(crate) struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    /// Reads until there is an event of this kind.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let data: String =
                    event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                self.buffer = rest.to_owned();
                if !data.is_empty() && wanted(&serde_json::from_str(data.trim())?) {
                    return Ok(());
                }
            }
            let chunk = self.response.chunk().await?.context("the stream ended")?;
            self.buffer.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

/// Signs in; returns the access token.
async fn sign_in(http: &reqwest::Client, base: &str) -> Result<String> {
    let body = json!({"email": "admin@localhost", "password": PASSWORD});
    let login = http.post(format!("{base}/auth/login")).json(&body);
    let login: Value = login.send().await?.error_for_status()?.json().await?;
    Ok(login["access_token"].as_str().context("access_token")?.to_owned())
}

async fn wait_for_addresses(folder: &Path) -> Result<Value> {
    for _ in 0..300 {
        if let Ok(text) = std::fs::read(folder.join(ADDRESSES)) {
            return Ok(serde_json::from_slice(&text)?);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the platform wasn't ready within 30 seconds")
}
