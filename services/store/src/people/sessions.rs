//! Refresh tokens. A token is used once and replaced; all that descend from one sign-in are a
//! family, which is the session.

use millwright_schemas::{Timestamp, UserId};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::entities::refresh_token::{ActiveModel, Column, Entity, Model};
use crate::{Store, StoreError, Tx};

/// A session: all refresh tokens that descend from one sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// One refresh token, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// Its session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// When it was given out.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was replaced by the next one.
    pub used_at: Option<Timestamp>,
    /// When its session was ended.
    pub revoked_at: Option<Timestamp>,
}

/// Records a new token.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, token: &RefreshToken) -> Result<(), StoreError> {
    let row = ActiveModel {
        token_hash: Set(token.hash.clone()),
        family_id: Set(token.session.0),
        user_id: Set(token.user.uuid()),
        created_at: Set(token.created_at.micros()),
        expires_at: Set(token.expires_at.micros()),
        used_at: Set(None),
        revoked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The token with this hash.
///
/// # Errors
/// When the database can't be used.
pub async fn find(tx: &Tx, hash: &[u8]) -> Result<Option<RefreshToken>, StoreError> {
    let row = Entity::find_by_id(hash.to_vec()).one(tx.conn()).await?;
    Ok(row.map(from_row))
}

/// Notes that a token was replaced.
///
/// # Errors
/// When the database refuses it.
pub async fn mark_used(tx: &Tx, hash: &[u8], now: Timestamp) -> Result<(), StoreError> {
    let change = ActiveModel { used_at: Set(Some(now.micros())), ..Default::default() };
    Entity::update_many()
        .set(change)
        .filter(Column::TokenHash.eq(hash.to_vec()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Whether a session of this person goes on.
///
/// # Errors
/// When the database can't be used.
pub async fn is_active(
    store: &Store,
    user: UserId,
    session: SessionId,
) -> Result<bool, StoreError> {
    let tokens = Entity::find()
        .filter(Column::FamilyId.eq(session.0))
        .filter(Column::UserId.eq(user.uuid()))
        .filter(Column::RevokedAt.is_null())
        .count(store.readers())
        .await?;
    Ok(tokens > 0)
}

/// Ends a session.
///
/// # Errors
/// When the database refuses it.
pub async fn revoke(tx: &Tx, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
    end(tx, Condition::all().add(Column::FamilyId.eq(session.0)), now).await
}

/// Ends all sessions of a person, but for one that goes on.
///
/// # Errors
/// When the database refuses it.
pub async fn revoke_all(
    tx: &Tx,
    user: UserId,
    except: Option<SessionId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let theirs = Condition::all()
        .add(Column::UserId.eq(user.uuid()))
        .add_option(except.map(|session| Column::FamilyId.ne(session.0)));
    end(tx, theirs, now).await
}

async fn end(tx: &Tx, which: Condition, now: Timestamp) -> Result<(), StoreError> {
    let change = ActiveModel { revoked_at: Set(Some(now.micros())), ..Default::default() };
    Entity::update_many()
        .set(change)
        .filter(which)
        .filter(Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Forgets tokens that have long stopped working.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_expired(tx: &Tx, now: Timestamp) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::ExpiresAt.lt(now.micros())).exec(tx.conn()).await?;
    Ok(())
}

fn from_row(row: Model) -> RefreshToken {
    RefreshToken {
        hash: row.token_hash,
        session: SessionId(row.family_id),
        user: UserId(row.user_id),
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        used_at: row.used_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    }
}
