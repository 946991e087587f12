//! Evidence of tickets: copied, so that it stays when samples are deleted.

use millwright_schemas::api::tickets::Evidence;
use millwright_schemas::{OrganizationId, TicketId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::entities::ticket_evidence::{ActiveModel, Column, Entity};
use crate::{Scope, Store, StoreError, Tx};

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("ticket_evidence", error)
}

/// Keeps evidence; what was kept of the same alarm is replaced.
///
/// # Errors
/// When the database refuses it.
pub async fn put(
    tx: &Tx,
    organization: OrganizationId,
    ticket: TicketId,
    evidence: &Evidence,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        ticket_id: Set(ticket.uuid()),
        alarm_id: Set(evidence.alarm_id.uuid()),
        organization_id: Set(organization.uuid()),
        taken_at: Set(evidence.taken_at.micros()),
        evidence: Set(serde_json::to_string(evidence).map_err(corrupt)?),
    };
    let replace = OnConflict::columns([Column::TicketId, Column::AlarmId])
        .update_columns([Column::TakenAt, Column::Evidence])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// All evidence of a ticket, oldest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    ticket: TicketId,
) -> Result<Vec<Evidence>, StoreError> {
    let rows = Entity::find()
        .filter(Column::TicketId.eq(ticket.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_asc(Column::TakenAt)
        .all(store.readers())
        .await?;
    rows.into_iter().map(|row| serde_json::from_str(&row.evidence).map_err(corrupt)).collect()
}
