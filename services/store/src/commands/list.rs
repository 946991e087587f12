//! Finding commands.

use millwright_schemas::api::commands::{Command, CommandState, CommandStateFilter};
use millwright_schemas::{CommandId, MachineId, TicketId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::from_row;
use super::{StoredCommand, WHAT};
use crate::entities::command::{Column, Entity};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// Which commands are wanted; all conditions hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// To this machine.
    pub machine: Option<MachineId>,
    /// Of this ticket.
    pub ticket: Option<TicketId>,
    /// Open or not.
    pub state: Option<CommandStateFilter>,
}

impl Filter {
    fn condition(self) -> Condition {
        let words = |state: CommandStateFilter| {
            let wanted_final = state == CommandStateFilter::Done;
            let words = CommandState::ALL.iter().filter(|word| word.is_final() == wanted_final);
            Column::State.is_in(words.map(|word| word.as_str()).collect::<Vec<_>>())
        };
        Condition::all()
            .add_option(self.machine.map(|machine| Column::MachineId.eq(machine.uuid())))
            .add_option(self.ticket.map(|ticket| Column::TicketId.eq(ticket.uuid())))
            .add_option(self.state.map(words))
    }
}

/// The command with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(store: &Store, scope: Scope, id: CommandId) -> Result<StoredCommand, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(store.readers())
        .await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// Commands, newest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: Filter,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Command>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition())
        .order_by_desc(Column::Id)
        .limit(page.rows());
    if let Some(before) = page.after {
        query = query.filter(Column::Id.lt(before));
    }
    let rows = query.all(store.readers()).await?;
    rows.into_iter().map(|row| from_row(row).map(|stored| stored.command)).collect()
}
