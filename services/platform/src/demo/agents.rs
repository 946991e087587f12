//! The agents as child processes: started, and started again when they end.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::join_all;

use super::child::{self, Child};
use super::folder::{self, AgentFolder};
use super::limits::{AGENT_RESTART, AGENT_STABLE};

/// The agent's program: the one that was given, or the one beside this program.
pub(super) fn find_program(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let program = match given {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()
            .context("this program's own path isn't known")?
            .with_file_name("millwright-agent"),
    };
    anyhow::ensure!(
        program.is_file(),
        "the agent's program isn't at {}: build it with `cargo build --workspace --bins`, or say \
         where it is with --agent",
        program.display()
    );
    Ok(program)
}

/// What an agent's process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AgentState {
    Running,
    /// It is held back.
    Held,
    /// It ended by itself and is started again after this time.
    Waiting(Duration),
}

/// All agents.
#[derive(Debug, Default)]
pub(super) struct Agents(Vec<Agent>);

/// One agent and its process, if it has one at the moment.
#[derive(Debug)]
struct Agent {
    program: PathBuf,
    folder: AgentFolder,
    child: Option<Child>,
    started: Instant,
    pause: Duration,
    next_start: Instant,
    held: bool,
}

impl Agents {
    /// Starts an agent that is enrolled.
    pub(super) fn start(&mut self, program: &Path, folder: AgentFolder) -> anyhow::Result<()> {
        let log = folder::new_log(&folder.log())?;
        let child = Some(start(program, &folder, log)?);
        let now = Instant::now();
        self.0.push(Agent {
            program: program.to_owned(),
            folder,
            child,
            started: now,
            pause: AGENT_RESTART.0,
            next_start: now,
            held: false,
        });
        Ok(())
    }

    /// Stops one, which isn't started again until it is released.
    pub(super) async fn hold(&mut self, index: usize) {
        let Some(agent) = self.0.get_mut(index) else { return };
        agent.held = true;
        if let Some(child) = &mut agent.child {
            child.stop().await;
        }
        agent.child = None;
    }

    /// Lets one that was held be started at the next look.
    pub(super) fn release(&mut self, index: usize) {
        if let Some(agent) = self.0.get_mut(index) {
            agent.held = false;
            agent.next_start = Instant::now();
        }
    }

    /// Starts agents again that have ended and waited. Gives the state of each, in the order
    /// they were started in.
    pub(super) fn look_after(&mut self) -> anyhow::Result<Vec<AgentState>> {
        self.0.iter_mut().map(Agent::look_after).collect()
    }

    /// Stops all of them, beside each other.
    pub(super) async fn stop(&mut self) {
        let children = self.0.iter_mut().filter_map(|agent| agent.child.as_mut());
        join_all(children.map(Child::stop)).await;
    }
}

impl Agent {
    fn look_after(&mut self) -> anyhow::Result<AgentState> {
        if self.held {
            return Ok(AgentState::Held);
        }
        let now = Instant::now();
        if let Some(child) = &mut self.child {
            let Some(status) = child.ended()? else { return Ok(AgentState::Running) };
            self.ended(status, now);
        }
        if now < self.next_start {
            return Ok(AgentState::Waiting(self.next_start - now));
        }
        let log = folder::append_log(&self.folder.log())?;
        self.child = Some(start(&self.program, &self.folder, log)?);
        self.started = now;
        Ok(AgentState::Running)
    }

    fn ended(&mut self, status: ExitStatus, now: Instant) {
        tracing::debug!(%status, "an agent ended");
        self.child = None;
        if now - self.started >= AGENT_STABLE {
            self.pause = AGENT_RESTART.0;
        }
        self.next_start = now + self.pause;
        self.pause = (self.pause * 2).min(AGENT_RESTART.1);
    }
}

fn start(program: &Path, folder: &AgentFolder, log: std::fs::File) -> anyhow::Result<Child> {
    let mut command = child::command(program);
    command.args(["run", "--stop-on-eof", "--config"]).arg(folder.configuration());
    command.arg("--data-dir").arg(folder.data());
    Child::start(&mut command, log)
}
