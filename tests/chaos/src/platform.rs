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

#[derive(Debug)]
pub(crate) struct Platform {
    process: Option<Process>,
    http: SocketAddr,
    mqtt: SocketAddr,
    /// Where machines are told to connect: the network between them and the platform.
    public: SocketAddr,
    folder: PathBuf,
    database: Option<String>,
    /// How often it ended though nobody had killed it.
    pub(crate) ended_by_itself: u64,
}

impl Platform {
    pub(crate) fn new(
        folder: &Path,
        database: Option<&str>,
        mqtt: SocketAddr,
        public: SocketAddr,
    ) -> Self {
        Self {
            process: None,
            http: ports::free(),
            mqtt,
            public,
            folder: folder.to_owned(),
            database: database.map(str::to_owned),
            ended_by_itself: 0,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("platform")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("platform.log")
    }

    pub(crate) fn start(&mut self) {
        let mut command = programs::millwright();
        command
            .args(["serve", "--stop-on-eof", "--http", &self.http.to_string()])
            .args(["--mqtt", &self.mqtt.to_string()])
            .args(["--public-mqtt", &format!("localhost:{}", self.public.port())])
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(self.database.iter().flat_map(|url| ["--database", url.as_str()]))
            .env("MILLWRIGHT_ADMIN_PASSWORD", PASSWORD)
            .env("MILLWRIGHT_LOG", "info");
        self.process = Some(Process::start("millwright serve", &mut command, self.log_file()));
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

    /// Kills the broker of the bus, if there is one at the moment.
    pub(crate) fn kill_bus(&self) -> anyhow::Result<bool> {
        let Some(process) = &self.process else { return Ok(false) };
        let children = processes::children(process.id());
        let broker = children.iter().find(|(_, line)| line.split(' ').nth(1) == Some("broker"));
        if let Some((broker, _)) = broker {
            processes::signal(*broker, Signal::SIGKILL)?;
        }
        Ok(broker.is_some())
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
