//! Sites.

use millwright_schemas::api::sites::Site;
use millwright_schemas::{OrganizationId, SiteId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::external_ids;
use crate::entities::site::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "site";

/// Adds a site.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, new: &Site) -> Result<(), StoreError> {
    Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The site with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(store: &Store, scope: Scope, id: SiteId) -> Result<Site, StoreError> {
    find(store.readers(), scope, id).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: SiteId) -> Result<Site, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(db: &impl ConnectionTrait, scope: Scope, id: SiteId) -> Result<Site, StoreError> {
    let row =
        Entity::find_by_id(id.uuid()).filter(scope.covers(Column::OrganizationId)).one(db).await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// Sites in the order of their creation.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Site>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .order_by_asc(Column::Id)
        .limit(page.rows());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    query.all(store.readers()).await?.into_iter().map(from_row).collect()
}

/// Saves a changed site; `expected` is the version it had when it was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn save(tx: &Tx, scope: Scope, changed: &Site, expected: i64) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(changed.id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::Version.eq(expected))
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = load(tx, scope, changed.id).await?.version;
    Err(StoreError::VersionMismatch { current })
}

fn to_row(item: &Site) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(item.id.uuid()),
        organization_id: Set(item.organization_id.uuid()),
        name: Set(item.name.clone()),
        time_zone: Set(item.time_zone.clone()),
        external_ids: Set(external_ids::to_column(&item.external_ids)?),
        version: Set(item.version),
        created_at: Set(item.created_at.micros()),
        updated_at: Set(item.updated_at.micros()),
    })
}

fn from_row(row: Model) -> Result<Site, StoreError> {
    Ok(Site {
        id: SiteId(row.id),
        organization_id: OrganizationId(row.organization_id),
        name: row.name,
        time_zone: row.time_zone,
        external_ids: external_ids::from_column("sites", &row.external_ids)?,
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    })
}
