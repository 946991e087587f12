//! Orders to machines, and what machines say about them.
//!
//! An order is a compact JWS (RFC 7515): header `alg` = `EdDSA`, `kid`, and a `typ` of its own, so
//! that none can be taken for another. Payload: the claims below, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ids::{CommandId, LedgerId, MachineId};
use crate::limits::{COMMAND_NAME_MAX_BYTES, UNIT_MAX_CHARS};
use crate::signal::SignalName;
use crate::words::words;

/// `typ` of a command.
pub const COMMAND_TYP: &str = "mw-command+jws";
/// `typ` of a cancellation.
pub const CANCEL_TYP: &str = "mw-cancel+jws";
/// `typ` of a time.
pub const TIME_TYP: &str = "mw-time+jws";
/// `typ` of configuration: the rules that a machine is to watch, see [`super::rules`].
pub const CONFIG_TYP: &str = "mw-config+jws";

words! {
    /// What a command does to the machine. Set in the agent's local catalogue.
    CommandClass, "class of a command", {
        /// Only looks.
        Read = "read",
        /// Changes settings.
        Configure = "configure",
        /// Can move something.
        Motion = "motion",
        /// Changes or restarts software.
        Software = "software",
    }
}

/// Claims of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandClaims {
    /// The command's id.
    pub jti: CommandId,
    /// The machine that it is for; no other obeys.
    pub aud: MachineId,
    /// Unix seconds of its signing.
    pub iat: i64,
    /// Unix seconds from which on it isn't begun any more.
    pub exp: i64,
    /// What is to be done: a name of the machine's catalogue.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// How long it may run, in seconds; the catalogue's own bound goes before it when it is shorter.
    pub deadline_s: i64,
    /// Counts the machine's commands upwards, with gaps: one that is not above the last one in the
    /// ledger is refused.
    pub ord: u64,
    /// The ledger it is meant for; an agent with another one refuses it. Null when the platform
    /// doesn't know the machine's ledger: an agent never runs it, but tells its ledger.
    pub ledger: Option<LedgerId>,
    /// Who wants it: a name for the operator on site.
    pub by: String,
    /// The ticket it belongs to, as people call it (`T-1042`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// Claims of a cancellation. It can be repeated; the first one counts. It may come before its
/// command, which is then canceled as it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelClaims {
    /// The machine that it is for.
    pub aud: MachineId,
    /// Unix seconds of its signing.
    pub iat: i64,
    /// Unix seconds until which it counts.
    pub exp: i64,
    /// The command to be canceled.
    pub command: CommandId,
    /// Who wants it.
    pub by: String,
}

/// Claims of a time, the answer to `time.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimeClaims {
    /// The machine that asked.
    pub aud: MachineId,
    /// Unix milliseconds when it was signed.
    pub ts: i64,
    /// The nonce of the question; only the answer to the last question counts.
    pub nonce: String,
}

/// Data of `time.requested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimeRequested {
    /// 16 to 64 characters that were never used before: `A-Z a-z 0-9 _ -`.
    pub nonce: String,
}

words! {
    /// Why an agent refuses a command.
    Rejection, "reason of a rejection", {
        /// Its time is over. Counts as expired.
        Expired = "expired",
        /// It is for another ledger. The one it was for is gone, and with it what is known of it.
        OtherLedger = "other_ledger",
        /// Another command that came after it is in the ledger already.
        OutOfOrder = "out_of_order",
        /// The catalogue has no such command.
        UnknownCommand = "unknown_command",
        /// Its arguments break the catalogue's schema.
        InvalidArguments = "invalid_arguments",
        /// The local policy forbids it.
        Forbidden = "forbidden",
        /// The operator refused.
        ConsentRefused = "consent_refused",
        /// The machine doesn't know the time for certain.
        ClockUntrusted = "clock_untrusted",
        /// The agent has no room for it now.
        Busy = "busy",
    }
}

/// Data of all `command.*` events: what is known of a command. Which fields are there depends on
/// the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandReport {
    /// The command.
    pub command_id: CommandId,
    /// Of `command.rejected`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Rejection>,
    /// Of `command.progress`: counts from 0 within the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Of final events: how the program ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Of final events: what it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it printed; in `command.progress` the new part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Whether some of the output was left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_cut: bool,
}

impl CommandReport {
    /// A report that only names the command.
    #[must_use]
    pub const fn new(command_id: CommandId) -> Self {
        Self {
            command_id,
            reason: None,
            part: None,
            exit_code: None,
            result: None,
            error: None,
            output: None,
            output_cut: false,
        }
    }
}

/// A command in a machine's catalogue, as the agent tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: String,
    /// What it does to the machine.
    pub class: CommandClass,
    /// For people: language (`en`, `de`) → text.
    #[serde(default)]
    pub description: std::collections::BTreeMap<String, String>,
    /// JSON Schema (2020-12) of its arguments, an object.
    pub arguments: Value,
    /// Whether the operator on site is asked first.
    pub needs_consent: bool,
    /// How long it may run at most, in seconds.
    pub deadline_s: i64,
    /// Codes of the faults that it remedies, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedy_for: Vec<String>,
}

/// What an agent knows of a signal before, or without, its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalInfo {
    /// The signal.
    pub signal: SignalName,
    /// Its unit, such as `°C` or `1/min`: 1 to 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Data of `agent.capabilities`: sent after each connect, and again when an order without a ledger
/// came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// The agent's version.
    pub version: String,
    /// The ledger that commands must name.
    pub ledger: LedgerId,
    /// `ord` of the last command in the ledger; 0 when it is empty. What is above and has expired
    /// never ran and never will.
    pub last_ord: u64,
    /// All commands in the ledger up to this `ord` have been reported, and the reports were
    /// acknowledged: one that the platform hasn't heard of isn't in the ledger and never will be.
    /// Null while reports are waiting; then the agent tells once more when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_ord: Option<u64>,
    /// What the machine can be told to do.
    pub commands: Vec<CatalogueEntry>,
    /// What is known of the machine's signals, each once, at most 2,000; they needn't have values
    /// yet. A signal that isn't among them keeps the unit that it had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalInfo>,
    /// The version of the rules that the agent watches by, 0 when it has none; null when it can't
    /// watch by rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_version: Option<u64>,
}

/// Checks the form of a command's name: 1 to 64 of `a-z 0-9 _ .`.
#[must_use]
pub fn is_command_name(name: &str) -> bool {
    (1..=COMMAND_NAME_MAX_BYTES).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
}

/// Checks the form of a unit: 1 to 32 characters, none of them a control character.
#[must_use]
pub fn is_unit(unit: &str) -> bool {
    (1..=UNIT_MAX_CHARS).contains(&unit.chars().count()) && !unit.chars().any(char::is_control)
}
