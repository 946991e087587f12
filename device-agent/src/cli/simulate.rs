//! What happens to simulated machines, on the command line.

use serde_json::json;

use super::arguments::SimulateCommand;
use super::commands::failed;
use super::{Exit, output};
use crate::drivers::Simulated;
use crate::local::{self, Answer, LocalError, Request};

/// What doesn't happen, told like an error.
#[derive(Debug, thiserror::Error)]
enum Unsimulated {
    /// The agent says why.
    #[error("nothing happens: {0}")]
    Refused(String),
    /// The agent can't be asked, or doesn't answer.
    #[error("it is NOT confirmed")]
    Unconfirmed(#[source] LocalError),
}

/// Does what `simulate` says.
pub(super) fn execute(command: SimulateCommand) -> Exit {
    let (happening, which) = match command {
        SimulateCommand::Fail(which) => (Simulated::Fail, which),
        SimulateCommand::Wear { percent, which } => (Simulated::Wear { percent }, which),
    };
    let request = Request::Simulate { driver: which.driver, happening };
    let error = match local::ask(&which.target.socket(), &request) {
        Ok(Answer::Simulated) => {
            if which.json {
                output::print_json(&json!({ "simulated": happening }));
            } else {
                output::print("It happens.");
            }
            return Exit::Done;
        }
        Ok(Answer::Refused { reason }) => Unsimulated::Refused(reason),
        Ok(_) => Unsimulated::Unconfirmed(LocalError::Answer("another kind".to_owned())),
        Err(error @ LocalError::NotRunning(_)) => return failed(&error, Exit::NotRunning),
        Err(error) => Unsimulated::Unconfirmed(error),
    };
    failed(&error, Exit::Failed)
}
