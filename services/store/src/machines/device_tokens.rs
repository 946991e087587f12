//! Device tokens: only their hashes.

use millwright_schemas::api::credentials::DeviceToken;
use millwright_schemas::{DeviceTokenId, MachineId, OrganizationId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entities::device_token::{ActiveModel, Column, Entity, Model};
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "device token";
/// Most tokens listed of one machine.
const LISTED_MAX: u64 = 200;

/// Adds a token.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(
    tx: &Tx,
    id: DeviceTokenId,
    machine: MachineId,
    organization: OrganizationId,
    token_hash: &[u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(id.uuid()),
        machine_id: Set(machine.uuid()),
        organization_id: Set(organization.uuid()),
        token_hash: Set(token_hash.to_vec()),
        created_at: Set(now.micros()),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// How many tokens of a machine are accepted now.
///
/// # Errors
/// When the database can't be used.
pub async fn count_active(tx: &Tx, machine: MachineId) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::RevokedAt.is_null())
        .count(tx.conn())
        .await?)
}

/// The accepted tokens of a machine with their hashes. For gateways: not bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn active(
    store: &Store,
    machine: MachineId,
) -> Result<Vec<(DeviceTokenId, Vec<u8>)>, StoreError> {
    let rows = Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::RevokedAt.is_null())
        .all(store.readers())
        .await?;
    Ok(rows.into_iter().map(|row| (DeviceTokenId(row.id), row.token_hash)).collect())
}

/// Records that a connection was opened with a token. Returns false when it is revoked.
///
/// # Errors
/// When the database refuses it.
pub async fn touch(tx: &Tx, id: DeviceTokenId, now: Timestamp) -> Result<bool, StoreError> {
    let row = ActiveModel { last_used_at: Set(Some(now.micros())), ..Default::default() };
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected == 1)
}

/// A machine's tokens, newest first.
///
/// # Errors
/// When the database can't be used.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<Vec<DeviceToken>, StoreError> {
    let rows = Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_desc(Column::Id)
        .limit(LISTED_MAX)
        .all(store.readers())
        .await?;
    Ok(rows.iter().map(from_row).collect())
}

/// A machine's token.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(
    tx: &Tx,
    scope: Scope,
    machine: MachineId,
    id: DeviceTokenId,
) -> Result<DeviceToken, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .one(tx.conn())
        .await?;
    row.as_ref().map(from_row).ok_or(StoreError::NotFound(WHAT))
}

/// Records that a token is no longer accepted. Returns whether it was until now.
///
/// # Errors
/// When the database refuses it.
pub async fn revoke(
    tx: &Tx,
    scope: Scope,
    id: DeviceTokenId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = ActiveModel { revoked_at: Set(Some(now.micros())), ..Default::default() };
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected == 1)
}

fn from_row(row: &Model) -> DeviceToken {
    DeviceToken {
        id: DeviceTokenId(row.id),
        machine_id: MachineId(row.machine_id),
        created_at: Timestamp::from_micros(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    }
}
