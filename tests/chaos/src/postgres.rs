//! A PostgreSQL server of its own, which can be killed and paused.

use std::path::Path;

use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::process::Command;

use crate::processes;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres.sh");

#[derive(Debug)]
pub(crate) struct Postgres {
    /// Not below the run's folder: another user owns it.
    folder: TempDir,
    url: String,
}

impl Postgres {
    /// With TimescaleDB, which must be installed, or without.
    pub(crate) async fn start(timescale: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("millwright-chaos-postgres-").tempdir()?;
        if timescale {
            let found = script("timescale", folder.path(), true).await;
            found.context("there is no TimescaleDB for this PostgreSQL")?;
        }
        let server = script("start", folder.path(), timescale).await?;
        let mut started = Self { folder, url: String::new() };
        started.url = millwright_test_database::create(server.trim()).await;
        Ok(started)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a crash would: what wasn't committed is gone.
    pub(crate) async fn crash(&self) -> anyhow::Result<()> {
        script("halt", self.folder.path(), false).await.map(drop)
    }

    /// Starts it again; it recovers from its log.
    pub(crate) async fn again(&self) -> anyhow::Result<()> {
        script("resume", self.folder.path(), false).await.map(drop)
    }

    /// To the server and all its processes.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let file = self.folder.path().join("data/postmaster.pid");
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let server = text.lines().next().context("a process id")?.trim().parse()?;
        processes::signal(server, signal)?;
        for (child, _) in processes::children(server) {
            processes::signal(child, signal)?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A process that is stopped doesn't end.
        let _ = self.signal(Signal::SIGCONT);
        let _ = std::process::Command::new(SCRIPT).arg("stop").arg(self.folder.path()).status();
    }
}

/// Only `start` and `timescale` go by whether TimescaleDB is wanted; what was started keeps it.
async fn script(what: &str, folder: &Path, timescale: bool) -> anyhow::Result<String> {
    let wanted = if timescale { "yes" } else { "no" };
    let mut command = Command::new(SCRIPT);
    command.arg(what).arg(folder).env("MILLWRIGHT_TEST_TIMESCALE", wanted);
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "scripts/postgres.sh {what}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}
