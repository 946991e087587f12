//! Organizations and their tree.

use std::collections::BTreeMap;

use millwright_schemas::api::organizations::Organization;
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::external_ids;
use crate::entities::organization::{ActiveModel, Column, Entity, Model};
use crate::entities::organization_tree;
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "organization";

/// Adds an organization below its parent, or at the top.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, new: &Organization) -> Result<(), StoreError> {
    Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await?;
    let own = organization_tree::ActiveModel {
        ancestor_id: Set(new.id.uuid()),
        descendant_id: Set(new.id.uuid()),
        depth: Set(0),
    };
    organization_tree::Entity::insert(own).exec_without_returning(tx.conn()).await?;
    if let Some(parent) = new.parent_id {
        tx.conn().execute(&ancestors_of_parent(parent, new.id)?).await?;
    }
    Ok(())
}

/// Everything above the parent, and the parent itself, is above the new one too.
fn ancestors_of_parent(
    parent: OrganizationId,
    id: OrganizationId,
) -> Result<sea_orm::sea_query::InsertStatement, StoreError> {
    use organization_tree::Column as Tree;
    let above = Query::select()
        .column(Tree::AncestorId)
        .expr(Expr::val(id.uuid()))
        .expr(Expr::col(Tree::Depth).add(1))
        .from(organization_tree::Entity)
        .and_where(Expr::col(Tree::DescendantId).eq(parent.uuid()))
        .to_owned();
    let mut insert = Query::insert();
    insert
        .into_table(organization_tree::Entity)
        .columns([Tree::AncestorId, Tree::DescendantId, Tree::Depth])
        .select_from(above)
        .map_err(|error| StoreError::corrupt("organization_tree", error))?;
    Ok(insert)
}

/// The organization with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(
    store: &Store,
    scope: Scope,
    id: OrganizationId,
) -> Result<Organization, StoreError> {
    find(store.readers(), scope, id).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: OrganizationId) -> Result<Organization, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    id: OrganizationId,
) -> Result<Organization, StoreError> {
    let row = Entity::find_by_id(id.uuid()).filter(scope.covers(Column::Id)).one(db).await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// The organization at the top, which runs the platform; `None` before the first start is done.
///
/// # Errors
/// When the database can't be used.
pub async fn root(store: &Store) -> Result<Option<OrganizationId>, StoreError> {
    find_root(store.readers()).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// When the database can't be used.
pub async fn load_root(tx: &Tx) -> Result<Option<OrganizationId>, StoreError> {
    find_root(tx.conn()).await
}

async fn find_root(db: &impl ConnectionTrait) -> Result<Option<OrganizationId>, StoreError> {
    let id: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ParentId.is_null())
        .order_by_asc(Column::CreatedAt)
        .into_tuple()
        .one(db)
        .await?;
    Ok(id.map(OrganizationId))
}

/// Organizations in the order of their creation.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Organization>, StoreError> {
    let mut query =
        Entity::find().filter(scope.covers(Column::Id)).order_by_asc(Column::Id).limit(page.rows());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    query.all(store.readers()).await?.into_iter().map(from_row).collect()
}

/// Saves a changed organization; `expected` is the version it had when it was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn save(
    tx: &Tx,
    scope: Scope,
    changed: &Organization,
    expected: i64,
) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(changed.id.uuid()))
        .filter(scope.covers(Column::Id))
        .filter(Column::Version.eq(expected))
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = load(tx, scope, changed.id).await?.version;
    Err(StoreError::VersionMismatch { current })
}

/// Whether one is the other, above it or below it.
///
/// # Errors
/// When the database can't be used.
pub async fn in_one_line(
    tx: &Tx,
    one: OrganizationId,
    other: OrganizationId,
) -> Result<bool, StoreError> {
    Ok(is_at_or_above(tx, one, other).await? || is_at_or_above(tx, other, one).await?)
}

/// Whether `above` is `below` itself or above it.
///
/// # Errors
/// When the database can't be used.
pub async fn is_at_or_above(
    tx: &Tx,
    above: OrganizationId,
    below: OrganizationId,
) -> Result<bool, StoreError> {
    use organization_tree::Column as Tree;
    let pair = Condition::all()
        .add(Tree::AncestorId.eq(above.uuid()))
        .add(Tree::DescendantId.eq(below.uuid()));
    let row = organization_tree::Entity::find().filter(pair).one(tx.conn()).await?;
    Ok(row.is_some())
}

fn to_row(item: &Organization) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(item.id.uuid()),
        parent_id: Set(item.parent_id.map(OrganizationId::uuid)),
        name: Set(item.name.clone()),
        external_ids: Set(external_ids::to_column(&item.external_ids)?),
        version: Set(item.version),
        created_at: Set(item.created_at.micros()),
        updated_at: Set(item.updated_at.micros()),
    })
}

fn from_row(row: Model) -> Result<Organization, StoreError> {
    let external_ids: BTreeMap<_, _> =
        external_ids::from_column("organizations", &row.external_ids)?;
    Ok(Organization {
        id: OrganizationId(row.id),
        parent_id: row.parent_id.map(OrganizationId),
        name: row.name,
        external_ids,
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    })
}
