//! Machines.

use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::{MachineId, OrganizationId, SiteId, Timestamp};
use sea_orm::sea_query::{Expr, Func, LikeExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{connections, external_ids};
use crate::engine::Engine;
use crate::entities::machine::{ActiveModel, Column, Entity, Model};
use crate::entities::machine_status;
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "machine";
const SERIAL_NUMBER: &str = "a machine with this serial number";

/// Which machines are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<MachineState>,
    /// At this site.
    pub site: Option<SiteId>,
    /// Of this organization and all below it.
    pub organization: Option<OrganizationId>,
    /// Connected by this machine.
    pub parent: Option<MachineId>,
    /// Of this model.
    pub model: Option<String>,
    /// A part of the name or the serial number, in any case of ASCII letters.
    pub text: Option<String>,
    /// System and id.
    pub external_id: Option<(String, String)>,
}

impl Filter {
    fn condition(&self, engine: Engine) -> Condition {
        Condition::all()
            .add_option(self.state.map(|state| Column::State.eq(state.as_str())))
            .add_option(self.site.map(|site| Column::SiteId.eq(site.uuid())))
            .add_option(
                self.organization.map(|id| Scope::Organization(id).covers(Column::OrganizationId)),
            )
            .add_option(self.parent.map(|parent| Column::ParentId.eq(parent.uuid())))
            .add_option(self.model.as_deref().map(|model| Column::Model.eq(model)))
            .add_option(self.text.as_deref().map(contains))
            .add_option(self.external_id.as_ref().map(|(system, id)| {
                external_ids::equals(engine, "\"machines\".\"external_ids\"", system, id)
            }))
    }
}

fn contains(text: &str) -> Condition {
    let mut pattern = String::from("%");
    for character in text.to_ascii_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    let like = || LikeExpr::new(pattern.clone()).escape('\\');
    let lower = |column| Expr::expr(Func::lower(Expr::col((Entity, column))));
    Condition::any()
        .add(lower(Column::Name).like(like()))
        .add(lower(Column::SerialNumber).like(like()))
}

/// Adds a machine that has never been connected.
///
/// # Errors
/// [`StoreError::Exists`] when its organization has another with its serial number.
pub async fn insert(tx: &Tx, new: &Machine) -> Result<(), StoreError> {
    let inserted = Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await;
    inserted.map_err(|error| StoreError::from(error).or_exists(SERIAL_NUMBER))?;
    let status = machine_status::ActiveModel {
        machine_id: Set(new.id.uuid()),
        generation: Set(0),
        connected: Set(false),
        ..Default::default()
    };
    machine_status::Entity::insert(status).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The machine with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(store: &Store, scope: Scope, id: MachineId) -> Result<Machine, StoreError> {
    find(store.readers(), scope, id).await
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(tx: &Tx, scope: Scope, id: MachineId) -> Result<Machine, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    id: MachineId,
) -> Result<Machine, StoreError> {
    let row =
        Entity::find_by_id(id.uuid()).filter(scope.covers(Column::OrganizationId)).one(db).await?;
    let row = row.ok_or(StoreError::NotFound(WHAT))?;
    let mut found = with_connections(db, vec![row]).await?;
    found.pop().ok_or(StoreError::NotFound(WHAT))
}

/// Machines in the order of their registration.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<Uuid>,
) -> Result<Vec<Machine>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition(store.engine()))
        .order_by_asc(Column::Id)
        .limit(page.rows());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(store.readers()).await?;
    with_connections(store.readers(), rows).await
}

/// The machines that this one connects. For gateways: not bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn load_children(tx: &Tx, parent: MachineId) -> Result<Vec<MachineId>, StoreError> {
    let ids: Vec<Uuid> = children_query(&[parent]).into_tuple().all(tx.conn()).await?;
    Ok(ids.into_iter().map(MachineId).collect())
}

/// The machines that these connect, as parent and child. For gateways: not bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn children_of(
    store: &Store,
    parents: &[MachineId],
) -> Result<Vec<(MachineId, MachineId)>, StoreError> {
    let query = children_query(parents).column(Column::ParentId);
    let pairs: Vec<(Uuid, Uuid)> = query.into_tuple().all(store.readers()).await?;
    Ok(pairs.into_iter().map(|(child, parent)| (MachineId(parent), MachineId(child))).collect())
}

/// How many machines this one connects.
///
/// # Errors
/// When the database can't be used.
pub async fn count_children(tx: &Tx, parent: MachineId) -> Result<u64, StoreError> {
    Ok(children_query(&[parent]).count(tx.conn()).await?)
}

fn children_query(parents: &[MachineId]) -> sea_orm::Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ParentId.is_in(parents.iter().map(|parent| parent.uuid())))
        .filter(Column::State.ne(MachineState::Decommissioned.as_str()))
}

/// Saves a changed machine; `expected` is the version it had when it was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile; [`StoreError::Exists`] when
/// its organization has another with its serial number.
pub async fn save(
    tx: &Tx,
    scope: Scope,
    changed: &Machine,
    expected: i64,
) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(changed.id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::Version.eq(expected))
        .exec(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(SERIAL_NUMBER))?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = load(tx, scope, changed.id).await?.version;
    Err(StoreError::VersionMismatch { current })
}

async fn with_connections(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<Machine>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut connections = connections::of(db, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let connection = connections.remove(&row.id).unwrap_or_default();
            let mut machine = from_row(row)?;
            machine.connection = connection;
            Ok(machine)
        })
        .collect()
}

fn to_row(item: &Machine) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(item.id.uuid()),
        organization_id: Set(item.organization_id.uuid()),
        site_id: Set(item.site_id.map(SiteId::uuid)),
        parent_id: Set(item.parent_id.map(MachineId::uuid)),
        name: Set(item.name.clone()),
        serial_number: Set(item.serial_number.clone()),
        model: Set(item.model.clone()),
        external_ids: Set(external_ids::to_column(&item.external_ids)?),
        state: Set(item.state.as_str().to_owned()),
        version: Set(item.version),
        created_at: Set(item.created_at.micros()),
        updated_at: Set(item.updated_at.micros()),
        commissioned_at: Set(item.commissioned_at.map(Timestamp::micros)),
        decommissioned_at: Set(item.decommissioned_at.map(Timestamp::micros)),
        criticality: Set(item.criticality.as_str().to_owned()),
        parameters: Set(serde_json::to_string(&item.parameters)
            .map_err(|error| StoreError::corrupt("machines", error))?),
        // Maintenance mode has its own use cases.
        maintenance_since: NotSet,
        maintenance_until: NotSet,
        maintenance_reason: NotSet,
        maintenance_by: NotSet,
        // So has learning.
        learned_since: NotSet,
        maintenance_ended_at: NotSet,
        // What rules take from it changes with this too, but not with all of it.
        surroundings_since: NotSet,
    })
}

fn from_row(row: Model) -> Result<Machine, StoreError> {
    let state = row.state.parse().map_err(|error| StoreError::corrupt("machines", error))?;
    Ok(Machine {
        id: MachineId(row.id),
        name: row.name,
        serial_number: row.serial_number,
        model: row.model,
        organization_id: OrganizationId(row.organization_id),
        site_id: row.site_id.map(SiteId),
        parent_id: row.parent_id.map(MachineId),
        external_ids: external_ids::from_column("machines", &row.external_ids)?,
        criticality: row
            .criticality
            .parse()
            .map_err(|error| StoreError::corrupt("machines", error))?,
        parameters: serde_json::from_str(&row.parameters)
            .map_err(|error| StoreError::corrupt("machines", error))?,
        state,
        maintenance_until: row.maintenance_until.map(Timestamp::from_micros),
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
        commissioned_at: row.commissioned_at.map(Timestamp::from_micros),
        decommissioned_at: row.decommissioned_at.map(Timestamp::from_micros),
        connection: Default::default(),
        alarms: None,
        rules: None,
    })
}
