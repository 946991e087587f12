//! What machines' agents have told of themselves.

use millwright_schemas::wire::command::Capabilities;
use millwright_schemas::{LedgerId, MachineId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::entities::machine;
use crate::entities::machine_capability::{ActiveModel, Column, Entity};
use crate::{Scope, Store, StoreError, Tx};

const TABLE: &str = "machine_capabilities";

/// What a machine's agent told, and when the platform had it; `None`: it never told. For a caller:
/// within a scope.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such machine in scope.
pub async fn get(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<Option<(Capabilities, Timestamp)>, StoreError> {
    let found: Option<Uuid> = machine::Entity::find_by_id(machine.uuid())
        .filter(scope.covers(machine::Column::OrganizationId))
        .select_only()
        .column(machine::Column::Id)
        .into_tuple()
        .one(store.readers())
        .await?;
    found.ok_or(StoreError::NotFound("machine"))?;
    find(store.readers(), machine).await
}

/// What a machine's agent told. For the platform's own work, and for whoever has found the machine
/// within a scope.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn load(tx: &Tx, machine: MachineId) -> Result<Option<Capabilities>, StoreError> {
    Ok(find(tx.conn(), machine).await?.map(|(told, _)| told))
}

/// Keeps what a machine's agent told, in place of what it told before.
///
/// # Errors
/// When the database refuses it.
pub async fn put(
    tx: &Tx,
    machine: MachineId,
    told: &Capabilities,
    received_at: Timestamp,
) -> Result<(), StoreError> {
    let commands =
        serde_json::to_string(&told.commands).map_err(|error| StoreError::corrupt(TABLE, error))?;
    let row = ActiveModel {
        machine_id: Set(machine.uuid()),
        agent_version: Set(told.version.clone()),
        ledger: Set(told.ledger.uuid()),
        last_ord: Set(i64::try_from(told.last_ord).unwrap_or(i64::MAX)),
        commands: Set(commands),
        reported_at: Set(received_at.micros()),
    };
    let replace = OnConflict::column(Column::MachineId)
        .update_columns([
            Column::AgentVersion,
            Column::Ledger,
            Column::LastOrd,
            Column::Commands,
            Column::ReportedAt,
        ])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.conn()).await?;
    Ok(())
}

async fn find(
    db: &impl ConnectionTrait,
    machine: MachineId,
) -> Result<Option<(Capabilities, Timestamp)>, StoreError> {
    let Some(row) = Entity::find_by_id(machine.uuid()).one(db).await? else { return Ok(None) };
    let commands =
        serde_json::from_str(&row.commands).map_err(|error| StoreError::corrupt(TABLE, error))?;
    let told = Capabilities {
        version: row.agent_version,
        ledger: LedgerId(row.ledger),
        last_ord: u64::try_from(row.last_ord).unwrap_or(0),
        // Only true of the moment in which it was told.
        reported_ord: None,
        commands,
        // With the series that they describe: `telemetry::units`.
        signals: Vec::new(),
        // With the document: `rules::on_machines`.
        rules_version: None,
    };
    Ok(Some((told, Timestamp::from_micros(row.reported_at))))
}
