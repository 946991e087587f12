//! Who may work on a ticket.

use millwright_core::access::Caller;
use millwright_schemas::{OrganizationId, UserId};
use millwright_store::machines::organizations;
use millwright_store::people::users;
use millwright_store::{Scope, StoreError, Tx};

use crate::TicketError;

/// A person whom the caller sees, who can sign in, and who sees the machine.
pub(super) async fn check(
    tx: &Tx,
    caller: &Caller,
    machine_of: OrganizationId,
    id: UserId,
) -> Result<(), TicketError> {
    let refused = |why: &str| TicketError::field("assignee_id", format!("user {id} {why}"));
    let user = match users::get_for_update(tx, Scope::Organization(caller.organization), id).await {
        Err(StoreError::NotFound(_)) => return Err(refused("doesn't exist")),
        user => user?,
    };
    if user.disabled_at.is_some() {
        return Err(refused("can't sign in"));
    }
    if !organizations::is_at_or_above(tx, user.organization, machine_of).await? {
        return Err(refused("doesn't see the machine"));
    }
    Ok(())
}
