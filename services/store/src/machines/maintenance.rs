//! Maintenance mode: a machine's alarms are kept but trouble nobody.

use millwright_core::access::Actor;
use millwright_core::alarm::Silence;
use millwright_schemas::api::alarms::{AlarmOrigin, Maintenance};
use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::entities::machine::{ActiveModel, Column, Entity, Model};
use crate::{Conn, Scope, Store, StoreError, Tx, alarms};

/// A machine's maintenance mode about to be switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Since when.
    pub since: Timestamp,
    /// Until when at the latest.
    pub until: Timestamp,
    /// What for.
    pub reason: String,
    /// Who switched it on.
    pub by: Actor,
}

/// A machine's maintenance mode as it is.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn get(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    now: Timestamp,
) -> Result<Maintenance, StoreError> {
    let row = Entity::find_by_id(machine.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(store.readers())
        .await?;
    from_row(row.ok_or(StoreError::NotFound("machine"))?, now)
}

fn from_row(row: Model, now: Timestamp) -> Result<Maintenance, StoreError> {
    let until = row.maintenance_until.map(Timestamp::from_micros).filter(|until| *until > now);
    if until.is_none() {
        return Ok(Maintenance { active: false, since: None, until: None, reason: None, by: None });
    }
    let by = row.maintenance_by.as_deref().map(serde_json::from_str).transpose();
    Ok(Maintenance {
        active: true,
        since: row.maintenance_since.map(Timestamp::from_micros),
        until,
        reason: row.maintenance_reason,
        by: by.map_err(|error| StoreError::corrupt("machines", error))?,
    })
}

/// Switches maintenance mode on, changes it or, without a window, ends it. It counts as a change of the
/// machine.
///
/// # Errors
/// When the database refuses it.
pub async fn set(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    window: Option<&Window>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let by = window.map(|window| serde_json::to_string(&window.by)).transpose();
    let row = ActiveModel {
        maintenance_since: Set(window.map(|window| window.since.micros())),
        maintenance_until: Set(window.map(|window| window.until.micros())),
        maintenance_reason: Set(window.map(|window| window.reason.clone())),
        maintenance_by: Set(by.map_err(|error| StoreError::corrupt("machines", error))?),
        maintenance_ended_at: Set(window.is_none().then(|| now.micros())),
        updated_at: Set(now.micros()),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(row)
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.eq(machine.uuid()));
    conn.into().update(&update.into_query()).await.map(drop)
}

/// What silences a machine's alarms at this time.
///
/// # Errors
/// When the database can't be used.
pub async fn silence(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    now: Timestamp,
) -> Result<Silence, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        maintenance_until: Option<i64>,
        parent_id: Option<Uuid>,
    }
    let mut conn = conn.into();
    let query = Entity::find_by_id(machine.uuid())
        .select_only()
        .columns([Column::MaintenanceUntil, Column::ParentId])
        .into_query();
    let Some(row) = conn.models::<Row>(&query).await?.pop() else { return Ok(Silence::default()) };
    let maintenance = row.maintenance_until.is_some_and(|until| until > now.micros());
    let Some(parent) = row.parent_id.map(MachineId) else {
        return Ok(Silence { maintenance, ..Silence::default() });
    };
    let lost = alarms::active_of_origin(&mut conn, parent, AlarmOrigin::Contact).await?;
    let parent_lost = !lost.is_empty();
    let parent_maintenance = since(&mut conn, parent, now).await?.is_some();
    Ok(Silence { maintenance, parent_lost, parent_maintenance })
}

/// Since when a machine is in maintenance; `None`: it isn't.
///
/// # Errors
/// When the database can't be used.
pub async fn since(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let query = Entity::find_by_id(machine.uuid())
        .filter(Column::MaintenanceUntil.gt(now.micros()))
        .into_query();
    let row = conn.into().models::<Model>(&query).await?.pop();
    Ok(row.and_then(|row| row.maintenance_since).map(Timestamp::from_micros))
}

/// Machines whose maintenance is over by time.
///
/// # Errors
/// When the database can't be used.
pub async fn over(tx: &Tx, now: Timestamp, limit: u64) -> Result<Vec<MachineId>, StoreError> {
    let ids: Vec<Uuid> = over_query(now, limit).into_tuple().all(tx.conn()).await?;
    Ok(ids.into_iter().map(MachineId).collect())
}

/// Whether the maintenance of any machine is over by time; asking costs no turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_over(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    let id: Option<Uuid> = over_query(now, 1).into_tuple().one(store.readers()).await?;
    Ok(id.is_some())
}

fn over_query(now: Timestamp, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::MaintenanceUntil.is_not_null())
        .filter(Column::MaintenanceUntil.lte(now.micros()))
        .order_by_asc(Column::MaintenanceUntil)
        .limit(limit)
}
