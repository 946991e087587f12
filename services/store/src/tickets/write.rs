//! Tickets as they are written.

use millwright_core::ticket::{FIRST_NUMBER, TicketRecord};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::reads::load;
use super::row::to_row;
use crate::entities::ticket::{Column, Entity};
use crate::{Scope, StoreError, Tx};

const OPEN_OF_CAUSE: &str = "an open ticket with this cause";

/// The number of the next ticket; it is given when the transaction commits.
///
/// # Errors
/// When the database can't be used.
pub async fn next_number(tx: &Tx) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Number.max(), "number")
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(last.flatten().map_or(FIRST_NUMBER, |last| last + 1))
}

/// Adds a ticket.
///
/// # Errors
/// [`StoreError::Exists`] when its cause has an open one.
pub async fn insert(tx: &Tx, new: &TicketRecord) -> Result<(), StoreError> {
    let inserted = Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await;
    inserted.map_err(|error| StoreError::from(error).or_exists(OPEN_OF_CAUSE))?;
    Ok(())
}

/// Saves a changed ticket; `expected` is the version it had when it was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile; [`StoreError::Exists`] when it is
/// reopened and its cause has another open one.
pub async fn save(
    tx: &Tx,
    scope: Scope,
    changed: &TicketRecord,
    expected: i64,
) -> Result<(), StoreError> {
    let id = changed.ticket.id;
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::Version.eq(expected))
        .exec(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(OPEN_OF_CAUSE))?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = load(tx, scope, id).await?.ticket.version;
    Err(StoreError::VersionMismatch { current })
}
