//! A ticket and its row.

use std::collections::HashMap;

use millwright_core::ticket::{TicketRecord, next_states, number_text, parse_number};
use millwright_schemas::api::tickets::{Ticket, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, TicketId, Timestamp, UserId};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use crate::StoreError;
use crate::entities::alarm;
use crate::entities::ticket::{ActiveModel, Model};
use crate::machines::external_ids;

const TABLE: &str = "tickets";

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(TABLE, error)
}

pub(super) fn to_row(record: &TicketRecord) -> Result<ActiveModel, StoreError> {
    let ticket = &record.ticket;
    let number = parse_number(&ticket.number);
    Ok(ActiveModel {
        id: Set(ticket.id.uuid()),
        number: Set(number.ok_or_else(|| corrupt(format!("number {:?}", ticket.number)))?),
        organization_id: Set(ticket.organization_id.uuid()),
        machine_id: Set(ticket.machine_id.uuid()),
        cause: Set(record.cause.clone()),
        title: Set(ticket.title.clone()),
        description: Set(ticket.description.clone()),
        state: Set(ticket.state.as_str().to_owned()),
        hold_reason: Set(ticket.hold_reason.map(|reason| reason.as_str().to_owned())),
        resolution_code: Set(ticket.resolution_code.map(|code| code.as_str().to_owned())),
        resolution: Set(ticket.resolution.clone()),
        priority: Set(ticket.priority.as_str().to_owned()),
        worst: Set(record.worst.map(|severity| severity.as_str().to_owned())),
        assignee_id: Set(ticket.assignee_id.map(UserId::uuid)),
        opened_by: Set(serde_json::to_string(&ticket.opened_by).map_err(corrupt)?),
        reopened: Set(ticket.reopened),
        external_ids: Set(external_ids::to_column(&ticket.external_ids)?),
        version: Set(ticket.version),
        created_at: Set(ticket.created_at.micros()),
        updated_at: Set(ticket.updated_at.micros()),
        resolved_at: Set(ticket.resolved_at.map(Timestamp::micros)),
        closed_at: Set(ticket.closed_at.map(Timestamp::micros)),
        close_at: Set(record.close_at.map(Timestamp::micros)),
        began_at: Set(record.began_at.map(Timestamp::micros)),
    })
}

/// Tickets with how many alarms are on them.
pub(super) async fn from_rows(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<TicketRecord>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let counts = counts(db, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let (all, active) = counts.get(&row.id).copied().unwrap_or_default();
            from_row(row, all, active)
        })
        .collect()
}

async fn counts(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (i64, i64)>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, i64, Option<i64>)> = counted(ids).into_tuple().all(db).await?;
    let pairs = rows.into_iter().map(|(id, all, active)| (id, (all, active.unwrap_or(0))));
    Ok(pairs.collect())
}

/// By an index alone: a ticket may have very many alarms.
fn counted(ids: &[Uuid]) -> Select<alarm::Entity> {
    use alarm::Column;
    let active = Expr::col(Column::Active).cast_as(Alias::new("INTEGER"));
    alarm::Entity::find()
        .select_only()
        .column(Column::TicketId)
        .column_as(Column::Id.count(), "alarms")
        .column_as(active.sum(), "active_alarms")
        .filter(Column::TicketId.is_in(ids.iter().copied()))
        .group_by(Column::TicketId)
}

fn from_row(row: Model, alarms: i64, active_alarms: i64) -> Result<TicketRecord, StoreError> {
    let state: TicketState = row.state.parse().map_err(corrupt)?;
    let ticket = Ticket {
        id: TicketId(row.id),
        number: number_text(row.number),
        organization_id: OrganizationId(row.organization_id),
        machine_id: MachineId(row.machine_id),
        title: row.title,
        description: row.description,
        state,
        hold_reason: row.hold_reason.map(|word| word.parse()).transpose().map_err(corrupt)?,
        resolution_code: row
            .resolution_code
            .map(|word| word.parse())
            .transpose()
            .map_err(corrupt)?,
        resolution: row.resolution,
        priority: row.priority.parse().map_err(corrupt)?,
        assignee_id: row.assignee_id.map(UserId),
        opened_by: serde_json::from_str(&row.opened_by).map_err(corrupt)?,
        reopened: row.reopened,
        active_alarms,
        alarms,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: external_ids::from_column(TABLE, &row.external_ids)?,
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
        resolved_at: row.resolved_at.map(Timestamp::from_micros),
        closed_at: row.closed_at.map(Timestamp::from_micros),
        machine_name: None,
        assignee_name: None,
    };
    Ok(TicketRecord {
        ticket,
        cause: row.cause,
        worst: row.worst.as_deref().map(Severity::from_word),
        close_at: row.close_at.map(Timestamp::from_micros),
        began_at: row.began_at.map(Timestamp::from_micros),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait as _;

    use super::*;
    use crate::testing::{plan, sqlite_store};

    #[tokio::test]
    async fn the_alarms_of_tickets_are_counted_by_an_index_alone() {
        let (store, _folder) = sqlite_store().await;
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let plan = plan(&store, &counted(&ids).into_query()).await;
        assert!(plan.contains("USING COVERING INDEX alarms_ticket "), "{plan}");
    }
}
