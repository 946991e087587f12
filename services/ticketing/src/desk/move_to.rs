//! Moving a ticket to another state.

use millwright_core::access::{Caller, Permission};
use millwright_core::ticket::{check_move, step};
use millwright_schemas::api::tickets::{MoveTicket, Ticket};
use millwright_schemas::{TicketId, Timestamp};
use millwright_store::{Scope, Store, StoreError, changes, policies, tickets};

use crate::TicketError;
use crate::trace::{Happening, UNTOLD, tell};

/// Moves a ticket that is at this version.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, its state doesn't allow it, what goes with the move
/// can't be accepted, its cause has another open ticket, or the database can't.
pub async fn move_to(
    store: &Store,
    caller: &Caller,
    id: TicketId,
    version: i64,
    input: MoveTicket,
    now: Timestamp,
) -> Result<Ticket, TicketError> {
    caller.require(Permission::WriteTickets)?;
    check_move(&input)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = tickets::load(&tx, scope, id).await?;
    if before.ticket.version != version {
        // Before its state: what the caller has read is out of date.
        let current = before.ticket.version;
        return Err(StoreError::VersionMismatch { current }.into());
    }
    let policy = policies::effective(&tx, before.ticket.organization_id).await?;
    let moved = step(&before, &input, policy.tickets.reopen_within_s, now)?;
    tickets::save(&tx, scope, &moved, version).await?;
    let reopened = moved.ticket.reopened > before.ticket.reopened;
    let mut data = changes::differences(&before.ticket, &moved.ticket, &UNTOLD)?;
    data.insert("from".to_owned(), before.ticket.state.as_str().into());
    data.insert("to".to_owned(), moved.ticket.state.as_str().into());
    let what = Happening {
        action: if reopened { "ticket.reopened" } else { "ticket.moved" },
        note: if reopened { "reopened" } else { "state_changed" },
        text: input.comment.unwrap_or_default(),
        data,
        by: caller.actor,
        at: now,
    };
    tell(&tx, &moved.ticket, what).await?;
    tx.commit().await?;
    Ok(moved.ticket)
}
