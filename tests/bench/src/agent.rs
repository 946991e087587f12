//! What the agent costs the machine that it runs on.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::platform::Platform;
use crate::process::resident_bytes;

/// How long the agent runs before it is looked at.
const RUN: Duration = Duration::from_secs(20);

/// Size of the program, and its memory with the host driver: while it has nobody to talk to and
/// its outbox fills, and while it is connected.
pub(crate) async fn measure(platform: &Platform, programs: &Path) -> Result<()> {
    let program = programs.join("millwright-agent");
    let size = std::fs::metadata(&program)?.len();
    println!("| agent: size of the program | {:.1} MiB |", mib(size));
    let folder = tempfile::tempdir()?;
    println!(
        "| agent: resident memory, host driver, not enrolled | {:.1} MiB |",
        mib(run(&program, folder.path()).await?)
    );
    let code = platform.enrollment_code("agent").await?;
    let enrolled = Command::new(&program)
        .args(["enroll", "--url", platform.url(), "--code", &code, "--data-dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status()
        .await?;
    anyhow::ensure!(enrolled.success(), "the agent can't enrol");
    println!(
        "| agent: resident memory, host driver, connected | {:.1} MiB |",
        mib(run(&program, folder.path()).await?)
    );
    Ok(())
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
