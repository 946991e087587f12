//! What the agent costs the machine that it runs on.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process::resident_bytes;

/// How long the agent runs before it is looked at, without a platform to talk to: its outbox
/// fills meanwhile, which is the dearer case.
const RUN: Duration = Duration::from_secs(20);

/// Size of the program, and its memory with the host driver.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let program = programs.join("millwright-agent");
    let size = std::fs::metadata(&program)?.len();
    println!("| agent: size of the program | {:.1} MiB |", mib(size));
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(&program)
        .arg("run")
        .arg("--data-dir")
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    tokio::time::sleep(RUN).await;
    let pid = child.id().context("the agent has ended")?;
    println!(
        "| agent: resident memory, host driver, offline | {:.1} MiB |",
        mib(resident_bytes(pid)?)
    );
    child.kill().await?;
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
