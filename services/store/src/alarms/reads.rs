//! Alarms as they are read.

use millwright_schemas::api::alarms::{Alarm, AlarmStateFilter};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, TicketId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::from_row;
use crate::entities::alarm::{Column, Entity};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// Which alarms are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this machine.
    pub machine: Option<MachineId>,
    /// In this state.
    pub state: Option<AlarmStateFilter>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// On this ticket.
    pub ticket: Option<TicketId>,
}

impl Filter {
    fn condition(&self) -> Condition {
        let active = self.state.map(|state| state == AlarmStateFilter::Open);
        Condition::all()
            .add_option(self.machine.map(|machine| Column::MachineId.eq(machine.uuid())))
            .add_option(active.map(|active| Column::Active.eq(active)))
            .add_option(self.severity.map(|severity| Column::Severity.eq(severity.as_str())))
            .add_option(self.ticket.map(|ticket| Column::TicketId.eq(ticket.uuid())))
    }
}

/// The alarm with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(store: &Store, scope: Scope, id: AlarmId) -> Result<Alarm, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(store.readers())
        .await?;
    from_row(row.ok_or(StoreError::NotFound("alarm"))?)
}

/// Alarms, newest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Alarm>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition())
        .order_by_desc(Column::Id)
        .limit(page.rows());
    if let Some(before) = page.after {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(store.readers()).await?.into_iter().map(from_row).collect()
}
