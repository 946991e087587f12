//! Calls of the agent's program.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use anyhow::Context;
use millwright_schemas::MachineId;
use serde::Deserialize;

use super::child;
use super::folder::AgentFolder;
use super::limits::{AGENT_CALL, PANEL_READY, WAIT_INTERVAL};

/// Who an agent is, as it says itself.
#[derive(Debug, Deserialize)]
pub(super) struct AgentIdentity {
    pub(super) id: MachineId,
    pub(super) server_url: String,
    /// Host and port.
    pub(super) mqtt: String,
}

#[derive(Debug, Deserialize)]
struct AgentStatus {
    machine: Option<AgentIdentity>,
    panel: PanelStatus,
}

#[derive(Debug, Deserialize)]
struct PanelStatus {
    url: Option<String>,
}

/// Calls it to its end.
pub(super) async fn call(
    program: &Path,
    arguments: &[&str],
    folder: &AgentFolder,
) -> anyhow::Result<Output> {
    let mut command = child::command(program);
    command.args(arguments).arg("--data-dir").arg(folder.data());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(AGENT_CALL, command.output()).await;
    output
        .with_context(|| format!("{} {} takes too long", program.display(), arguments[0]))?
        .with_context(|| format!("{} can't be started", program.display()))
}

/// Who it is, if it is enrolled.
pub(super) async fn identity(
    program: &Path,
    folder: &AgentFolder,
) -> anyhow::Result<Option<AgentIdentity>> {
    Ok(status(program, folder).await?.machine)
}

/// Where the panel of a running agent is. `None`: it has none, or doesn't say in time.
pub(super) async fn panel(program: &Path, folder: &AgentFolder) -> anyhow::Result<Option<String>> {
    let started = Instant::now();
    loop {
        let url = status(program, folder).await?.panel.url;
        if url.is_some() || started.elapsed() >= PANEL_READY {
            return Ok(url);
        }
        tokio::time::sleep(WAIT_INTERVAL).await;
    }
}

async fn status(program: &Path, folder: &AgentFolder) -> anyhow::Result<AgentStatus> {
    // It says by its exit code that it doesn't run, which is known.
    let output = call(program, &["status", "--json"], folder).await?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} status: unexpected answer", program.display()))
}
