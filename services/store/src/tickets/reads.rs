//! Tickets as they are read.

use millwright_core::ticket::{TicketRecord, cause, is_open};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::tickets::{Priority, TicketState, TicketStateFilter};
use millwright_schemas::{MachineId, TicketId, Timestamp, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use uuid::Uuid;

use super::row::from_rows;
use crate::engine::Engine;
use crate::entities::alarm;
use crate::entities::ticket::{Column, Entity};
use crate::machines::external_ids;
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "ticket";

/// Which tickets are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this machine, or with an alarm of it.
    pub machine: Option<MachineId>,
    /// In this state, or open.
    pub state: Option<TicketStateFilter>,
    /// Of this person.
    pub assignee: Option<UserId>,
    /// Of this priority.
    pub priority: Option<Priority>,
    /// With this number.
    pub number: Option<i64>,
    /// System and id.
    pub external_id: Option<(String, String)>,
}

impl Filter {
    fn condition(&self, engine: Engine) -> Condition {
        let state = self.state.map(|state| match state {
            // As a literal, so that the partial index is used.
            TicketStateFilter::Open => Expr::cust("state IN ('new', 'in_progress', 'on_hold')"),
            one => Column::State.eq(one.as_str()),
        });
        Condition::all()
            .add_option(self.machine.map(about))
            .add_option(state)
            .add_option(self.assignee.map(|assignee| Column::AssigneeId.eq(assignee.uuid())))
            .add_option(self.priority.map(|priority| Column::Priority.eq(priority.as_str())))
            .add_option(self.number.map(|number| Column::Number.eq(number)))
            .add_option(self.external_id.as_ref().map(|(system, id)| {
                external_ids::equals(engine, "\"tickets\".\"external_ids\"", system, id)
            }))
    }
}

fn about(machine: MachineId) -> Condition {
    let with_an_alarm = alarm::Entity::find()
        .select_only()
        .column(alarm::Column::TicketId)
        .filter(alarm::Column::MachineId.eq(machine.uuid()))
        .filter(alarm::Column::TicketId.is_not_null())
        .into_query();
    Condition::any()
        .add(Column::MachineId.eq(machine.uuid()))
        .add(Column::Id.in_subquery(with_an_alarm))
}

/// The ticket with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(store: &Store, scope: Scope, id: TicketId) -> Result<TicketRecord, StoreError> {
    find(store.readers(), scope, id).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: TicketId) -> Result<TicketRecord, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    id: TicketId,
) -> Result<TicketRecord, StoreError> {
    let row =
        Entity::find_by_id(id.uuid()).filter(scope.covers(Column::OrganizationId)).one(db).await?;
    let row = row.ok_or(StoreError::NotFound(WHAT))?;
    from_rows(db, vec![row]).await?.pop().ok_or(StoreError::NotFound(WHAT))
}

/// Tickets, newest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<Uuid>,
) -> Result<Vec<TicketRecord>, StoreError> {
    let rows = query(store.engine(), scope, filter, page).all(store.readers()).await?;
    from_rows(store.readers(), rows).await
}

fn query(
    engine: Engine,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<Uuid>,
) -> Select<Entity> {
    let query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition(engine))
        .order_by_desc(Column::Id)
        .limit(page.rows());
    match page.after {
        Some(before) => query.filter(Column::Id.lt(before)),
        None => query,
    }
}

/// The newest ticket of a cause, an open one before all others. For the platform: not bound to a
/// scope.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn last_of_cause(tx: &Tx, cause: &str) -> Result<Option<TicketRecord>, StoreError> {
    let open = [TicketState::New, TicketState::InProgress, TicketState::OnHold];
    let of_cause = || Entity::find().filter(Column::Cause.eq(cause)).order_by_desc(Column::Id);
    let is_open = Column::State.is_in(open.map(TicketState::as_str));
    let row = match of_cause().filter(is_open).one(tx.conn()).await? {
        None => of_cause().one(tx.conn()).await?,
        open => open,
    };
    Ok(from_rows(tx.conn(), row.into_iter().collect()).await?.pop())
}

/// The newest ticket of an alarm's cause: an open one, or the open one that another alarm of its key
/// has been on with others since that was opened or reopened, before all others. For the platform: not bound to a scope.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn last_of_alarm(tx: &Tx, of: &Alarm) -> Result<Option<TicketRecord>, StoreError> {
    let last = last_of_cause(tx, &cause(of)).await?;
    if last.as_ref().is_some_and(|last| is_open(last.ticket.state)) {
        return Ok(last);
    }
    let row = alarm::Entity::find()
        .filter(alarm::Column::MachineId.eq(of.machine_id.uuid()))
        .filter(alarm::Column::Origin.eq(of.origin.as_str()))
        .filter(alarm::Column::Source.eq(of.source.as_str()))
        .filter(alarm::Column::Code.eq(of.code.as_str()))
        .filter(alarm::Column::TicketId.is_not_null())
        .order_by_desc(alarm::Column::Id)
        .limit(1)
        .one(tx.conn())
        .await?;
    let Some((raised_at, ticket)) = row.and_then(|row| Some((row.raised_at, row.ticket_id?)))
    else {
        return Ok(last);
    };
    let others = load(tx, Scope::Platform, TicketId(ticket)).await?;
    let is_of_now = others.began_at.is_none_or(|began| raised_at >= began.micros());
    Ok(if is_open(others.ticket.state) && is_of_now { Some(others) } else { last })
}

fn due(now: Timestamp, limit: u64) -> Select<Entity> {
    Entity::find()
        .filter(Column::CloseAt.is_not_null())
        .filter(Column::CloseAt.lte(now.micros()))
        .order_by_asc(Column::CloseAt)
        .limit(limit)
}

/// Resolved tickets whose time to be reopened is over.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn to_close(
    tx: &Tx,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<TicketRecord>, StoreError> {
    from_rows(tx.conn(), due(now, limit).all(tx.conn()).await?).await
}

/// Whether there are such tickets; asking costs no turn at the writer.
///
/// # Errors
/// When the database can't be used.
pub async fn any_to_close(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    Ok(due(now, 1).one(store.readers()).await?.is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{organization, plan, sqlite_store};
    use millwright_schemas::api::page::PageQuery;

    #[tokio::test]
    async fn a_list_of_open_tickets_reads_no_others() {
        let (store, _folder) = sqlite_store().await;
        let scope = Scope::Organization(organization(&store, None).await);
        let page = PageRequest::parse("tickets", &PageQuery::default()).unwrap();
        for assignee in [None, Some(UserId(Uuid::now_v7()))] {
            let state = Some(TicketStateFilter::Open);
            let filter = Filter { state, assignee, ..Filter::default() };
            let query = query(Engine::Sqlite, scope, &filter, &page).into_query();
            let plan = plan(&store, &query).await;
            assert!(plan.contains("USING INDEX tickets_open "), "{plan}");
        }
    }
}
