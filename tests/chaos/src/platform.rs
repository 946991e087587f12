//! `millwright serve`, which may end at any time and is started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use millwright_tests::process::Process;
use millwright_tests::{ports, programs};
use nix::sys::signal::Signal;

use crate::processes;

/// Of the first administrator.
pub(crate) const PASSWORD: &str = "a password for chaos";
/// Seconds after which a machine that is away is an alarm: the least, so that it often is.
const CONTACT_LOST_AFTER_S: &str = "5";

/// One process of the platform.
#[derive(Debug)]
pub(crate) struct Platform {
    /// As it is called in what is told, and its folder and log.
    name: &'static str,
    process: Option<Process>,
    http: SocketAddr,
    mqtt: SocketAddr,
    /// Where machines are told to connect: the network between them and the platform.
    public: SocketAddr,
    folder: PathBuf,
    database: Option<String>,
    /// More arguments.
    more: Vec<String>,
    /// How often it ended though nobody had killed it.
    pub(crate) ended_by_itself: u64,
}

impl Platform {
    /// The first process, with all roles. With a bus it shares its work with others.
    pub(crate) fn new(
        folder: &Path,
        database: Option<&str>,
        mqtt: SocketAddr,
        public: SocketAddr,
        bus: Option<&str>,
    ) -> Self {
        let shared = bus.map(|bus| ["--bus".to_owned(), bus.to_owned()]);
        Self {
            name: "platform",
            process: None,
            http: ports::free(),
            mqtt,
            public,
            folder: folder.to_owned(),
            database: database.map(str::to_owned),
            more: shared.into_iter().flatten().collect(),
            ended_by_itself: 0,
        }
    }

    /// A second process on the same database, bus and keys, which machines can connect to as well.
    pub(crate) fn second(&self, mqtt: SocketAddr) -> Self {
        let keys = self.data_dir().display().to_string();
        let own = ["--role", "gateway", "--keys-in", &keys].map(str::to_owned);
        Self {
            name: "gateway",
            process: None,
            http: ports::free(),
            mqtt,
            public: self.public,
            folder: self.folder.clone(),
            database: self.database.clone(),
            more: self.more.iter().cloned().chain(own).collect(),
            ended_by_itself: 0,
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    pub(crate) fn start(&mut self) {
        let mut command = programs::millwright();
        command
            .args(["serve", "--stop-on-eof", "--http", &self.http.to_string()])
            .args(["--mqtt", &self.mqtt.to_string()])
            .args(["--public-mqtt", &format!("localhost:{}", self.public.port())])
            .args(["--contact-lost-after-s", CONTACT_LOST_AFTER_S])
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(self.database.iter().flat_map(|url| ["--database", url.as_str()]))
            .args(&self.more)
            .env("MILLWRIGHT_ADMIN_PASSWORD", PASSWORD)
            .env("MILLWRIGHT_LOG", "info");
        let name = format!("millwright serve ({})", self.name);
        self.process = Some(Process::start(&name, &mut command, self.log_file()));
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    /// The process of the bus's broker, if this one has started one and it is there at the moment.
    pub(crate) fn broker(&self) -> Option<u32> {
        let children = processes::children(self.process.as_ref()?.id());
        let broker = children.iter().find(|(_, line)| line.split(' ').nth(1) == Some("broker"));
        broker.map(|(id, _)| *id)
    }

    /// Starts it again if it has ended by itself; with what it said last.
    pub(crate) fn look_after(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.ended()?;
        self.ended_by_itself += 1;
        let output = self.process.take().map(|process| process.output()).unwrap_or_default();
        self.start();
        let last: Vec<&str> = output.lines().rev().take(3).collect();
        Some(format!("{status}: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / ")))
    }

    /// SIGTERM, and its end.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let mut process = self.process.take().context("it runs")?;
        process.signal(Signal::SIGTERM);
        process.end(std::time::Duration::from_secs(30)).await;
        Ok(())
    }
}
