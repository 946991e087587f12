//! The organization that everything else is below.

use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use crate::entities::{organization, organization_tree};
use crate::{Scope, Store, StoreError, Tx};

/// Finds the root organization or creates it.
///
/// # Errors
/// When the database can't be used.
pub async fn find_or_create(
    tx: &Tx,
    id: OrganizationId,
    name: &str,
    now: Timestamp,
) -> Result<OrganizationId, StoreError> {
    let root = organization::Entity::find()
        .filter(organization::Column::ParentId.is_null())
        .order_by_asc(organization::Column::CreatedAt)
        .one(tx.conn())
        .await?;
    if let Some(root) = root {
        return Ok(OrganizationId(root.id));
    }
    let row = organization::ActiveModel {
        id: Set(id.uuid()),
        parent_id: Set(None),
        name: Set(name.to_owned()),
        external_ids: Set("{}".to_owned()),
        version: Set(1),
        created_at: Set(now.micros()),
        updated_at: Set(now.micros()),
    };
    organization::Entity::insert(row).exec_without_returning(tx.conn()).await?;
    let itself = organization_tree::ActiveModel {
        ancestor_id: Set(id.uuid()),
        descendant_id: Set(id.uuid()),
        depth: Set(0),
    };
    organization_tree::Entity::insert(itself).exec_without_returning(tx.conn()).await?;
    Ok(id)
}

/// Whether the organization is within the scope.
///
/// # Errors
/// [`StoreError::NotFound`] when it isn't.
pub async fn require(store: &Store, scope: Scope, id: OrganizationId) -> Result<(), StoreError> {
    require_on(store.readers(), scope, id).await
}

async fn require_on(
    db: &impl ConnectionTrait,
    scope: Scope,
    id: OrganizationId,
) -> Result<(), StoreError> {
    let found = organization::Entity::find_by_id(id.uuid())
        .filter(scope.covers(organization::Column::Id))
        .one(db)
        .await?;
    found.map(|_| ()).ok_or(StoreError::NotFound("organization"))
}
