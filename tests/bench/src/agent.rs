//! What the agent costs the machine that it runs on.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::platform::Platform;
use crate::process::resident_bytes;
use crate::report::{Aim, Report};

/// How long the agent runs before it is looked at.
const RUN: Duration = Duration::from_secs(20);
/// Resident memory at most, in MiB.
const MEMORY_AIM_MIB: f64 = 20.0;

/// Size of the program, and its memory with the host driver: while it has nobody to talk to and
/// its outbox fills, and while it is connected.
pub(crate) async fn measure(report: &Report, platform: &Platform, programs: &Path) -> Result<()> {
    let mut section = report.section("agent", "sqlite");
    let program = programs.join("millwright-agent");
    let size = std::fs::metadata(&program)?.len();
    section.figure("size of the program", mib(size), "MiB");
    let folder = tempfile::tempdir()?;
    let memory = mib(run(&program, folder.path()).await?);
    let aim = Aim::AtMost(MEMORY_AIM_MIB);
    section.aimed("resident memory, host driver, not enrolled", memory, "MiB", aim);
    let code = platform.enrollment_code("agent").await?;
    let enrolled = Command::new(&program)
        .args(["enroll", "--url", platform.url(), "--code", &code, "--data-dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status()
        .await?;
    anyhow::ensure!(enrolled.success(), "the agent can't enrol");
    let memory = mib(run(&program, folder.path()).await?);
    section.aimed("resident memory, host driver, connected", memory, "MiB", aim);
    section.end()
}

/// Runs the agent for a while; returns its memory at the end.
async fn run(program: &Path, folder: &Path) -> Result<u64> {
    let mut child = Command::new(program)
        .arg("run")
        .arg("--data-dir")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::time::sleep(RUN).await;
    let memory = resident_bytes(child.id().context("the agent has ended")?)?;
    child.kill().await?;
    Ok(memory)
}

#[allow(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
