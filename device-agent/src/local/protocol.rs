//! Requests and answers.

use millwright_schemas::wire::events::{FaultCleared, FaultRaised};
use serde::{Deserialize, Serialize};

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
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is committed to the outbox: from here on it isn't lost.
    Taken(Taken),
    /// As asked.
    Status(Box<Status>),
    /// It isn't stored, and why.
    Refused {
        /// Why, for people.
        reason: String,
    },
}
