//! Tokens for scripts and integrations; only their hashes are kept.

use std::collections::BTreeSet;

use millwright_core::access::Permission;
use millwright_schemas::{ApiTokenId, OrganizationId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::entities::api_token::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// Where it may look.
    pub organization: OrganizationId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// What it may do, as far as its creator may.
    pub scopes: BTreeSet<Permission>,
    /// Who created it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Records a new token.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, token: &ApiToken) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(token.id.uuid()),
        organization_id: Set(token.organization.uuid()),
        name: Set(token.name.clone()),
        token_hash: Set(token.hash.clone()),
        scopes: Set(scopes_text(&token.scopes)),
        created_by: Set(token.created_by.uuid()),
        created_at: Set(token.created_at.micros()),
        expires_at: Set(token.expires_at.map(Timestamp::micros)),
        last_used_at: Set(None),
        revoked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The token with this hash, whosever it is.
///
/// # Errors
/// When the database can't be used.
pub async fn by_hash(store: &Store, hash: &[u8]) -> Result<Option<ApiToken>, StoreError> {
    let row =
        Entity::find().filter(Column::TokenHash.eq(hash.to_vec())).one(store.readers()).await?;
    row.map(from_row).transpose()
}

/// A token within the scope.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn get(tx: &Tx, scope: Scope, id: ApiTokenId) -> Result<ApiToken, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .one(tx.conn())
        .await?;
    from_row(row.ok_or(StoreError::NotFound("API token"))?)
}

/// Tokens, oldest first.
///
/// # Errors
/// When the database can't be used.
pub async fn list(
    store: &Store,
    scope: Scope,
    page: &PageRequest<Uuid>,
) -> Result<Vec<ApiToken>, StoreError> {
    let rows = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .apply_if(page.after, |query, after| query.filter(Column::Id.gt(after)))
        .order_by_asc(Column::Id)
        .limit(page.rows())
        .all(store.readers())
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Ends a token within the scope.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn revoke(
    tx: &Tx,
    scope: Scope,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = ActiveModel { revoked_at: Set(Some(now.micros())), ..Default::default() };
    write(tx, scope, id, change).await
}

/// Notes that a token within the scope was used.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn touch(
    tx: &Tx,
    scope: Scope,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = ActiveModel { last_used_at: Set(Some(now.micros())), ..Default::default() };
    write(tx, scope, id, change).await
}

async fn write(
    tx: &Tx,
    scope: Scope,
    id: ApiTokenId,
    change: ActiveModel,
) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::NotFound("API token")) }
}

fn scopes_text(scopes: &BTreeSet<Permission>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn from_row(row: Model) -> Result<ApiToken, StoreError> {
    let scopes = row.scopes.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    Ok(ApiToken {
        id: ApiTokenId(row.id),
        organization: OrganizationId(row.organization_id),
        name: row.name,
        hash: row.token_hash,
        scopes: scopes.map_err(|error| StoreError::corrupt("api_tokens", error))?,
        created_by: UserId(row.created_by),
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: row.expires_at.map(Timestamp::from_micros),
        last_used_at: row.last_used_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_core::access::Role;

    use super::*;
    use crate::people::users::{self, PasswordHash, User};
    use crate::testing::{now, organization, store};

    #[tokio::test]
    async fn a_token_is_changed_within_its_scope_only() {
        let (store, _folder) = store().await;
        let (ours, theirs) = (organization(&store, None).await, organization(&store, None).await);
        let user = User {
            id: UserId(Uuid::now_v7()),
            organization: ours,
            email: "a@example.org".to_owned(),
            name: "A".to_owned(),
            role: Role::Admin,
            password_hash: PasswordHash::new(String::new()),
            version: 1,
            created_at: now(),
            updated_at: now(),
            disabled_at: None,
        };
        let token = ApiToken {
            id: ApiTokenId(Uuid::now_v7()),
            organization: ours,
            name: "T".to_owned(),
            hash: vec![1; 32],
            scopes: BTreeSet::new(),
            created_by: user.id,
            created_at: now(),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        };
        let tx = store.begin().await.unwrap();
        users::insert(&tx, &user).await.unwrap();
        insert(&tx, &token).await.unwrap();
        let (ours, theirs) = (Scope::Organization(ours), Scope::Organization(theirs));
        for result in
            [revoke(&tx, theirs, token.id, now()).await, touch(&tx, theirs, token.id, now()).await]
        {
            assert!(matches!(result, Err(StoreError::NotFound(_))), "{result:?}");
        }
        assert_eq!(get(&tx, ours, token.id).await.unwrap(), token);
        touch(&tx, ours, token.id, now()).await.unwrap();
        revoke(&tx, ours, token.id, now()).await.unwrap();
        let changed = get(&tx, ours, token.id).await.unwrap();
        assert_eq!((changed.last_used_at, changed.revoked_at), (Some(now()), Some(now())));
    }
}
