//! Changing a ticket, assigning it among others.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::Fields;
use millwright_core::ticket::{TITLE_MAX, TicketRecord};
use millwright_schemas::api::tickets::{Ticket, UpdateTicket};
use millwright_schemas::{TicketId, Timestamp};
use millwright_store::{Scope, Store, changes, tickets};

use super::assignee;
use crate::TicketError;
use crate::limits::TEXT_MAX;
use crate::trace::{Happening, UNTOLD, tell};

/// Changes a ticket that is at this version.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, a field can't be accepted, or the database can't.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: TicketId,
    version: i64,
    input: UpdateTicket,
    now: Timestamp,
) -> Result<Ticket, TicketError> {
    caller.require(Permission::WriteTickets)?;
    check(&input)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = tickets::load(&tx, scope, id).await?;
    let mut changed = apply(before.clone(), input);
    changed.ticket.version = version + 1;
    changed.ticket.updated_at = now;
    let ticket = &changed.ticket;
    let newly = ticket.assignee_id.filter(|_| ticket.assignee_id != before.ticket.assignee_id);
    if let Some(assignee) = newly {
        assignee::check(&tx, caller, ticket.organization_id, assignee).await?;
    }
    tickets::save(&tx, scope, &changed, version).await?;
    let what = Happening {
        action: "ticket.updated",
        note: "updated",
        text: String::new(),
        data: changes::differences(&before.ticket, ticket, &UNTOLD)?,
        by: caller.actor,
        at: now,
    };
    tell(&tx, ticket, what).await?;
    tx.commit().await?;
    Ok(changed.ticket)
}

fn apply(mut record: TicketRecord, input: UpdateTicket) -> TicketRecord {
    let ticket = &mut record.ticket;
    if let Some(title) = input.title {
        ticket.title = title;
    }
    if let Some(description) = input.description {
        ticket.description = description;
    }
    ticket.priority = input.priority.unwrap_or(ticket.priority);
    ticket.assignee_id = input.assignee_id.unwrap_or(ticket.assignee_id);
    if let Some(ids) = input.external_ids {
        ticket.external_ids = ids;
    }
    record
}

fn check(input: &UpdateTicket) -> Result<(), TicketError> {
    let mut fields = Fields::default();
    if let Some(title) = &input.title {
        fields.text("title", title, TITLE_MAX);
    }
    if let Some(description) = &input.description {
        fields.lines_or_none("description", description, TEXT_MAX);
    }
    if let Some(ids) = &input.external_ids {
        fields.external_ids(ids);
    }
    Ok(fields.finish()?)
}
