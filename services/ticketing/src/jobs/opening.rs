//! A new ticket, and one that is worked on again.

use millwright_core::access::Actor;
use millwright_core::ticket::{Opened, TicketRecord, opened, reopen};
use millwright_schemas::api::tickets::{Priority, TicketState};
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
    let record = opened(
        Opened {
            id: TicketId(Uuid::now_v7()),
            number: tickets::next_number(tx).await?,
            organization: opening.organization,
            machine: opening.machine,
            cause: opening.cause,
            title: opening.title,
            description: opening.description,
            priority: opening.priority,
            worst: opening.worst,
            by: opening.by,
            began_at: opening.began_at,
        },
        now,
    );
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
