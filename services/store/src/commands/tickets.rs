//! What commands need to know of the ticket that they belong to.

use millwright_schemas::api::tickets::TicketState;
use millwright_schemas::{MachineId, TicketId};
use sea_orm::{EntityTrait, QueryFilter};

use super::row::word;
use crate::entities::ticket::{Column, Entity};
use crate::{Scope, StoreError, Tx};

/// A command's ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketOf {
    /// As people call it.
    pub number: String,
    /// What it is about.
    pub machine: MachineId,
    /// Where it is.
    pub state: TicketState,
}

/// The ticket with this id; `None` when there is none in scope.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn ticket_of(
    tx: &Tx,
    scope: Scope,
    id: TicketId,
) -> Result<Option<TicketOf>, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(tx.conn())
        .await?;
    row.map(|row| {
        Ok(TicketOf {
            number: format!("T-{}", row.number),
            machine: MachineId(row.machine_id),
            state: word(&row.state)?,
        })
    })
    .transpose()
}
