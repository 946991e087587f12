//! Issuing a command.

use millwright_core::access::{Actor, Caller};
use millwright_core::command::permission;
use millwright_core::fields::Fields;
use millwright_core::machine::OutOfUse;
use millwright_core::ticket::is_open;
use millwright_schemas::api::commands::{Command, CommandState, IssueCommand};
use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::api::tickets::Ticket;
use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::{CommandId, MachineId, TicketId, Timestamp};
use millwright_store::commands::{self, StoredCommand, capabilities};
use millwright_store::machines::fleet;
use millwright_store::work::{self, CommandsDue};
use millwright_store::{Scope, Store, StoreError, Tx, policies, tickets};
use uuid::Uuid;

use crate::DispatchError;
use crate::change::record_issue;
use crate::draft::{self, Known, Spans};
use crate::limits::OPEN_COMMANDS_MAX;
use crate::people::{name_of, require_any};

/// Issues a command to a machine. It is sent as soon as the machine can be reached, and approved
/// where the policy asks for that.
///
/// # Errors
/// Not permitted, forbidden by the policy, machine or ticket not found or out of use, a field can't
/// be accepted, too many commands are open, or the database can't.
pub async fn issue(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    input: IssueCommand,
    now: Timestamp,
) -> Result<Command, DispatchError> {
    require_any(caller)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let machine = fleet::load(&tx, scope, machine).await?;
    let told = capabilities::load(&tx, machine.id).await?;
    let known = Known::find(told.as_ref(), &input.name);
    let class = known.counted_class(&input.name);
    caller.require(permission(class))?;
    if machine.state == MachineState::Decommissioned {
        return Err(OutOfUse.into());
    }
    let spans = check(&tx, scope, &machine, &input, known).await?;
    let state = allowed_state(&tx, &machine, class).await?;
    if commands::count_open(&tx, machine.id).await? >= OPEN_COMMANDS_MAX {
        return Err(DispatchError::Full);
    }
    let new = New {
        id: CommandId(Uuid::now_v7()),
        by: caller.actor,
        class: known.class(),
        state,
        spans,
        now,
    };
    let command = insert(&tx, &machine, input, new).await?;
    tx.commit().await?;
    Ok(command)
}

/// What a new command is, beside what is wanted of it.
pub(crate) struct New {
    pub(crate) id: CommandId,
    pub(crate) by: Actor,
    pub(crate) class: Option<CommandClass>,
    pub(crate) state: CommandState,
    pub(crate) spans: Spans,
    pub(crate) now: Timestamp,
}

/// Where a new command of this class begins, as the policy of the machine's organization says.
pub(crate) async fn allowed_state(
    tx: &Tx,
    machine: &Machine,
    class: CommandClass,
) -> Result<CommandState, DispatchError> {
    let policy = policies::effective(tx, machine.organization_id).await?.commands;
    if policy.forbidden.contains(&class) {
        return Err(DispatchError::ForbiddenByPolicy(class));
    }
    let asks = policy.approval_required.contains(&class);
    Ok(if asks { CommandState::AwaitingApproval } else { CommandState::Queued })
}

/// Adds the command with its traces, and the job that sends it.
pub(crate) async fn insert(
    tx: &Tx,
    machine: &Machine,
    input: IssueCommand,
    new: New,
) -> Result<Command, DispatchError> {
    let New { id, by, class, state, spans, now } = new;
    let command = Command {
        id,
        organization_id: machine.organization_id,
        machine_id: machine.id,
        name: input.name,
        args: input.args,
        class,
        state,
        ticket_id: input.ticket_id,
        purpose: input.purpose,
        issued_by: by.into(),
        approved_by: None,
        expires_at: now.plus_seconds(spans.expires_in_s),
        deadline_s: spans.deadline_s,
        ord: commands::next_ord(tx, machine.id).await?,
        reason: None,
        exit_code: None,
        result: None,
        error: None,
        output: None,
        output_cut: false,
        cancel_requested: false,
        version: 1,
        created_at: now,
        updated_at: now,
        sent_at: None,
        started_at: None,
        ended_at: None,
        machine_name: None,
        ticket_number: None,
    };
    let stored = StoredCommand {
        command,
        issued_by: by,
        issued_by_name: name_of(tx, by).await?,
        ledger: None,
        output_parts: 0,
        cancel_requested_at: None,
        cancel_by_name: None,
    };
    commands::insert(tx, &stored).await?;
    record_issue(tx, &stored, by).await?;
    work::enqueue(tx, machine.organization_id, &CommandsDue { machine: machine.id }, now).await?;
    Ok(stored.command)
}

/// All faults of the fields at once; then whether the ticket is worked on.
async fn check(
    tx: &Tx,
    scope: Scope,
    machine: &Machine,
    input: &IssueCommand,
    known: Known<'_>,
) -> Result<Spans, DispatchError> {
    let mut fields = Fields::default();
    let spans = draft::check(input, known, &mut fields);
    let ticket = match input.ticket_id {
        None => None,
        Some(id) => ticket_for(tx, scope, machine.id, id, &mut fields).await?,
    };
    fields.finish()?;
    match ticket {
        Some(ticket) if !is_open(ticket.state) => {
            Err(DispatchError::TicketOver { number: ticket.number, state: ticket.state })
        }
        _ => Ok(spans),
    }
}

async fn ticket_for(
    tx: &Tx,
    scope: Scope,
    machine: MachineId,
    id: TicketId,
    fields: &mut Fields,
) -> Result<Option<Ticket>, StoreError> {
    match tickets::load(tx, scope, id).await {
        Err(StoreError::NotFound(_)) => {
            fields.refuse("ticket_id", format!("ticket {id} doesn't exist"));
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(record) => {
            let about = record.ticket.machine_id == machine
                || tickets::has_alarm_of(tx, id, machine).await?;
            if !about {
                let message = format!("ticket {} is about another machine", record.ticket.number);
                fields.refuse("ticket_id", message);
            }
            Ok(about.then_some(record.ticket))
        }
    }
}
