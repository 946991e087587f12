//! What a machine has in quarantine.

use millwright_schemas::api::page::Page;
use millwright_schemas::{MachineId, Timestamp};

use super::loss::{Counters, counters};
use super::scoped::require_machine;
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// A message, or a message's values, that couldn't be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Counts up in the order of arrival.
    pub id: i64,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// The part of the topic after `up/`.
    pub topic: String,
    /// A short stable word for the reason.
    pub code: String,
    /// What is wrong, with the values at fault.
    pub reason: String,
    /// The message as received.
    pub payload: Vec<u8>,
}

/// One page of a machine's quarantine, newest first, and its counters.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    page: &PageRequest<i64>,
) -> Result<(Page<Quarantined>, Counters), StoreError> {
    require_machine(store, scope, machine).await?;
    let sql = "SELECT id, received_at, topic, code, reason, payload FROM quarantine \
               WHERE machine_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
    let cells = [
        machine.uuid().into(),
        page.after.unwrap_or(i64::MAX).into(),
        i64::try_from(page.rows()).unwrap_or(i64::MAX).into(),
    ];
    let rows = store.reader_pool().fetch(sql, &cells).await?;
    let items = rows
        .iter()
        .map(|row| {
            Ok(Quarantined {
                id: row.get(0)?,
                received_at: Timestamp::from_micros(row.get(1)?),
                topic: row.get(2)?,
                code: row.get(3)?,
                reason: row.get(4)?,
                payload: row.get(5)?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok((page.page(items, |row| row.id), counters(store, machine).await?))
}
