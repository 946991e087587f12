//! The alarms of machines, counted for those who read about the machines.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::{Store, alarms};

use crate::RegistryError;

/// Adds to machines that the caller sees how many of their alarms want attention, if the caller may
/// see alarms.
///
/// # Errors
/// When the database can't.
pub async fn count_alarms(
    store: &Store,
    caller: &Caller,
    machines: &mut [Machine],
    now: Timestamp,
) -> Result<(), RegistryError> {
    if caller.require(Permission::ReadAlarms).is_err() {
        return Ok(());
    }
    let ids: Vec<MachineId> = machines.iter().map(|machine| machine.id).collect();
    let mut found = alarms::wanting_attention(store, &ids, now).await?;
    for machine in machines {
        machine.alarms = Some(found.remove(&machine.id).unwrap_or_default());
    }
    Ok(())
}
