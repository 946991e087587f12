//! A new ticket, and one that is worked on again.

use millwright_core::access::Actor;
use millwright_core::ticket::{TicketRecord, next_states, number_text, reopen};
use millwright_schemas::api::tickets::{Priority, Ticket, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, TicketId, Timestamp};
use millwright_store::{Scope, StoreError, Tx, tickets};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::trace::{Happening, tell};

/// What a ticket is opened for.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) machine: MachineId,
    pub(crate) organization: OrganizationId,
    pub(crate) cause: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) priority: Priority,
    pub(crate) worst: Option<Severity>,
    pub(crate) by: Actor,
    /// When what it is about began, if an alarm opens it.
    pub(crate) began_at: Option<Timestamp>,
    /// Parameters of the note.
    pub(crate) data: Map<String, Value>,
}

/// Opens a ticket.
pub(crate) async fn open(
    tx: &Tx,
    opening: Opening,
    now: Timestamp,
) -> Result<TicketRecord, StoreError> {
    let state = TicketState::New;
    let ticket = Ticket {
        id: TicketId(Uuid::now_v7()),
        number: number_text(tickets::next_number(tx).await?),
        organization_id: opening.organization,
        machine_id: opening.machine,
        title: opening.title,
        description: opening.description,
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: opening.priority,
        assignee_id: None,
        opened_by: opening.by.into(),
        reopened: 0,
        active_alarms: 0,
        alarms: 0,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: Default::default(),
        version: 1,
        created_at: now,
        updated_at: now,
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let (cause, worst) = (Some(opening.cause), opening.worst);
    let record = TicketRecord { ticket, cause, worst, close_at: None, began_at: opening.began_at };
    tickets::insert(tx, &record).await?;
    let mut data = opening.data;
    data.insert("title".to_owned(), record.ticket.title.clone().into());
    data.insert("priority".to_owned(), record.ticket.priority.as_str().into());
    let (action, note, by) = ("ticket.opened", "opened", opening.by);
    let what = Happening { action, note, text: String::new(), data, by, at: now };
    tell(tx, &record.ticket, what).await?;
    Ok(record)
}

/// What a ticket is reopened for.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    pub(crate) priority: Priority,
    pub(crate) worst: Option<Severity>,
    pub(crate) by: Actor,
    /// When what it is about began again, if an alarm reopens it.
    pub(crate) began_at: Option<Timestamp>,
    /// Parameters of the note.
    pub(crate) data: Map<String, Value>,
}

/// Reopens a resolved ticket: to whoever worked on it, else to nobody.
pub(crate) async fn again(
    tx: &Tx,
    before: &TicketRecord,
    again: Again,
    now: Timestamp,
) -> Result<TicketRecord, StoreError> {
    let assigned = before.ticket.assignee_id.is_some();
    let to = if assigned { TicketState::InProgress } else { TicketState::New };
    let mut record = reopen(before, to, now);
    record.worst = again.worst;
    record.ticket.priority = record.ticket.priority.min(again.priority);
    record.began_at = again.began_at.or(record.began_at);
    tickets::save(tx, Scope::Platform, &record, before.ticket.version).await?;
    let (action, note) = ("ticket.reopened", "reopened");
    let Again { by, data, .. } = again;
    let what = Happening { action, note, text: String::new(), data, by, at: now };
    tell(tx, &record.ticket, what).await?;
    Ok(record)
}
