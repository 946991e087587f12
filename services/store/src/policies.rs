//! Policies: how organizations want alarms, tickets and commands to be handled. An organization
//! without one has that of the nearest above it.

use millwright_schemas::api::policies::{Policy, PolicyInput};
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait as _, EntityTrait, FromQueryResult, Order,
    QueryTrait,
};

use crate::entities::organization_tree;
use crate::entities::policy::{ActiveModel, Column, Entity, Model};
use crate::{Conn, Store, StoreError, Tx};

/// The policy that holds for an organization: its own, the nearest one above, or the defaults.
/// `version` is its own's.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn effective(
    tx: impl Into<Conn<'_>>,
    organization: OrganizationId,
) -> Result<Policy, StoreError> {
    let rows: Vec<Model> = tx.into().models(&nearest(organization)).await?;
    policy(organization, rows.first())
}

/// The same, outside a transaction.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn get(store: &Store, organization: OrganizationId) -> Result<Policy, StoreError> {
    let row = store.readers().query_one(&nearest(organization)).await?;
    let row = row.map(|row| Model::from_query_result(&row, "")).transpose()?;
    policy(organization, row.as_ref())
}

fn nearest(organization: OrganizationId) -> SelectStatement {
    use organization_tree::Column as Tree;
    let mut query = Entity::find().into_query();
    query
        .inner_join(
            organization_tree::Entity,
            Expr::col((organization_tree::Entity, Tree::AncestorId))
                .equals((Entity, Column::OrganizationId)),
        )
        .and_where(Tree::DescendantId.eq(organization.uuid()))
        .order_by((organization_tree::Entity, Tree::Depth), Order::Asc)
        .limit(1);
    query
}

fn policy(organization: OrganizationId, row: Option<&Model>) -> Result<Policy, StoreError> {
    let (input, from) = match row {
        None => (PolicyInput::default(), None),
        Some(row) => {
            let input = serde_json::from_str(&row.policy)
                .map_err(|error| StoreError::corrupt("policies", error))?;
            (input, Some(OrganizationId(row.organization_id)))
        }
    };
    let own = row.filter(|_| from == Some(organization));
    Ok(Policy {
        tickets: input.tickets,
        commands: input.commands,
        from_organization_id: from,
        version: own.map_or(0, |row| row.version),
        updated_at: row.map(|row| Timestamp::from_micros(row.updated_at)),
    })
}

/// Gives an organization a policy of its own, or changes it. `version` is the new one.
///
/// # Errors
/// When the database refuses it.
pub async fn put(
    tx: &Tx,
    organization: OrganizationId,
    policy: &PolicyInput,
    version: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text =
        serde_json::to_string(policy).map_err(|error| StoreError::corrupt("policies", error))?;
    let row = ActiveModel {
        organization_id: Set(organization.uuid()),
        policy: Set(text),
        version: Set(version),
        updated_at: Set(now.micros()),
    };
    let replace = OnConflict::column(Column::OrganizationId)
        .update_columns([Column::Policy, Column::Version, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.conn()).await?;
    Ok(())
}
