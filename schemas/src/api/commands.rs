//! Commands to machines.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::audit::ActorRef;
use super::page::PageQuery;
use crate::ids::{CommandId, LedgerId, MachineId, OrganizationId, TicketId};
use crate::time::Timestamp;
use crate::wire::command::{CatalogueEntry, CommandClass, Rejection};
use crate::words::words;

words! {
    /// Where a command is.
    CommandState, "state of a command", {
        /// Waits for a second person's approval.
        AwaitingApproval = "awaiting_approval",
        /// Waits for the machine, or for the machine's earlier commands.
        Queued = "queued",
        /// Handed over to the machine, as far as is known.
        Sent = "sent",
        /// In the machine's ledger.
        Received = "received",
        /// Waits for the operator on site.
        AwaitingConsent = "awaiting_consent",
        /// Runs.
        Running = "running",
        /// Handed over, its time is over, and the machine hasn't reported: it may have run. The
        /// machine's report goes before it.
        Unconfirmed = "unconfirmed",
        /// Ended well. Final.
        Succeeded = "succeeded",
        /// Ended badly. Final.
        Failed = "failed",
        /// Stopped at its deadline. Final.
        TimedOut = "timed_out",
        /// Refused by the machine, or not approved. It didn't run. Final.
        Rejected = "rejected",
        /// Canceled. Final.
        Canceled = "canceled",
        /// Its time was over before it was begun. It didn't run. Final.
        Expired = "expired",
        /// Begun, but the agent or its ledger was lost: outcome unknown. Final.
        Interrupted = "interrupted",
    }
}

impl CommandState {
    /// Whether nothing changes any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded
                | Self::Failed
                | Self::TimedOut
                | Self::Rejected
                | Self::Canceled
                | Self::Expired
                | Self::Interrupted
        )
    }
}

words! {
    /// Which commands are wanted.
    CommandStateFilter, "state of commands", {
        /// Not final.
        Open = "open",
        /// Final.
        Done = "done",
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Whose machine.
    pub organization_id: OrganizationId,
    /// The machine.
    pub machine_id: MachineId,
    /// What is to be done.
    pub name: String,
    /// Its arguments.
    #[schema(value_type = Object)]
    pub args: Map<String, Value>,
    /// What it does to the machine, by the machine's catalogue; null when that wasn't known.
    pub class: Option<CommandClass>,
    /// Where it is.
    pub state: CommandState,
    /// The ticket it belongs to.
    pub ticket_id: Option<TicketId>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Who wants it.
    pub issued_by: ActorRef,
    /// Who approved it, or refused to.
    pub approved_by: Option<ActorRef>,
    /// Until when it may be begun.
    pub expires_at: Timestamp,
    /// How long it may run, in seconds.
    pub deadline_s: i64,
    /// Counts the machine's commands.
    pub ord: i64,
    /// Why it was rejected.
    pub reason: Option<Rejection>,
    /// How the program ended.
    pub exit_code: Option<i32>,
    /// What it gave.
    #[schema(value_type = Object)]
    pub result: Option<Value>,
    /// What went wrong, for people.
    pub error: Option<String>,
    /// What it has printed so far.
    pub output: Option<String>,
    /// Whether some of the output was left out.
    pub output_cut: bool,
    /// Whether it is to be canceled and the machine hasn't answered yet.
    pub cancel_requested: bool,
    /// Counts its changes; the `ETag`.
    pub version: i64,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was handed over first.
    pub sent_at: Option<Timestamp>,
    /// When it was begun, by the machine's clock.
    pub started_at: Option<Timestamp>,
    /// When it ended; by the machine's clock when the machine said so.
    pub ended_at: Option<Timestamp>,
    /// The machine's name now; left out when the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
    /// The number of the ticket that it belongs to; left out when there is none or the caller may not see
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_number: Option<String>,
}

/// Issues a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueCommand {
    /// A name of the machine's catalogue.
    pub name: String,
    /// Arguments, as the catalogue's schema says.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub args: Map<String, Value>,
    /// For how long it may be begun, in seconds: 5 to 604,800; 300 when left out.
    #[serde(default)]
    pub expires_in_s: Option<i64>,
    /// How long it may run, in seconds: 1 to 3,600; the catalogue's bound when left out.
    #[serde(default)]
    pub deadline_s: Option<i64>,
    /// The ticket it belongs to; of the same machine.
    #[serde(default)]
    pub ticket_id: Option<TicketId>,
    /// What it is for, 1 to 200 characters; the operator on site reads it.
    #[serde(default)]
    pub purpose: Option<String>,
}

/// Decides about a command that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideCommand {
    /// Whether it is approved.
    pub approve: bool,
    /// Why, 1 to 500 characters; needed when it isn't approved.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Which commands are wanted; all conditions hold. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommandQuery {
    /// To this machine.
    pub machine_id: Option<MachineId>,
    /// Of this ticket.
    pub ticket_id: Option<TicketId>,
    /// `open`: not final; `done`: final.
    pub state: Option<CommandStateFilter>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl CommandQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// What a machine can be told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Catalogue {
    /// Whether the machine's agent has told it.
    pub known: bool,
    /// The agent's version.
    pub agent_version: Option<String>,
    /// The ledger that commands are entered in.
    pub ledger: Option<LedgerId>,
    /// When it was told.
    pub reported_at: Option<Timestamp>,
    /// The commands, by name.
    pub commands: Vec<CatalogueEntry>,
}
