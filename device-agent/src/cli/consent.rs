//! The operator's word on the command line.

use millwright_schemas::CommandId;
use serde_json::json;

use super::arguments::{AnswerArguments, ConsentCommand, HelpArguments, StopArguments};
use super::arguments::{StatusArguments, Target};
use super::commands::failed;
use super::{Exit, output};
use crate::local::{self, Answer, LocalError, Request};
use crate::operator::Decision;

/// What didn't become of the operator's word, told like an error.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    /// The agent says why.
    #[error("it has NO effect: {0}")]
    Refused(String),
    /// The agent doesn't know of it.
    #[error("it has NO effect")]
    Undone(#[source] LocalError),
    /// The agent may have heard it, or get to it later.
    #[error("it is NOT confirmed; look with: millwright-agent consent list")]
    Unconfirmed(#[source] LocalError),
}

/// Does what `consent` says.
pub(super) fn execute(command: &ConsentCommand) -> Exit {
    match command {
        ConsentCommand::List(arguments) => list(arguments),
        ConsentCommand::Accept(arguments) => decide(arguments, Decision::Granted),
        ConsentCommand::Refuse(arguments) => decide(arguments, Decision::Refused),
        ConsentCommand::Stop(arguments) => stop(arguments),
    }
}

/// Does what `help-request` says.
pub(super) fn request_help(arguments: HelpArguments) -> Exit {
    let HelpArguments { message, json, target } = arguments;
    let taken = match heard(&target, &Request::Help { message }) {
        Ok(Answer::Taken(taken)) => taken,
        Ok(_) => return unexpected(),
        Err(exit) => return exit,
    };
    if json {
        output::print_json(&taken);
    } else {
        output::print(&format!("Taken: event {}, number {}.", taken.event_id, taken.seq));
    }
    Exit::Done
}

fn list(arguments: &StatusArguments) -> Exit {
    let desk = match local::ask(&arguments.target.socket(), &Request::Status) {
        Ok(Answer::Status(status)) => status.operator,
        Ok(_) => return unexpected(),
        Err(error @ LocalError::NotRunning(_)) => return failed(&error, Exit::NotRunning),
        Err(error) => return failed(&error, Exit::Failed),
    };
    if arguments.json {
        output::print_json(&desk);
    } else {
        output::print(&output::describe_desk(&desk));
    }
    Exit::Done
}

fn decide(arguments: &AnswerArguments, decision: Decision) -> Exit {
    let command_id = arguments.command;
    match heard(&arguments.target, &Request::Decide { command_id, decision }) {
        Ok(Answer::Decided { command_id, decision }) => {
            if arguments.json {
                output::print_json(&json!({ "command_id": command_id, "decision": decision }));
            } else {
                let word = match decision {
                    Decision::Granted => "Accepted",
                    Decision::Refused => "Refused",
                };
                output::print(&format!("{word}: {command_id}."));
            }
            Exit::Done
        }
        Ok(_) => unexpected(),
        Err(exit) => exit,
    }
}

fn stop(arguments: &StopArguments) -> Exit {
    let command_id = arguments.command;
    let stopped = match heard(&arguments.target, &Request::Stop { command_id }) {
        Ok(Answer::Stopped { stopped }) => stopped,
        Ok(_) => return unexpected(),
        Err(exit) => return exit,
    };
    if arguments.json {
        output::print_json(&json!({ "stopped": stopped }));
    } else if stopped.is_empty() {
        output::print("It is being stopped already.");
    } else {
        let ids: Vec<String> = stopped.iter().map(CommandId::to_string).collect();
        output::print(&format!("Stopped: {}.", ids.join(", ")));
    }
    Exit::Done
}

/// Brings the operator's word to the agent; complains when it isn't heard.
fn heard(target: &Target, request: &Request) -> Result<Answer, Exit> {
    match local::ask(&target.socket(), request) {
        Ok(Answer::Refused { reason }) => Err(failed(&Unheard::Refused(reason), Exit::Failed)),
        Ok(answer) => Ok(answer),
        Err(error @ LocalError::NotRunning(_)) => {
            Err(failed(&Unheard::Undone(error), Exit::NotRunning))
        }
        Err(error) if error.is_undone() => Err(failed(&Unheard::Undone(error), Exit::Failed)),
        Err(error) => Err(failed(&Unheard::Unconfirmed(error), Exit::Failed)),
    }
}

fn unexpected() -> Exit {
    failed(&Unheard::Unconfirmed(LocalError::Answer("another kind".to_owned())), Exit::Failed)
}
