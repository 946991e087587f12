//! Requests that must not be done twice: what a caller's key was used for and what was answered.

use millwright_schemas::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::entities::idempotency_key::{ActiveModel, Column, Entity, Model};
use crate::{Store, StoreError, Tx};

/// How long a key is remembered, in seconds.
pub const KEPT_S: i64 = 24 * 3_600;
/// After this long without an answer a run is taken for interrupted, in seconds.
pub const RUN_MAX_S: i64 = 60;
/// Keys that are remembered of one caller. A new one beyond takes the place of the oldest that is
/// done; when none is done, it is refused.
pub const KEYS_PER_CALLER: u64 = 10_000;

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
    /// It was begun and never ended, as after a crash: nobody knows whether it was done.
    Unknown,
    /// The key was used for another request.
    OtherRequest,
    /// The caller has too many keys of which none is done.
    Full {
        /// Seconds until the oldest is forgotten.
        retry_after_s: u32,
    },
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
    forget_expired(&tx, now).await?;
    let id = (key.caller.clone(), key.key.clone());
    if let Some(row) = Entity::find_by_id(id).one(tx.conn()).await? {
        tx.rollback().await?;
        return known(row, request_hash, now);
    }
    if let Some(retry_after_s) = make_room(&tx, &key.caller, now).await? {
        tx.rollback().await?;
        return Ok(Claim::Full { retry_after_s });
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

fn known(row: Model, request_hash: &[u8], now: Timestamp) -> Result<Claim, StoreError> {
    if row.request_hash != request_hash {
        return Ok(Claim::OtherRequest);
    }
    let Some(status) = row.status else {
        let interrupted = row.created_at < now.plus_seconds(-RUN_MAX_S).micros();
        return Ok(if interrupted { Claim::Unknown } else { Claim::Running });
    };
    let status =
        u16::try_from(status).map_err(|error| StoreError::corrupt("idempotency_keys", error))?;
    Ok(Claim::Done { status, response: row.response })
}

/// Makes room for one more key of a caller; otherwise the seconds until there is some.
async fn make_room(tx: &Tx, caller: &str, now: Timestamp) -> Result<Option<u32>, StoreError> {
    let theirs = || Entity::find().filter(Column::Caller.eq(caller));
    if theirs().count(tx.conn()).await? < KEYS_PER_CALLER {
        return Ok(None);
    }
    let oldest = || theirs().select_only().column(Column::Key).order_by_asc(Column::CreatedAt);
    let done: Option<String> =
        oldest().filter(Column::Status.is_not_null()).into_tuple().one(tx.conn()).await?;
    if let Some(done) = done {
        Entity::delete_by_id((caller.to_owned(), done)).exec(tx.conn()).await?;
        return Ok(None);
    }
    let created: Option<i64> =
        oldest().select_only().column(Column::CreatedAt).into_tuple().one(tx.conn()).await?;
    let forgotten = Timestamp::from_micros(created.unwrap_or(now.micros())).plus_seconds(KEPT_S);
    Ok(Some(u32::try_from(forgotten.seconds() - now.seconds()).unwrap_or(0).max(1)))
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

/// Forgets keys that are older than [`KEPT_S`].
///
/// # Errors
/// When the database refuses it.
pub async fn forget_expired(tx: &Tx, now: Timestamp) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::CreatedAt.lt(now.plus_seconds(-KEPT_S).micros()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sea_orm::ConnectionTrait as _;

    use super::*;
    use crate::testing::{now, store};

    fn key(caller: &str, key: &str) -> Key {
        Key { caller: caller.to_owned(), key: key.to_owned() }
    }

    #[tokio::test]
    async fn a_run_that_never_ended_stays_unknown_for_a_day() {
        let (store, _folder) = store().await;
        let at = |seconds| now().plus_seconds(seconds);
        let again = async |seconds| claim(&store, &key("a", "k"), b"h", at(seconds)).await.unwrap();
        assert_eq!(again(0).await, Claim::Granted);
        assert_eq!(again(60).await, Claim::Running);
        assert_eq!(again(61).await, Claim::Unknown);
        assert_eq!(again(KEPT_S).await, Claim::Unknown);
        let other = claim(&store, &key("a", "k"), b"other", at(61)).await.unwrap();
        assert_eq!(other, Claim::OtherRequest);
        assert_eq!(again(KEPT_S + 1).await, Claim::Granted);
    }

    #[tokio::test]
    async fn the_keys_of_a_caller_are_bounded() {
        let (store, _folder) = store().await;
        let tx = store.begin().await.unwrap();
        // All unfinished, a second apart; k0 is the oldest.
        let fill = format!(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {}) \
             INSERT INTO idempotency_keys (caller, key, request_hash, created_at) \
             SELECT 'a', 'k' || i, {}, {} + i FROM n",
            KEYS_PER_CALLER,
            store.engine().choose("x'00'", "'\\x00'::bytea"),
            now().micros(),
        );
        tx.conn().execute_unprepared(&fill).await.unwrap();
        tx.commit().await.unwrap();

        let soon = now().plus_seconds(10);
        let new = async |caller, name| claim(&store, &key(caller, name), &[0], soon).await.unwrap();
        let wait = u32::try_from(KEPT_S - 10).unwrap();
        assert_eq!(new("a", "new").await, Claim::Full { retry_after_s: wait });
        assert_eq!(new("b", "new").await, Claim::Granted, "others have their own");
        for done in ["k7", "k3"] {
            finish(&store, &key("a", done), 201, None).await.unwrap();
        }
        assert_eq!(new("a", "new").await, Claim::Granted);
        assert_eq!(new("a", "k7").await, Claim::Done { status: 201, response: None });
        assert_eq!(new("a", "k0").await, Claim::Running, "what isn't done is never forgotten");
        assert_eq!(new("a", "k3").await, Claim::Granted, "forgotten, in the place of k7");
        assert!(matches!(new("a", "k7").await, Claim::Full { .. }));
    }
}
