//! The alarms of a ticket, and what each is to it.

use millwright_core::ticket::Sign;
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::tickets::{AlarmRole, AlarmTie, TicketAlarm};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId, TicketId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryResult,
    QuerySelect, QueryTrait,
};

use super::neighbours::{SIGN, sign_from};
use crate::engine::statement;
use crate::entities::ticket_alarm::{ActiveModel, Column, Entity};
use crate::entities::{alarm, ticket_evidence};
use crate::{Store, StoreError, Tx};

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("ticket_alarms", error)
}

/// An alarm of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The alarm, and where its machine stands.
    pub sign: Sign,
    /// What it is to the ticket.
    pub role: AlarmRole,
    /// Why.
    pub tie: AlarmTie,
    /// Whether it is active now.
    pub active: bool,
}

/// What an alarm is to its ticket from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose ticket.
    pub organization: OrganizationId,
    /// The ticket.
    pub ticket: TicketId,
    /// The alarm.
    pub alarm: AlarmId,
    /// What it is.
    pub role: AlarmRole,
    /// Why.
    pub tie: AlarmTie,
}

/// Alarms of a ticket: the root, then the others as they began, the earliest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn members(tx: &Tx, ticket: TicketId, limit: u64) -> Result<Vec<Member>, StoreError> {
    let sql = format!(
        "SELECT {SIGN}, coalesce(r.role, 'symptom'), coalesce(r.reason, 'same_cause'), \
             a.active \
         FROM alarms a JOIN machines m ON m.id = a.machine_id \
         LEFT JOIN ticket_alarms r ON r.alarm_id = a.id \
         WHERE a.ticket_id = ?1 \
         ORDER BY CASE WHEN r.role = 'root' THEN 0 ELSE 1 END, a.raised_at, a.id LIMIT ?2"
    );
    let values = [ticket.uuid().into(), limit.into()];
    let rows = tx.conn().query_all_raw(statement(tx.conn(), &sql, values)).await?;
    rows.iter().map(member).collect()
}

fn member(row: &QueryResult) -> Result<Member, StoreError> {
    let (role, tie): (String, String) = (row.try_get_by_index(10)?, row.try_get_by_index(11)?);
    Ok(Member {
        sign: sign_from(row)?,
        role: role.parse().map_err(corrupt)?,
        tie: tie.parse().map_err(corrupt)?,
        active: row.try_get_by_index(12)?,
    })
}

/// The same for those who read a ticket that they see: not bound to a scope.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn alarm_list(
    store: &Store,
    ticket: TicketId,
    limit: u64,
) -> Result<Vec<TicketAlarm>, StoreError> {
    let sql = "SELECT a.id, a.machine_id, coalesce(r.role, 'symptom'), \
                   coalesce(r.reason, 'same_cause'), a.active, a.severity, a.message, a.raised_at, \
                   a.origin, a.source, a.code \
               FROM alarms a LEFT JOIN ticket_alarms r ON r.alarm_id = a.id \
               WHERE a.ticket_id = ?1 \
               ORDER BY CASE WHEN r.role = 'root' THEN 0 ELSE 1 END, a.raised_at, a.id LIMIT ?2";
    let db = store.readers();
    let query = statement(db, sql, [ticket.uuid().into(), limit.into()]);
    db.query_all_raw(query).await?.iter().map(listed).collect()
}

fn listed(row: &QueryResult) -> Result<TicketAlarm, StoreError> {
    let (role, reason): (String, String) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    let (severity, raised_at): (String, i64) = (row.try_get_by_index(5)?, row.try_get_by_index(7)?);
    let origin: String = row.try_get_by_index(8)?;
    let reason: AlarmTie = reason.parse().map_err(corrupt)?;
    Ok(TicketAlarm {
        id: AlarmId(row.try_get_by_index(0)?),
        machine_id: MachineId(row.try_get_by_index(1)?),
        role: role.parse().map_err(corrupt)?,
        reason,
        because: reason.words().to_owned(),
        active: row.try_get_by_index(4)?,
        origin: origin.parse().map_err(corrupt)?,
        source: row.try_get_by_index(9)?,
        code: row.try_get_by_index(10)?,
        severity: Severity::from_word(&severity),
        message: row.try_get_by_index(6)?,
        raised_at: Timestamp::from_micros(raised_at),
        machine_name: None,
    })
}

/// How many causes a ticket's alarms have: those of one machine, source and code are one. `since`: of
/// alarms that are active or were raised since then; without it of all.
///
/// # Errors
/// When the database can't be used.
pub async fn count_causes(
    tx: &Tx,
    ticket: TicketId,
    since: Option<Timestamp>,
) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM \
               (SELECT DISTINCT machine_id, origin, source, code FROM alarms \
               WHERE ticket_id = ?1 AND (active OR raised_at >= ?2)) AS causes";
    let since = since.map_or(i64::MIN, Timestamp::micros);
    let query = statement(tx.conn(), sql, [ticket.uuid().into(), since.into()]);
    let row = tx.conn().query_one_raw(query).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Whether a ticket has an alarm of this machine.
///
/// # Errors
/// When the database can't be used.
pub async fn has_alarm_of(
    tx: &Tx,
    ticket: TicketId,
    machine: MachineId,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM alarms WHERE machine_id = ? AND ticket_id = ? LIMIT 1";
    let query = statement(tx.conn(), sql, [machine.uuid().into(), ticket.uuid().into()]);
    Ok(tx.conn().query_one_raw(query).await?.is_some())
}

/// Whether a ticket has any alarm.
///
/// # Errors
/// When the database can't be used.
pub async fn has_alarms(tx: &Tx, ticket: TicketId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM alarms WHERE ticket_id = ? LIMIT 1";
    let query = statement(tx.conn(), sql, [ticket.uuid().into()]);
    Ok(tx.conn().query_one_raw(query).await?.is_some())
}

/// As a range, so that the index leads to them: a ticket may have very many alarms.
const FLAPPING: &str = "SELECT 1 FROM alarms WHERE ticket_id = ? AND flapping_until > 0 LIMIT 1";

/// Whether an alarm of a ticket comes and goes.
///
/// # Errors
/// When the database can't be used.
pub async fn any_flapping(tx: &Tx, ticket: TicketId) -> Result<bool, StoreError> {
    let query = statement(tx.conn(), FLAPPING, [ticket.uuid().into()]);
    Ok(tx.conn().query_one_raw(query).await?.is_some())
}

/// Says what an alarm is to its ticket.
///
/// # Errors
/// When the database refuses it.
pub async fn place(tx: &Tx, place: Place, now: Timestamp) -> Result<(), StoreError> {
    let row = ActiveModel {
        alarm_id: Set(place.alarm.uuid()),
        ticket_id: Set(place.ticket.uuid()),
        organization_id: Set(place.organization.uuid()),
        role: Set(place.role.as_str().to_owned()),
        reason: Set(place.tie.as_str().to_owned()),
        joined_at: Set(now.micros()),
    };
    let replace = OnConflict::column(Column::AlarmId)
        .update_columns([Column::TicketId, Column::Role, Column::Reason])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Puts an alarm on a ticket, or takes it over from another one.
///
/// # Errors
/// When the database refuses it.
pub async fn put_alarm_on(tx: &Tx, on: Place, now: Timestamp) -> Result<(), StoreError> {
    use alarm::Column as Of;
    alarm::Entity::update_many()
        .col_expr(Of::TicketId, Expr::val(on.ticket.uuid()))
        .col_expr(Of::Version, Expr::col(Of::Version).add(1))
        .filter(Of::Id.eq(on.alarm.uuid()))
        .exec(tx.conn())
        .await?;
    place(tx, on, now).await
}

/// Takes the evidence of an alarm over from one ticket to another.
///
/// # Errors
/// When the database refuses it.
pub async fn move_evidence(
    tx: &Tx,
    alarm: AlarmId,
    from: TicketId,
    to: TicketId,
) -> Result<(), StoreError> {
    use ticket_evidence::Column as Evidence;
    ticket_evidence::Entity::update_many()
        .col_expr(Evidence::TicketId, Expr::val(to.uuid()))
        .filter(Evidence::TicketId.eq(from.uuid()))
        .filter(Evidence::AlarmId.eq(alarm.uuid()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Takes all alarms of one cause, that of this alarm, over from one ticket to another.
///
/// # Errors
/// When the database refuses it.
pub async fn move_cause(
    tx: &Tx,
    of: &Alarm,
    from: TicketId,
    to: TicketId,
) -> Result<(), StoreError> {
    use alarm::Column as Of;
    alarm::Entity::update_many()
        .col_expr(Of::TicketId, Expr::val(to.uuid()))
        .col_expr(Of::Version, Expr::col(Of::Version).add(1))
        .filter(Of::TicketId.eq(from.uuid()))
        .filter(Of::MachineId.eq(of.machine_id.uuid()))
        .filter(Of::Origin.eq(of.origin.as_str()))
        .filter(Of::Source.eq(of.source.as_str()))
        .filter(Of::Code.eq(of.code.as_str()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// What alarms that have gone over from one ticket to another are to it, by a person's hand, and
/// their evidence.
///
/// # Errors
/// When the database refuses it.
pub async fn move_places(tx: &Tx, from: TicketId, to: TicketId) -> Result<(), StoreError> {
    use ticket_evidence::Column as Evidence;
    let moved = || {
        alarm::Entity::find()
            .select_only()
            .column(alarm::Column::Id)
            .filter(alarm::Column::TicketId.eq(to.uuid()))
            .into_query()
    };
    Entity::update_many()
        .col_expr(Column::TicketId, Expr::val(to.uuid()))
        .col_expr(Column::Role, Expr::val(AlarmRole::Symptom.as_str()))
        .col_expr(Column::Reason, Expr::val(AlarmTie::ByHand.as_str()))
        .filter(Column::TicketId.eq(from.uuid()))
        .filter(Column::AlarmId.in_subquery(moved()))
        .exec(tx.conn())
        .await?;
    ticket_evidence::Entity::update_many()
        .col_expr(Evidence::TicketId, Expr::val(to.uuid()))
        .filter(Evidence::TicketId.eq(from.uuid()))
        .filter(Evidence::AlarmId.in_subquery(moved()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::{plan_of, sqlite_store};

    #[tokio::test]
    async fn whether_one_comes_and_goes_is_found_without_reading_all() {
        let (store, _folder) = sqlite_store().await;
        let plan = plan_of(&store, FLAPPING, [Uuid::now_v7().into()]).await;
        assert!(plan.contains("alarms_ticket (ticket_id=? AND flapping_until>?)"), "{plan}");
    }
}
