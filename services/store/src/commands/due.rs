//! Machines that have something due. For the platform's own work: not bound to a scope.

use millwright_schemas::api::machines::MachineState;
use millwright_schemas::{MachineId, Timestamp};
use sea_orm::{ConnectionTrait, Value};
use uuid::Uuid;

use super::OPEN;
use crate::engine::statement;
use crate::{Store, StoreError};

/// Machines with commands whose time is over, at most `limit`.
///
/// # Errors
/// When the database can't be used.
pub async fn with_expired(
    store: &Store,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<MachineId>, StoreError> {
    let index = store.engine().indexed_by("INDEXED BY commands_expiry");
    let sql = format!(
        "SELECT DISTINCT machine_id FROM commands {index} WHERE expires_at <= ?1 \
         AND state IN ('awaiting_approval', 'queued', 'sent') LIMIT ?2"
    );
    machines(store, &sql, [now.micros().into(), limit.into()]).await
}

/// Machines out of use that have open commands, at most `limit`.
///
/// # Errors
/// When the database can't be used.
pub async fn with_out_of_use(store: &Store, limit: u64) -> Result<Vec<MachineId>, StoreError> {
    let index = store.engine().indexed_by("INDEXED BY commands_open");
    let sql = format!(
        "SELECT DISTINCT c.machine_id FROM commands c {index} \
         JOIN machines m ON m.id = c.machine_id \
         WHERE c.state IN {OPEN} AND m.state = ?1 LIMIT ?2"
    );
    let state = MachineState::Decommissioned.as_str();
    machines(store, &sql, [state.into(), limit.into()]).await
}

/// Machines that are connected, themselves or by their parent, and for which something waits: a
/// command, or the cancellation of one. By their ids, after this one, at most `limit`.
///
/// # Errors
/// When the database can't be used.
pub async fn with_work(
    store: &Store,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<MachineId>, StoreError> {
    let index = store.engine().indexed_by("INDEXED BY commands_open");
    let sql = format!(
        "SELECT DISTINCT c.machine_id FROM commands c {index} \
         JOIN machines m ON m.id = c.machine_id \
         WHERE c.state IN {OPEN} AND c.machine_id > ?1 \
           AND (c.state IN ('queued', 'sent') OR c.cancel_requested_at IS NOT NULL) \
           AND EXISTS (SELECT 1 FROM machine_status s \
                       WHERE s.machine_id IN (m.id, m.parent_id) AND s.connected) \
         ORDER BY c.machine_id LIMIT ?2"
    );
    let after = after.map_or(Uuid::nil(), MachineId::uuid);
    machines(store, &sql, [after.into(), limit.into()]).await
}

async fn machines(
    store: &Store,
    sql: &str,
    values: [Value; 2],
) -> Result<Vec<MachineId>, StoreError> {
    let query = statement(store.readers(), sql, values);
    let rows = store.readers().query_all_raw(query).await?;
    rows.iter().map(|row| Ok(MachineId(row.try_get_by_index(0)?))).collect()
}
