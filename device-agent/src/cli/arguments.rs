//! Commands and options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use millwright_schemas::CommandId;
use millwright_schemas::enrollment::EnrollmentCode;
use serde_json::Value;

use crate::local::socket_path;

/// The agent on a machine: measures, reports faults, connects to the Millwright platform.
#[derive(Debug, Parser)]
#[command(name = "millwright-agent", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enrol this machine with a code from the platform.
    Enroll(EnrollArguments),
    /// Run the agent until it is told to stop.
    Run(RunArguments),
    /// Report a fault through the running agent.
    #[command(subcommand)]
    Fault(FaultCommand),
    /// Show what the agent is doing.
    Status(StatusArguments),
    /// Answer for the operator: consent to what the platform wants to do, refuse it, stop it.
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Ask the maintenance team for help.
    HelpRequest(HelpArguments),
    /// Have something happen to a simulated machine; refused for real ones.
    #[command(subcommand)]
    Simulate(SimulateCommand),
}

/// Where the agent keeps its identity, its outbox and its socket.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// Folder of the agent's identity, outbox and socket.
    #[arg(
        long = "data-dir",
        value_name = "DIR",
        env = "MILLWRIGHT_AGENT_DATA_DIR",
        default_value_os_t = default_data_dir()
    )]
    pub data_dir: PathBuf,
}

/// Which running agent is meant.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Folder of the agent.
    #[command(flatten)]
    pub data: DataDir,
    /// The agent's socket, for users other than its own: local.socket of its configuration.
    /// Without it the one in the data folder.
    #[arg(long, value_name = "PATH", env = "MILLWRIGHT_AGENT_SOCKET")]
    pub socket: Option<PathBuf>,
}

impl Target {
    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| socket_path(&self.data.data_dir))
    }
}

/// Options of `enroll`.
#[derive(Debug, Args)]
pub struct EnrollArguments {
    /// The platform's address, such as https://platform.example.
    #[arg(long, env = "MILLWRIGHT_AGENT_URL")]
    pub url: String,
    /// The enrolment code, from the machine's page.
    #[arg(long, env = "MILLWRIGHT_AGENT_CODE", hide_env_values = true)]
    pub code: EnrollmentCode,
    /// Replace an existing identity. The agent must not run meanwhile.
    #[arg(long)]
    pub force: bool,
    /// Allow http:// to another machine: everybody on the way can read and change it.
    #[arg(long)]
    pub insecure_http: bool,
    /// Where the identity goes.
    #[command(flatten)]
    pub data: DataDir,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Configuration file (TOML). Without one this computer is measured.
    #[arg(long, value_name = "FILE", env = "MILLWRIGHT_AGENT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Instead of the configuration's log_level.
    #[arg(long, value_name = "LEVEL", env = "MILLWRIGHT_AGENT_LOG_LEVEL")]
    pub log_level: Option<String>,
    /// Stop when standard input ends: for programs that start an agent and must not leave it
    /// behind.
    #[arg(long)]
    pub stop_on_eof: bool,
    /// Where everything is kept.
    #[command(flatten)]
    pub data: DataDir,
}

/// What happened to a fault.
#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// It is active from now on.
    Raise(RaiseArguments),
    /// It is over.
    Clear(ClearArguments),
}

/// Options of `fault raise`.
#[derive(Debug, Args)]
pub struct RaiseArguments {
    /// The fault's code, such as E-204.
    #[arg(long)]
    pub code: String,
    /// The component, such as axis.x; without it, the machine as a whole.
    #[arg(long, default_value = "")]
    pub source: String,
    /// How bad it is.
    #[arg(
        long,
        default_value = "indeterminate",
        value_parser = ["critical", "major", "minor", "warning", "indeterminate"]
    )]
    pub severity: String,
    /// For people.
    #[arg(long, default_value = "")]
    pub message: String,
    /// A value at the time of the fault; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_context)]
    pub context: Vec<(String, Value)>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `fault clear`.
#[derive(Debug, Args)]
pub struct ClearArguments {
    /// The code that was raised.
    #[arg(long)]
    pub code: String,
    /// The component that was raised.
    #[arg(long, default_value = "")]
    pub source: String,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// For programs.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// What the operator does.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Show what is asked for and what is being done.
    List(StatusArguments),
    /// Consent to a command.
    Accept(AnswerArguments),
    /// Refuse a command.
    Refuse(AnswerArguments),
    /// Stop what is being done.
    Stop(StopArguments),
}

/// Options of `consent accept` and `consent refuse`.
#[derive(Debug, Args)]
pub struct AnswerArguments {
    /// The command, as consent list shows it.
    #[arg(value_name = "COMMAND-ID")]
    pub command: CommandId,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `consent stop`.
#[derive(Debug, Args)]
pub struct StopArguments {
    /// The command; without it, everything that is being done.
    #[arg(value_name = "COMMAND-ID")]
    pub command: Option<CommandId>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `help-request`.
#[derive(Debug, Args)]
pub struct HelpArguments {
    /// What is the matter, 1 to 1000 characters.
    #[arg(long)]
    pub message: String,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// What happens to a simulated machine.
#[derive(Debug, Subcommand)]
pub enum SimulateCommand {
    /// It fails as soon as it can; a reset is all that it needs.
    Fail(SimulateArguments),
    /// It is as worn as this: it shows in what is measured, and at 100 % the machine fails until
    /// it is lubricated and reset.
    Wear {
        /// 0 to 100.
        #[arg(long)]
        percent: f64,
        /// Which machine.
        #[command(flatten)]
        which: SimulateArguments,
    },
}

/// Which simulated machine is meant.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// Its driver's name in the configuration; needed when there are several simulators.
    #[arg(long)]
    pub driver: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub target: Target,
}

/// Where the agent keeps its things unless it is told otherwise: for root the system's place,
/// for others their own.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if cfg!(target_os = "macos") {
        return PathBuf::from("/Library/Application Support/millwright-agent");
    }
    if let Some(folder) = variable("STATE_DIRECTORY") {
        // Given by systemd to a service.
        return PathBuf::from(folder);
    }
    match variable("HOME") {
        Some(home) if home != "/root" => {
            let state = variable("XDG_STATE_HOME")
                .map_or_else(|| PathBuf::from(home).join(".local/state"), PathBuf::from);
            state.join("millwright-agent")
        }
        _ => PathBuf::from("/var/lib/millwright-agent"),
    }
}

/// `key=value`; the value is JSON where it is JSON, else text.
fn parse_context(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| format!("{text:?} is not of the form key=value"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn context_values_are_json_or_text() {
        assert_eq!(parse_context("a=1.5").unwrap(), ("a".to_owned(), 1.5.into()));
        assert_eq!(parse_context("a=b=c").unwrap(), ("a".to_owned(), "b=c".into()));
        assert_eq!(parse_context("a=true").unwrap().1, Value::Bool(true));
        assert!(parse_context("a").is_err() && parse_context("=1").is_err());
    }

    #[test]
    fn half_a_code_is_refused_without_showing_it() {
        let arguments =
            ["millwright-agent", "enroll", "--url", "https://x", "--code", "mwe1.5ecre7"];
        let error = Arguments::try_parse_from(arguments).unwrap_err().to_string();
        assert!(error.contains("not an enrolment code"), "{error}");
    }

    #[test]
    fn the_service_starts_the_agent_with_options_that_exist() {
        let unit = include_str!("../../millwright-agent.service");
        let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let arguments = Arguments::try_parse_from(command.split_whitespace()).unwrap();
        let Command::Run(run) = arguments.command else { panic!("{command}") };
        let state = unit.lines().find_map(|line| line.strip_prefix("StateDirectory=")).unwrap();
        assert_eq!(run.data.data_dir, PathBuf::from("/var/lib").join(state));
        assert!(run.config.is_some());
    }
}
