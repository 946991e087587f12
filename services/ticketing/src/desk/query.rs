//! Finding tickets.

use millwright_core::access::{Actor, Caller, Permission};
use millwright_core::fields;
use millwright_core::ticket::parse_number;
use millwright_schemas::api::page::Page;
use millwright_schemas::api::tickets::{EvidenceList, Ticket, TicketQuery};
use millwright_schemas::ids::InvalidId;
use millwright_schemas::{TicketId, UserId};
use millwright_store::page::PageRequest;
use millwright_store::tickets::{self, Filter};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use crate::TicketError;
use crate::limits::LISTED_ALARMS_MAX;

/// A ticket that the caller sees, with its alarms if the caller may see those.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: TicketId) -> Result<Ticket, TicketError> {
    caller.require(Permission::ReadTickets)?;
    let scope = Scope::Organization(caller.organization);
    let mut ticket = tickets::get(store, scope, id).await?.ticket;
    if caller.require(Permission::ReadAlarms).is_ok() {
        ticket.alarm_list = Some(tickets::alarm_list(store, id, LISTED_ALARMS_MAX).await?);
    }
    Ok(ticket)
}

/// The tickets that the caller sees and wants, newest first.
///
/// # Errors
/// Not permitted, no such page, a condition can't be accepted, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: &TicketQuery,
) -> Result<Page<Ticket>, TicketError> {
    caller.require(Permission::ReadTickets)?;
    let page = PageRequest::<Uuid>::parse("tickets", &wanted.page())?;
    let number = wanted.number.as_deref().map(|text| {
        let shown: String = text.chars().take(20).collect();
        let message = format!("{shown:?} is not a number such as T-1042");
        parse_number(text).ok_or_else(|| TicketError::field("number", message))
    });
    let external_id = wanted.external_id.as_deref().map(|text| {
        fields::external_id(text).map_err(|message| TicketError::field("external_id", message))
    });
    let filter = Filter {
        machine: wanted.machine_id,
        state: wanted.state,
        assignee: wanted.assignee_id.as_deref().map(|text| person(caller, text)).transpose()?,
        priority: wanted.priority,
        number: number.transpose()?,
        external_id: external_id.transpose()?,
    };
    let scope = Scope::Organization(caller.organization);
    let records = tickets::list(store, scope, &filter, &page).await?;
    let items = records.into_iter().map(|record| record.ticket).collect();
    Ok(page.page(items, |item: &Ticket| item.id.uuid()))
}

/// A person by id or, as `me`, the one who asks.
fn person(caller: &Caller, text: &str) -> Result<UserId, TicketError> {
    let field = |message: String| TicketError::field("assignee_id", message);
    match (text, caller.actor) {
        ("me", Actor::User(id)) => Ok(id),
        ("me", _) => Err(field("me is for people; name a person by id".to_owned())),
        (id, _) => id.parse().map_err(|error: InvalidId| field(error.to_string())),
    }
}

/// The evidence of a ticket that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn evidence(
    store: &Store,
    caller: &Caller,
    id: TicketId,
) -> Result<EvidenceList, TicketError> {
    caller.require(Permission::ReadTickets)?;
    let scope = Scope::Organization(caller.organization);
    tickets::get(store, scope, id).await?;
    Ok(EvidenceList { items: tickets::evidence::list(store, scope, id).await? })
}
