//! What rooms leave for each other as jobs: kinds and payloads. Both sides of a job are in
//! different crates that don't know each other.

use millwright_schemas::wire::command::{Capabilities, CommandReport};
use millwright_schemas::wire::events::EventType;
use millwright_schemas::wire::rules::RulesApplied;
use millwright_schemas::{
    AlarmId, BacktestId, CommandId, EventId, MachineId, OrganizationId, TicketId, Timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::jobs::{self, Job, JobError, NewJob};
use crate::{Conn, StoreError};

/// A job's kind, its payload and its key.
pub trait Work: Serialize + DeserializeOwned {
    /// The job's kind.
    const KIND: &'static str;

    /// Jobs with the same key run one after the other.
    fn ordering_key(&self) -> String;
}

/// Records a job in the transaction of its cause.
///
/// # Errors
/// When the database refuses it.
pub async fn enqueue<W: Work>(
    tx: impl Into<Conn<'_>>,
    organization: OrganizationId,
    work: &W,
    now: Timestamp,
) -> Result<(), StoreError> {
    let payload = serde_json::to_value(work).map_err(|error| StoreError::corrupt("jobs", error))?;
    let job = NewJob {
        organization: Some(organization),
        kind: W::KIND,
        ordering_key: work.ordering_key(),
        payload,
        run_at: now,
        created_at: now,
    };
    jobs::enqueue(tx, job).await.map(drop)
}

/// The payload of a job of this kind.
///
/// # Errors
/// [`JobError::Never`] when it can't be read.
pub fn payload<W: Work>(job: &Job) -> Result<W, JobError> {
    serde_json::from_value(job.payload.clone())
        .map_err(|error| JobError::Never(format!("payload of {}: {error}", job.kind)))
}

/// An alarm was raised, cleared, or changed in what tickets go by. Done by ticketing, which reads
/// the alarm as it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmChanged {
    /// The alarm.
    pub alarm: AlarmId,
    /// Its machine.
    pub machine: MachineId,
    /// Whether it was annunciated until it cleared, without having come on a ticket.
    #[serde(default)]
    pub brief: bool,
}

impl Work for AlarmChanged {
    const KIND: &'static str = "alarm.changed";

    fn ordering_key(&self) -> String {
        format!("tickets:{}", self.machine)
    }
}

/// A machine has reported something about a command. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandReported {
    /// The machine that reported; a report about another's command is ignored.
    pub machine: MachineId,
    /// The reported event.
    pub event: EventId,
    /// Its type: `command.*`.
    pub event_type: EventType,
    /// When, by the machine's clock.
    pub ts: Timestamp,
    /// What it says.
    pub report: CommandReport,
}

impl Work for CommandReported {
    const KIND: &'static str = "command.reported";

    fn ordering_key(&self) -> String {
        format!("commands:{}", self.machine)
    }
}

/// A machine has told what it can be told to do, and with it that it is there. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapabilitiesReported {
    /// The machine.
    pub machine: MachineId,
    /// When, by the machine's clock.
    pub ts: Timestamp,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// What it told.
    pub capabilities: Capabilities,
}

impl Work for CapabilitiesReported {
    const KIND: &'static str = "machine.capabilities";

    fn ordering_key(&self) -> String {
        format!("commands:{}", self.machine)
    }
}

/// A machine asks for a signed time. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeAsked {
    /// The machine.
    pub machine: MachineId,
    /// The nonce of its question.
    pub nonce: String,
}

impl Work for TimeAsked {
    const KIND: &'static str = "machine.time";

    fn ordering_key(&self) -> String {
        format!("time:{}", self.machine)
    }
}

/// A machine has told by which rules it watches. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesReported {
    /// The machine.
    pub machine: MachineId,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// What it told.
    pub applied: RulesApplied,
}

impl Work for RulesReported {
    const KIND: &'static str = "machine.rules";

    fn ordering_key(&self) -> String {
        format!("rules:{}", self.machine)
    }
}

/// A machine's next command may be sent. Done by dispatch, which reads what is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsDue {
    /// The machine.
    pub machine: MachineId,
}

impl Work for CommandsDue {
    const KIND: &'static str = "command.due";

    fn ordering_key(&self) -> String {
        format!("commands:{}", self.machine)
    }
}

/// A command is to be canceled on the machine. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelDue {
    /// The machine.
    pub machine: MachineId,
    /// The command.
    pub command: CommandId,
}

impl Work for CancelDue {
    const KIND: &'static str = "command.cancel";

    fn ordering_key(&self) -> String {
        format!("cancel:{}", self.machine)
    }
}

/// The platform itself wants a command, such as diagnostics for a new ticket. Done by dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandWanted {
    /// The command's id, given here so that it is issued once.
    pub command: CommandId,
    /// To this machine.
    pub machine: MachineId,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Map<String, Value>,
    /// For this ticket.
    pub ticket: Option<TicketId>,
    /// What for.
    pub purpose: Option<String>,
}

impl Work for CommandWanted {
    const KIND: &'static str = "command.wanted";

    fn ordering_key(&self) -> String {
        format!("commands:{}", self.machine)
    }
}

/// Something happened to a command of a ticket. Done by ticketing: a note on the ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketNote {
    /// The ticket.
    pub ticket: TicketId,
    /// Its machine.
    pub machine: MachineId,
    /// What happened, such as `command_issued`.
    pub note: String,
    /// Parameters.
    pub data: Map<String, Value>,
    /// Who did it: an actor as JSON.
    pub by: millwright_core::access::Actor,
    /// When.
    pub at: Timestamp,
}

impl Work for TicketNote {
    const KIND: &'static str = "ticket.note";

    fn ordering_key(&self) -> String {
        format!("tickets:{}", self.machine)
    }
}

/// The operator on site asks for help. Done by ticketing: opens a ticket or joins the open one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpRequested {
    /// The machine.
    pub machine: MachineId,
    /// The reported event.
    pub event: EventId,
    /// The operator's words.
    pub message: String,
    /// When, by the machine's clock.
    pub ts: Timestamp,
}

impl Work for HelpRequested {
    const KIND: &'static str = "help.requested";

    fn ordering_key(&self) -> String {
        format!("tickets:{}", self.machine)
    }
}

/// A rule is to be tried on history. Done by alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestDue {
    /// What is to be done.
    pub backtest: BacktestId,
    /// Of who asked for it: one of an organization runs at a time.
    pub organization: OrganizationId,
}

impl Work for BacktestDue {
    const KIND: &'static str = "backtest.due";

    fn ordering_key(&self) -> String {
        format!("backtests:{}", self.organization)
    }
}

/// A rule is to be tried while it is edited, and somebody looks on. Done by alarms, apart from
/// [`BacktestDue`], which takes minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewDue {
    /// What is to be done.
    pub backtest: BacktestId,
    /// Of who asked for it: one of an organization runs at a time.
    pub organization: OrganizationId,
}

impl Work for PreviewDue {
    const KIND: &'static str = "backtest.preview";

    fn ordering_key(&self) -> String {
        format!("previews:{}", self.organization)
    }
}
