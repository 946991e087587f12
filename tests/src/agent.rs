//! An agent as a real process.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use anyhow::ensure;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::process::Process;
use crate::{Api, Platform, programs};

/// From SIGTERM to the end.
const STOPPED: Duration = Duration::from_secs(20);

/// In front of every configuration: tests don't wait a minute for the next attempt.
/// Keys of the connection may follow.
const RECONNECT_SOON: &str = "[connection]\nbackoff_min_ms = 100\nbackoff_max_s = 2\n";

/// `millwright-agent` with a data folder of its own.
#[derive(Debug)]
pub struct Agent {
    machine: String,
    name: String,
    folder: PathBuf,
    process: Option<Process>,
    /// The CAs of its system, when they aren't this computer's.
    system_ca: Option<PathBuf>,
}

impl Agent {
    /// Registers a machine, writes the agent's configuration and enrols it; doesn't run it.
    pub async fn enroll(platform: &Platform, api: &Api, name: &str, config: &str) -> Self {
        let machine = api.create_machine(name).await;
        let code = api.enrollment_code(&machine).await;
        let agent = Self::prepare(platform.folder(), &machine, name, config);
        let output = agent.try_enroll(&platform.url(), &code);
        assert!(output.status.success(), "millwright-agent enroll: {output:?}");
        agent
    }

    /// An agent that has a configuration but no identity.
    #[must_use]
    pub fn prepare(folder: &Path, machine: &str, name: &str, config: &str) -> Self {
        let folder = folder.join(format!("agent-{name}"));
        std::fs::create_dir_all(&folder).expect("the agent's folder");
        let config = format!("{RECONNECT_SOON}{config}");
        std::fs::write(folder.join("agent.toml"), config).expect("the agent's configuration");
        Self {
            machine: machine.to_owned(),
            name: name.to_owned(),
            folder,
            process: None,
            system_ca: None,
        }
    }

    /// Tries to enrol; gives what the program said.
    #[must_use]
    pub fn try_enroll(&self, url: &str, code: &str) -> Output {
        let mut command = self.command(&["enroll"]);
        command.args(["--url", url, "--code", code]).output().expect("the agent's program runs")
    }

    /// Begins to enrol and is killed after this time, whether it is done or not.
    pub async fn die_enrolling(&self, url: &str, code: &str, life: Duration) {
        let mut command = self.command(&["enroll"]);
        command.args(["--url", url, "--code", code]);
        let mut process = Process::start("millwright-agent enroll", &mut command, self.log_file());
        tokio::time::sleep(life).await;
        process.kill();
    }

    /// From now on the CAs of its system are those of this file.
    pub fn trust_system_ca(&mut self, file: &Path) {
        self.system_ca = Some(file.to_owned());
    }

    /// `status` for people.
    pub fn describe(&self) -> anyhow::Result<String> {
        let output = self.command(&["status"]).output()?;
        ensure!(output.status.success(), "status: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The machine's id.
    #[must_use]
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("agent.log")
    }

    fn command(&self, subcommands: &[&str]) -> Command {
        let mut command = programs::millwright_agent();
        command.args(subcommands).arg("--data-dir").arg(self.data_dir());
        if let Some(file) = &self.system_ca {
            command.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        }
        command
    }

    /// Starts it.
    pub fn run(&mut self) {
        assert!(self.process.is_none(), "the agent runs already");
        let mut command = self.run_command();
        self.start(&mut command);
    }

    /// Starts it with a clock of its own.
    pub fn run_with_clock(&mut self, clock: &crate::WrongClock) {
        assert!(self.process.is_none(), "the agent runs already");
        let mut command = self.run_command();
        clock.give_to(&mut command);
        self.start(&mut command);
    }

    fn run_command(&self) -> Command {
        let mut command = self.command(&["run"]);
        command.arg("--stop-on-eof").arg("--config").arg(self.folder.join("agent.toml"));
        command
    }

    fn start(&mut self, command: &mut Command) {
        let name = format!("millwright-agent {}", self.name);
        self.process = Some(Process::start(&name, command, self.log_file()));
    }

    /// Starts it without SIGXFSZ, so that a file that reaches the limit of its size is an error
    /// like a full disk, and not the end.
    pub fn run_without_size_signal(&mut self) {
        assert!(self.process.is_none(), "the agent runs already");
        let agent = self.run_command();
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
        command.arg(agent.get_program()).args(agent.get_args());
        // Of the surroundings' settings it has only taken away.
        for (name, _) in agent.get_envs() {
            command.env_remove(name);
        }
        self.start(&mut command);
    }

    /// The process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").id()
    }

    /// SIGKILL: what it had in memory is lost.
    pub fn kill(&mut self) {
        self.process.take().expect("the agent runs").kill();
    }

    /// How it ended by itself, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.process.as_mut()?.ended();
        if ended.is_some() {
            self.process = None;
        }
        ended
    }

    /// SIGTERM, and waits for the end, which must be an orderly one.
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("the agent runs");
        process.signal(Signal::SIGTERM);
        let status = process.end(STOPPED).await;
        assert!(status.success(), "millwright-agent run ended with {status}");
    }

    /// The machine that it is enrolled as, by its own word.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        // Its exit code says that it doesn't run.
        let output = self.command(&["status"]).arg("--json").output().expect("the agent's program");
        let status: Value = serde_json::from_slice(&output.stdout).expect("a status");
        status["machine"]["id"].as_str().map(str::to_owned)
    }

    /// `status --json` of a running agent.
    pub fn status(&self) -> anyhow::Result<Value> {
        let output = self.command(&["status"]).arg("--json").output()?;
        ensure!(output.status.success(), "status: {output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The operator on site says something: `consent accept <id>` and the like.
    pub fn consent(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut subcommands = vec!["consent"];
        subcommands.extend_from_slice(words);
        let output = self.command(&subcommands).output()?;
        ensure!(output.status.success(), "consent {words:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Something happens to the simulated machine: `fail` and the like.
    pub fn simulate(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut subcommands = vec!["simulate"];
        subcommands.extend_from_slice(words);
        let output = self.command(&subcommands).output()?;
        ensure!(output.status.success(), "simulate {words:?}: {output:?}");
        Ok(())
    }

    /// A program on the machine that reports faults.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        Reporter { data_dir: self.data_dir() }
    }
}

/// A local program that reports faults to an agent, whether it runs at the moment or not.
#[derive(Debug, Clone)]
pub struct Reporter {
    data_dir: PathBuf,
}

impl Reporter {
    /// `fault raise`. Success means that the agent has taken it.
    pub fn raise(&self, code: &str, source: &str) -> anyhow::Result<()> {
        let more = ["--severity", "major", "--message", "raised by the test"];
        self.report("raise", code, source, &more)
    }

    /// `fault raise` with a context of so many bytes.
    pub fn raise_large(&self, code: &str, source: &str, bytes: usize) -> anyhow::Result<()> {
        let context = format!("filler={}", "x".repeat(bytes));
        self.report("raise", code, source, &["--context", &context])
    }

    /// `fault clear`. Success means that the agent has taken it.
    pub fn clear(&self, code: &str, source: &str) -> anyhow::Result<()> {
        self.report("clear", code, source, &[])
    }

    fn report(&self, what: &str, code: &str, source: &str, more: &[&str]) -> anyhow::Result<()> {
        let output = programs::millwright_agent()
            .args(["fault", what, "--code", code, "--source", source])
            .args(more)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .output()?;
        ensure!(output.status.success(), "fault {what}: {output:?}");
        Ok(())
    }
}
