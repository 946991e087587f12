//! An order as the operator sees it, and what the operator says.

use std::collections::BTreeMap;

use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::{CommandId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::LOG_ARGS_BYTES;

/// An order: who wants what, and what for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderShown {
    /// The command.
    pub id: CommandId,
    /// Its name in the catalogue.
    pub name: String,
    /// What it does to the machine.
    pub class: CommandClass,
    /// What it is, for people: language (`en`, `de`) → text.
    pub description: BTreeMap<String, String>,
    /// Its arguments.
    pub args: Map<String, Value>,
    /// Who wants it.
    pub by: String,
    /// The ticket it belongs to.
    pub ticket: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// From when on it isn't begun any more.
    pub expires_at: Timestamp,
}

/// What the operator says to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be done.
    Granted,
    /// It may not.
    Refused,
}

/// How the operator's word came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By a button of the panel.
    Panel,
    /// By `millwright-agent consent` or `help-request`.
    CommandLine,
    /// Not at all: the agent decided in the operator's place, because too much is open.
    Agent,
}

/// A question that waits for the operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionShown {
    /// What is asked for.
    #[serde(flatten)]
    pub order: OrderShown,
    /// Since when it waits.
    pub asked_at: Timestamp,
}

/// Something that is being done to the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityShown {
    /// What it is.
    #[serde(flatten)]
    pub order: OrderShown,
    /// Since when.
    pub since: Timestamp,
    /// The operator has pressed stop; it is about to end.
    pub stopping: bool,
}

/// What lies on the desk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeskShown {
    /// What waits for the operator, oldest first.
    pub questions: Vec<QuestionShown>,
    /// What is being done, oldest first.
    pub activities: Vec<ActivityShown>,
    /// Entries of the local log so far, so that whoever shows it knows when to read it again.
    pub log_entries: u64,
    /// Why the local log isn't kept on the disk, when it isn't.
    pub log_problem: Option<String>,
}

/// An order in the local log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedOrder {
    /// The command.
    pub id: CommandId,
    /// Its name.
    pub name: String,
    /// What it does to the machine.
    pub class: CommandClass,
    /// Its arguments as JSON, cut beyond [`LOG_ARGS_BYTES`].
    pub args: String,
    /// Who wanted it.
    pub by: String,
    /// The ticket it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// What it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

impl From<&OrderShown> for LoggedOrder {
    fn from(order: &OrderShown) -> Self {
        let mut args = serde_json::to_string(&order.args).unwrap_or_default();
        if args.len() > LOG_ARGS_BYTES {
            args.truncate(args.floor_char_boundary(LOG_ARGS_BYTES));
            args.push('…');
        }
        Self {
            id: order.id,
            name: order.name.clone(),
            class: order.class,
            args,
            by: order.by.clone(),
            ticket: order.ticket.clone(),
            purpose: order.purpose.clone(),
        }
    }
}
