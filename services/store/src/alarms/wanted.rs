//! Alarms that a transaction goes on to change. Not bound to a scope unless they take one: what
//! machines and the platform do concerns every customer.

use millwright_core::alarm::Key;
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::{AlarmId, MachineId, RuleId, Timestamp};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use super::row::from_row;
use crate::entities::alarm::{Column, Entity, Model};
use crate::entities::machine;
use crate::{Conn, Scope, StoreError};

async fn all(conn: impl Into<Conn<'_>>, query: Select<Entity>) -> Result<Vec<Alarm>, StoreError> {
    let rows: Vec<Model> = conn.into().models(&query.into_query()).await?;
    rows.into_iter().map(from_row).collect()
}

fn of_key(key: Key<'_>) -> Select<Entity> {
    Entity::find()
        .filter(Column::MachineId.eq(key.machine.uuid()))
        .filter(Column::Origin.eq(key.origin.as_str()))
        .filter(Column::Source.eq(key.source))
        .filter(Column::Code.eq(key.code))
}

/// The active alarm of a key.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn active(conn: impl Into<Conn<'_>>, key: Key<'_>) -> Result<Option<Alarm>, StoreError> {
    // As a literal, so that the partial index is used.
    let query = of_key(key).filter(Expr::cust("active"));
    Ok(all(conn, query).await?.pop())
}

/// The alarms of a key that were active at any time from `from` on and before `to`, the newest ones.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn active_between(
    conn: impl Into<Conn<'_>>,
    key: Key<'_>,
    (from, to): (Timestamp, Timestamp),
    limit: u64,
) -> Result<Vec<Alarm>, StoreError> {
    let over =
        Condition::any().add(Column::ClearedAt.is_null()).add(Column::ClearedAt.gte(from.micros()));
    let query = of_key(key)
        .filter(Column::RaisedAt.lt(to.micros()))
        .filter(over)
        .order_by_desc(Column::Id)
        .limit(limit);
    all(conn, query).await
}

/// The newest alarm of a key.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn last(conn: impl Into<Conn<'_>>, key: Key<'_>) -> Result<Option<Alarm>, StoreError> {
    Ok(all(conn, of_key(key).order_by_desc(Column::Id).limit(1)).await?.pop())
}

/// The newest alarm of a key that is on a ticket.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn last_on_ticket(
    conn: impl Into<Conn<'_>>,
    key: Key<'_>,
) -> Result<Option<Alarm>, StoreError> {
    let on_ticket = of_key(key).filter(Column::TicketId.is_not_null());
    Ok(all(conn, on_ticket.order_by_desc(Column::Id).limit(1)).await?.pop())
}

/// When the newest alarms of a key were raised, in event time.
///
/// # Errors
/// When the database can't be used.
pub async fn last_raised(
    conn: impl Into<Conn<'_>>,
    key: Key<'_>,
    limit: u64,
) -> Result<Vec<Timestamp>, StoreError> {
    let query = of_key(key)
        .select_only()
        .column(Column::RaisedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .into_query();
    let rows = conn.into().all(&query).await?;
    rows.iter().map(|row| Ok(Timestamp::from_micros(row.try_get_by_index(0)?))).collect()
}

/// The alarm with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(
    conn: impl Into<Conn<'_>>,
    scope: Scope,
    id: AlarmId,
) -> Result<Alarm, StoreError> {
    let query = Entity::find_by_id(id.uuid()).filter(scope.covers(Column::OrganizationId));
    all(conn, query).await?.pop().ok_or(StoreError::NotFound("alarm"))
}

/// The active alarms of a machine, oldest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn active_of_machine(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
) -> Result<Vec<Alarm>, StoreError> {
    all(conn, of_machine(machine)).await
}

/// The active alarms of a machine with this origin, oldest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn active_of_origin(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    origin: AlarmOrigin,
) -> Result<Vec<Alarm>, StoreError> {
    all(conn, of_machine(machine).filter(Column::Origin.eq(origin.as_str()))).await
}

fn of_machine(machine: MachineId) -> Select<Entity> {
    Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Expr::cust("active"))
        .order_by_asc(Column::Id)
}

/// Active alarms of lost contact of the machines that this one connects.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn active_contact_of_children(
    conn: impl Into<Conn<'_>>,
    parent: MachineId,
) -> Result<Vec<Alarm>, StoreError> {
    let children = machine::Entity::find()
        .select_only()
        .column(machine::Column::Id)
        .filter(machine::Column::ParentId.eq(parent.uuid()))
        .into_query();
    let query = Entity::find()
        .filter(Column::MachineId.in_subquery(children))
        .filter(Column::Origin.eq(AlarmOrigin::Contact.as_str()))
        .filter(Expr::cust("active"));
    all(conn, query).await
}

/// The active alarms of a rule, at all machines.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn active_of_rule(
    conn: impl Into<Conn<'_>>,
    rule: RuleId,
) -> Result<Vec<Alarm>, StoreError> {
    let query = Entity::find().filter(Column::RuleId.eq(rule.uuid())).filter(Expr::cust("active"));
    all(conn, query).await
}

/// Alarms whose shelving is over.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn shelving_over(
    conn: impl Into<Conn<'_>>,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Alarm>, StoreError> {
    let query = Entity::find()
        .filter(Column::ShelvedUntil.is_not_null())
        .filter(Column::ShelvedUntil.lte(now.micros()))
        .order_by_asc(Column::ShelvedUntil)
        .limit(limit);
    all(conn, query).await
}

/// Alarms that came and went and haven't been raised for long enough.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn calm(
    conn: impl Into<Conn<'_>>,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Alarm>, StoreError> {
    let query = Entity::find()
        .filter(Column::FlappingUntil.is_not_null())
        .filter(Column::FlappingUntil.lte(now.micros()))
        .order_by_asc(Column::FlappingUntil)
        .limit(limit);
    all(conn, query).await
}

/// Active alarms that are suppressed because a parent is in maintenance, though that has been over (or
/// it isn't the parent any more) since `over_before`: until then its machines have time to come back.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn parent_maintained(
    conn: impl Into<Conn<'_>>,
    over_before: Timestamp,
    limit: u64,
) -> Result<Vec<Alarm>, StoreError> {
    let query = Entity::find()
        .filter(Expr::cust("suppressed_by = 'parent_maintenance'"))
        .filter(Expr::exists(maintained_parent(over_before)).not())
        .order_by_asc(Column::Id)
        .limit(limit);
    all(conn, query).await
}

/// The parent of the alarm's machine, if it is in maintenance or was at or after this time.
fn maintained_parent(since: Timestamp) -> SelectStatement {
    use machine::Column as Machine;
    let parents = Alias::new("parents");
    let is = Expr::col((parents.clone(), Machine::MaintenanceUntil)).is_not_null();
    let was = Expr::col((parents.clone(), Machine::MaintenanceEndedAt)).gte(since.micros());
    Query::select()
        .expr(Expr::val(1))
        .from(machine::Entity)
        .join_as(
            sea_orm::JoinType::InnerJoin,
            machine::Entity,
            parents.clone(),
            Expr::col((parents, Machine::Id)).equals((machine::Entity, Machine::ParentId)),
        )
        .and_where(Expr::col((machine::Entity, Machine::Id)).equals((Entity, Column::MachineId)))
        .and_where(is.or(was))
        .to_owned()
}

/// Active alarms that are suppressed because a parent is lost, though it has been back (or isn't
/// the parent any more) since `back_before`: until then its machines have time to come back too.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn orphans(
    conn: impl Into<Conn<'_>>,
    back_before: Timestamp,
    limit: u64,
) -> Result<Vec<Alarm>, StoreError> {
    let lost = lost_parent(back_before);
    let query = Entity::find()
        .filter(Expr::cust("suppressed_by = 'parent_lost'"))
        .filter(Expr::exists(lost).not())
        .order_by_asc(Column::Id)
        .limit(limit);
    all(conn, query).await
}

/// A contact alarm of the parent of the alarm's machine that is active, or was cleared at or after
/// this time.
fn lost_parent(cleared_since: Timestamp) -> SelectStatement {
    let parents = Alias::new("parents");
    let recently = Expr::col((parents.clone(), Column::ClearedAt)).gte(cleared_since.micros());
    let lost = Expr::col((parents.clone(), Column::Active)).eq(true).or(recently);
    Query::select()
        .expr(Expr::val(1))
        .from(machine::Entity)
        .join_as(
            sea_orm::JoinType::InnerJoin,
            Entity,
            parents.clone(),
            Expr::col((parents.clone(), Column::MachineId))
                .equals((machine::Entity, machine::Column::ParentId)),
        )
        .and_where(
            Expr::col((machine::Entity, machine::Column::Id)).equals((Entity, Column::MachineId)),
        )
        .and_where(Expr::col((parents, Column::Origin)).eq(AlarmOrigin::Contact.as_str()))
        .and_where(lost)
        .to_owned()
}
