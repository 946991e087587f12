//! Opening a ticket by hand.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::Fields;
use millwright_core::ticket::{TITLE_MAX, TicketRecord, next_states, number_text};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::tickets::{CreateTicket, Priority, Ticket, TicketState};
use millwright_schemas::{MachineId, TicketId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::{Scope, Store, StoreError, Tx, changes, tickets};
use serde_json::Map;
use uuid::Uuid;

use super::assignee;
use crate::TicketError;
use crate::limits::TEXT_MAX;
use crate::trace::{Happening, UNTOLD, note, record};

/// Opens a ticket about a machine that the caller sees.
///
/// # Errors
/// Not permitted, a field can't be accepted, or the database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: CreateTicket,
    now: Timestamp,
) -> Result<Ticket, TicketError> {
    caller.require(Permission::WriteTickets)?;
    check(&input)?;
    let tx = store.begin().await?;
    let machine = machine(&tx, caller, input.machine_id).await?;
    if let Some(assignee) = input.assignee_id {
        assignee::check(&tx, caller, machine.organization_id, assignee).await?;
    }
    let state = TicketState::New;
    let ticket = Ticket {
        id: TicketId(Uuid::now_v7()),
        number: number_text(tickets::next_number(&tx).await?),
        organization_id: machine.organization_id,
        machine_id: machine.id,
        title: input.title,
        description: input.description,
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: input.priority.unwrap_or(Priority::P3),
        assignee_id: input.assignee_id,
        opened_by: caller.actor.into(),
        reopened: 0,
        active_alarms: 0,
        alarms: 0,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: input.external_ids,
        version: 1,
        created_at: now,
        updated_at: now,
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let opened = TicketRecord { ticket, cause: None, worst: None, close_at: None, began_at: None };
    tickets::insert(&tx, &opened).await?;
    let details = changes::fields(&opened.ticket, &UNTOLD)?;
    let (action, by) = ("ticket.opened", caller.actor);
    record(&tx, &opened.ticket, action, details, by, now).await?;
    let (text, data) = (String::new(), Map::new());
    let what = Happening { action, note: "opened", text, data, by, at: now };
    note(&tx, &opened.ticket, what).await?;
    tx.commit().await?;
    Ok(opened.ticket)
}

async fn machine(tx: &Tx, caller: &Caller, id: MachineId) -> Result<Machine, TicketError> {
    match fleet::load(tx, Scope::Organization(caller.organization), id).await {
        Err(StoreError::NotFound(_)) => {
            Err(TicketError::field("machine_id", format!("machine {id} doesn't exist")))
        }
        machine => Ok(machine?),
    }
}

fn check(input: &CreateTicket) -> Result<(), TicketError> {
    let mut fields = Fields::default();
    fields.text("title", &input.title, TITLE_MAX);
    fields.lines_or_none("description", &input.description, TEXT_MAX);
    fields.external_ids(&input.external_ids);
    Ok(fields.finish()?)
}
