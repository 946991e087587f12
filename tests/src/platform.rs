//! The platform as a real process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_test_database::{Peer, TestDatabase};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::Process;
use crate::{Api, Database, eventually, ports, programs};

/// From start to the file with the addresses. Generous: tests run beside each other.
const READY: Duration = Duration::from_secs(60);
/// From SIGTERM to the end.
const STOPPED: Duration = Duration::from_secs(20);
/// The administrator's password in all tests.
pub const ADMIN_PASSWORD: &str = "a password for the tests";

/// `millwright serve` with a data folder of its own.
#[derive(Debug)]
pub struct Platform {
    // Declared first, dropped first: the process must be gone before its folder.
    process: Option<Process>,
    http: SocketAddr,
    mqtt: SocketAddr,
    arguments: Vec<String>,
    /// Another one's database, in place of its own.
    database: Option<String>,
    folder: TestDatabase,
}

impl Platform {
    /// Starts a platform without data on free ports.
    pub async fn start() -> Self {
        let mut platform = Self::prepare();
        platform.resume().await;
        platform
    }

    /// Starts a platform without data on free ports, with more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let mut platform = Self::prepare();
        platform.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        platform.resume().await;
        platform
    }

    /// Another database and more arguments, for the next start.
    #[must_use]
    pub fn with(mut self, database: &str, arguments: &[&str]) -> Self {
        self.database = Some(database.to_owned());
        self.with_arguments(arguments)
    }

    /// More arguments, for the next start.
    #[must_use]
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Sends the process a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.as_mut().expect("the platform runs").signal(signal);
    }

    /// A platform without data that doesn't run yet.
    #[must_use]
    pub fn prepare() -> Self {
        crate::start();
        let folder = TestDatabase::blocking();
        Self {
            process: None,
            http: ports::free(),
            mqtt: ports::free(),
            arguments: Vec::new(),
            database: None,
            folder,
        }
    }

    /// Starts it and kills it after this time, whether it is ready or not.
    pub async fn die_after(&self, life: Duration) {
        let mut process = Process::start("millwright serve", &mut self.command(), self.log_file());
        tokio::time::sleep(life).await;
        process.kill();
    }

    /// Starts it and waits until it has ended by itself. Returns what it said.
    pub async fn refused(&self) -> String {
        let mut process = Process::start("millwright serve", &mut self.command(), self.log_file());
        eventually("it ends by itself", READY, async || {
            let status = process.ended().ok_or_else(|| anyhow::anyhow!("it still runs"))?;
            anyhow::ensure!(!status.success(), "{status}");
            Ok(())
        })
        .await;
        process.output()
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("platform")
    }

    /// A folder for files of the test that go with the platform.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the platform runs").id()
    }

    /// What its process holds in memory, in KiB; `None` where there is no `/proc`.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where the API is.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where machines connect.
    #[must_use]
    pub const fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// A client that is signed in as the administrator.
    pub async fn api(&self) -> Api {
        Api::login(&self.url(), "admin@localhost", ADMIN_PASSWORD).await
    }

    /// The database, to read.
    pub async fn database(&self) -> Database {
        Database::open(&self.data_dir(), self.database_url()).await
    }

    /// Another program's connection to the database.
    pub async fn peer(&self) -> Peer {
        match self.database_url() {
            None => Peer::sqlite(&self.data_dir()).await,
            Some(url) => Peer::postgres(url).await,
        }
    }

    /// The database's URL, if it is a server's.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_deref().or_else(|| self.folder.url())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("platform.log")
    }

    fn addresses_file(&self) -> PathBuf {
        self.data_dir().join("addresses.json")
    }

    fn command(&self) -> Command {
        let mut command = programs::millwright();
        command
            .args(["serve", "--stop-on-eof", "--http", &self.http.to_string()])
            .args(["--mqtt", &self.mqtt.to_string(), "--data-dir"])
            .arg(self.data_dir())
            .args(&self.arguments)
            .args(self.database_url().map(|url| ["--database", url]).into_iter().flatten())
            .env("MILLWRIGHT_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("MILLWRIGHT_LOG", "info");
        command
    }

    /// Starts it again with the same data, on the same ports, and waits until it is ready.
    pub async fn resume(&mut self) {
        assert!(self.process.is_none(), "the platform runs already");
        let mut process = Process::start("millwright serve", &mut self.command(), self.log_file());
        let file = self.addresses_file();
        let ready = eventually("the platform is ready", READY, async || {
            if let Some(status) = process.ended() {
                panic!("millwright serve ended: {status}\n{}", process.output());
            }
            read_addresses(&file, process.id())
        })
        .await;
        (self.http, self.mqtt) = (ready.0.unwrap_or(self.http), ready.1.unwrap_or(self.mqtt));
        self.process = Some(process);
    }

    /// SIGKILL: what it had in memory is lost.
    pub fn kill(&mut self) {
        self.process.take().expect("the platform runs").kill();
    }

    /// SIGTERM, and waits for the end, which must be an orderly one.
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("the platform runs");
        process.signal(Signal::SIGTERM);
        let status = process.end(STOPPED).await;
        assert!(status.success(), "millwright serve ended with {status}");
    }

    /// An orderly end and a new start.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.resume().await;
    }
}

/// The bound addresses, once this very process has written them.
/// One that its roles don't open is missing.
fn read_addresses(
    file: &Path,
    process: u32,
) -> anyhow::Result<(Option<SocketAddr>, Option<SocketAddr>)> {
    let text = std::fs::read_to_string(file).context("no addresses.json yet")?;
    let addresses: Value = serde_json::from_str(&text).context("half written")?;
    ensure!(addresses["pid"] == process, "addresses.json is of an earlier run");
    let address = |name: &str| -> anyhow::Result<Option<SocketAddr>> {
        Ok(addresses[name].as_str().map(str::parse).transpose()?)
    };
    Ok((address("http")?, address("mqtt")?))
}
