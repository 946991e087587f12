//! Alarms as they are read.

use millwright_schemas::api::alarms::{Alarm, AlarmStateFilter};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, TicketId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::row::from_row;
use crate::entities::alarm::{Column, Entity};
use crate::page::PageRequest;
use crate::{Conn, Scope, Store, StoreError};

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
        // As a literal, so that the partial index is used.
        let active = self.state.map(|state| match state {
            AlarmStateFilter::Open => Expr::cust("active"),
            AlarmStateFilter::Cleared => Expr::cust("NOT active"),
        });
        Condition::all()
            .add_option(self.machine.map(|machine| Column::MachineId.eq(machine.uuid())))
            .add_option(active)
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

/// How many alarms of a machine are active.
///
/// # Errors
/// When the database can't be used.
pub async fn count_active(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
) -> Result<u64, StoreError> {
    let rows = conn.into().all(&active_counted(machine).into_query()).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn active_counted(machine: MachineId) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "count")
        .filter(Column::MachineId.eq(machine.uuid()))
        // As a literal, so that the partial index is used.
        .filter(Expr::cust("active"))
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
    let rows = query(scope, filter, page).all(store.readers()).await?;
    rows.into_iter().map(from_row).collect()
}

fn query(scope: Scope, filter: &Filter, page: &PageRequest<Uuid>) -> Select<Entity> {
    let query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition())
        .order_by_desc(Column::Id)
        .limit(page.rows());
    match page.after {
        Some(before) => query.filter(Column::Id.lt(before)),
        None => query,
    }
}

/// Whether the shelving of any alarm is over; asking costs no turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_shelving_over(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    let over = Condition::all()
        .add(Column::ShelvedUntil.is_not_null())
        .add(Column::ShelvedUntil.lte(now.micros()));
    any(store, over).await
}

/// Whether any alarm is suppressed because a parent is lost; asking costs no turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_suppressed_by_parent(store: &Store) -> Result<bool, StoreError> {
    any(store, Condition::all().add(Expr::cust("suppressed_by = 'parent_lost'"))).await
}

/// Whether any alarm is suppressed because a parent is in maintenance; asking costs no turn at the
/// writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_suppressed_by_maintained_parent(store: &Store) -> Result<bool, StoreError> {
    any(store, Condition::all().add(Expr::cust("suppressed_by = 'parent_maintenance'"))).await
}

/// Whether any alarm that came and went hasn't been raised for long enough; asking costs no turn at
/// the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_calm(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    let calm = Condition::all()
        .add(Column::FlappingUntil.is_not_null())
        .add(Column::FlappingUntil.lte(now.micros()));
    any(store, calm).await
}

async fn any(store: &Store, condition: Condition) -> Result<bool, StoreError> {
    let id: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(condition)
        .limit(1)
        .into_tuple()
        .one(store.readers())
        .await?;
    Ok(id.is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::api::page::PageQuery;

    use super::*;
    use crate::testing::{organization, plan, sqlite_store};

    #[tokio::test]
    async fn a_list_of_open_alarms_reads_no_others() {
        let (store, _folder) = sqlite_store().await;
        let scope = Scope::Organization(organization(&store, None).await);
        let filter = Filter { state: Some(AlarmStateFilter::Open), ..Filter::default() };
        let page = PageRequest::parse("alarms", &PageQuery::default()).unwrap();
        let plan = plan(&store, &query(scope, &filter, &page).into_query()).await;
        assert!(plan.contains("USING INDEX alarms_open "), "{plan}");
    }

    /// With each raise: a machine may have had very many.
    #[tokio::test]
    async fn counting_the_active_alarms_of_a_machine_reads_no_others() {
        let (store, _folder) = sqlite_store().await;
        let query = active_counted(MachineId(Uuid::now_v7())).into_query();
        let plan = plan(&store, &query).await;
        let of_active = ["alarms_counted (machine_id=?)", "alarms_active (machine_id=?)"];
        assert!(of_active.iter().any(|index| plan.contains(index)), "{plan}");
    }
}
