//! How a machine can be reached. For the platform's own work: not bound to a scope.

use millwright_core::command::Contact;
use millwright_schemas::{LedgerId, MachineId, Timestamp};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::engine::statement;
use crate::{Store, StoreError, Tx};

const CONTACT: &str = "
SELECT COALESCE(own.connected_at, parent.connected_at), told.ledger, told.reported_at
FROM machines m
LEFT JOIN machine_status own ON own.machine_id = m.id AND own.connected
LEFT JOIN machine_status parent ON parent.machine_id = m.parent_id AND parent.connected
LEFT JOIN machine_capabilities told ON told.machine_id = m.id
WHERE m.id = ?1 AND m.state <> 'decommissioned'";

/// How a machine can be reached: by its own connection, else by its parent's. One that is out of
/// use can't.
///
/// # Errors
/// When the database can't be used.
pub async fn of(store: &Store, machine: MachineId) -> Result<Contact, StoreError> {
    find(store.readers(), machine).await
}

/// The same, within a transaction.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &Tx, machine: MachineId) -> Result<Contact, StoreError> {
    find(tx.conn(), machine).await
}

async fn find(db: &impl ConnectionTrait, machine: MachineId) -> Result<Contact, StoreError> {
    let query = statement(db, CONTACT, [machine.uuid().into()]);
    let Some(row) = db.query_one_raw(query).await? else { return Ok(Contact::default()) };
    let connected: Option<i64> = row.try_get_by_index(0)?;
    let ledger: Option<Uuid> = row.try_get_by_index(1)?;
    let told_at: Option<i64> = row.try_get_by_index(2)?;
    Ok(Contact {
        connected_since: connected.map(Timestamp::from_micros),
        ledger: ledger.map(LedgerId).zip(told_at.map(Timestamp::from_micros)),
    })
}
