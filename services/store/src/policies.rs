//! Policies: how organizations want alarms, tickets, commands and stored data to be handled. For
//! alarms, tickets and stored data that of the nearest organization counts, upwards. What an organization forbids, or wants to be approved,
//! holds for all below it: theirs can only add to it.

use millwright_schemas::api::policies::{CommandPolicy, Policy, PolicyInput};
use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::{OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait as _, EntityTrait, FromQueryResult, Order,
    QueryTrait,
};

use crate::entities::organization_tree;
use crate::entities::policy::{ActiveModel, Column, Entity, Model};
use crate::{Conn, Store, StoreError, Tx};

/// The policy that holds for an organization: its own, the nearest one above, or the defaults; and
/// what all above it forbid or want to be approved. `version` is its own's.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn effective(
    tx: impl Into<Conn<'_>>,
    organization: OrganizationId,
) -> Result<Policy, StoreError> {
    let rows: Vec<Model> = tx.into().models(&upwards(organization)).await?;
    policy(organization, &rows)
}

/// The same, outside a transaction.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn get(store: &Store, organization: OrganizationId) -> Result<Policy, StoreError> {
    let rows = store.readers().query_all(&upwards(organization)).await?;
    let rows: Result<Vec<Model>, _> =
        rows.iter().map(|row| Model::from_query_result(row, "")).collect();
    policy(organization, &rows?)
}

fn upwards(organization: OrganizationId) -> SelectStatement {
    use organization_tree::Column as Tree;
    let mut query = Entity::find().into_query();
    query
        .inner_join(
            organization_tree::Entity,
            Expr::col((organization_tree::Entity, Tree::AncestorId))
                .equals((Entity, Column::OrganizationId)),
        )
        .and_where(Tree::DescendantId.eq(organization.uuid()))
        .order_by((organization_tree::Entity, Tree::Depth), Order::Asc);
    query
}

fn policy(organization: OrganizationId, rows: &[Model]) -> Result<Policy, StoreError> {
    let mut inputs = Vec::with_capacity(rows.len());
    for row in rows {
        let input: PolicyInput = serde_json::from_str(&row.policy)
            .map_err(|error| StoreError::corrupt("policies", error))?;
        inputs.push(input);
    }
    let nearest = rows.first();
    let own = nearest.filter(|row| row.organization_id == organization.uuid());
    let mut commands = CommandPolicy::default();
    for input in &inputs {
        add(&mut commands.approval_required, &input.commands.approval_required);
        add(&mut commands.forbidden, &input.commands.forbidden);
    }
    let PolicyInput { tickets, retention, grouping, flapping, .. } =
        inputs.into_iter().next().unwrap_or_default();
    Ok(Policy {
        tickets,
        commands,
        retention,
        grouping,
        flapping,
        from_organization_id: nearest.map(|row| OrganizationId(row.organization_id)),
        version: own.map_or(0, |row| row.version),
        updated_at: nearest.map(|row| Timestamp::from_micros(row.updated_at)),
    })
}

fn add(all: &mut Vec<CommandClass>, more: &[CommandClass]) {
    for class in more {
        if !all.contains(class) {
            all.push(*class);
        }
    }
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
