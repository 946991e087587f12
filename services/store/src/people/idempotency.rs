//! Requests that must not be done twice: what a caller's key was used for and what was answered.

use millwright_schemas::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::entities::idempotency_key::{ActiveModel, Column, Entity};
use crate::{Store, StoreError};

/// How long a key is remembered, in seconds.
pub const KEPT_S: i64 = 24 * 3_600;
/// After this long without an answer the run is taken for crashed and the key is free again.
pub const RUN_MAX_S: i64 = 60;

/// A key of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Who used it.
    pub caller: String,
    /// The key as sent.
    pub key: String,
}

/// What the key says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// New: do it, then call [`finish`] or [`release`].
    Granted,
    /// It was done; this was answered.
    Done {
        /// HTTP status.
        status: u16,
        /// What [`finish`] was given.
        response: Option<String>,
    },
    /// It is being done.
    Running,
    /// The key was used for another request.
    OtherRequest,
}

/// Claims a key for a request, by the request's hash.
///
/// # Errors
/// When the database can't be used.
pub async fn claim(
    store: &Store,
    key: &Key,
    request_hash: &[u8],
    now: Timestamp,
) -> Result<Claim, StoreError> {
    let tx = store.begin().await?;
    Entity::delete_many()
        .filter(Column::CreatedAt.lt(now.plus_seconds(-KEPT_S).micros()))
        .exec(tx.conn())
        .await?;
    let id = (key.caller.clone(), key.key.clone());
    if let Some(row) = Entity::find_by_id(id.clone()).one(tx.conn()).await? {
        let crashed =
            row.status.is_none() && row.created_at < now.plus_seconds(-RUN_MAX_S).micros();
        if !crashed {
            tx.rollback().await?;
            return Ok(match row.status {
                _ if row.request_hash != request_hash => Claim::OtherRequest,
                None => Claim::Running,
                Some(status) => Claim::Done {
                    status: u16::try_from(status)
                        .map_err(|error| StoreError::corrupt("idempotency_keys", error))?,
                    response: row.response,
                },
            });
        }
        Entity::delete_by_id(id).exec(tx.conn()).await?;
    }
    let row = ActiveModel {
        caller: Set(key.caller.clone()),
        key: Set(key.key.clone()),
        request_hash: Set(request_hash.to_vec()),
        status: Set(None),
        response: Set(None),
        created_at: Set(now.micros()),
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    tx.commit().await?;
    Ok(Claim::Granted)
}

/// Keeps what was answered.
///
/// # Errors
/// When the database can't be used.
pub async fn finish(
    store: &Store,
    key: &Key,
    status: u16,
    response: Option<String>,
) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    let change = ActiveModel {
        status: Set(Some(i64::from(status))),
        response: Set(response),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Caller.eq(key.caller.as_str()))
        .filter(Column::Key.eq(key.key.as_str()))
        .exec(tx.conn())
        .await?;
    tx.commit().await
}

/// Frees a key whose request changed nothing.
///
/// # Errors
/// When the database can't be used.
pub async fn release(store: &Store, key: &Key) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    Entity::delete_by_id((key.caller.clone(), key.key.clone())).exec(tx.conn()).await?;
    tx.commit().await
}
