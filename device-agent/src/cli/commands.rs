//! Doing what the command line says.

use std::error::Error;
use std::path::Path;

use millwright_schemas::wire::events::{FaultCleared, FaultRaised, Severity};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::arguments::{
    Arguments, Command, EnrollArguments, FaultCommand, RunArguments, StatusArguments, Target,
};
use super::{Exit, consent, output, simulate};
use crate::config::Config;
use crate::data_folder;
use crate::enroll::{Enrolment, enroll};
use crate::identity::Identity;
use crate::local::{self, Answer, BindError, LocalError, Request};
use crate::outbox::Outbox;
use crate::recent_log::RecentLog;
use crate::restart::restart;
use crate::run::{self, Ended, RunError};
use crate::status::{MachineStatus, Status};
use crate::stop::StopSignal;

/// Threads for what blocks: name resolution, and the outbox's closing.
const BLOCKING_THREADS: usize = 4;

/// How long work that blocks may hold up the end.
const SHUTDOWN: std::time::Duration = std::time::Duration::from_secs(2);

/// Does it, and says so.
#[must_use]
pub fn execute(arguments: Arguments) -> Exit {
    match arguments.command {
        Command::Enroll(arguments) => enroll_machine(arguments),
        Command::Run(arguments) => run_agent(&arguments),
        Command::Fault(FaultCommand::Raise(arguments)) => {
            let fault = FaultRaised {
                code: arguments.code,
                source: arguments.source,
                severity: Severity::from_word(&arguments.severity),
                message: arguments.message,
                context: arguments.context.into_iter().collect(),
                since_ts: None,
            };
            report(&arguments.target, &Request::FaultRaise { fault }, arguments.json)
        }
        Command::Fault(FaultCommand::Clear(arguments)) => {
            let fault = FaultCleared { code: arguments.code, source: arguments.source };
            report(&arguments.target, &Request::FaultClear { fault }, arguments.json)
        }
        Command::Status(arguments) => show_status(&arguments),
        Command::Consent(command) => consent::execute(&command),
        Command::HelpRequest(arguments) => consent::request_help(arguments),
        Command::Simulate(command) => simulate::execute(command),
    }
}

pub(super) fn failed(error: &dyn Error, exit: Exit) -> Exit {
    output::complain(error);
    exit
}

/// Logs to standard error; the last lines are kept.
fn log(filter: &str) -> RecentLog {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let recent = RecentLog::default();
    let standard_error = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // Nobody reads standard error any more: telling that there would end the agent.
        .log_internal_errors(false);
    let kept = tracing_subscriber::fmt::layer()
        .with_writer(recent.clone())
        .with_ansi(false)
        .log_internal_errors(false);
    // Only the first call of a process sets it; there is only one.
    let _ = tracing_subscriber::registry().with(filter).with(standard_error).with(kept).try_init();
    recent
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
}

fn enroll_machine(arguments: EnrollArguments) -> Exit {
    log("warn");
    let data_dir = arguments.data.data_dir;
    // Replacing an identity under a running agent would mix two machines' data.
    let _lock = if arguments.force {
        match data_folder::lock(&data_dir) {
            Ok(lock) => Some(lock),
            Err(error @ RunError::Locked(_)) => return failed(&error, Exit::Locked),
            Err(error) => return failed(&error, Exit::Failed),
        }
    } else {
        None
    };
    let enrolment = Enrolment {
        url: arguments.url,
        code: arguments.code,
        data_dir,
        force: arguments.force,
        insecure_http: arguments.insecure_http,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, Exit::Failed),
    };
    match runtime.block_on(enroll(&enrolment)) {
        Ok(identity) => {
            let Identity { machine_id, mqtt, .. } = identity;
            output::print(&format!(
                "Enrolled as machine {machine_id}; it connects to {}:{}.",
                mqtt.host, mqtt.port
            ));
            Exit::Done
        }
        Err(error) => failed(&error, Exit::Failed),
    }
}

fn run_agent(arguments: &RunArguments) -> Exit {
    let mut config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return failed(&error, Exit::Usage),
    };
    if let Some(level) = &arguments.log_level {
        config.log_level.clone_from(level);
        if let Err(error) = config.check() {
            return failed(&error, Exit::Usage);
        }
    }
    let log = log(&config.log_level);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, Exit::Failed),
    };
    let agent = async {
        let signals = StopSignal::new(arguments.stop_on_eof).map_err(RunError::System)?;
        run::run(&config, &arguments.data.data_dir, signals, log).await
    };
    let ended = runtime.block_on(agent);
    // Nothing of this life may hold on to what the next one needs, nor a hanging disk hold it up.
    runtime.shutdown_timeout(SHUTDOWN);
    match ended {
        Ok(Ended::Stopped) => Exit::Done,
        Ok(Ended::Restart) => match restart() {
            Ok(never) => match never {},
            Err(error) => failed(&error, Exit::Failed),
        },
        Err(error @ (RunError::Locked(_) | RunError::Local(BindError::InUse(_)))) => {
            failed(&error, Exit::Locked)
        }
        Err(error) => failed(&error, Exit::Failed),
    }
}

/// What didn't become of a report, told like an error.
#[derive(Debug, thiserror::Error)]
enum Unreported {
    /// The agent has refused it.
    #[error("the fault is NOT stored: {0}")]
    Refused(String),
    /// The agent doesn't know of it.
    #[error("the fault is NOT stored")]
    NotStored(#[source] LocalError),
    /// The agent may have it, or get to it later.
    #[error("the fault is NOT confirmed as stored, report it again")]
    Unconfirmed(#[source] LocalError),
}

fn report(target: &Target, request: &Request, json: bool) -> Exit {
    match local::ask(&target.socket(), request) {
        Ok(Answer::Taken(taken)) => {
            if json {
                output::print_json(&taken);
            } else {
                output::print(&format!("Taken: event {}, number {}.", taken.event_id, taken.seq));
            }
            Exit::Done
        }
        Ok(Answer::Refused { reason }) => failed(&Unreported::Refused(reason), Exit::Failed),
        Ok(_) => {
            let error = LocalError::Answer("not about a fault".to_owned());
            failed(&Unreported::Unconfirmed(error), Exit::Failed)
        }
        Err(error @ LocalError::NotRunning(_)) => {
            failed(&Unreported::NotStored(error), Exit::NotRunning)
        }
        Err(error) if error.is_undone() => failed(&Unreported::NotStored(error), Exit::Failed),
        Err(error) => failed(&Unreported::Unconfirmed(error), Exit::Failed),
    }
}

fn show_status(arguments: &StatusArguments) -> Exit {
    let target = &arguments.target;
    let (status, exit) = match local::ask(&target.socket(), &Request::Status) {
        Ok(Answer::Status(status)) => (*status, Exit::Done),
        Ok(_) => {
            return failed(&LocalError::Answer("not a status".to_owned()), Exit::Failed);
        }
        Err(LocalError::NotRunning(_)) => {
            (status_of_files(&target.data.data_dir), Exit::NotRunning)
        }
        Err(error) => return failed(&error, Exit::Failed),
    };
    if arguments.json {
        output::print_json(&status);
    } else {
        output::print(&output::describe(&status));
    }
    exit
}

/// What the files of an agent that doesn't run say.
fn status_of_files(data_dir: &Path) -> Status {
    let mut status = Status::new(false, None);
    match Identity::load(data_dir) {
        Ok(identity) => status.machine = identity.as_ref().map(MachineStatus::from),
        Err(error) => status.problem = Some(error.to_string()),
    }
    if let Err(error) = read_outbox(data_dir, &mut status) {
        status.disk_problem = Some(error.to_string());
    }
    status
}

fn read_outbox(data_dir: &Path, status: &mut Status) -> Result<(), Box<dyn Error>> {
    let path = data_folder::outbox_path(data_dir);
    if !path.try_exists()? {
        return Ok(());
    }
    // An outbox that a killed agent left is repaired on opening: not beside a starting one.
    let _lock = data_folder::lock(data_dir)?;
    let mut outbox = Outbox::inspect(&path)?;
    status.outbox = Some(outbox.status()?);
    status.active_faults = outbox.active_faults()?;
    status.rules = outbox.rules_shown()?;
    Ok(())
}
