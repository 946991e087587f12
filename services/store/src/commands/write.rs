//! Commands within the transaction that changes them.

use millwright_schemas::{CommandId, MachineId};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::row::{from_row, to_row};
use super::{StoredCommand, WHAT, capabilities};
use crate::entities::command::{Column, Entity};
use crate::{Scope, StoreError, Tx};

/// Adds a command.
///
/// # Errors
/// [`StoreError::Exists`] when there is one with its id.
pub async fn insert(tx: &Tx, new: &StoredCommand) -> Result<(), StoreError> {
    let inserted = Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await;
    inserted.map_err(|error| StoreError::from(error).or_exists("a command with this id"))?;
    Ok(())
}

/// The place after all of the machine's commands, those included that its agent has told of but
/// this database doesn't know.
///
/// # Errors
/// When the database can't be used.
pub async fn next_ord(tx: &Tx, machine: MachineId) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Expr::col(Column::Ord).max(), "last")
        .filter(Column::MachineId.eq(machine.uuid()))
        .into_tuple()
        .one(tx.conn())
        .await?;
    let told = capabilities::load(tx, machine).await?.map_or(0, |told| told.last_ord);
    let told = i64::try_from(told).unwrap_or(i64::MAX);
    Ok(std::cmp::max(last.flatten().unwrap_or(0), told).saturating_add(1))
}

/// The command with this id, for a transaction that goes on to change it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: CommandId) -> Result<StoredCommand, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(tx.conn())
        .await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// Saves a changed command; its version is the new one, one more than what was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn save(tx: &Tx, changed: &StoredCommand) -> Result<(), StoreError> {
    let command = &changed.command;
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(command.id.uuid()))
        .filter(Column::Version.eq(command.version - 1))
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = load(tx, Scope::Platform, command.id).await?.command.version;
    Err(StoreError::VersionMismatch { current })
}
