//! A child process that ends with the demo.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child as TokioChild, Command};

use super::limits::CHILD_STOP;

/// A running program. It has a process group of its own, so that Ctrl-C reaches the demo alone,
/// which then stops its children in order. It stops by itself when its standard input ends,
/// which happens however the demo ends.
#[derive(Debug)]
pub(super) struct Child {
    process: TokioChild,
}

impl Child {
    /// Starts a program with its output in `log`.
    pub(super) fn start(command: &mut Command, log: File) -> anyhow::Result<Self> {
        let second = log.try_clone().context("the log can't be shared")?;
        let process = command
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(second)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{:?} can't be started", command.as_std().get_program()))?;
        Ok(Self { process })
    }

    /// The process id; `None` once it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.process.try_wait().context("a child's state can't be read")
    }

    /// Asks it to stop and waits; after a while it is killed.
    pub(super) async fn stop(&mut self) {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            // An error means that it has ended meanwhile.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        if tokio::time::timeout(CHILD_STOP, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }
}

/// A call of one of the project's programs. Settings of the surroundings are for the demo, not
/// for what it starts.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MILLWRIGHT_") {
            command.env_remove(name);
        }
    }
    command
}
