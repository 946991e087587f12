//! Requests and answers.

use millwright_schemas::CommandId;
use millwright_schemas::wire::events::{FaultCleared, FaultRaised};
use serde::{Deserialize, Serialize};

use crate::drivers::Simulated;
use crate::operator::Decision;
use crate::outbox::Taken;
use crate::status::Status;

/// What a local program wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// A fault is active.
    FaultRaise {
        /// The fault.
        fault: FaultRaised,
    },
    /// A fault is over.
    FaultClear {
        /// Which one.
        fault: FaultCleared,
    },
    /// How is it going?
    Status,
    /// The operator's answer to a question.
    Decide {
        /// About which command.
        command_id: CommandId,
        /// What it is.
        decision: Decision,
    },
    /// The operator stops what is being done.
    Stop {
        /// For which command; without it, everything.
        command_id: Option<CommandId>,
    },
    /// Something happens to a simulated machine.
    Simulate {
        /// Its driver; without it the only simulator there is.
        driver: Option<String>,
        /// What.
        #[serde(flatten)]
        happening: Simulated,
    },
    /// The operator asks for help.
    Help {
        /// What is the matter.
        message: String,
    },
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is committed to the outbox: from here on it isn't lost.
    Taken(Taken),
    /// As asked.
    Status(Box<Status>),
    /// The operator's answer has taken effect.
    Decided {
        /// About which command.
        command_id: CommandId,
        /// What it was.
        decision: Decision,
    },
    /// What is being done was told to end.
    Stopped {
        /// The commands that weren't stopped before.
        stopped: Vec<CommandId>,
    },
    /// It happens.
    Simulated,
    /// It isn't stored or has no effect, and why.
    Refused {
        /// Why, for people.
        reason: String,
    },
}
