//! MQTT sessions that clients may continue: their subscriptions, nothing else.

use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::entities::mqtt_session::{ActiveModel, Column, Entity};
use crate::{Store, StoreError, Tx};

/// What is remembered of a session. A machine has one at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedSession {
    /// The client id it was opened with.
    pub client_id: String,
    /// The subscribed filters with their granted quality of service.
    pub filters: Vec<(String, u8)>,
}

/// The session remembered for a machine.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn get(
    store: &Store,
    machine: MachineId,
) -> Result<Option<RememberedSession>, StoreError> {
    let Some(row) = Entity::find_by_id(machine.uuid()).one(store.readers()).await? else {
        return Ok(None);
    };
    let filters = serde_json::from_str(&row.filters)
        .map_err(|error| StoreError::corrupt("mqtt_sessions", error))?;
    Ok(Some(RememberedSession { client_id: row.client_id, filters }))
}

/// Remembers a machine's session in place of what was remembered.
///
/// # Errors
/// When the database refuses it.
pub async fn put(
    tx: &Tx,
    machine: MachineId,
    session: &RememberedSession,
    now: Timestamp,
) -> Result<(), StoreError> {
    let filters = serde_json::to_string(&session.filters)
        .map_err(|error| StoreError::corrupt("mqtt_sessions", error))?;
    let row = ActiveModel {
        machine_id: Set(machine.uuid()),
        client_id: Set(session.client_id.clone()),
        filters: Set(filters),
        updated_at: Set(now.micros()),
    };
    let on_conflict = OnConflict::column(Column::MachineId)
        .update_columns([Column::ClientId, Column::Filters, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(on_conflict).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Forgets a machine's session.
///
/// # Errors
/// When the database refuses it.
pub async fn delete(tx: &Tx, machine: MachineId) -> Result<(), StoreError> {
    Entity::delete_by_id(machine.uuid()).exec(tx.conn()).await?;
    Ok(())
}
