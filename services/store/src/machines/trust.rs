//! Signed trust bundles: the whole chain is kept for machines that were offline.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::trust::TrustBundle;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entities::trust_bundle::{ActiveModel, Column, Entity, Model};
use crate::{Store, StoreError, Tx};

/// Most bundles read at once; a machine that is further behind asks again.
const CHAIN_MAX: u64 = 100;

/// Adds the next bundle.
///
/// # Errors
/// [`StoreError::Exists`] when there is one of this version.
pub async fn insert(
    tx: &Tx,
    bundle: &TrustBundle,
    jws: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let corrupt = |error: &dyn std::fmt::Display| StoreError::corrupt("trust_bundles", error);
    let row = ActiveModel {
        version: Set(i64::try_from(bundle.version).map_err(|error| corrupt(&error))?),
        jws: Set(jws.to_owned()),
        bundle: Set(serde_json::to_string(bundle).map_err(|error| corrupt(&error))?),
        created_at: Set(now.micros()),
    };
    let inserted = Entity::insert(row).exec_without_returning(tx.conn()).await;
    inserted.map_err(|error| StoreError::from(error).or_exists("this version of the bundle"))?;
    Ok(())
}

/// The newest bundle; `None` before the first start is done.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn newest(store: &Store) -> Result<Option<TrustBundle>, StoreError> {
    newest_on(store.readers()).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn load_newest(tx: &Tx) -> Result<Option<TrustBundle>, StoreError> {
    newest_on(tx.conn()).await
}

async fn newest_on(db: &impl ConnectionTrait) -> Result<Option<TrustBundle>, StoreError> {
    let row: Option<Model> = Entity::find().order_by_desc(Column::Version).one(db).await?;
    row.map(|row| {
        serde_json::from_str(&row.bundle)
            .map_err(|error| StoreError::corrupt("trust_bundles", error))
    })
    .transpose()
}

/// The signed bundles after a version, oldest first, at most 100.
///
/// # Errors
/// When the database can't be used.
pub async fn after(store: &Store, version: u64) -> Result<Vec<String>, StoreError> {
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    let rows: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Jws)
        .filter(Column::Version.gt(version))
        .order_by_asc(Column::Version)
        .limit(CHAIN_MAX)
        .into_tuple()
        .all(store.readers())
        .await?;
    Ok(rows)
}
