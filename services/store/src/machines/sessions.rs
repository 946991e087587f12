//! MQTT sessions that clients may continue: their subscriptions, nothing else. A machine has one
//! at most.

use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::entities::mqtt_session::{ActiveModel, Column, Entity};
use crate::{StoreError, Tx};

/// A filter and its granted quality of service.
pub type Filters = Vec<(String, u8)>;

/// Takes up the session that is remembered for a machine and client id, if it hasn't expired: it
/// no longer expires until the connection ends.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn resume(
    tx: &Tx,
    machine: MachineId,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Filters>, StoreError> {
    let Some(row) = Entity::find_by_id(machine.uuid()).one(tx.conn()).await? else {
        return Ok(None);
    };
    let expired = row.expires_at.is_some_and(|at| at <= now.micros());
    if expired || row.client_id != client_id {
        return Ok(None);
    }
    let filters = serde_json::from_str(&row.filters)
        .map_err(|error| StoreError::corrupt("mqtt_sessions", error))?;
    set_expiry(tx, machine, client_id, None).await?;
    Ok(Some(filters))
}

/// Remembers a connected machine's session in place of what was remembered.
///
/// # Errors
/// When the database refuses it.
pub async fn put(
    tx: &Tx,
    machine: MachineId,
    client_id: &str,
    filters: &Filters,
    now: Timestamp,
) -> Result<(), StoreError> {
    let filters = serde_json::to_string(filters)
        .map_err(|error| StoreError::corrupt("mqtt_sessions", error))?;
    let row = ActiveModel {
        machine_id: Set(machine.uuid()),
        client_id: Set(client_id.to_owned()),
        filters: Set(filters),
        updated_at: Set(now.micros()),
        expires_at: Set(None),
    };
    let on_conflict = OnConflict::column(Column::MachineId)
        .update_columns([Column::ClientId, Column::Filters, Column::UpdatedAt, Column::ExpiresAt])
        .to_owned();
    Entity::insert(row).on_conflict(on_conflict).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The connection has ended: its session is forgotten at this time.
///
/// # Errors
/// When the database refuses it.
pub async fn expire(
    tx: &Tx,
    machine: MachineId,
    client_id: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    set_expiry(tx, machine, client_id, Some(at.micros())).await
}

/// The connections of these machines have ended, nobody said how long their sessions are kept: they
/// are forgotten at this time.
///
/// # Errors
/// When the database refuses it.
pub async fn expire_all(tx: &Tx, machines: &[MachineId], at: Timestamp) -> Result<(), StoreError> {
    for part in machines.chunks(IDS_AT_ONCE) {
        Entity::update_many()
            .set(ActiveModel { expires_at: Set(Some(at.micros())), ..Default::default() })
            .filter(Column::MachineId.is_in(part.iter().map(|machine| machine.uuid())))
            .filter(Column::ExpiresAt.is_null())
            .exec(tx.conn())
            .await?;
    }
    Ok(())
}

/// Machines that one statement names.
const IDS_AT_ONCE: usize = 1_000;

async fn set_expiry(
    tx: &Tx,
    machine: MachineId,
    client_id: &str,
    at: Option<i64>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .set(ActiveModel { expires_at: Set(at), ..Default::default() })
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::ClientId.eq(client_id))
        .exec(tx.conn())
        .await?;
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

/// Forgets sessions that have expired. Those of connected machines don't.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_expired(tx: &Tx, now: Timestamp) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(now.micros())).exec(tx.conn()).await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{machine, now, organization, store};

    #[tokio::test]
    async fn expired_sessions_are_forgotten_and_live_ones_are_not() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        let (gone, away) =
            (machine(&store, organization).await, machine(&store, organization).await);
        let connected = machine(&store, organization).await;
        let filters = vec![("down/#".to_owned(), 1)];
        let tx = store.begin().await.unwrap();
        for machine in [gone, away, connected] {
            put(&tx, machine, "c", &filters, now()).await.unwrap();
        }
        expire(&tx, gone, "c", now().plus_seconds(60)).await.unwrap();
        expire(&tx, away, "c", now().plus_seconds(61)).await.unwrap();
        forget_expired(&tx, now().plus_seconds(60)).await.unwrap();
        // Asked with an early time: only what is no longer there isn't taken up.
        assert_eq!(resume(&tx, gone, "c", now()).await.unwrap(), None);
        for machine in [away, connected] {
            assert_eq!(resume(&tx, machine, "c", now()).await.unwrap(), Some(filters.clone()));
        }
    }
}
