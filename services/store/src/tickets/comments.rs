//! What was said about tickets, and notes of what happened to them.

use millwright_core::access::Actor;
use millwright_schemas::api::audit::ActorRef;
use millwright_schemas::api::tickets::TicketComment;
use millwright_schemas::{AlarmId, CommentId, OrganizationId, TicketId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TryInsertResult,
};
use serde_json::Value;
use uuid::Uuid;

use crate::entities::ticket_comment::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("ticket_comments", error)
}

/// Adds a comment or note. `false`: it is there already.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(
    tx: &Tx,
    organization: OrganizationId,
    ticket: TicketId,
    new: &TicketComment,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        seq: NotSet,
        id: Set(new.id.uuid()),
        ticket_id: Set(ticket.uuid()),
        organization_id: Set(organization.uuid()),
        written_by: Set(serde_json::to_string(&new.by).map_err(corrupt)?),
        at: Set(new.at.micros()),
        note: Set(new.note.clone()),
        text: Set(new.text.clone()),
        data: Set(Value::Object(new.data.clone()).to_string()),
    };
    let once = OnConflict::column(Column::Id).do_nothing().to_owned();
    let insert = Entity::insert(row).on_conflict(once).try_insert();
    let done = insert.exec_without_returning(tx.conn()).await?;
    Ok(matches!(done, TryInsertResult::Inserted(rows) if rows > 0))
}

/// Whether a ticket has this note about an alarm.
///
/// # Errors
/// When the database can't be used.
pub async fn has(
    tx: &Tx,
    ticket: TicketId,
    note: &str,
    alarm: AlarmId,
) -> Result<bool, StoreError> {
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TicketId.eq(ticket.uuid()))
        .filter(Column::Note.eq(note))
        .filter(Column::Data.contains(alarm.to_string()))
        .limit(1)
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(found.is_some())
}

/// Whether a note tells that this field of a ticket was changed.
///
/// # Errors
/// When the database can't be used.
pub async fn tells_change_of(tx: &Tx, ticket: TicketId, field: &str) -> Result<bool, StoreError> {
    // A quote within a text is escaped: what is found is the field's own name.
    let named = format!("\"{field}\":{{\"from\":");
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TicketId.eq(ticket.uuid()))
        .filter(Column::Note.eq("updated"))
        .filter(Column::Data.contains(named))
        .limit(1)
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(found.is_some())
}

/// Whether somebody other than the platform has written something.
///
/// # Errors
/// When the database can't be used.
pub async fn any_of_others(tx: &Tx, ticket: TicketId) -> Result<bool, StoreError> {
    let platform = ActorRef::from(Actor::Platform);
    let platform = serde_json::to_string(&platform).map_err(corrupt)?;
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::TicketId.eq(ticket.uuid()))
        .filter(Column::WrittenBy.ne(platform))
        .limit(1)
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(found.is_some())
}

/// Comments and notes of a ticket in the order they were written, with the number of their row.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    ticket: TicketId,
    page: &PageRequest<i64>,
) -> Result<Vec<(i64, TicketComment)>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::TicketId.eq(ticket.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_asc(Column::Seq)
        .limit(page.rows());
    if let Some(after) = page.after {
        query = query.filter(Column::Seq.gt(after));
    }
    let rows = query.all(store.readers()).await?;
    rows.into_iter().map(|row| Ok((row.seq, from_row(row)?))).collect()
}

fn from_row(row: Model) -> Result<TicketComment, StoreError> {
    let by: ActorRef = serde_json::from_str(&row.written_by).map_err(corrupt)?;
    Ok(TicketComment {
        id: CommentId(row.id),
        by,
        at: Timestamp::from_micros(row.at),
        note: row.note,
        text: row.text,
        data: serde_json::from_str(&row.data).map_err(corrupt)?,
    })
}
