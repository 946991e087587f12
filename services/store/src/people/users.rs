//! Users. Who signs in is found over all organizations; everything else takes a scope.

use millwright_core::access::Role;
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};
use uuid::Uuid;

use crate::entities::organization_tree;
use crate::entities::user::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

/// What unique values are called in errors.
const EMAIL_TAKEN: &str = "a user with this e-mail address";

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// Where they belong.
    pub organization: OrganizationId,
    /// What they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// Their password's hash.
    pub password_hash: PasswordHash,
    /// Counts up with each change.
    pub version: i64,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
    /// Since when sign-in is switched off.
    pub disabled_at: Option<Timestamp>,
}

/// A password hash in PHC form. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash in PHC form.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Adds a person.
///
/// # Errors
/// [`StoreError::Exists`] when the address is taken.
pub async fn insert(tx: &Tx, user: &User) -> Result<(), StoreError> {
    Entity::insert(to_row(user))
        .exec_without_returning(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(EMAIL_TAKEN))?;
    Ok(())
}

/// Writes a person's changed fields, if nobody was quicker. `user.version` is the new version,
/// one more than what was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it was changed since, [`StoreError::Exists`] when the
/// new address is taken.
pub async fn update(tx: &Tx, scope: Scope, user: &User) -> Result<(), StoreError> {
    let ActiveModel { id: _, organization_id: _, created_at: _, ref mut rest } =
        Split::from(to_row(user));
    let done = Entity::update_many()
        .set(std::mem::take(rest))
        .filter(Column::Id.eq(user.id.uuid()))
        .filter(Column::Version.eq(user.version - 1))
        .filter(scope.covers(Column::OrganizationId))
        .exec(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(EMAIL_TAKEN))?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = get_on(tx.conn(), scope, user.id).await?.version;
    Err(StoreError::VersionMismatch { current })
}
