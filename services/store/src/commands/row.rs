//! A command as it is stored.

use std::fmt::Display;
use std::str::FromStr;

use millwright_core::access::Actor;
use millwright_core::command::State;
use millwright_schemas::api::commands::{Command, CommandState};
use millwright_schemas::{CommandId, LedgerId, MachineId, OrganizationId, TicketId, Timestamp};
use sea_orm::ActiveValue::Set;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::entities::command::{ActiveModel, Model};

const TABLE: &str = "commands";

/// A command with what only the platform needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCommand {
    /// As people see it.
    pub command: Command,
    /// Who wants it.
    pub issued_by: Actor,
    /// The name that the operator on site reads.
    pub issued_by_name: String,
    /// The ledger that it was signed for.
    pub ledger: Option<LedgerId>,
    /// The part of its output that is expected next.
    pub output_parts: i64,
    /// Since when it is to be canceled.
    pub cancel_requested_at: Option<Timestamp>,
    /// Who wants that: a name for the operator on site.
    pub cancel_by_name: Option<String>,
}

impl StoredCommand {
    /// Where it is, with what belongs to it there.
    #[must_use]
    pub const fn state(&self) -> State {
        State::of(self.command.state, self.ledger, self.cancel_requested_at.is_some())
    }
}

pub(super) fn to_row(item: &StoredCommand) -> Result<ActiveModel, StoreError> {
    let command = &item.command;
    Ok(ActiveModel {
        id: Set(command.id.uuid()),
        organization_id: Set(command.organization_id.uuid()),
        machine_id: Set(command.machine_id.uuid()),
        ord: Set(command.ord),
        name: Set(command.name.clone()),
        args: Set(text(&command.args)?),
        class: Set(command.class.map(|class| class.as_str().to_owned())),
        state: Set(command.state.as_str().to_owned()),
        ticket_id: Set(command.ticket_id.map(TicketId::uuid)),
        purpose: Set(command.purpose.clone()),
        issued_by: Set(text(&item.issued_by)?),
        issued_by_name: Set(item.issued_by_name.clone()),
        approved_by: Set(command.approved_by.as_ref().map(text).transpose()?),
        expires_at: Set(command.expires_at.micros()),
        deadline_s: Set(command.deadline_s),
        ledger: Set(item.ledger.map(LedgerId::uuid)),
        reason: Set(command.reason.map(|reason| reason.as_str().to_owned())),
        exit_code: Set(command.exit_code.map(i64::from)),
        result: Set(command.result.as_ref().map(text).transpose()?),
        error: Set(command.error.clone()),
        output: Set(command.output.clone()),
        output_parts: Set(item.output_parts),
        output_cut: Set(command.output_cut),
        cancel_requested_at: Set(item.cancel_requested_at.map(Timestamp::micros)),
        cancel_by_name: Set(item.cancel_by_name.clone()),
        version: Set(command.version),
        created_at: Set(command.created_at.micros()),
        updated_at: Set(command.updated_at.micros()),
        sent_at: Set(command.sent_at.map(Timestamp::micros)),
        started_at: Set(command.started_at.map(Timestamp::micros)),
        ended_at: Set(command.ended_at.map(Timestamp::micros)),
    })
}

pub(super) fn from_row(row: Model) -> Result<StoredCommand, StoreError> {
    let issued_by: Actor = read(&row.issued_by)?;
    let cancel_requested_at = row.cancel_requested_at.map(Timestamp::from_micros);
    let state: CommandState = word(&row.state)?;
    let command = Command {
        id: CommandId(row.id),
        organization_id: OrganizationId(row.organization_id),
        machine_id: MachineId(row.machine_id),
        name: row.name,
        args: read(&row.args)?,
        class: row.class.as_deref().map(word).transpose()?,
        state,
        ticket_id: row.ticket_id.map(TicketId),
        purpose: row.purpose,
        issued_by: issued_by.into(),
        approved_by: row.approved_by.as_deref().map(read).transpose()?,
        expires_at: Timestamp::from_micros(row.expires_at),
        deadline_s: row.deadline_s,
        ord: row.ord,
        reason: row.reason.as_deref().map(word).transpose()?,
        exit_code: row.exit_code.and_then(|code| i32::try_from(code).ok()),
        result: row.result.as_deref().map(read).transpose()?,
        error: row.error,
        output: row.output,
        output_cut: row.output_cut,
        cancel_requested: cancel_requested_at.is_some() && !state.is_final(),
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
        sent_at: row.sent_at.map(Timestamp::from_micros),
        started_at: row.started_at.map(Timestamp::from_micros),
        ended_at: row.ended_at.map(Timestamp::from_micros),
        machine_name: None,
        ticket_number: None,
    };
    Ok(StoredCommand {
        command,
        issued_by,
        issued_by_name: row.issued_by_name,
        ledger: row.ledger.map(LedgerId),
        output_parts: row.output_parts,
        cancel_requested_at,
        cancel_by_name: row.cancel_by_name,
    })
}

fn text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(TABLE, error))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(TABLE, error))
}

pub(super) fn word<T>(text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| StoreError::corrupt(TABLE, error))
}
